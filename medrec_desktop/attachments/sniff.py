"""What a file is, told by its bytes; its name only decides where bytes cannot (CSV or text).

Reads the start, the end and a bounded middle of a file. Unpacks nothing, parses nothing: a wrong
guess costs a preview, never more.
"""

import os
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

import filetype

from medrec_desktop.domain.attachments import Kind

HEAD = 64 << 10
# The directory of a zip stands at its end.
TAIL = 1 << 20
_LEGACY_SCAN = 16 << 20

_TEXT_BY_EXTENSION = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".json": "application/json",
    ".md": "text/markdown",
    ".vcf": "text/vcard",
    ".ics": "text/calendar",
}
_OFFICE = "application/vnd.openxmlformats-officedocument."
_OOXML = (
    (b"word/", _OFFICE + "wordprocessingml.document"),
    (b"xl/", _OFFICE + "spreadsheetml.sheet"),
    (b"ppt/", _OFFICE + "presentationml.presentation"),
)
_OPENDOCUMENT = re.compile(rb"mimetype(application/vnd\.oasis\.opendocument\.[a-z-]{1,40})")
_LEGACY_OFFICE = {
    ".doc": "application/msword",
    ".xls": "application/vnd.ms-excel",
    ".ppt": "application/vnd.ms-powerpoint",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MSI_CLASS = bytes.fromhex("84100C0000000000C000000000000046")
_MACROS = (b"vbaProject", "_VBA_PROJECT".encode("utf-16-le"))
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
_FAMILIES: tuple[Kind, ...] = ("image", "audio", "video")
_MAIL = re.compile(rb"(?im)\A(?:[!-9;-~]{1,70}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}")
_XML_ROOT = re.compile(r"<([A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)[\s/>]")
_XML_ASIDE = re.compile(
    r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE
)
# Control characters that no text has, and what stands where no character was.
_ODD = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\ufffd]+")


@dataclass(frozen=True, slots=True)
class FileType:
    """`mime` is what the bytes say, `kind` what the program can do with them."""

    kind: Kind
    mime: str


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The parts of a file that tell what it is."""

    name: str
    size: int
    head: bytes
    tail: bytes
    legacy: bytes = b""

    @property
    def extension(self) -> str:
        """As Windows reads it: lower case, trailing dots and blanks do not count."""
        return PurePath(re.split(r"[\\/]", self.name)[-1].rstrip(". ").lower()).suffix


def glimpse(source: BinaryIO, name: str) -> Glimpse:
    """Read what the other functions here need; leaves `source` at its start."""
    size = source.seek(0, os.SEEK_END)
    source.seek(0)
    head = source.read(HEAD)
    source.seek(max(0, size - TAIL))
    tail = source.read(TAIL)
    legacy = b""
    if head.startswith(_OLE):
        source.seek(0)
        legacy = source.read(_LEGACY_SCAN)
    source.seek(0)
    return Glimpse(name, size, head, tail, legacy)


def file_type(seen: Glimpse) -> FileType:
    """Kind and MIME type; whatever is not known is "other"."""
    head = seen.head
    # Before all else: a DICOM preamble may imitate TIFF or a program.
    if head[128:132] == b"DICM" or _bare_dicom(seen):
        return FileType("dicom", "application/dicom")
    if b"%PDF-" in head[:1024]:
        return FileType("pdf", "application/pdf")
    return (
        _document(seen)
        or _picture_or_sound(head)
        or _text(seen)
        or FileType("other", _other_mime(head))
    )


def decode_text(content: bytes) -> str | None:
    """`content` as text (it may be cut anywhere), or None when it is no text."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return _mostly_text(content.decode(encoding, errors="replace"))
    for encoding in _wide_guess(content):
        try:
            return _mostly_text(content[: len(content) // 2 * 2].decode(encoding))
        except UnicodeDecodeError:
            continue
    try:
        return _mostly_text(content.decode())
    except UnicodeDecodeError as error:
        # A character cut by the end of the sample is no fault of the file.
        if error.start >= len(content) - 3 and error.reason == "unexpected end of data":
            return _mostly_text(content[: error.start].decode())
    return _mostly_text(content.decode("cp1252", errors="replace"), strict=True)


def xml_root(text: str) -> str:
    """Local name of the first element, "" when there is none; nothing is parsed or expanded."""
    stripped = text.lstrip("\ufeff \t\r\n")
    if not stripped.startswith("<"):
        return ""
    found = _XML_ROOT.search(_XML_ASIDE.sub("", stripped[:16_384]))
    return found.group(2) if found else ""


def _bare_dicom(seen: Glimpse) -> bool:
    """Old devices leave the preamble out; then the name has to agree with the first tag."""
    return seen.extension in {".dcm", ".dicom"} and seen.head[:2] in {b"\x02\x00", b"\x08\x00"}


def _document(seen: Glimpse) -> FileType | None:
    head = seen.head
    if head.startswith(b"{\\rtf"):
        return FileType("office", "application/rtf")
    if head.startswith(b"PK\x03\x04"):
        return _zipped_document(seen)
    if head.startswith(_OLE):
        mime = _LEGACY_OFFICE.get(seen.extension)
        whole = seen.size <= len(seen.legacy)
        if mime and whole and not any(mark in seen.legacy for mark in _MACROS):
            return FileType("office", mime)
        return FileType("other", mime or "application/x-ole-storage")
    return None


def _zipped_document(seen: Glimpse) -> FileType:
    macros = any(mark in part for mark in _MACROS for part in (seen.head, seen.tail))
    found = _OPENDOCUMENT.search(seen.head[:200])
    if found:
        mime = found.group(1).decode()
        scripted = b"Basic/" in seen.tail or b"Scripts/" in seen.tail
        return FileType("other" if scripted else "office", mime)
    if b"[Content_Types].xml" in seen.head or b"[Content_Types].xml" in seen.tail:
        for folder, mime in _OOXML:
            if folder in seen.tail or folder in seen.head:
                return FileType("other" if macros else "office", mime)
    return FileType("other", "application/zip")


def _picture_or_sound(head: bytes) -> FileType | None:
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return FileType("image", "image/heic")
    if head.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return FileType("image", "image/tiff")
    guess = filetype.guess(head)
    mime = "" if guess is None else str(guess.mime)
    family = mime.split("/")[0]
    if mime in {"image/vnd.adobe.photoshop", "image/vnd.dwg"}:
        return FileType("other", mime)
    for kind in _FAMILIES:
        if family == kind:
            return FileType(kind, mime)
    return None


def _text(seen: Glimpse) -> FileType | None:
    text = decode_text(seen.head)
    if text is None:
        return None
    if text.startswith(("MSH|", "FHS|", "BHS|")):
        return FileType("text", "x-application/hl7-v2+er7")
    if text.lstrip().startswith("<?xml") or (xml_root(text) and seen.extension == ".xml"):
        return FileType("text", "application/xml")
    if seen.extension == ".eml" or (_MAIL.match(seen.head) and b"\nMIME-Version:" in seen.head):
        return FileType("text", "message/rfc822")
    return FileType("text", _TEXT_BY_EXTENSION.get(seen.extension, "text/plain"))


def _other_mime(head: bytes) -> str:
    guess = filetype.guess(head)
    return "application/octet-stream" if guess is None else str(guess.mime)


def _wide_guess(content: bytes) -> tuple[str, ...]:
    """UTF-16 without a mark shows as zeros in every second byte."""
    sample = content[:2048]
    if len(sample) < 8:
        return ()
    half = len(sample) // 2
    if sample[1::2].count(0) > 0.6 * half and sample[0::2].count(0) < 0.05 * half:
        return ("utf-16-le",)
    if sample[0::2].count(0) > 0.6 * half and sample[1::2].count(0) < 0.05 * half:
        return ("utf-16-be",)
    return ()


def _mostly_text(text: str, *, strict: bool = False) -> str | None:
    """None when too much of `text` is control characters; UTF-8 that decodes may hold a few."""
    if not text:
        return None
    allowed = len(text) // 100 if strict else max(1, len(text) // 20)
    odd = 0
    # Run by run: looking at each character would hold the window for the time of a picture.
    for run in _ODD.finditer(text):
        odd += run.end() - run.start()
        if odd > allowed:
            return None
    return text
