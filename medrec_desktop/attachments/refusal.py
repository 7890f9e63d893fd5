"""Which files are not taken, and the sentence that says so.

By content first and by name second: a program called scan.pdf is as dangerous as one called
scan.exe, and a script is only known by its name. Kept files are never opened by a click, so this
is the second wall, not the only one.
"""

import re
import struct

from medrec_desktop.attachments.sniff import MSI_CLASS, Glimpse, decode_text, xml_root
from medrec_desktop.domain.attachments import MAX_FILE_SIZE, size_text

_WELCOME = "Scans, photos, PDFs and documents can."

_BY_EXTENSION = {
    "a program": (
        "exe com scr pif cpl msi msp dll sys drv ocx jar apk deb rpm appimage app run gadget appx "
        "msix xll chm hlp"
    ),
    "a script": (
        "bat cmd ps1 psm1 vbs vbe js jse mjs wsf wsh ws hta sct sh bash zsh command py pyw pl rb "
        "php reg inf scf jnlp applescript scpt"
    ),
    "a web page": "html htm xhtml xht shtml mht mhtml",
    "a drawing with room for scripts (SVG)": "svg svgz",
    "a shortcut": "lnk url desktop webloc website library-ms search-ms",
    "a disk image": "iso img dmg vhd vhdx vmdk qcow2 udf toast",
}
_THING = {
    f".{extension}": thing for thing, names in _BY_EXTENSION.items() for extension in names.split()
}

_MACHO = {bytes.fromhex(m) for m in ("feedface", "feedfacf", "cefaedfe", "cffaedfe", "cafebabe")}
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|script|iframe|meta|title|base|object|embed)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)


def refused(seen: Glimpse) -> str:
    """The sentence for the row of a file that cannot be attached; "" for one that can. Its name has
    to be the one it would be stored under: cleaning a name may uncover an extension."""
    name = seen.name
    if seen.size == 0:
        return f"“{name}” is empty (0 bytes), so there is nothing to attach. Check the original."
    if seen.size > MAX_FILE_SIZE:
        return (
            f"“{name}” is too large ({size_text(seen.size)}, limit 2 GB). "
            "Split it or make a smaller export, then attach that."
        )
    thing = _by_content(seen) or _THING.get(seen.extension, "")
    return f"“{name}” is {thing} and can’t be attached. {_WELCOME}" if thing else ""


def _by_content(seen: Glimpse) -> str:
    head, tail = seen.head, seen.tail
    if _is_program(seen):
        return "a program"
    if head.startswith(b"L\x00\x00\x00\x01\x14\x02\x00"):
        return "a shortcut"
    if (
        head[32_769:32_774] == b"CD001"
        or head.startswith((b"vhdxfile", b"conectix", b"KDMV", b"QFI\xfb"))
        or tail[-512:].startswith((b"koly", b"conectix"))
    ):
        return "a disk image"
    if head.startswith((b"%PDF-", b"\xff\xd8\xff", b"\x89PNG")):
        return ""
    text = decode_text(head)
    return _text_thing(text) if text is not None else ""


def _is_program(seen: Glimpse) -> bool:
    head = seen.head
    if head.startswith(b"MZ"):
        # A DICOM preamble may begin so; with a program's header behind it, it is a program too.
        offset = struct.unpack_from("<I", head, 0x3C)[0] if len(head) >= 0x40 else 0
        if offset and head[offset : offset + 2] in {b"PE", b"NE", b"LE", b"LX"}:
            return True
        if len(head) <= offset < seen.size:  # out of our sight is no place for an honest one
            return True
        return head[128:132] != b"DICM" and decode_text(head[:4096]) is None
    if head.startswith(b"PK\x03\x04"):
        return b"classes.dex" in seen.tail or b"AndroidManifest.xml" in seen.head[:4096]
    return (
        head.startswith((b"\x7fELF", b"!<arch>\ndebian", b"\xed\xab\xee\xdb", b"dex\n"))
        or head[:4] in _MACHO
        or MSI_CLASS in seen.legacy
    )


def _text_thing(text: str) -> str:
    start = text.lstrip("\ufeff \t\r\n")[:16_384]
    root = xml_root(start).lower()
    if start.startswith("#!") and "/" in start.split("\n", 1)[0]:
        return "a script"
    if start.lower().startswith(("<?php", "@echo off")):
        return "a script"
    if start.startswith(("[InternetShortcut]", "[Desktop Entry]")):
        return "a shortcut"
    if root == "html" or _HTML.match(start):
        return "a web page"
    return "a drawing with room for scripts (SVG)" if root == "svg" else ""
