"""What holds for every test: no display, no real keyring, no network, nothing left behind."""

import atexit
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# Before Qt is imported: with no display and no platform named, Qt ends the run without a report.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# The keyring of whoever runs the tests stays closed; tests hand in their own.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"

# So do the folders in which the installed program keeps the real clinic.
_FOLDERS = tempfile.mkdtemp(prefix="medrec-tests-")
atexit.register(shutil.rmtree, _FOLDERS, ignore_errors=True)
for _kind in ("CONFIG", "DATA", "STATE", "CACHE"):
    os.environ[f"XDG_{_kind}_HOME"] = str(Path(_FOLDERS, _kind.lower()))
os.environ["MEDREC_HOME"] = str(Path(_FOLDERS, "home"))
os.environ.pop("MEDREC_PASSPHRASE", None)

import hypothesis  # noqa: E402  # after the environment is set
import pytest  # noqa: E402

pytest_plugins = [
    "tests.crashes",
    "tests.logfail",
    "tests.postgres",
    "tests.clinic_servers",
    "tests.s3_servers",
]

# The machines that run this are shared: slow is not wrong, wrong is wrong.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real visits and attachments, beside the checkout."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not there")
    return folder


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread running which would keep the program from ending."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2
    left = [t for t in threading.enumerate() if t not in before and not t.daemon]
    for thread in left:
        thread.join(max(0.0, deadline - time.monotonic()))
    running = [t.name for t in left if t.is_alive()]
    if running:
        pytest.fail(f"The test left threads running: {', '.join(running)}", pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse connections from Python to other computers; servers on this one are fine."""
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in {"localhost", "127.0.0.1", "::1"}:
            pytest.fail(f"The test tried to reach {host} over the network")
        connect(self, address)  # type: ignore[arg-type]  # whatever the caller was given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        yield
