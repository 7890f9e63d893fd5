"""Both databases for the tests: a SQLCipher file, and a clinic's schema on a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pytest
import sqlalchemy as sa

from medrec_desktop.data import migrate, tenant
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.session import Session

KEY = bytes(range(32))


class Begin(Protocol):
    """Begins a transaction."""

    def __call__(self) -> AbstractContextManager[Session]: ...


@dataclass(frozen=True)
class Database:
    """A migrated database of either kind; what holds for one holds for the other."""

    kind: Literal["local", "tenant"]
    begin: Begin


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDb]:
    """An empty clinic in an encrypted file."""
    db = LocalDb.create(tmp_path / "medrec.db", KEY)
    yield db
    db.close()


@pytest.fixture(scope="session")
def server(postgres_url: str) -> Iterator[sa.Engine]:
    """A server with the shared tables, without any clinic."""
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        migrate.upgrade("shared", connection)
    yield engine
    engine.dispose()


@pytest.fixture
def clinic_schema(server: sa.Engine) -> Iterator[str]:
    """The name of an empty clinic's schema."""
    name = f"t_{new_uid().hex}"
    with server.begin() as connection:
        tenant.create_schema(connection, name)
        migrate.upgrade("tenant", connection, name)
    yield name
    with server.begin() as connection:
        connection.execute(sa.schema.DropSchema(name, cascade=True))


@pytest.fixture
def clinic_engine(postgres_url: str, clinic_schema: str) -> Iterator[sa.Engine]:
    """An engine bound to an empty clinic on the server."""
    engine = tenant.tenant_engine(postgres_url, clinic_schema)
    yield engine
    engine.dispose()


@pytest.fixture(params=["local", "tenant"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each test that asks for it runs on both."""
    if request.param == "local":
        return Database("local", request.getfixturevalue("local").begin)
    engine: sa.Engine = request.getfixturevalue("clinic_engine")
    return Database("tenant", lambda: tenant.begin(engine))
