"""Every real and hostile file: kept byte for byte or refused with a reason, and never fatal."""

import hashlib
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from medrec_desktop.attachments.preview import TIMEOUT_S, preview
from medrec_desktop.attachments.sniff import file_type, glimpse
from tests.attachments.conftest import Sample, Setting

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(600)]

REFUSED = {"application/x-empty", "image/svg+xml"}


def _memory_of_children() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit


def test_every_file_comes_back_byte_for_byte_or_is_refused_with_a_reason(
    setting: Setting, corpus: tuple[Sample, ...]
) -> None:
    left = setting.take(*(s.path for s in corpus), anyway=True)

    refused = [sample for sample in corpus if sample.mime in REFUSED]
    assert len(left) == len(refused) == 2
    assert {row.state for row in left} == {"refused"}
    assert all(row.error.endswith(".") for row in left)
    kept = setting.attachments.list(setting.visit)
    wanted = [sample for sample in corpus if sample.mime not in REFUSED]
    assert [(a.sha256, a.file_size) for a in kept] == [(s.sha256, s.size) for s in wanted]
    for attachment in kept:
        _, must_be = setting.attachments._get(attachment.id)
        digest = hashlib.sha256()
        setting.vault.read(attachment.id, must_be, digest.update)
        assert digest.hexdigest() == attachment.sha256
    assert len(setting.vault_files()) == len(kept)
    # A row per file waits for its upload, each under a key of its own.
    assert len({_key(setting, a.id) for a in kept}) == len(kept)


def _key(setting: Setting, attachment_id: object) -> str:
    from medrec_desktop.data.attachments import attachment_row

    with setting.context.db.read() as session:
        return str(attachment_row(session, attachment_id).s3_key)  # type: ignore[arg-type]


def test_every_file_is_known_by_its_content(corpus: tuple[Sample, ...]) -> None:
    wrong = []
    for sample in corpus:
        with sample.path.open("rb") as stream:
            seen = file_type(glimpse(stream, sample.path.name))
        if sample.mime not in REFUSED and seen.mime != sample.mime:
            wrong.append((sample.path.name, seen.mime, sample.mime))
    assert wrong == []


def test_no_preview_crashes_hangs_or_takes_the_memory(corpus: tuple[Sample, ...]) -> None:
    samples = [sample for sample in corpus if sample.group != "names"]
    with ThreadPoolExecutor(2) as two:
        shown = dict(zip(samples, two.map(_shown, samples), strict=True))
    no_picture = {
        sample.path.name
        for sample, (kind, sentence) in shown.items()
        if sentence and sample.group == "good" and kind in {"pdf", "image", "dicom"}
    }
    # Decoders live in children; the largest of them stays under the limit they run with.
    assert _memory_of_children() < 1.6 * 2**30
    assert no_picture == {
        "libreoffice-writer-password.pdf",
        *("chrKoreanMulti.dcm", "reportsi.dcm", "rtplan.dcm"),  # these hold no picture
    }


def _shown(sample: Sample) -> tuple[str, str]:
    content = sample.path.read_bytes()
    with sample.path.open("rb") as stream:
        seen = file_type(glimpse(stream, sample.path.name))
    began = time.monotonic()

    def send(write: Callable[[bytes], object]) -> None:
        write(content)

    shown = preview(seen.kind, len(content), send, max_px=400)
    assert time.monotonic() - began < 2 * TIMEOUT_S, sample.path.name
    assert shown.sentence or shown.rgba or shown.kind == "text", sample.path.name
    assert len(shown.rgba) == shown.width * shown.height * 4
    return seen.kind, shown.sentence
