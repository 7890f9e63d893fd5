"""Draws one page of a file, in a process of its own: `python -m medrec_desktop.attachments.decode`.

Decoders of pictures and documents are the largest hole a record program has, so they run where
memory, time and files are limited and where a crash harms nobody. The bytes come by standard
input; a line of JSON and the pixels (RGBA) leave by standard output. It opens no file of the user
and knows no database. Whatever a decoder raises ends this process: the caller has a sentence for
that.
"""

import io
import json
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

MEMORY = 1 << 30
# The program itself, its libraries and their address space, before a picture is opened.
BASE_MEMORY = 512 << 20
MAX_PIXELS = 100_000_000
MAX_PAGES = 5_000
PDF_LARGEST_SCALE = 4.0

TOO_MANY_PIXELS = "This picture is too large to show here ({} × {}). {}"
SAVE_A_COPY = "It is kept unchanged; save a copy to open it in another program."
NEEDS_PASSWORD = f"This PDF needs a password. {SAVE_A_COPY}"
NOT_DECODED = (
    "The picture in this DICOM file is packed in a way that can’t be shown here. " + SAVE_A_COPY
)
NO_PICTURE = f"This DICOM file holds no picture. {SAVE_A_COPY}"

_FORMATS = ("JPEG", "PNG", "TIFF", "GIF", "BMP", "WEBP", "MPO", "HEIF", "JPEG2000", "AVIF", "ICO")
_PASSWORD_ERROR = 4


class _NotShownError(Exception):
    """Ends with a sentence in place of a picture."""


def main(arguments: list[str]) -> int:
    """`kind page largest`; `largest` 0 only counts the pages."""
    kind, page, largest = arguments[0], int(arguments[1]), int(arguments[2])
    _limit(int(arguments[3]) if len(arguments) > 3 else 10)
    warnings.simplefilter("ignore")
    content = sys.stdin.buffer.read()
    out = sys.stdout.buffer
    try:
        picture, pages = _OPEN[kind](content, page, largest)
    except _NotShownError as reason:
        _answer(out, sentence=str(reason))
        return 0
    if picture is None:
        _answer(out, pages=pages)
        return 0
    picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    _answer(out, width=picture.width, height=picture.height, pages=pages)
    out.write(picture.tobytes())
    out.flush()
    return 0


def _answer(out: Any, **fields: object) -> None:
    out.write(json.dumps(fields).encode() + b"\n")
    out.flush()


def _limit(seconds: int) -> None:
    """Give up rights this process does not need. Windows has no such limits; there the caller's
    clock and the pixel limits remain."""
    try:
        import resource
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, MEMORY + BASE_MEMORY),
        (resource.RLIMIT_CPU, seconds + 1),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(resource, what, most)


def _lower(resource: Any, what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    try:
        resource.setrlimit(what, (most, most))
    except (ValueError, OSError):  # macOS refuses some; the caller's clock remains
        return


def _image(content: bytes, page: int, largest: int) -> tuple["Image | None", int]:
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = None  # we say it ourselves, in a sentence
    PIL.Image.init()
    if content[4:8] == b"ftyp":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    formats = [name for name in _FORMATS if name in PIL.Image.OPEN]
    picture = PIL.Image.open(io.BytesIO(content), formats=formats)
    pages = _frames(picture)
    if largest == 0:
        return None, pages
    picture.seek(min(page, pages) - 1)
    declared = picture.size
    picture.draft(None, (largest, largest))
    if picture.width * picture.height > MAX_PIXELS:
        raise _NotShownError(TOO_MANY_PIXELS.format(*declared, SAVE_A_COPY))
    return _upright(picture, largest), pages


def _frames(picture: "Image") -> int:
    """Pages of a TIFF; moving pictures and bursts show their first frame alone."""
    if picture.format != "TIFF":
        return 1
    pages = 1
    while pages < MAX_PAGES:
        try:
            picture.seek(pages)
        except (EOFError, OSError, ValueError):
            break
        pages += 1
    picture.seek(0)
    return pages


def _upright(picture: "Image", largest: int) -> "Image":
    from PIL import ImageOps

    orientation = picture.getexif()
    picture = _eight_bits(picture)
    picture.thumbnail((largest, largest))
    if orientation.get(0x0112):
        picture.getexif().update(orientation)
        picture = ImageOps.exif_transpose(picture)
    return picture


def _eight_bits(picture: "Image") -> "Image":
    """Twelve- and sixteen-bit greys are stretched from darkest to lightest: cut, they are white."""
    if picture.mode.startswith(("I", "F")):
        grey = picture.convert("F")
        low, high = grey.getextrema()
        if not isinstance(low, tuple) and not isinstance(high, tuple) and high > low:
            factor = 255.0 / (high - low)
            return grey.point(lambda value: value * factor - low * factor).convert("L")
        return grey.convert("L")
    if picture.mode in {"1", "L"}:
        return picture.convert("L")
    if picture.mode in {"P", "PA", "LA", "La", "RGBa"}:
        return picture.convert("RGBA")
    return picture if picture.mode in {"RGB", "RGBA"} else picture.convert("RGB")


def _pdf(content: bytes, page: int, largest: int) -> tuple["Image | None", int]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code == _PASSWORD_ERROR:
            raise _NotShownError(NEEDS_PASSWORD) from error
        raise
    pages = len(document)
    if largest == 0:
        return None, pages
    # Forms are drawn as filled in; this build of pdfium has no JavaScript.
    document.init_forms()
    sheet = document[max(0, min(page, pages) - 1)]
    width, height = sheet.get_size()
    longest = max(width, height)
    if not 0 < longest < 1e6:
        raise _NotShownError(f"This page has no size that can be shown. {SAVE_A_COPY}")
    bitmap = sheet.render(scale=min(largest / longest, PDF_LARGEST_SCALE))
    picture: Image = bitmap.to_pil()
    return picture, pages


def _dicom(content: bytes, page: int, largest: int) -> tuple["Image | None", int]:
    import pydicom
    from PIL import Image
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    dataset = pydicom.dcmread(io.BytesIO(content), force=content[128:132] != b"DICM")
    stated = str(dataset.get("NumberOfFrames") or "1").strip()
    frames = int(stated) if stated.isascii() and stated.isdecimal() else 1
    if "PixelData" not in dataset:
        raise _NotShownError(NO_PICTURE)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > MAX_PIXELS:
        raise _NotShownError(TOO_MANY_PIXELS.format(columns, rows, SAVE_A_COPY))
    try:
        frame = pixel_array(dataset, index=max(0, min(page, frames) - 1))
    except RuntimeError as error:
        # JPEG-LS, HTJ2K and the like need decoders that this program does not bring.
        if _decodable(dataset):
            raise
        raise _NotShownError(NOT_DECODED) from error
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        frame = apply_color_lut(frame, dataset)
        frame = (frame >> 8 if frame.dtype.itemsize > 1 else frame).astype("uint8")
    elif frame.ndim == 2:
        frame = _windowed(frame, dataset)
    picture = Image.fromarray(frame.astype("uint8"))
    picture.thumbnail((largest, largest))
    return picture, frames


def _decodable(dataset: Any) -> bool:
    """Whether the way in which the pixels are packed is one that can be unpacked here."""
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.get("TransferSyntaxUID")
    if syntax is None or not syntax.is_compressed:
        return True
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _windowed(frame: Any, dataset: Any) -> Any:
    """Grey values as a radiologist's screen shows them: the file's own window, else all of them."""
    import numpy as np
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    grey = apply_modality_lut(frame, dataset)
    grey = apply_voi_lut(grey, dataset).astype("float32")
    low, high = float(grey.min()), float(grey.max())
    grey = (grey - low) * (255.0 / (high - low)) if high > low else np.zeros_like(grey)
    return 255.0 - grey if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else grey


_OPEN = {"image": _image, "pdf": _pdf, "dicom": _dicom}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
