"""Signals of a real bus, started for the test, lock the program."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.lock.system import SystemLock

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not shutil.which("dbus-daemon") or not shutil.which("dbus-send"),
    reason="needs dbus-daemon and dbus-send",
)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[str]:
    """The address of a bus of our own."""
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    yield daemon.stdout.readline().strip()
    daemon.kill()
    daemon.communicate()


def send(bus: str, interface: str, name: str, *words: str) -> None:
    subprocess.run(
        ["dbus-send", f"--bus={bus}", "--type=signal", "/any/place", f"{interface}.{name}", *words],
        check=True,
        timeout=10,
    )


@pytest.mark.parametrize(
    ("interface", "name", "words"),
    [
        ("org.freedesktop.login1.Session", "Lock", ()),
        ("org.freedesktop.login1.Manager", "PrepareForSleep", ("boolean:true",)),
        ("org.freedesktop.ScreenSaver", "ActiveChanged", ("boolean:true",)),
        ("org.gnome.ScreenSaver", "ActiveChanged", ("boolean:true",)),
    ],
)
def test_session_that_locks_or_sleeps_locks_the_program(
    qtbot: QtBot, bus: str, interface: str, name: str, words: tuple[str, ...]
) -> None:
    from PySide6.QtDBus import QDBusConnection

    connection = QDBusConnection.connectToBus(bus, name + interface)
    listening = SystemLock()
    try:
        assert listening.listen_on(connection, connection) == 4
        with qtbot.waitSignal(listening.asked, timeout=30_000):
            send(bus, interface, name, *words)
        heard: list[bool] = []
        listening.asked.connect(lambda: heard.append(True))
        send(bus, "org.gnome.ScreenSaver", "ActiveChanged", "boolean:false")
        with qtbot.waitSignal(listening.asked, timeout=30_000):
            send(bus, "org.freedesktop.login1.Session", "Lock")
        assert len(heard) == 1
    finally:
        listening.deleteLater()
        QDBusConnection.disconnectFromBus(name + interface)


def test_computer_without_a_bus_is_no_fault() -> None:
    from PySide6.QtDBus import QDBusConnection

    nowhere = QDBusConnection("nowhere")
    assert SystemLock().listen_on(nowhere, nowhere) == 0
