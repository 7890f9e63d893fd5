"""Logging in with passwords, on a server that asks for them: the join code opens its clinic alone."""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
import sqlalchemy as sa

from medrec_desktop.admin import cli
from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.services import server
from tests.clinic_servers import ADMIN, NOW, ClinicServer
from tests.postgres import _for_psycopg


@pytest.fixture
def strict(
    new_admin_database: Callable[[], ClinicServer], postgres_server: str
) -> Iterator[ClinicServer]:
    """A server of whose database everybody but the superuser needs a password."""
    if os.environ.get("MEDREC_TEST_POSTGRES"):
        pytest.skip("who may log in to a server that was given is not for tests to change")
    found = new_admin_database()
    server.set_up(found.engine)
    database = found.address.database
    with psycopg.connect(_for_psycopg(postgres_server), autocommit=True) as connection:
        read = connection.execute("SELECT pg_read_file('pg_hba.conf')").fetchone()
        assert read is not None

        def write(rules: str) -> None:
            connection.execute(
                f"DO $do$ BEGIN EXECUTE format('COPY (SELECT unnest(string_to_array(%L, chr(10))))"
                f" TO %L', $t${rules}$t$, current_setting('hba_file')); END $do$".encode()
            )
            connection.execute("SELECT pg_reload_conf()")

        line = f"host {database} {{}} 127.0.0.1/32 {{}}\n"
        write(line.format("postgres", "trust") + line.format("all", "scram-sha-256") + read[0])
        _until_asked(found)
        yield found
        write(read[0])


def _until_asked(clinic_server: ClinicServer) -> None:
    """Reloading takes a moment; the first refusal shows that it is done."""
    for _ in range(1000):
        try:
            clinic_server.connect(ADMIN).close()
        except psycopg.OperationalError:
            return
    pytest.fail("the server goes on letting everybody in", pytrace=False)


def logs_in(clinic_server: ClinicServer, user: str, password: str) -> bool:
    address = clinic_server.address
    engine = server_engine(ServerAddress(address.host, address.port, address.database, user), password)  # fmt: skip
    try:
        with engine.connect() as session:
            return bool(session.scalar(sa.text("SELECT session_user")) == user)
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()


def test_a_join_code_opens_its_clinic_alone(strict: ClinicServer) -> None:
    strict.run(f"ALTER ROLE {ADMIN} PASSWORD 'open sesame'")
    try:
        engine = server_engine(strict.address, "open sesame")
        made = [
            server.create_clinic(engine, name=name, user="Dr A", role="doctor", now=NOW)
            for name in ("Riverside", "Hillside")
        ]
        one, other = (JoinCode.parse(code.text) for _, code in made)
        assert logs_in(strict, one.tenant, one.secret)
        assert not logs_in(strict, one.tenant, other.secret)
        assert not logs_in(strict, one.tenant, "")
        assert not logs_in(strict, f"{one.tenant}_owner", one.secret)
        renewed = server.renew_join_code(engine, one.tenant)
        assert not logs_in(strict, one.tenant, one.secret)
        assert logs_in(strict, one.tenant, renewed.secret)
        server.archive(engine, one.tenant, now=NOW)
        assert not logs_in(strict, one.tenant, renewed.secret)
        assert logs_in(strict, other.tenant, other.secret)
        engine.dispose()
    finally:
        strict.run(f"ALTER ROLE {ADMIN} PASSWORD NULL")


def test_the_command_asks_only_when_the_server_does(
    strict: ClinicServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = strict.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return "open sesame"

    monkeypatch.setattr("getpass.getpass", typed)
    strict.run(f"ALTER ROLE {ADMIN} PASSWORD 'open sesame'")
    try:
        assert cli.main(["clinic", "list", "--server", url]) == 0
        assert asked == [f"Password of {ADMIN} at {address.host}: "]
        monkeypatch.setattr("sys.stdin.isatty", lambda: False)
        assert cli.main(["clinic", "list", "--server", url]) == 1
        assert "The server wants a password" in capsys.readouterr().err
        with pytest.raises(Unavailable, match="password authentication failed"):
            server.clinics(server_engine(address, "guess"))
    finally:
        strict.run(f"ALTER ROLE {ADMIN} PASSWORD NULL")
