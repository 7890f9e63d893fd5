"""Brings a database to this program's schema: one history for local files and the server.

Alembic is heavy (more than a second of CPU), so it is imported only when a revision differs.
Nothing here begins or ends a transaction on a server: the caller does, so that a clinic's schema
changes as a whole or not at all.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from medrec_desktop.domain.errors import Corrupt, Denied
from medrec_desktop.shipped import migrations

Target = Literal["local", "tenant", "shared"]

_FILE = re.compile(r"(\d{4})_\w+\.py")


def revisions() -> list[str]:
    """Every revision this program knows, oldest first. The number in a file's name is its id."""
    files = (_FILE.fullmatch(path.name) for path in (migrations() / "versions").iterdir())
    return sorted(match[1] for match in files if match)


def head() -> str:
    """The revision this program works with."""
    return revisions()[-1]


def version_table(target: Target) -> str:
    """`public` may be shared with other programs, so the table there says whose it is."""
    return "medrec_version" if target == "shared" else "alembic_version"


def current(target: Target, connection: sa.Connection, schema: str | None = None) -> str | None:
    """The revision of the database; None when it was never ours."""
    name = version_table(target)
    where = "public" if target == "shared" else schema
    if not sa.inspect(connection).has_table(name, schema=where):
        return None
    table = sa.table(name, sa.column("version_num"), schema=where)
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()


def upgrade(
    target: Target, connection: sa.Connection, schema: str | None = None, *, to: str = "head"
) -> None:
    """Run the missing revisions inside the caller's transaction. A tenant names its `schema`.

    Alembic keeps its context in a global: one upgrade at a time in a process.
    """
    from alembic import command
    from alembic.config import Config

    if (target == "tenant") != (schema is not None):
        raise ValueError("a tenant has a schema, the others have none")
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, target=target, schema=schema)
    before = connection.get_execution_options().get("schema_translate_map")
    try:
        command.upgrade(config, to)
    finally:
        # The revisions' translation must not stay on the caller's connection.
        connection.execution_options(schema_translate_map=before)


def upgrade_file(
    reads: sa.Engine, writes: sa.Engine, path: Path, copy_to: Callable[[Path], None]
) -> None:
    """Bring a local file to head: copied first, all in one transaction, put back when it fails."""
    with reads.connect() as connection:
        found = current("local", connection)
    if found is None:
        raise Corrupt("This file holds no clinic. Nothing was changed. Restore the newest backup.")
    if found == head():
        return
    if found not in revisions():
        raise Denied(
            "This clinic was opened with a newer version of the program. Nothing was changed. "
            "Install the newest version on this computer."
        )
    copy = path.with_name(f"{path.name}.before-{head()}")
    copy_to(copy)
    done = False
    try:
        _upgrade_rows(writes)
        done = True
    finally:
        if not done:
            _put_back(writes, copy, path)
    for older in path.parent.glob(f"{path.name}.before-*"):
        if older != copy:
            older.unlink()


def _upgrade_rows(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        # Tables are rebuilt under their neighbours' feet; SQLite ignores this inside a transaction.
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                upgrade("local", connection)
                if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise Corrupt(
                        "The clinic could not be brought to this version of the program: some of "
                        "its rows do not fit together. It was left as it was. Go on with the "
                        "version you had, and send us the report."
                    )
        finally:
            connection.invalidate()  # never back into the pool without foreign keys


def _put_back(engine: sa.Engine, copy: Path, path: Path) -> None:
    engine.dispose()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    copy.replace(path)
