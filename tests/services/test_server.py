"""Setting a server up and making clinics on it: as a whole or not at all, and secrets stay secret."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.data.server.rights import owner_of
from medrec_desktop.domain.errors import Conflict, Denied, Invalid, NotFound
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.services import server
from tests.clinic_servers import ADMIN, NOW, ClinicServer


@pytest.fixture
def empty(new_admin_database: Callable[[], ClinicServer]) -> ClinicServer:
    """A database that nothing was done to."""
    return new_admin_database()


def problems(clinic_server: ClinicServer, asked: str | None = None) -> list[str]:
    return [p for looked in server.check(clinic_server.engine, asked) for p in looked.problems]


def secret_matches(verifier: str, secret: str) -> bool:
    """Whether PostgreSQL's SCRAM verifier was made of this password (RFC 5803)."""
    _, cost, keys = verifier.split("$")
    rounds, salt = cost.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), base64.b64decode(salt), int(rounds))
    key = hmac.digest(salted, b"Client Key", "sha256")
    stored = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return keys.split(":")[0] == stored


def test_set_up_needs_no_superuser_and_may_be_run_again(empty: ClinicServer) -> None:
    assert server.set_up(empty.engine)
    assert not server.set_up(empty.engine)
    assert problems(empty) == []
    owners = empty.run("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("medrec_server",)]


def test_a_superuser_may_set_it_up_too(empty: ClinicServer) -> None:
    url = sa.make_url(empty.url)
    address = ServerAddress(str(url.host), url.port or 0, str(url.database), str(url.username))
    engine = server_engine(address, None)
    try:
        assert server.set_up(engine)
        server.create_clinic(engine, name="Lake", user="Dr A", role="admin", now=NOW)
        assert problems(ClinicServer(empty.url, engine)) == []
    finally:
        engine.dispose()


def test_set_up_again_puts_shared_rights_right(empty: ClinicServer) -> None:
    server.set_up(empty.engine)
    for statement in (
        "GRANT SELECT ON public.tenants TO PUBLIC",
        "GRANT INSERT ON public.users TO medrec_clinic",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
    ):
        empty.run(statement)
    assert len(problems(empty)) == 3
    server.set_up(empty.engine)
    assert problems(empty) == []


def test_a_database_that_is_used_by_something_else_is_left_alone(empty: ClinicServer) -> None:
    empty.run("CREATE TABLE public.invoices (id integer)")
    with pytest.raises(Conflict, match="invoices"):
        server.set_up(empty.engine)
    tables = empty.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert tables == [("invoices",)]


def test_before_set_up_every_command_says_how_to_begin(empty: ClinicServer) -> None:
    for act in (
        lambda: server.clinics(empty.engine),
        lambda: empty.create("Riverside"),
        lambda: server.archive(empty.engine, "Riverside", now=NOW),
        lambda: problems(empty),
    ):
        with pytest.raises(Denied, match="medrec-admin server init"):
            act()


def test_an_account_that_may_not_is_told_so(empty: ClinicServer) -> None:
    empty.run(f"ALTER DATABASE {sa.make_url(empty.url).database} OWNER TO CURRENT_USER")
    with pytest.raises(Denied, match="must own the database"):
        server.set_up(empty.engine)


def test_a_new_clinic_is_whole(clinic_server: ClinicServer) -> None:
    later = NOW + timedelta(days=1)
    tenant, code = server.create_clinic(
        clinic_server.engine, name="  Meadow  Clinic ", user="Dr B", role="doctor", now=later
    )
    assert tenant == f"tenant_{int(later.timestamp() * 1000)}"
    assert problems(clinic_server, "meadow clinic") == []
    assert clinic_server.run(
        "SELECT t.name, u.name, u.role, u.admin, u.active FROM public.tenants t"
        f" JOIN public.users u ON u.tenant_id = t.id WHERE schema_name = '{tenant}'"
    ) == [("Meadow Clinic", "Dr B", "doctor", True, True)]
    settings = clinic_server.run(f"SELECT name, value FROM {tenant}.clinic_settings")
    assert settings == [("name", "Meadow Clinic")]
    ((verifier,),) = clinic_server.run(
        f"SELECT rolpassword FROM pg_authid WHERE rolname = '{tenant}'"
    )
    assert secret_matches(verifier, code.secret)
    assert code.tenant == tenant


def test_the_server_never_sees_the_password(clinic_server: ClinicServer) -> None:
    sent: list[str] = []

    @sa.event.listens_for(clinic_server.engine, "before_cursor_execute")
    def keep(*given: object) -> None:
        sent.append(f"{given[2]} {given[3]}")

    try:
        tenant, code = server.create_clinic(
            clinic_server.engine, name="Brook", user="Dr C", role="doctor", now=NOW
        )
        renewed = server.renew_join_code(clinic_server.engine, tenant)
    finally:
        sa.event.remove(clinic_server.engine, "before_cursor_execute", keep)
    assert any("SCRAM-SHA-256$" in statement for statement in sent)
    assert not any(code.secret in statement for statement in sent)
    assert not any(renewed.secret in statement for statement in sent)


def test_another_join_code_makes_the_old_one_void(clinic_server: ClinicServer) -> None:
    tenant, code = server.create_clinic(
        clinic_server.engine, name="Forest", user="Dr D", role="doctor", now=NOW
    )
    with closing(clinic_server.connect(tenant)) as session:
        renewed = server.renew_join_code(clinic_server.engine, "Forest")
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    ((verifier,),) = clinic_server.run(
        f"SELECT rolpassword FROM pg_authid WHERE rolname = '{tenant}'"
    )
    assert secret_matches(verifier, renewed.secret)
    assert not secret_matches(verifier, code.secret)
    assert JoinCode.parse(renewed.text) == renewed


def test_a_clinic_that_fails_leaves_nothing(
    clinic_server: ClinicServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left() -> list[object]:
        return clinic_server.run(
            "SELECT (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_namespace),"
            " (SELECT count(*) FROM public.tenants), (SELECT count(*) FROM public.users)"
        )

    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    before = left()
    monkeypatch.setattr(server, "insert_clinic", fails)
    with pytest.raises(ZeroDivisionError):
        clinic_server.create("Valley")
    assert left() == before


def test_an_id_that_is_taken_anywhere_is_not_given(clinic_server: ClinicServer) -> None:
    then = datetime(2020, 1, 1, tzinfo=UTC)
    number = int(then.timestamp() * 1000)
    clinic_server.run(f"CREATE ROLE tenant_{number}")
    clinic_server.run(f"CREATE ROLE tenant_{number + 1}_owner")
    clinic_server.run(f"CREATE SCHEMA tenant_{number + 2}")
    try:
        tenant, _ = server.create_clinic(
            clinic_server.engine, name="Dune", user="Dr E", role="doctor", now=then
        )
    finally:
        clinic_server.run(f"DROP ROLE tenant_{number}, tenant_{number + 1}_owner")
        clinic_server.run(f"DROP SCHEMA tenant_{number + 2}")
    assert tenant == f"tenant_{number + 3}"


@pytest.mark.parametrize("name", ["Riverside", "riverside ", "River-Side", "Rivеrside"])
def test_a_name_like_another_is_refused(
    clinic_server: ClinicServer, two_clinics: tuple[str, str], name: str
) -> None:
    with pytest.raises(Conflict, match="too much like it: Riverside"):
        clinic_server.create(name)


def test_a_hostile_name_is_only_a_name(clinic_server: ClinicServer) -> None:
    name = "'; DROP TABLE public.users; -- a\"b %s %(x)s :x {clinic} {0} $$ \\' ../<b>"
    tenant = clinic_server.create(name, user=name)
    found = {clinic.tenant: clinic.name for clinic in server.clinics(clinic_server.engine)}
    assert found[tenant] == name
    assert problems(clinic_server, tenant) == []


def test_names_that_cannot_be_shown_are_refused(clinic_server: ClinicServer) -> None:
    with pytest.raises(Invalid, match="invisible or control"):
        clinic_server.create("a\x1b[2Jb")
    with pytest.raises(Invalid, match="invisible or control"):
        clinic_server.create("Harbour", user="a\u202eb")


def test_an_archived_clinic_is_out_and_keeps_its_rows(clinic_server: ClinicServer) -> None:
    tenant = clinic_server.create("Harbour")
    with closing(clinic_server.connect(tenant)) as session:
        assert session.execute("SELECT count(*) FROM public.users").fetchone() == (1,)
        server.archive(clinic_server.engine, "Harbour", now=NOW)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        clinic_server.connect(tenant)
    assert problems(clinic_server, tenant) == []
    assert clinic_server.run(f"SELECT count(*) FROM {tenant}.clinic_settings") == [(1,)]
    with pytest.raises(Conflict, match="archived already"):
        server.archive(clinic_server.engine, tenant, now=NOW)
    server.archive(clinic_server.engine, tenant, now=None)
    with closing(clinic_server.connect(tenant)) as session:
        assert session.execute("SELECT count(*) FROM public.users").fetchone() == (1,)
    assert problems(clinic_server, tenant) == []


def test_a_clinic_whose_role_is_gone_is_a_sentence(clinic_server: ClinicServer) -> None:
    tenant = clinic_server.create("Heath")
    clinic_server.run(f"ALTER ROLE {tenant} RENAME TO tenant_gone")
    try:
        with pytest.raises(Conflict, match="role that belongs to this clinic is missing"):
            server.archive(clinic_server.engine, "Heath", now=NOW)
        assert "may not log in, and should" in " ".join(problems(clinic_server, "Heath"))
    finally:
        clinic_server.run(f"ALTER ROLE tenant_gone RENAME TO {tenant}")


def test_a_clinic_that_is_not_there_is_not_found(clinic_server: ClinicServer) -> None:
    with pytest.raises(NotFound, match="clinic list"):
        server.archive(clinic_server.engine, "Nowhere", now=NOW)


def test_roles_of_clinics_hold_nothing_but_a_login(
    clinic_server: ClinicServer, two_clinics: tuple[str, str]
) -> None:
    for tenant in two_clinics:
        rows = clinic_server.run(
            "SELECT rolname, rolcanlogin, rolsuper OR rolcreatedb OR rolcreaterole"
            f" OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname ^@ '{tenant}'"
            " ORDER BY 1"
        )
        assert rows == [(tenant, True, False), (owner_of(tenant), False, False)]
    assert ADMIN not in two_clinics
