"""`clinic move-to-server` as it is typed, on a clinic with a password and a real server."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from medrec_desktop.admin import cli
from medrec_desktop.domain.joining import JoinCode
from tests.clinic_servers import ADMIN, ClinicServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    clinic_server: ClinicServer,
    tmp_path: Path,
) -> Iterator[Run]:
    """Runs a command on a home of its own: (exit code, standard output, standard error)."""
    address = clinic_server.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    monkeypatch.setenv("MEDREC_SERVER", url)
    monkeypatch.setenv("MEDREC_HOME", str(tmp_path))
    monkeypatch.setenv("MEDREC_PASSPHRASE", "three words here")
    before = signal.getsignal(signal.SIGTERM)

    def command(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield command
    signal.signal(signal.SIGTERM, before)


def test_a_clinic_moves_by_one_command_and_once(run: Run, clinic_server: ClinicServer) -> None:
    name = f"Hill {uuid4().hex[:8]}"
    assert run("clinic", "new", name, "--doctor", "Dr Amina Osei")[0] == 0
    code, out, err = run("clinic", "move-to-server")
    assert (code, err) == (0, "")
    printed = re.search(r"Join code: (\S+)", out)
    assert printed is not None
    tenant = JoinCode.parse(printed[1]).tenant
    assert "Everything is on the server" in out
    assert clinic_server.run(f"SELECT name FROM {tenant}.sync_users") == [("Dr Amina Osei",)]
    code, out, _ = run("clinic", "move-to-server")
    assert code == 0
    assert "Join code" not in out
    # The sign-in is an entry of the trail, and that goes too.
    assert "Everything is on the server; 1 change was sent." in out


def test_without_a_clinic_it_says_so(run: Run) -> None:
    code, _, err = run("clinic", "move-to-server")
    assert code == 1
    assert "clinic" in err


def test_records_do_not_go_over_an_open_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDREC_SERVER", f"postgresql://{ADMIN}@db.example.org/medrec")
    assert run("clinic", "new", f"Hill {uuid4().hex[:8]}", "--doctor", "Dr Osei")[0] == 0
    code, _, err = run("clinic", "move-to-server", "--unprotected")
    assert code == 1
    assert "not protected" in err
