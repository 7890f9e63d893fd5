"""Pictures and text of kept files for the viewer, whatever the files try to do.

Decoders run in a child process (`decode`) with limits and a clock; a crash, a hang or a demand
for too much memory becomes a sentence. Text is decoded here, since that can do no harm. Nothing
here writes a file: bytes go from the vault through a pipe.
"""

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from medrec_desktop.attachments.decode import MAX_PAGES, NEEDS_PASSWORD, SAVE_A_COPY
from medrec_desktop.attachments.sniff import decode_text
from medrec_desktop.domain.attachments import Kind, Preview
from medrec_desktop.domain.text import storable

log = logging.getLogger(__name__)

# Sends the bytes of a file to `write`; raises what the vault raises.
Bytes = Callable[[Callable[[bytes], object]], None]

TEXT_SHOWN = 200_000
LARGEST_SOURCE = 256 << 20
TIMEOUT_S = 10
# Two decoders at a time: a page of thumbnails must not take the computer.
_AT_ONCE = threading.BoundedSemaphore(2)

TOO_SLOW = f"This file takes too long to draw. {SAVE_A_COPY}"
NOT_DRAWN = f"This file can’t be shown here; it may be damaged. {SAVE_A_COPY}"
TOO_BIG = f"This file is too large to show here. {SAVE_A_COPY}"
NO_VIEWER = f"Files of this kind can’t be shown here. {SAVE_A_COPY}"
CUT = "Only the start of this text is shown. Save a copy to read all of it."

_PAGED: dict[str, Kind] = {"application/pdf": "pdf", "image/tiff": "image"}
# Number of Frames, explicit: reading the whole set takes a second that a CD of slices has not.
_DICOM_FRAMES = re.compile(rb"\x28\x00\x08\x00IS..[ ]{0,4}(\d{1,6})", re.DOTALL)
_DRAWN: frozenset[Kind] = frozenset({"image", "pdf", "dicom"})


def preview(
    kind: Kind,
    size: int,
    source: Bytes,
    *,
    page: int = 1,
    max_px: int = 1600,
    timeout_s: float = TIMEOUT_S,
) -> Preview:
    """One page of a file, or the sentence that says why there is none."""
    if kind == "text":
        return _text(size, source)
    if kind not in _DRAWN:
        return Preview(kind, sentence=NO_VIEWER)
    if size > LARGEST_SOURCE:
        return Preview(kind, sentence=TOO_BIG)
    page = max(1, min(page, MAX_PAGES))
    max_px = max(16, min(max_px, 8192))
    return _drawn(kind, source, page, max_px, timeout_s)


def count_pages(
    mime: str, size: int, head: bytes, source: Bytes, *, timeout_s: float = 5
) -> int | None:
    """How many pages or frames a file has; None where that means nothing or cannot be told."""
    if mime == "application/dicom":
        found = _DICOM_FRAMES.search(head)
        return min(int(found.group(1)), MAX_PAGES) if found else None
    kind: Kind | None = _PAGED.get(mime)
    if kind is None or size > LARGEST_SOURCE:
        return None
    shown = _drawn(kind, source, 1, 0, timeout_s)
    return None if shown.sentence or shown.pages < 1 else shown.pages


def opens_as_pdf(path: Path) -> bool:
    """Whether a file is a whole PDF, one that wants a password included."""

    def send(write: Callable[[bytes], object]) -> None:
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                write(piece)

    try:
        shown = _drawn("pdf", send, 1, 0, TIMEOUT_S)
    except OSError:
        return False
    return shown.sentence in {"", NEEDS_PASSWORD}


def _text(size: int, source: Bytes) -> Preview:
    start = bytearray()

    def take(piece: bytes) -> None:
        if len(start) < TEXT_SHOWN:
            start.extend(piece[: TEXT_SHOWN - len(start)])

    source(take)
    text = decode_text(bytes(start))
    if text is None:
        text = bytes(start).decode("cp1252", errors="replace")
    shown = "".join(c if c >= " " or c in "\t\n\r\f" else "\ufffd" for c in storable(text))
    return Preview("text", text=shown.lstrip("\ufeff"), sentence=CUT if size > TEXT_SHOWN else "")


def _drawn(kind: Kind, source: Bytes, page: int, max_px: int, timeout_s: float) -> Preview:
    with _AT_ONCE:
        code, answer, pixels, late = _run(kind, source, page, max_px, timeout_s)
    if late:
        return Preview(kind, page=page, sentence=TOO_SLOW)
    if code != 0 or not answer:
        # The code tells a crash (negative) from a decoder's own refusal; nothing of the file.
        log.info("decoder of %s ended with code %d", kind, code)
        return Preview(kind, page=page, sentence=NOT_DRAWN)
    width, height = int(answer.get("width", 0)), int(answer.get("height", 0))
    if len(pixels) != width * height * 4:
        return Preview(kind, page=page, sentence=NOT_DRAWN)
    pages = max(0, min(int(answer.get("pages", 1)), MAX_PAGES))
    return Preview(
        kind,
        width=width,
        height=height,
        rgba=pixels,
        page=min(page, pages) if pages else page,
        pages=pages,
        sentence=str(answer.get("sentence", "")),
    )


def _run(
    kind: Kind, source: Bytes, page: int, max_px: int, timeout_s: float
) -> tuple[int, dict[str, Any], bytes, bool]:
    """Exit code, the line of JSON, the pixels, and whether the clock ended it."""
    late = threading.Event()
    child = subprocess.Popen(
        [*decoder_command(), kind, str(page), str(max_px), str(int(timeout_s))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )

    def kill() -> None:
        late.set()
        child.kill()

    clock = threading.Timer(timeout_s, kill)
    clock.daemon = True
    clock.start()
    try:
        with child:
            assert child.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
            assert child.stdout is not None  # noqa: S101 - as above
            try:
                source(child.stdin.write)
                child.stdin.close()
            except BrokenPipeError:
                pass  # it ended before it had read everything; its code says how
            except BaseException:
                child.kill()  # bytes that failed their check are never drawn
                raise
            line = child.stdout.readline(10_000)
            pixels = child.stdout.read(max_px * max_px * 4 + 1)
            child.stdout.close()
            code = child.wait()
    finally:
        clock.cancel()
        clock.join()
    return code, _parsed(line), pixels, late.is_set()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def decoder_command() -> list[str]:
    """How to start the child. A frozen program is its own interpreter and dispatches on the word."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--decode-file"]
    return [sys.executable, "-P", "-m", "medrec_desktop.attachments.decode"]


def _environment() -> dict[str, str]:
    """Only what Python needs: no secret of ours reaches a decoder."""
    names = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    kept["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    # numpy would set aside memory for every core.
    kept["OPENBLAS_NUM_THREADS"] = kept["OMP_NUM_THREADS"] = "1"
    return kept
