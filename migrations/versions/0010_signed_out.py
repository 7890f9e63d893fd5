"""A computer that was signed out reads no more than it writes.

1. Reading goes through functions (`sync_pull`, `sync_page`, `sync_history`, `sync_looks`) that ask
   first who reads; the login no longer reads the feed and what is made of it by itself.
2. `sync_hello` tells a computer that was signed out just that.
3. Signing a computer out always holds: it is never parked, never taken back.

Locally nothing changes.
"""

from pathlib import Path

from alembic import context, op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "signed_out"
_TIME = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''
_DOCS = ("record", "patient", "attachment", "addendum", "settings", "user", "device", "parked")
CLOSED = ("sync_feed", "sync_ops", "sync_parked", *(f"{name}_docs" for name in _DOCS))


def upgrade() -> None:
    {"local": nothing, "tenant": tenant, "shared": nothing}[context.config.attributes["target"]]()


def nothing() -> None:
    pass


def tenant() -> None:
    name = context.config.attributes["schema"]
    names = {
        "<schema>": f'"{name}"',
        "<time>": _TIME,
        "LANGUAGE plpgsql": "LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp",
    }
    _raw("SET LOCAL check_function_bodies = off")
    for part in ("reading", "hello", "device"):
        text = (_SQL / f"{part}.sql").read_text("utf-8")
        for word, value in names.items():
            text = text.replace(word, value)
        for statement in text.split("\n----\n"):
            _raw(statement)
    tables = ", ".join(f'"{name}"."{table}"' for table in CLOSED)
    # A schema that nobody signs in to has no login.
    _raw(
        f"DO $$ BEGIN IF to_regrole('\"{name}\"') IS NOT NULL THEN"
        f' REVOKE ALL ON {tables} FROM "{name}"; END IF; END $$'
    )


def _raw(statement: str) -> None:
    # As it is: colons and question marks in it are PostgreSQL's.
    op.get_bind().exec_driver_sql(statement)
