"""A clinic of one computer moves to a server: from then on it is like any other, and everything it
has waits to be sent. Nothing here commits, and nothing here talks to a server."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.outbox import OutboxKind, mark, mark_many
from medrec_desktop.data.schema import medical_records, patients, record_attachments, users
from medrec_desktop.data.session import Session
from medrec_desktop.sync.account import ServerAccount, write_account

# Addenda go with their record; parents are sealed first, whatever the order of their marks.
_KINDS: Final[tuple[tuple[OutboxKind, sa.Table], ...]] = (
    ("user", users),
    ("patient", patients),
    ("record", medical_records),
    ("attachment", record_attachments),
)


def begin_move(session: Session, account: ServerAccount, *, now: datetime) -> None:
    """From now on the clinic has this server, and everything it has waits to be sent: also what
    was imported or made before there were marks. In one transaction: a record that went before its
    doctor would be refused."""
    write_account(session, account)
    mark(session, "settings", get_clinic(session).id, now=now)
    for kind, table in _KINDS:
        uids = session.scalars(sa.select(table.c.uid).order_by(table.c.id)).all()
        mark_many(session, kind, uids, now=now)
