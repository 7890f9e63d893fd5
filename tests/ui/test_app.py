import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.services import first_run
from medrec_desktop.ui.app import App
from medrec_desktop.ui.sign_in.first_run import FirstRun
from medrec_desktop.ui.sign_in.passphrase import PassphraseDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Dialog
from tests.ui.placeholders import PLACEHOLDERS

PASSPHRASE = "several plain words"
Start = Callable[..., App]


@pytest.fixture
def start(qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme) -> Iterator[Start]:
    """Starts the program on `tmp_path`, with every screen but the visit's own."""
    started: list[App] = []
    qapp.setQuitOnLastWindowClosed(False)

    def start_app(*, demo: bool = False) -> App:
        app = build(Config(tmp_path, demo=demo), qapp, screens=PLACEHOLDERS, theme=theme)
        started.append(app)
        assert app.start(demo=demo)
        return app

    yield start_app
    for app in started:
        windows = [one for one in (app.window, app._beginning and app._beginning.pages) if one]
        for shown in windows:
            shown.close()
        # What waits for idle time may still come: the windows live until it has ended.
        app.finish()
        for shown in windows:
            # Else every later change of theme dresses it once more.
            shown.deleteLater()


def pages_of(app: App) -> FirstRun:
    assert app._beginning is not None
    return app._beginning.pages


def words_of(widget: QWidget) -> str:
    return " ".join(one.text() for one in widget.findChildren(QLabel) if one.isVisible())


def a_clinic_with_a_passphrase(home: Path) -> None:
    first_run.create_clinic(
        clinic_dir(home),
        clinic_name="Riverside Clinic",
        doctor_name="Dr M. Haddad",
        passphrase=PASSPHRASE,
    )


def ask_dialog(app: App) -> PassphraseDialog | None:
    found = app.window.findChildren(PassphraseDialog) if app.window else []
    return next((one for one in found if one.isVisible()), None)


def test_empty_computer_asks_and_the_demo_opens(qtbot: QtBot, start: Start, tmp_path: Path) -> None:
    app = start()
    pages = pages_of(app)
    pages.choose("demo")
    with qtbot.waitSignal(app.opened, timeout=30_000):
        pages.go_on()
    assert app.window is not None
    assert "Demo – not real patients" in words_of(app.window)
    qtbot.waitUntil(lambda: bool(app.window and app.window.sidebar.day_list.rows))
    assert (tmp_path / "demo" / "medrec.db").is_file()


def test_clinic_set_up_on_the_pages_opens_with_its_choices(
    qtbot: QtBot, start: Start, theme: Theme
) -> None:
    app = start()
    pages = pages_of(app)
    # The suite has no keyring, and the page says what that means.
    qtbot.waitUntil(lambda: "password alone" in pages._names._protected.text())
    pages.go_on()
    pages._names.clinic.setText("Riverside Clinic")
    pages._names.doctor.setText("Dr M. Haddad")
    pages._names.password.line.setText(PASSPHRASE)
    pages._names.again.setText(PASSPHRASE)
    pages.go_on()
    theme.set(text_percent=120)
    # It was typed twice a moment ago: nobody is asked a third time.
    with qtbot.waitSignal(app.opened, timeout=20_000):
        pages.go_on()
    assert ask_dialog(app) is None
    assert app._clinic is not None
    app.background.drain()
    assert app._clinic.clinic.computer().text_percent == 120


def give(app: App, words: str) -> None:
    dialog = ask_dialog(app)
    assert dialog is not None
    dialog.field.line.setText(words)
    QTest.keyClick(dialog.field.line, Qt.Key.Key_Return)


def test_wrong_passphrase_is_said_and_asked_again(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    a_clinic_with_a_passphrase(tmp_path)
    app = start()
    qtbot.waitUntil(lambda: ask_dialog(app) is not None, timeout=30_000)
    give(app, "another passphrase")
    qtbot.waitUntil(lambda: app._passphrase_problem != "" and ask_dialog(app) is not None)
    dialog = ask_dialog(app)
    assert dialog is not None
    assert app._passphrase_problem in words_of(dialog)
    # The caret is in it: nothing came as a window of its own and took the keys away.
    qtbot.waitUntil(dialog.field.line.hasFocus)
    with qtbot.waitSignal(app.opened, timeout=20_000):
        give(app, PASSPHRASE)


def test_window_is_there_before_the_clinic_is_open(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    a_clinic_with_a_passphrase(tmp_path)
    app = start()
    assert app.window is not None
    assert app.window.isVisible()
    assert app._clinic is None
    app.window.new_visit()
    app.window._go("patients")


def test_first_run_goes_on_where_it_was_closed(qtbot: QtBot, start: Start, tmp_path: Path) -> None:
    pages = pages_of(start())
    pages.go_on()
    pages._names.clinic.setText("Riverside Clinic")
    pages._names.doctor.setText("Dr M. Haddad")
    pages._names.password.line.setText(PASSPHRASE)
    pages._names.again.setText(PASSPHRASE)
    pages.close()
    assert PASSPHRASE not in (tmp_path / "window.ini").read_text(encoding="utf-8")
    (tmp_path / "clinic.lock").unlink(missing_ok=True)  # as after the end of the first process
    again = pages_of(start())
    assert again._stack.currentIndex() == 1
    assert again._names.doctor.text() == "Dr M. Haddad"
    assert again._names.password.text() == ""


def test_damaged_clinic_is_said_in_words_with_a_next_step(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    a_clinic_with_a_passphrase(tmp_path)
    database = clinic_dir(tmp_path) / "medrec.db"
    database.write_bytes(database.read_bytes()[:5000])
    app = start()
    qtbot.waitUntil(lambda: ask_dialog(app) is not None, timeout=30_000)
    give(app, PASSPHRASE)

    def said() -> str:
        dialogs = app.window.findChildren(Dialog) if app.window else []
        return " ".join(words_of(one) for one in dialogs if one.isVisible())

    qtbot.waitUntil(lambda: "could not be opened" in said(), timeout=20_000)
    assert "backup" in said().lower()


def with_a_newer_schema(home: Path, *, demo: bool) -> dict[str, bytes]:
    """As a newer program would have left the clinic; every file in it."""
    folder = clinic_dir(home, demo=demo)
    db = first_run.open_clinic(folder, lambda: PASSPHRASE)
    with db.begin() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    return files_of(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def said_in_dialogs(app: App) -> str:
    dialogs = app.window.findChildren(Dialog) if app.window else []
    return " ".join(words_of(one) for one in dialogs if one.isVisible())


def test_clinic_of_a_newer_program_is_said_plainly_and_not_touched(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    first_run.create_demo(clinic_dir(tmp_path, demo=True))
    before = with_a_newer_schema(tmp_path, demo=True)
    app = start(demo=True)
    qtbot.waitUntil(lambda: "could not be opened" in said_in_dialogs(app), timeout=20_000)
    assert "newer version of the program" in said_in_dialogs(app)
    app.background.drain()
    assert files_of(clinic_dir(tmp_path, demo=True)) == before


def test_clinic_of_a_newer_program_does_not_ask_for_the_passphrase_again_and_again(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    a_clinic_with_a_passphrase(tmp_path)
    before = with_a_newer_schema(tmp_path, demo=False)
    app = start()
    qtbot.waitUntil(lambda: ask_dialog(app) is not None, timeout=30_000)
    give(app, PASSPHRASE)
    qtbot.waitUntil(lambda: "newer version of the program" in said_in_dialogs(app), timeout=20_000)
    assert ask_dialog(app) is None
    app.background.drain()
    assert files_of(clinic_dir(tmp_path)) == before


@pytest.mark.skipif(sys.platform == "win32", reason="holds the file by a POSIX lock")
def test_clinic_that_another_program_keeps_to_itself_can_be_tried_again(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    first_run.create_demo(clinic_dir(tmp_path, demo=True))
    held = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(clinic_dir(tmp_path, demo=True))],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == "held\n"
    app = start(demo=True)
    qtbot.waitUntil(lambda: "could not be opened" in said_in_dialogs(app), timeout=30_000)
    held.communicate("")
    assert app.window is not None
    again = next(one for one in app.window.findChildren(QPushButton) if one.text() == "Try again")
    with qtbot.waitSignal(app.opened, timeout=30_000):
        QTest.mouseClick(again, Qt.MouseButton.LeftButton)


HOLD = """
import sys
from pathlib import Path
from medrec_desktop.services import first_run
db = first_run.open_clinic(Path(sys.argv[1]), lambda: None)
held = db._writes.raw_connection().driver_connection
held.execute("PRAGMA query_only = OFF")
held.execute("PRAGMA locking_mode = EXCLUSIVE")
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


def test_leaving_the_demo_erases_it_and_asks_again(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    app = start(demo=True)
    qtbot.waitSignal(app.opened, timeout=30_000).wait()
    app._leave_demo()
    qtbot.waitUntil(lambda: not (tmp_path / "demo").exists(), timeout=20_000)
    qtbot.waitUntil(pages_of(app)._next.isEnabled)
    assert app.window is None


def test_second_start_leaves_the_clinic_alone(
    qtbot: QtBot, start: Start, tmp_path: Path, qapp: QApplication, theme: Theme
) -> None:
    app = start(demo=True)
    qtbot.waitSignal(app.opened, timeout=30_000).wait()
    environment = dict(os.environ, MEDREC_HOME=str(tmp_path), QT_QPA_PLATFORM="offscreen")
    second = subprocess.Popen(
        [sys.executable, "-m", "medrec_desktop", "--demo"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=30_000)
    said = second.communicate()[1]
    assert second.returncode == 3
    assert "already open" in said
    toast = app.window.toast if app.window else QWidget()
    qtbot.waitUntil(lambda: any("already open" in o.text() for o in toast.findChildren(QLabel)))


def test_program_killed_while_open_starts_again(qtbot: QtBot, start: Start, tmp_path: Path) -> None:
    first_run.create_demo(clinic_dir(tmp_path, demo=True))
    environment = dict(os.environ, MEDREC_HOME=str(tmp_path), QT_QPA_PLATFORM="offscreen")
    killed = subprocess.Popen(
        [sys.executable, "-m", "medrec_desktop", "--demo"],
        cwd=Path(__file__).parents[2],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    qtbot.waitUntil((tmp_path / "demo.lock").exists, timeout=30_000)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    app = start(demo=True)
    qtbot.waitSignal(app.opened, timeout=30_000).wait()


def test_bug_shows_a_report_number_and_nothing_of_the_patient(
    qtbot: QtBot, start: Start, expect_log: Callable[..., object]
) -> None:
    app = start(demo=True)
    qtbot.waitSignal(app.opened, timeout=30_000).wait()
    with (
        expect_log("medrec_desktop.log", 40),  # type: ignore[attr-defined] # a context manager
        qtbot.waitSignal(app._faults.shown) as shown,
    ):
        app.background.read(app, int, "OKAFOR")
    assert app.window is not None
    dialog = app.window.findChild(Dialog)
    assert dialog is not None
    assert shown.args[0] in words_of(dialog)
    assert "OKAFOR" not in words_of(dialog)
