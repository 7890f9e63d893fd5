from collections.abc import Callable
from pathlib import Path

import pytest

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.scanner import Scanner
from medrec_desktop.data.clinic import read_computer_settings
from medrec_desktop.data.scans import Scan, list_taken_scans
from medrec_desktop.domain.attachments import Keeping
from medrec_desktop.domain.settings import ComputerSettings
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.clinic import Clinic
from tests.attachments.conftest import Sample, Setting


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def scanner(tmp_path: Path, seconds: Seconds) -> Scanner:
    return Scanner(tmp_path, seconds)


def as_taken(path: Path) -> Scan:
    status = path.stat()
    return Scan(path, status.st_size, status.st_mtime_ns)


def test_a_file_is_ready_when_its_size_has_been_the_same_for_two_seconds(
    scanner: Scanner, seconds: Seconds
) -> None:
    page = scanner.folder / "scan.jpg"
    page.write_bytes(b"\xff\xd8page 1")
    assert scanner.ready() == ()
    seconds.now += 1.9
    assert scanner.ready() == ()
    page.write_bytes(b"\xff\xd8page 1, page 2")
    seconds.now += 1.9
    assert scanner.ready() == ()
    seconds.now += 2
    assert scanner.ready() == (page,)


def test_a_pdf_waits_until_it_opens(
    scanner: Scanner, seconds: Seconds, corpus: tuple[Sample, ...]
) -> None:
    whole = next(s for s in corpus if s.path.name == "multipage.pdf").path.read_bytes()
    scan = scanner.folder / "scan.pdf"
    scan.write_bytes(whole[:3000])
    scanner.ready()
    seconds.now += 5
    assert scanner.ready() == ()
    scan.write_bytes(whole)
    scanner.ready()
    seconds.now += 2
    assert scanner.ready() == (scan,)


def test_a_locked_pdf_is_whole_too(
    scanner: Scanner, seconds: Seconds, corpus: tuple[Sample, ...]
) -> None:
    locked = next(s for s in corpus if "password" in s.path.name)
    scan = scanner.folder / "scan.pdf"
    scan.write_bytes(locked.path.read_bytes())
    scanner.ready()
    seconds.now += 2
    assert scanner.ready() == (scan,)


def test_empty_hidden_and_unfinished_files_and_folders_do_not_count(
    scanner: Scanner, seconds: Seconds
) -> None:
    (scanner.folder / "empty.jpg").touch()
    for name in (".hidden.jpg", "~scan.jpg", "scan.jpg.tmp", "scan.part"):
        (scanner.folder / name).write_bytes(b"x")
    (scanner.folder / "folder").mkdir()
    scanner.ready()
    seconds.now += 10
    assert scanner.ready() == ()


def test_a_file_taken_for_a_visit_is_left_out_until_it_is_a_new_one(
    scanner: Scanner, seconds: Seconds
) -> None:
    scan = scanner.folder / "scan.jpg"
    scan.write_bytes(b"first")
    scanner.ready()
    seconds.now += 2
    assert scanner.ready() == (scan,)
    taken = as_taken(scan)
    assert scanner.ready([taken]) == ()
    assert scanner.forgotten() == ()
    scan.write_bytes(b"second scan")
    scanner.ready([taken])
    assert scanner.forgotten() == (scan,)
    seconds.now += 2
    assert scanner.ready() == (scan,)


def test_a_folder_that_is_away_has_no_files_and_may_come_back(
    scanner: Scanner, seconds: Seconds, tmp_path: Path
) -> None:
    away = Scanner(tmp_path / "network", seconds)
    assert away.ready() == ()
    away.folder.mkdir()
    (away.folder / "scan.jpg").write_bytes(b"x")
    away.ready()
    seconds.now += 2
    assert len(away.ready()) == 1
    assert scanner.ready() == ()


def test_a_folder_that_is_away_for_a_while_does_not_give_its_files_out_twice(
    scanner: Scanner, seconds: Seconds, tmp_path: Path
) -> None:
    drive = Scanner(tmp_path / "drive", seconds)
    drive.folder.mkdir()
    (drive.folder / "scan.jpg").write_bytes(b"x")
    drive.ready()
    seconds.now += 2
    (scan,) = drive.ready()
    taken = as_taken(scan)
    drive.folder.rename(tmp_path / "unplugged")
    assert drive.ready([taken]) == ()
    (tmp_path / "unplugged").rename(drive.folder)
    drive.ready([taken])
    seconds.now += 2
    assert drive.ready([taken]) == ()
    assert drive.forgotten() == ()


# --- over restarts of the program --------------------------------------------------------------

Restart = Callable[[], Attachments]


@pytest.fixture
def folder(setting: Setting, tmp_path: Path) -> Path:
    made = tmp_path / "scanner"
    made.mkdir()
    Clinic(setting.context).save_computer(ComputerSettings(scanner_folder=str(made)))
    return made


@pytest.fixture
def restart(setting: Setting, seconds: Seconds) -> Restart:
    """The program as it comes up again: nothing but the database is left of the last run."""
    return lambda: Attachments(setting.context, setting.vault, setting.intake, tick=seconds)


def offered(files: Attachments, seconds: Seconds) -> list[str]:
    files.scans()
    seconds.now += 3
    return [path.name for path in files.scans() or ()]


def test_a_scan_that_was_kept_is_not_offered_after_a_restart_and_the_others_are(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    for name in ("first.txt", "second.txt"):
        (folder / name).write_bytes(name.encode())
    files = restart()
    assert offered(files, seconds) == ["first.txt", "second.txt"]
    files.take_scans(setting.visit, [folder / "first.txt"])
    assert setting.intake.wait(30)
    assert [one.file_name for one in files.list(setting.visit)] == ["first.txt"]
    assert offered(restart(), seconds) == ["second.txt"]
    assert (folder / "first.txt").exists()


def test_a_scan_that_was_on_its_way_when_the_program_died_is_offered_again(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    (folder / "scan.txt").write_bytes(b"page 1")
    waiting = Intake(
        setting.context.db, setting.vault, setting.context.changes, setting.clock
    )  # its thread never ran
    died = Attachments(setting.context, setting.vault, waiting, tick=seconds)
    assert offered(died, seconds) == ["scan.txt"]
    died.take_scans(setting.visit, [folder / "scan.txt"])
    assert offered(died, seconds) == []
    assert offered(restart(), seconds) == ["scan.txt"]


def test_a_name_that_the_scanner_uses_again_is_another_scan(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    scan = folder / "scan.txt"
    scan.write_bytes(b"first")
    files = restart()
    offered(files, seconds)
    files.take_scans(setting.visit, [scan])
    assert setting.intake.wait(30)
    scan.write_bytes(b"another patient")
    again = restart()
    assert offered(again, seconds) == ["scan.txt"]
    with setting.context.db.read() as session:
        assert list_taken_scans(session) == ()


def test_a_scan_that_is_there_already_is_offered_no_more_once_that_was_read(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    for name in ("scan.txt", "twin.txt"):
        (folder / name).write_bytes(b"the same page")
    files = restart()
    offered(files, seconds)
    files.take_scans(setting.visit, [folder / "scan.txt", folder / "twin.txt"])
    assert setting.intake.wait(30)
    (line,) = files.keeping(setting.visit)
    assert line.state == "duplicate"
    assert offered(files, seconds) == []  # it waits for an answer
    asked_nothing = Intake(
        setting.context.db, setting.vault, setting.context.changes, setting.clock
    )
    started = Attachments(setting.context, setting.vault, asked_nothing, tick=seconds)
    assert offered(started, seconds) == ["twin.txt"]
    files.dismiss(line.job)
    assert offered(restart(), seconds) == []


def test_a_name_that_is_no_text_is_remembered_too(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    name = b"scan \xff.txt".decode("utf-8", "surrogateescape")
    try:
        (folder / name).write_bytes(b"x")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this disk takes text alone as names")
    files = restart()
    assert offered(files, seconds) == [name]
    files.take_scans(setting.visit, [folder / name])
    assert setting.intake.wait(30)
    assert offered(restart(), seconds) == []


def test_what_is_remembered_is_no_setting(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    (folder / "scan.txt").write_bytes(b"x")
    files = restart()
    offered(files, seconds)
    files.take_scans(setting.visit, [folder / "scan.txt"])
    assert setting.intake.wait(30)
    with setting.context.db.read() as session:
        assert len(list_taken_scans(session)) == 1
        assert not [name for name in read_computer_settings(session) if name.startswith("scan:")]


# --- what was not kept after all ---------------------------------------------------------------


def test_a_scan_that_was_cancelled_is_offered_again_at_once(
    setting: Setting, folder: Path, seconds: Seconds
) -> None:
    (folder / "scan.txt").write_bytes(b"page 1")
    waiting = Intake(
        setting.context.db, setting.vault, setting.context.changes, setting.clock
    )  # its thread never runs, so the scan stays on its way
    files = Attachments(setting.context, setting.vault, waiting, tick=seconds)
    assert offered(files, seconds) == ["scan.txt"]
    files.take_scans(setting.visit, [folder / "scan.txt"])
    assert files.scans() == ()
    (line,) = files.keeping(setting.visit)
    files.cancel(line.job)
    assert files.scans() == (folder / "scan.txt",)


def failed(setting: Setting, files: Attachments, scan: Path) -> Keeping:
    """The drive is away while the scan is read, and is there again as it was."""
    scan.rename(scan.parent.parent / "away")
    files.take_scans(setting.visit, [scan])
    assert setting.intake.wait(30)
    (scan.parent.parent / "away").rename(scan)
    (line,) = files.keeping(setting.visit)
    assert line.state == "failed"
    return line


def test_a_scan_that_failed_is_offered_again_at_once(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    scan = folder / "scan.txt"
    scan.write_bytes(b"page 1")
    files = restart()
    assert offered(files, seconds) == ["scan.txt"]
    line = failed(setting, files, scan)
    assert files.scans() == (scan,)
    files.dismiss(line.job)
    assert files.scans() == (scan,)


def test_a_failed_scan_that_is_tried_again_and_kept_is_offered_no_more(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    scan = folder / "scan.txt"
    scan.write_bytes(b"page 1")
    files = restart()
    offered(files, seconds)
    files.retry(failed(setting, files, scan).job)
    assert setting.intake.wait(30)
    assert [one.file_name for one in files.list(setting.visit)] == ["scan.txt"]
    assert files.scans() == ()


def test_a_failed_scan_that_is_given_to_a_visit_again_leaves_no_line_behind(
    setting: Setting, folder: Path, seconds: Seconds, restart: Restart
) -> None:
    scan = folder / "scan.txt"
    scan.write_bytes(b"page 1")
    files = restart()
    offered(files, seconds)
    failed(setting, files, scan)
    files.take_scans(setting.visit, [scan])
    assert setting.intake.wait(30)
    assert files.keeping(setting.visit) == ()
    assert [one.file_name for one in files.list(setting.visit)] == ["scan.txt"]
