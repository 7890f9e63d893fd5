from pathlib import Path

import pytest

from medrec_desktop.attachments.scanner import Scanner
from tests.attachments.conftest import Sample


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
    scanner.taken(scan)
    assert scanner.ready() == ()
    scan.write_bytes(b"second scan")
    scanner.ready()
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
