import io
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from medrec_desktop.attachments import preview as module
from medrec_desktop.attachments.decode import NEEDS_PASSWORD, NO_PICTURE, NOT_DECODED
from medrec_desktop.attachments.preview import (
    CUT,
    NO_VIEWER,
    NOT_DRAWN,
    TOO_BIG,
    TOO_SLOW,
    Bytes,
    count_pages,
    preview,
)
from medrec_desktop.domain.attachments import Kind, Preview
from medrec_desktop.domain.errors import Corrupt
from tests.attachments.conftest import Sample
from tests.conftest import REPOSITORY


def sending(content: bytes) -> Bytes:
    def send(write: Callable[[bytes], object]) -> None:
        write(content)

    return send


def shown(kind: Kind, content: bytes, **how: int) -> Preview:
    return preview(kind, len(content), sending(content), page=how.get("page", 1), max_px=400)


def picture(image: PIL.Image.Image, form: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **how)
    return out.getvalue()


def pixel(view: Preview, x: int, y: int) -> tuple[int, ...]:
    start = (y * view.width + x) * 4
    return tuple(view.rgba[start : start + 4])


def named(corpus: tuple[Sample, ...], name: str) -> bytes:
    return next(s for s in corpus if s.path.name == name).path.read_bytes()


def test_a_picture_comes_as_rgba_within_the_asked_size() -> None:
    view = shown("image", picture(PIL.Image.new("RGB", (800, 200), (10, 200, 30))))
    assert (view.width, view.height, view.pages, view.sentence) == (400, 100, 1, "")
    assert pixel(view, 5, 5) == (10, 200, 30, 255)


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    image = PIL.Image.new("RGB", (60, 30), "white")
    image.paste("red", (0, 0, 30, 30))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned: its left edge is the top
    view = shown("image", picture(image, "JPEG", exif=exif, quality=95))
    assert (view.width, view.height) == (30, 60)
    red, _, blue, _ = pixel(view, 15, 5)
    assert red > 200
    assert blue < 60


def test_sixteen_bit_grey_is_stretched_instead_of_cut_to_white() -> None:
    image = PIL.Image.new("I;16", (2, 1))
    image.putpixel((0, 0), 1000)
    image.putpixel((1, 0), 4000)
    view = shown("image", picture(image, "TIFF"))
    assert pixel(view, 0, 0)[0] < 5
    assert pixel(view, 1, 0)[0] > 250


def test_pages_of_a_tiff_and_a_pdf_can_be_turned(corpus: tuple[Sample, ...]) -> None:
    tiff = named(corpus, "multipage.tiff")
    assert len({shown("image", tiff, page=n).rgba for n in (1, 2, 3)}) == 3
    pdf = named(corpus, "pdflatex-4-pages.pdf")
    last = shown("pdf", pdf, page=4)
    assert (last.page, last.pages) == (4, 4)
    assert last.rgba != shown("pdf", pdf, page=1).rgba
    assert shown("pdf", pdf, page=99).page == 4


def test_pages_are_counted_where_there_are_pages(corpus: tuple[Sample, ...]) -> None:
    for name, mime, pages in (
        ("multipage.pdf", "application/pdf", 6),
        ("multipage.tiff", "image/tiff", 3),
        ("emri_small_RLE.dcm", "application/dicom", 10),
        ("hopper.jpg", "image/jpeg", None),
        ("libreoffice-writer-password.pdf", "application/pdf", None),
        ("poppler-742-0-fuzzed.pdf", "application/pdf", None),
    ):
        content = named(corpus, name)
        head = content[:65_536]
        assert count_pages(mime, len(content), head, sending(content)) == pages, name


def test_what_cannot_be_drawn_says_why(corpus: tuple[Sample, ...]) -> None:
    for kind, name, sentence in (
        ("pdf", "libreoffice-writer-password.pdf", NEEDS_PASSWORD),
        ("pdf", "invalid.pdf", NOT_DRAWN),
        ("dicom", "rtplan.dcm", NO_PICTURE),
        ("image", "truncated.jpg", NOT_DRAWN),
        ("office", "testWORD.docx", NO_VIEWER),
    ):
        assert shown(kind, named(corpus, name)).sentence == sentence, name  # type: ignore[arg-type]
    huge = shown("image", named(corpus, "png_lying_dims.png"))
    assert "too large to show here (2000000000 × 2000000000)" in huge.sentence


def test_a_ct_slice_is_drawn_through_its_window(corpus: tuple[Sample, ...]) -> None:
    view = shown("dicom", named(corpus, "CT_small.dcm"))
    greys = set(view.rgba[0::4])
    assert (view.width, view.height) == (128, 128)
    assert min(greys) == 0
    assert max(greys) == 255
    assert len(greys) > 50


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.201",
        "1.2.840.10008.1.2.4.102",
    ],
)
def test_a_dicom_packed_in_a_way_we_cannot_unpack_says_so_and_not_that_it_is_damaged(
    syntax: str,
) -> None:
    view = shown("dicom", packed_dicom(syntax))
    assert view.sentence == NOT_DECODED
    assert "kept unchanged" in view.sentence
    assert not view.rgba


def test_a_damaged_dicom_is_not_said_to_be_packed_oddly() -> None:
    assert shown("dicom", packed_dicom("1.2.840.10008.1.2.4.50")).sentence == NOT_DRAWN


def packed_dicom(syntax: str, frame: bytes = b"\xff\xd8\xff\xd9") -> bytes:
    """A picture of 16 × 16 grey pixels whose one frame holds these bytes."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def test_text_shows_its_start_with_controls_made_visible() -> None:
    view = shown("text", b"\xef\xbb\xbfa\x00b\x1b[31m\tc\n")
    assert view.text == "a\ufffdb\ufffd[31m\tc\n"
    assert (view.sentence, view.rgba) == ("", b"")
    long = shown("text", b"x" * 300_000)
    assert (len(long.text), long.sentence) == (200_000, CUT)


def test_a_source_above_the_limit_is_not_read_at_all() -> None:
    def never(_write: Callable[[bytes], object]) -> None:
        raise AssertionError("read")

    assert preview("pdf", module.LARGEST_SOURCE + 1, never).sentence == TOO_BIG


def test_damaged_bytes_are_never_given_to_a_decoder_as_whole() -> None:
    def damaged(write: Callable[[bytes], object]) -> None:
        write(picture(PIL.Image.new("RGB", (9, 9))))
        raise Corrupt("damaged")

    with pytest.raises(Corrupt):
        preview("image", 100, damaged)


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts another decoder in the child's place."""

    def use(code: str) -> None:
        path = tmp_path / "decoder.py"
        path.write_text(textwrap.dedent(code))
        monkeypatch.setattr(module, "decoder_command", lambda: [sys.executable, str(path)])

    return use


def test_a_decoder_that_hangs_is_ended(decoder: Callable[[str], None]) -> None:
    decoder("import time\nwhile True: time.sleep(60)")
    began = time.monotonic()
    view = preview("pdf", 5_000_000, sending(bytes(5_000_000)), timeout_s=1)
    assert view.sentence == TOO_SLOW
    assert time.monotonic() - began < 10


def test_a_decoder_that_crashes_is_a_sentence(decoder: Callable[[str], None]) -> None:
    decoder("import os\nos.abort()" if os.name != "nt" else "raise SystemExit(3)")
    assert shown("pdf", bytes(5_000_000)).sentence == NOT_DRAWN


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\n", b"[1]\n", b'{"width": 100, "height": 100}\nshort', b'{"width": -1}\nx'],
)
def test_a_decoder_that_lies_is_a_sentence(decoder: Callable[[str], None], answer: bytes) -> None:
    decoder(f"import sys\nsys.stdin.buffer.read()\nsys.stdout.buffer.write({answer!r})")
    assert shown("pdf", b"x").sentence == NOT_DRAWN


def test_a_decoder_that_floods_is_cut_off(decoder: Callable[[str], None]) -> None:
    decoder(
        """
        import sys
        sys.stdin.buffer.read()
        sys.stdout.buffer.write(b'{"width": 10, "height": 10}\\n')
        while True: sys.stdout.buffer.write(bytes(1000000))
        """
    )
    assert shown("pdf", b"x").sentence == NOT_DRAWN


def test_too_many_pixels_are_not_decoded() -> None:
    image = PIL.Image.new("1", (20_000, 20_000))
    assert "too large to show here (20000 × 20000)" in shown("image", picture(image)).sentence


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory this way")
def test_a_decoder_cannot_take_the_memory() -> None:
    greedy = (
        "from medrec_desktop.attachments import decode; decode._limit(5); bytes(1 << 20);"
        "print('ready', flush=True); bytes(2 << 30); print('taken')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", greedy],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert ended.stdout == b"ready\n"
    assert b"MemoryError" in ended.stderr


def test_secrets_of_the_environment_do_not_reach_the_decoder(
    decoder: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDREC_PASSPHRASE", "correct horse")
    decoder(
        """
        import json, os, sys
        sys.stdin.buffer.read()
        print(json.dumps({"sentence": os.environ.get("MEDREC_PASSPHRASE", "nothing")}))
        """
    )
    assert shown("pdf", b"x").sentence == "nothing"
