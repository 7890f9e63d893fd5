import socket

import pytest
import sqlalchemy as sa

from medrec_desktop.data import schema, tenant
from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Denied, Unavailable
from tests.data import rows


def test_a_clinic_writes_into_its_own_schema(
    server: sa.Engine, clinic_engine: sa.Engine, clinic_schema: str
) -> None:
    with tenant.begin(clinic_engine) as session:
        rows.a_record(session)
    with server.connect() as connection:
        for name, count in (
            (f'"{clinic_schema}".patients', 1),
            (f'"{clinic_schema}".diagnoses', 1),
        ):
            assert connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) == count
        assert not sa.inspect(connection).has_table("patients", schema="public")


def test_local_tables_are_not_on_the_server(server: sa.Engine, clinic_schema: str) -> None:
    found = set(sa.inspect(server).get_table_names(schema=clinic_schema))
    # What sync has on the server only is made by its revision alone.
    sync = {f"sync_{name}" for name in ("head", "feed", "ops", "parked", "devices", "users")}
    assert found == {table.name for table in schema.tables("tenant")} | {"alembic_version"} | sync


def test_an_error_takes_everything_back(clinic_engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), tenant.begin(clinic_engine) as session:  # noqa: PT012
        rows.a_patient(session)
        raise ZeroDivisionError
    with tenant.begin(clinic_engine) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(schema.patients)) == 0


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # not listening: nobody else can, either
        port = closed.getsockname()[1]
        engine = tenant.tenant_engine(f"postgresql+psycopg://x@127.0.0.1:{port}/x", "t_one")
        with pytest.raises(Unavailable, match="does not answer"), tenant.begin(engine) as session:
            session.execute(sa.text("SELECT 1"))
        engine.dispose()


def test_a_line_that_is_cut_is_unavailable(server: sa.Engine, clinic_engine: sa.Engine) -> None:
    with pytest.raises(Unavailable), tenant.begin(clinic_engine) as session:  # noqa: PT012
        number = session.scalar(sa.text("SELECT pg_backend_pid()"))
        with server.begin() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(:n, 5000)"), {"n": number})
        session.execute(sa.text("SELECT 1"))


def test_a_server_that_refuses_is_denied(server: sa.Engine, postgres_url: str) -> None:
    role = f"nobody_{new_uid().hex}"
    with server.begin() as connection:
        connection.execute(sa.text(f"CREATE ROLE {role} LOGIN PASSWORD 'nothing'"))
    url = sa.make_url(postgres_url).set(username=role, password="nothing")
    engine = tenant.tenant_engine(url.render_as_string(hide_password=False), "t_one")
    try:
        with pytest.raises(Denied, match="refused"), tenant.begin(engine) as session:
            session.execute(sa.text("SELECT * FROM public.users"))
    finally:
        engine.dispose()
        with server.begin() as connection:
            connection.execute(sa.text(f"DROP ROLE {role}"))


@pytest.mark.parametrize("name", ["", "T", "1a", "a;b", 'a"b', "pg_temp", "public", "a" * 64, "ä"])
def test_only_plain_names_become_schemas(name: str) -> None:
    with pytest.raises(ValueError, match="schema"):
        tenant.checked_schema(name)
