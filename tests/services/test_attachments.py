import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import PIL.Image
import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.outbox import marked
from medrec_desktop.data.schema import outbox, record_attachments
from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Corrupt, Invalid, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import UNDO
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from tests.factories import FakeClock, a_finalized_visit, a_visit, another_user
from tests.logfail import ExpectLog

CONTENT = b"Haemoglobin 13.2 g/dl\n" * 100


@pytest.fixture
def vault(clinic: Context, tmp_path: Path) -> Vault:
    return open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)


@pytest.fixture
def intake(clinic: Context, vault: Vault) -> Iterator[Intake]:
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    intake.start()
    yield intake
    assert intake.stop()


@pytest.fixture
def attachments(clinic: Context, vault: Vault, intake: Intake) -> Attachments:
    return Attachments(clinic, vault, intake)


Keep = Callable[..., Attachment]


@pytest.fixture
def keep(attachments: Attachments, intake: Intake) -> Keep:
    def kept(record: RecordId, content: bytes = CONTENT, name: str = "lab.txt") -> Attachment:
        attachments.keep_bytes(record, name, content)
        assert intake.wait(30)
        return attachments.list(record)[-1]

    return kept


def test_a_file_can_be_renamed_and_described_while_the_visit_is_a_draft(
    clinic: Context, attachments: Attachments, keep: Keep
) -> None:
    record = a_visit(clinic)
    lab = keep(record)
    seen: list[Changed] = []
    clinic.changes.subscribe(seen.append)
    attachments.rename(lab.id, " Blood count ")
    attachments.describe(lab.id, "From the\x00 hospital")
    (now,) = attachments.list(record)
    assert (now.file_name, now.description) == ("Blood count.txt", "From the\ufffd hospital")
    assert seen == [Changed("attachment", frozenset({record}))] * 2


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("a.TXT", "a.TXT"), ("setup.exe", "setup.exe.txt"), ("../../x", "x.txt"), ("CON", "_CON.txt")],
)
def test_a_new_name_keeps_the_extension_and_stays_in_its_folder(
    clinic: Context, attachments: Attachments, keep: Keep, typed: str, stored: str
) -> None:
    lab = keep(a_visit(clinic))
    attachments.rename(lab.id, typed)
    assert attachments.list(lab.record_id)[0].file_name == stored


def test_a_file_needs_a_name(clinic: Context, attachments: Attachments, keep: Keep) -> None:
    lab = keep(a_visit(clinic))
    with pytest.raises(Invalid):
        attachments.rename(lab.id, "  ")


def test_a_removed_file_comes_back_with_its_bytes(
    clinic: Context, attachments: Attachments, keep: Keep, tmp_path: Path
) -> None:
    lab = keep(a_visit(clinic))
    attachments.remove(lab.id, "twice")
    attachments.remove(lab.id, "a second click")
    assert attachments.list(lab.record_id) == ()
    (gone,) = attachments.removed(lab.record_id)
    assert (gone.removed_by, gone.removed_reason) == ("Dr. Efua Mensah", "twice")
    assert gone.removed_at == clinic.clock()
    attachments.restore(lab.id)
    attachments.restore(lab.id)
    assert attachments.list(lab.record_id) == (replace(lab),)
    assert attachments.removed(lab.record_id) == ()
    assert attachments.export(lab.id, tmp_path).read_bytes() == CONTENT


def test_who_removed_it_is_who_was_signed_in(
    clinic: Context, vault: Vault, intake: Intake, keep: Keep
) -> None:
    lab = keep(a_visit(clinic))
    other = Attachments(another_user(clinic), vault, intake)
    other.remove(lab.id)
    (gone,) = other.removed(lab.record_id)
    assert (gone.uploaded_by, gone.removed_by) == ("Dr. Efua Mensah", "Dr. Yaw Boateng")


def test_files_of_a_finalized_visit_are_only_added_or_marked_with_a_reason(
    clinic: Context, attachments: Attachments, keep: Keep
) -> None:
    late = keep(a_finalized_visit(clinic))
    with pytest.raises(Conflict):
        attachments.rename(late.id, "other")
    with pytest.raises(Conflict):
        attachments.describe(late.id, "other")
    with pytest.raises(Invalid) as refused:
        attachments.remove(late.id)
    assert set(refused.value.fields) == {"reason"}
    assert attachments.list(late.record_id) == (late,)

    attachments.remove(late.id, "a slip")
    clock = cast("FakeClock", clinic.clock)
    clock.now += UNDO
    attachments.restore(late.id)
    assert [one.id for one in attachments.list(late.record_id)] == [late.id]
    attachments.remove(late.id, "belongs to another patient")
    clock.now += UNDO + timedelta(seconds=1)
    with pytest.raises(Conflict):
        attachments.restore(late.id)
    assert attachments.list(late.record_id) == ()
    assert attachments.removed(late.record_id)[0].removed_reason == "belongs to another patient"


def test_a_file_sealed_with_the_visit_keeps_its_name(
    clinic: Context, attachments: Attachments, keep: Keep
) -> None:
    record = a_visit(clinic, complaint="Cough", no_diagnosis=True)
    lab = keep(record)
    visits = Visits(clinic)
    visits.finalize(record, visits.open(record).draft.version)
    with pytest.raises(Conflict):
        attachments.rename(lab.id, "other")
    assert visits.verify_seal(record)
    assert not attachments.list(record)[0].late


def test_files_of_a_visit_entered_in_error_stay_as_they_are(
    clinic: Context, attachments: Attachments, keep: Keep
) -> None:
    lab = keep(a_visit(clinic))
    Visits(clinic).void(lab.record_id, "wrong patient")
    with pytest.raises(Conflict):
        attachments.rename(lab.id, "other")
    with pytest.raises(Conflict):
        attachments.remove(lab.id, "x")


def test_each_change_is_a_new_revision_marked_for_sync(
    clinic: Context, attachments: Attachments, keep: Keep
) -> None:
    lab = keep(a_visit(clinic))
    with clinic.db.begin() as session:
        session.execute(sa.delete(outbox))
        before = session.execute(sa.select(record_attachments)).one()
    attachments.describe(lab.id, "x")
    with clinic.db.read() as session:
        after = session.execute(sa.select(record_attachments)).one()
        assert marked(session) == (("attachment", lab.id),)
    assert (after.row_version, after.rev != before.rev) == (before.row_version + 1, True)


def test_an_unknown_file_is_not_found(attachments: Attachments, clinic: Context) -> None:
    nobody = AttachmentId(a_visit(clinic))
    for ask in (attachments.preview, attachments.thumbnail, attachments.restore):
        with pytest.raises(NotFound):
            ask(nobody)


def test_a_copy_has_the_original_bytes_and_only_its_owner_may_read_it(
    clinic: Context, attachments: Attachments, keep: Keep, tmp_path: Path
) -> None:
    lab = keep(a_visit(clinic))
    target = tmp_path / "out"
    target.mkdir()
    path = attachments.export(lab.id, target)
    assert path == target / "lab.txt"
    assert path.read_bytes() == CONTENT
    if os.name != "nt":
        assert path.stat().st_mode & 0o777 == 0o600
    assert list(target.iterdir()) == [path]


def test_a_copy_never_overwrites_another_file(
    clinic: Context, attachments: Attachments, keep: Keep, tmp_path: Path
) -> None:
    lab = keep(a_visit(clinic))
    mine = tmp_path / "lab.txt"
    mine.write_text("mine")
    assert attachments.export(lab.id, tmp_path) == tmp_path / "lab (2).txt"
    assert attachments.export(lab.id, mine) == tmp_path / "lab (3).txt"
    assert mine.read_text() == "mine"


def test_a_damaged_file_is_neither_copied_nor_drawn(
    clinic: Context,
    attachments: Attachments,
    keep: Keep,
    vault: Vault,
    tmp_path: Path,
    expect_log: ExpectLog,
) -> None:
    lab = keep(a_visit(clinic))
    stored = bytearray(vault.path(lab.id).read_bytes())
    stored[-5] ^= 1
    vault.path(lab.id).write_bytes(stored)
    target = tmp_path / "out"
    target.mkdir()
    with expect_log("medrec_desktop.attachments.vault"):
        with pytest.raises(Corrupt):
            attachments.export(lab.id, target)
        view = attachments.preview(lab.id)
    assert list(target.iterdir()) == []
    assert "is damaged on this computer" in view.sentence
    assert view.text == ""


def test_a_copy_that_cannot_be_written_is_a_sentence(
    clinic: Context, attachments: Attachments, keep: Keep, tmp_path: Path
) -> None:
    lab = keep(a_visit(clinic))
    with pytest.raises(Unavailable, match="could not be written there"):
        attachments.export(lab.id, tmp_path / "no such folder" / "lab.txt")


def test_text_and_pictures_are_shown(clinic: Context, attachments: Attachments, keep: Keep) -> None:
    record = a_visit(clinic)
    assert attachments.preview(keep(record).id).text == CONTENT.decode()
    png = keep(record, _png(), "photo.png")
    small = attachments.thumbnail(png.id)
    assert (small.width, small.height, len(small.rgba)) == (2, 1, 8)
    assert attachments.thumbnail(png.id) is small
    assert png.kind == "image"


def _png() -> bytes:
    out = io.BytesIO()
    PIL.Image.new("RGB", (2, 1), "red").save(out, "PNG")
    return out.getvalue()
