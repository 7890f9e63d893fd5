"""The real program on a real clinic, and a bucket server that can be unplugged."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.bootstrap import build
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.domain.storage import Secret, StorageSettings
from medrec_desktop.security import keyrings, keys, storage_keys
from medrec_desktop.services import first_run
from medrec_desktop.ui.app import App
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.theme import Theme
from tests.fakes.keyrings import MemoryKeyring
from tests.s3_servers import free_port

SECRET = Secret("AKIDWINDOWTEST", "window-test-secret")
BUCKET = "clinic-files"


class Bucket:
    """`rclone serve s3` on one port for as long as the test runs; its objects are files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / BUCKET).mkdir(parents=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def plug_in(self) -> None:
        program = shutil.which("rclone", path=str(Path(sys.executable).parent))
        if program is None:
            pytest.skip("rclone is not installed")
        line = [
            program, "serve", "s3", str(self.folder), "--addr", f"127.0.0.1:{self.port}",
            "--auth-key", f"{SECRET.access_key},{SECRET.secret_key}",
            "--vfs-cache-mode", "off", "--config", "/dev/null",
        ]  # fmt: skip
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(line, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 30
        import socket

        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            QApplication.processEvents()
        pytest.fail("the bucket server did not start")

    def pull_out(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def objects(self) -> list[Path]:
        files = self.folder.joinpath(BUCKET).rglob("*")
        return sorted(one for one in files if one.is_file())


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    made = Bucket(tmp_path / "bucket")
    yield made
    made.pull_out()


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """A computer with a keyring; it outlives the program."""
    made = MemoryKeyring()
    for module in (keyrings, keys, storage_keys):
        if hasattr(module, "system_keyring"):
            monkeypatch.setattr(module, "system_keyring", lambda: made)
    return made


Start = Callable[[], App]


@pytest.fixture
def start(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme, keyring: MemoryKeyring
) -> Iterator[Start]:
    """Starts the program on one clinic; what still runs at the end is closed."""
    home = tmp_path / "home"
    first_run.create_clinic(
        clinic_dir(home), clinic_name="Riverside Clinic", doctor_name="Dr M. Haddad",
        passphrase=None, keyring=keyring,
    )  # fmt: skip
    running: list[App] = []
    qapp.setQuitOnLastWindowClosed(False)

    def start_app() -> App:
        app = build(Config(home), qapp, theme=theme)
        running.append(app)
        with qtbot.waitSignal(app.opened, timeout=60_000):
            assert app.start()
        return app

    yield start_app
    for app in running:
        close(app)


def close(app: App) -> None:
    """As a user does; twice is fine."""
    if app.window is not None:
        app.window.close()
        app.finish()
        app.window.deleteLater()
        app.window = None


def desk_of(app: App) -> StorageDesk:
    assert app.services is not None
    assert app.services.storage is not None
    return app.services.storage


def settings_for(app: App, bucket: Bucket) -> StorageSettings:
    """What a test of the connection finds out about rclone."""
    tenant = desk_of(app).set_up.now().settings.tenant
    return StorageSettings(
        bucket=BUCKET, tenant=tenant, endpoint=bucket.endpoint,
        encryption="none", tiering=False, suffix_always=True,
    )  # fmt: skip
