import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.instance import Instance

HOLDER = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from medrec_desktop.ui.instance import Instance
app = QCoreApplication([])
app.setApplicationName("MedRec Desktop")
instance = Instance(Path(sys.argv[1]))
claimed = instance.claim()
if claimed:
    instance.raise_requested.connect(lambda: print("raised", flush=True))
    print("claimed", flush=True)
    app.exec()
else:
    print("raised other" if instance.raise_other() else "no answer", flush=True)
"""


class Program:
    """Another process that wants the folder."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        if self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    started: list[Program] = []
    yield started
    for program in started:
        program.kill()


def test_second_start_raises_the_first(
    qtbot: QtBot, tmp_path: Path, programs: list[Program]
) -> None:
    first = Instance(tmp_path / "clinic")
    assert first.claim()
    with qtbot.waitSignal(first.raise_requested, timeout=30_000):
        programs.append(Program(tmp_path / "clinic"))
    assert programs[0].line() == "raised other"
    first.release()


def test_of_two_starts_at_once_one_wins_and_is_raised(
    tmp_path: Path, programs: list[Program]
) -> None:
    programs += [Program(tmp_path / "clinic"), Program(tmp_path / "clinic")]
    said = sorted(program.line() for program in programs)
    assert said == ["claimed", "raised other"]


def test_folder_of_a_killed_program_can_be_taken(tmp_path: Path, programs: list[Program]) -> None:
    programs.append(Program(tmp_path / "clinic"))
    assert programs[0].line() == "claimed"
    programs[0].kill()
    after = Instance(tmp_path / "clinic")
    assert after.claim()
    after.release()


def test_a_start_cut_off_before_it_wrote_its_name_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "clinic.lock").touch()
    after = Instance(tmp_path / "clinic")
    assert after.claim()
    assert not Instance(tmp_path / "clinic").claim()
    after.release()


def test_demo_and_clinic_are_separate(qtbot: QtBot, tmp_path: Path) -> None:
    clinic, demo = Instance(tmp_path / "clinic"), Instance(tmp_path / "demo")
    assert clinic.claim()
    assert demo.claim()
    clinic.release()
    demo.release()


def test_claim_leaves_nothing_in_the_clinic_folder(qtbot: QtBot, tmp_path: Path) -> None:
    instance = Instance(tmp_path / "clinic")
    assert instance.claim()
    assert not (tmp_path / "clinic").exists()
    instance.release()
