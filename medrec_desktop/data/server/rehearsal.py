"""A clinic made in a transaction that is rolled back: what one ought to be, and how to get there.

`upgrade_script` rehearses an upgrade once and keeps every statement it sent; each clinic is then
sent the same text with its own name in it, in one go. Alembic for each clinic takes twenty
times as long, and it works for one at a time only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa

from medrec_desktop.data import migrate
from medrec_desktop.data.server.rights import clinic_rights, clinic_roles, owner_of, quoted, run
from medrec_desktop.data.session import Session

# What Alembic itself looks up. Anything else that reads is a revision's.
_ALEMBICS = ("pg_catalog.", "alembic_version")


@contextmanager
def rehearsed(engine: sa.Engine, revision: str | None) -> Iterator[tuple[Session, str]]:
    """A clinic without rows at `revision` (None: an empty schema), its roles and its rights, and
    the name of its schema. It is gone when the block ends."""
    # Nothing that this program writes anywhere has such a name in it.
    schema = f"tenant_rehearsal_{uuid4().hex[:16]}"
    with engine.connect() as session:
        try:
            run(session, clinic_roles(schema, verifier=None))
            if revision is not None:
                upgrade_clinic(session, schema, to=revision)
            yield session, schema
        finally:
            session.rollback()


def upgrade_clinic(session: Session, schema: str, *, to: str = "head") -> None:
    """Run a clinic's missing revisions as its owner, then say anew who may do what."""
    run(session, [f"SET LOCAL ROLE {quoted(owner_of(schema))}"])
    migrate.upgrade("tenant", session, schema, to=to)
    run(session, clinic_rights(session, schema))
    run(session, ["RESET ROLE"])


def upgrade_script(engine: sa.Engine, revision: str | None, *, to: str = "head") -> tuple[str, str]:
    """All that brings a clinic from `revision` to head, as one text of SQL, and the name in it
    that stands for the clinic's schema."""
    sent: list[str] = []

    def keep(
        connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> None:
        if not _reads(statement):
            raw: Any = connection.connection.driver_connection
            sent.append(psycopg.ClientCursor(raw).mogrify(statement, parameters or None))
        elif not any(name in statement for name in _ALEMBICS):
            raise ValueError(f"a clinic's revision reads rows, it must be SQL alone: {statement}")

    with rehearsed(engine, revision) as (session, schema):
        as_owner = [f"SET LOCAL ROLE {quoted(owner_of(schema))}"]
        run(session, as_owner)
        sa.event.listen(session, "before_cursor_execute", keep)
        migrate.upgrade("tenant", session, schema, to=to)
        sa.event.remove(session, "before_cursor_execute", keep)
        rights = clinic_rights(session, schema)
        run(session, rights)
    # On a line of its own: a statement may end with a comment.
    return "\n;\n".join([*as_owner, *sent, *rights]), schema


def _reads(statement: str) -> bool:
    return statement.lstrip().upper().startswith(("SELECT", "WITH", "SHOW", "TABLE", "VALUES"))
