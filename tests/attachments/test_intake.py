import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from medrec_desktop.attachments import taking
from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.sniff import glimpse
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.data.attachments import attachment_row
from medrec_desktop.data.outbox import marked
from medrec_desktop.data.schema import upload_queue
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.attachments.conftest import Disk, Setting
from tests.factories import a_finalized_visit, a_patient, a_visit

AFile = Callable[..., Path]
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


def test_a_kept_file_has_its_row_its_upload_and_its_mark_in_one(
    setting: Setting, a_file: AFile
) -> None:
    source = a_file("Röntgen.txt", b"line\n" * 1000)
    assert setting.take(source) == ()
    source.unlink()  # the stick may be pulled out now

    (kept,) = setting.attachments.list(setting.visit)
    assert (kept.file_name, kept.kind, kept.file_type) == ("Röntgen.txt", "text", "text/plain")
    assert (kept.file_size, kept.kept_size < 500) == (5000, True)
    assert (kept.uploaded_by, kept.created_at) == ("Dr. Efua Mensah", setting.clock.now)
    assert (kept.upload_state, kept.late) == ("pending", False)
    with setting.context.db.read() as session:
        row = attachment_row(session, kept.id)
        assert row.held_by == setting.context.device
        assert row.s3_key.endswith(f"/medical-records/2026/03/{row.record_id}/Röntgen.txt")
        assert ("attachment", kept.id) in marked(session)
        (queued,) = session.execute(upload_queue.select()).all()
        assert (queued.attachment_id, queued.state) == (row.id, "waiting")


def test_notices_come_after_the_commit_and_name_the_visit(setting: Setting, a_file: AFile) -> None:
    seen: list[tuple[Changed, int]] = []
    setting.context.changes.subscribe(
        lambda changed: seen.append((changed, len(setting.attachments.list(setting.visit))))
    )
    setting.take(a_file())
    assert {changed.ids for changed, _ in seen} == {frozenset({setting.visit})}
    assert seen[0][0].kind == "intake"
    first = next((changed.kind, there) for changed, there in seen if there)
    assert first == ("attachment", 1)


def test_progress_counts_bytes_and_is_published_a_few_times_a_second(
    setting: Setting, a_file: AFile, tmp_path: Path
) -> None:
    ticks = [0.0]
    shown: list[tuple[int, int]] = []
    context = setting.context

    def tick() -> float:
        ticks[0] += 0.05  # as if each piece took 50 ms
        return ticks[0]

    intake = Intake(context.db, setting.vault, context.changes, context.clock, tick=tick)

    def note(changed: Changed) -> None:
        if changed.kind == "intake":
            shown.extend((row.done, row.total) for row in intake.keeping(setting.visit))

    context.changes.subscribe(note)
    size = 40 * 2**20
    intake.keep(setting.visit, [a_file("film.bin", bytes(size))], by=context.actor.id)
    intake.start()
    assert intake.wait(60)
    assert intake.stop()
    moving = [done for done, total in shown if total]
    assert moving == sorted(moving)
    assert all(total == size for _, total in shown if total)
    assert 5 <= len(moving) <= 20
    del tmp_path


def test_one_refused_file_does_not_stop_the_others(setting: Setting, a_file: AFile) -> None:
    first, bad, last = a_file("a.txt", b"a"), a_file("setup.exe", b"MZ"), a_file("b.txt", b"b")
    (row,) = setting.take(first, bad, last)
    assert row.state == "refused"
    assert row.error == (
        "“setup.exe” is a program and can’t be attached. Scans, photos, PDFs and documents can."
    )
    assert [a.file_name for a in setting.attachments.list(setting.visit)] == ["a.txt", "b.txt"]
    setting.attachments.dismiss(row.job)
    assert setting.attachments.keeping(setting.visit) == ()


def test_the_same_bytes_on_this_patient_are_said_and_kept_only_when_wanted(
    setting: Setting, a_file: AFile
) -> None:
    setting.take(a_file("a.txt", b"same"))
    setting.clock.now += timedelta(minutes=5)
    (row,) = setting.take(a_file("b.txt", b"same"))
    at = (setting.clock.now - timedelta(minutes=5)).astimezone()
    assert (row.state, row.error) == ("duplicate", f"Already attached today at {at:%H:%M}.")
    assert len(setting.vault_files()) == 1

    setting.attachments.attach_anyway(row.job)
    assert setting.intake.wait(20)
    assert setting.attachments.keeping(setting.visit) == ()
    assert len(setting.attachments.list(setting.visit)) == 2


def test_a_duplicate_on_an_earlier_visit_is_told_with_its_day(
    setting: Setting, a_file: AFile
) -> None:
    patient = Visits(setting.context).open(setting.visit).draft.patient_id
    setting.take(a_file("a.txt", b"same"))
    then = setting.clock.now.astimezone()
    setting.clock.now += timedelta(days=3)
    later = a_visit(setting.context, patient, complaint="Again")
    assert later != setting.visit
    setting.attachments.keep(later, [a_file("b.txt", b"same")])
    assert setting.intake.wait(20)
    (row,) = setting.attachments.keeping(later)
    assert row.error == (
        f"Already attached on {then:%d-%b-%Y} at {then:%H:%M}, to the visit of {then:%d-%b-%Y}."
    )


def test_another_patients_file_is_no_duplicate(setting: Setting, a_file: AFile) -> None:
    setting.take(a_file("a.txt", b"same"))
    other = Patients(setting.context).register(a_patient("Boateng", "Yaw"))
    visit = a_visit(setting.context, other)
    setting.attachments.keep(visit, [a_file("b.txt", b"same")])
    assert setting.intake.wait(20)
    assert setting.attachments.keeping(visit) == ()
    assert len(setting.attachments.list(visit)) == 1


def test_two_files_of_one_name_get_two_keys(setting: Setting, a_file: AFile) -> None:
    setting.take(a_file("scan.pdf", b"%PDF-1"))
    setting.take(a_file("scan.pdf", b"%PDF-2"))
    one, two = setting.attachments.list(setting.visit)
    with setting.context.db.read() as session:
        assert attachment_row(session, one.id).s3_key.endswith("/scan.pdf")
        second = attachment_row(session, two.id).s3_key
    assert second.endswith(f"/scan-{two.id.hex[-8:]}.pdf")


def test_the_patients_name_is_not_in_the_key(setting: Setting, a_file: AFile) -> None:
    setting.take(a_file("Ama Okafor 12.05.1984.txt"))
    (kept,) = setting.attachments.list(setting.visit)
    with setting.context.db.read() as session:
        key = attachment_row(session, kept.id).s3_key.lower()
    assert "okafor" not in key
    assert "1984" not in key
    assert kept.file_name == "Ama Okafor 12.05.1984.txt"


def test_a_file_for_a_finalized_visit_is_late(setting: Setting, a_file: AFile) -> None:
    record = a_finalized_visit(setting.context)
    setting.attachments.keep(record, [a_file()])
    assert setting.intake.wait(20)
    (kept,) = setting.attachments.list(record)
    assert kept.late


def test_a_visit_entered_in_error_takes_no_file(setting: Setting, a_file: AFile) -> None:
    Visits(setting.context).void(setting.visit, "wrong patient")
    (row,) = setting.take(a_file())
    assert row.state == "refused"
    assert "entered in error" in row.error
    assert setting.vault_files() == []


def test_a_pasted_picture_is_kept(setting: Setting) -> None:
    setting.attachments.keep_bytes(setting.visit, "Pasted.txt", b"pasted")
    assert setting.intake.wait(20)
    assert [a.file_size for a in setting.attachments.list(setting.visit)] == [6]


def test_what_is_no_file_gets_a_sentence(setting: Setting, a_file: AFile, tmp_path: Path) -> None:
    rows = setting.take(tmp_path, tmp_path / "gone.pdf", tmp_path / "nul\0.pdf")
    assert [row.state for row in rows] == ["refused", "failed", "failed"]
    assert "is a folder. Drop the files inside it instead." in rows[0].error
    assert "is no longer where it was" in rows[1].error


@posix
def test_pipes_devices_and_loops_get_a_sentence(setting: Setting, tmp_path: Path) -> None:
    pipe, loop = tmp_path / "pipe", tmp_path / "loop"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    rows = setting.take(pipe, Path("/dev/zero"), loop)
    assert [row.state for row in rows] == ["refused"] * 3
    assert "a device or a pipe" in rows[0].error
    assert "a device or a pipe" in rows[1].error
    assert "leads back to itself" in rows[2].error


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_gets_a_sentence(setting: Setting, a_file: AFile) -> None:
    source = a_file()
    source.chmod(0)
    (row,) = setting.take(source)
    assert "does not let you read" in row.error


def test_denied_by_the_system_becomes_a_sentence(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: object) -> int:
        raise PermissionError(13, "no")

    source = a_file()
    monkeypatch.setattr(os, "open", deny)
    (row,) = setting.take(source)
    monkeypatch.undo()
    assert (row.state, "does not let you read" in row.error) == ("refused", True)


@posix
def test_a_link_to_a_file_brings_the_file(setting: Setting, a_file: AFile, tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(a_file(content=b"behind the link"))
    assert setting.take(link) == ()
    assert setting.attachments.list(setting.visit)[0].file_size == 15


def test_a_file_that_is_still_written_is_not_kept_half(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = a_file("scan.txt", b"page 1\n")
    really = Vault.stage

    def grow(*args: object, **kwargs: object) -> object:
        staged = really(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        with source.open("ab") as stream:
            stream.write(b"page\n")
        return staged

    monkeypatch.setattr(Vault, "stage", grow)
    (row,) = setting.take(source)
    assert row.state == "failed"
    assert "is still being written by another program" in row.error
    assert setting.vault_files() == []
    monkeypatch.undo()

    setting.attachments.retry(row.job)
    assert setting.intake.wait(20)
    assert setting.attachments.keeping(setting.visit) == ()
    assert setting.attachments.list(setting.visit)[0].file_size == source.stat().st_size


def test_a_full_disk_says_so_and_the_file_can_be_tried_again(
    setting: Setting, a_file: AFile, disk: Disk
) -> None:
    disk.free = 800_000_000
    (row,) = setting.take(a_file())
    assert row.state == "failed"
    assert row.error.startswith("This computer has 0.8 GB left")
    disk.free = 50 * 10**9
    setting.attachments.retry(row.job)
    assert setting.intake.wait(20)
    assert len(setting.attachments.list(setting.visit)) == 1


def test_cancelling_half_way_leaves_nothing(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying, go_on = threading.Event(), threading.Event()
    really = glimpse

    def slow(*args: object) -> object:
        copying.set()
        assert go_on.wait(20)
        return really(*args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(taking, "glimpse", slow)
    setting.attachments.keep(setting.visit, [a_file("a.txt", b"a"), a_file("b.txt", b"b")])
    assert copying.wait(20)
    first, second = setting.attachments.keeping(setting.visit)
    assert (first.state, second.state) == ("keeping", "waiting")
    setting.attachments.cancel(second.job)
    setting.attachments.cancel(first.job)
    go_on.set()
    assert setting.intake.wait(20)
    assert setting.attachments.keeping(setting.visit) == ()
    assert setting.attachments.list(setting.visit) == ()
    assert setting.vault_files() == []


def test_stopping_gives_up_the_file_and_leaves_nothing(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    copying = threading.Event()
    really = glimpse

    def noted(*args: object) -> object:
        copying.set()
        return really(*args)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(taking, "glimpse", noted)
    big = a_file("big.bin", bytes(300_000_000))
    setting.attachments.keep(setting.visit, [big])
    assert copying.wait(20)
    assert setting.intake.stop(10)
    big.unlink()
    assert len(setting.attachments.list(setting.visit)) == len(setting.vault_files())


def test_a_failing_database_leaves_no_file_without_a_row(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise Unavailable("Another program is using the clinic's database.")

    monkeypatch.setattr(taking, "mark", busy)
    (row,) = setting.take(a_file())
    assert (row.state, row.error) == ("failed", "Another program is using the clinic's database.")
    assert setting.vault_files() == []
    assert setting.attachments.list(setting.visit) == ()


def test_a_fault_of_ours_is_on_the_row_and_the_next_file_is_taken(
    setting: Setting, a_file: AFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    loud: list[object] = []
    monkeypatch.setattr(threading, "excepthook", loud.append)
    monkeypatch.setattr(taking, "file_type", broken)
    (row,) = setting.take(a_file("a.txt", b"a"))
    assert row.state == "failed"
    assert "a fault in the program" in row.error
    assert setting.vault_files() == []
    assert len(loud) == 1
    monkeypatch.undo()
    setting.take(a_file("b.txt", b"b"))
    assert [a.file_name for a in setting.attachments.list(setting.visit)] == ["b.txt"]


def test_a_dropped_folder_is_opened_up_without_links_and_hidden_files(
    setting: Setting, tmp_path: Path
) -> None:
    folder = tmp_path / "CD" / "DICOM"
    folder.mkdir(parents=True)
    for name in ("IM2", "IM1", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"x")
    if os.name != "nt":
        (folder / "up").symlink_to(tmp_path)
    single = tmp_path / "one.txt"
    found = setting.attachments.inside([tmp_path / "CD", single])
    assert found == (folder / "IM1", folder / "IM2", single)
