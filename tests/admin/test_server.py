"""The commands for a server: what they print, how they end, and where the password may come from."""

import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.admin import cli
from medrec_desktop.admin import server as commands
from medrec_desktop.data import migrate
from medrec_desktop.data.server.address import server_engine
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.joining import JoinCode
from tests.clinic_servers import ADMIN, ClinicServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clinic_server: ClinicServer
) -> Iterator[Run]:
    """Runs a command on the tests' server: (exit code, standard output, standard error)."""
    address = clinic_server.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    monkeypatch.setenv("MEDREC_SERVER", url)
    before = signal.getsignal(signal.SIGTERM)

    def command(*argv: str) -> tuple[int, str, str]:
        code = cli.main(argv)
        said = capsys.readouterr()
        return code, said.out, said.err

    yield command
    signal.signal(signal.SIGTERM, before)


def test_from_an_empty_database_to_an_archived_clinic(
    run: Run,
    new_admin_database: Callable[[], ClinicServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = new_admin_database()
    address = empty.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    monkeypatch.setenv("MEDREC_SERVER", url)
    code, _, err = run("clinic", "list")
    assert (code, "server init" in err) == (1, True)
    code, out, _ = run("server", "init")
    assert (code, "The server is ready." in out) == (0, True)
    code, out, _ = run("server", "init")
    assert (code, "set up before" in out) == (0, True)

    code, out, _ = run("clinic", "create", "Riverside", "--doctor", "Dr Amina Osei")
    assert code == 0
    printed = re.search(r"Join code: (\S+)", out)
    assert printed is not None
    joined = JoinCode.parse(printed[1])
    assert joined.tenant in out
    assert "shown this once" in out
    code, out, _ = run("clinic", "list")
    assert (code, out.splitlines()[0].split()) == (
        0,
        [joined.tenant, migrate.head(), "in", "use", "Riverside"],
    )
    assert joined.secret not in out

    code, out, _ = run("clinic", "check")
    assert code == 0
    assert out.splitlines() == [
        "ok       the server",
        f"ok       {joined.tenant}  Riverside",
        "Everything is as it should be.",
    ]
    empty.run(f"GRANT DELETE ON {joined.tenant}.patients TO {joined.tenant}")
    code, out, _ = run("clinic", "check", "riverside")
    assert code == 1
    assert f"{joined.tenant} may DELETE on the table patients, and should not." in out

    code, out, _ = run("clinic", "archive", "Riverside")
    assert (code, "log in no more" in out) == (0, True)
    assert "archived" in run("clinic", "list")[1]
    assert run("clinic", "archive", "Riverside")[0] == 1
    assert run("clinic", "archive", "Riverside", "--undo")[0] == 0


def test_migrate_says_what_became_of_each_clinic(
    run: Run,
    new_admin_database: Callable[[], ClinicServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    behind = new_admin_database()
    address = behind.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    monkeypatch.setenv("MEDREC_SERVER", url)
    run("server", "init")
    older = migrate.revisions()[-2]
    good, bad = behind.fill(2, at=older)
    behind.run(f"UPDATE {bad}.alembic_version SET version_num = 'none'")
    code, out, _ = run("migrate", "--dry-run")
    assert code == 1
    assert f"{good}  Clinic 0: {older} to {migrate.head()}" in out
    assert "tried on an empty clinic and taken back" in out
    assert behind.revisions() == [older, "none"]
    code, out, err = run("migrate", "--jobs", "1")
    assert code == 1
    assert f"ok       {good}  Clinic 0: {older} to {migrate.head()}" in out
    assert f"FAILED   {bad}  Clinic 1: It is at revision none" in out
    assert err == ""  # nobody watches: no bar
    behind.run(f"UPDATE {bad}.alembic_version SET version_num = '{migrate.head()}'")
    code, out, _ = run("migrate")
    assert (code, f"2 are at {migrate.head()}" in out) == (0, True)
    assert run("migrate", "--dry-run")[0] == 0


def test_another_join_code_is_printed(run: Run, clinic_server: ClinicServer) -> None:
    tenant = clinic_server.create("Quarry")
    code, out, _ = run("clinic", "join-code", "Quarry")
    assert code == 0
    assert re.search(r"Join code: (\S+)", out)
    assert "void" in out
    assert run("clinic", "join-code", tenant)[0] == 0


def test_an_address_with_a_password_is_refused_and_not_repeated(run: Run) -> None:
    code, out, err = run("clinic", "list", "--server", "postgresql://a:open-sesame@h/b")
    assert code == 1
    assert "holds a password" in err
    assert "open-sesame" not in out + err


def test_which_server_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDREC_SERVER")
    code, _, err = run("clinic", "list")
    assert (code, "MEDREC_SERVER" in err) == (1, True)


def test_an_unprotected_line_is_said_aloud(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> Any:
        raise MedrecError("not dialled in this test")

    monkeypatch.setattr(commands, "server_engine", stop)
    _, _, err = run(
        "clinic", "list", "--server", "postgresql://a@db.example.org/b", "--unprotected"
    )
    assert "WARNING: this connection is not protected" in err
    _, _, err = run("clinic", "list", "--server", "postgresql://a@db.example.org/b")
    assert "WARNING" not in err


@pytest.mark.parametrize("way", ["stdin", "environment", "prompt"])
def test_the_password_comes_from_where_nobody_else_reads(
    run: Run, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    used: list[str | None] = []
    connect = server_engine

    def seen(address: Any, password: str | None) -> sa.Engine:
        used.append(password)
        return connect(address, password)

    monkeypatch.setattr(commands, "server_engine", seen)
    if way == "stdin":
        monkeypatch.setattr("sys.stdin", io_of("open sesame\nmore\n", terminal=False))
        code, _, _ = run("clinic", "list", "--password-stdin")
        assert (code, used) == (0, ["open sesame"])
    elif way == "environment":
        monkeypatch.setenv("MEDREC_SERVER_PASSWORD", "open sesame")
        code, _, _ = run("clinic", "list")
        assert (code, used) == (0, ["open sesame"])
    else:
        # This server lets everybody in: what it says when it does not is put in its mouth.
        asked = iter([True])
        monkeypatch.setattr(commands, "asks_for_password", lambda _error: next(asked, False))
        monkeypatch.setattr("sys.stdin", io_of("", terminal=True))
        monkeypatch.setattr("getpass.getpass", lambda _prompt: "open sesame")
        code, _, err = run("clinic", "list", "--server", "postgresql://nobody@127.0.0.1:1/b")
        assert (code, used) == (1, [None, "open sesame"])
        assert "could not be reached" in err


def io_of(text: str, *, terminal: bool) -> Any:
    import io

    class Stdin(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    return Stdin(text)


def test_wrong_arguments_end_with_two(run: Run) -> None:
    for argv in (("clinic", "create", "X"), ("clinic", "create", "X", "--doctor", "a", "--admin", "b"), ("server",), ("clinic", "archive")):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            run(*argv)
        assert ended.value.code == 2
