"""The computers of a clinic, as its server or this computer's trail knows them, and which of them
lost their access."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.audit import devices_seen
from medrec_desktop.data.clinic import read_clinic_settings, write_clinic_settings
from medrec_desktop.data.migrate import head
from medrec_desktop.data.schema_sync import sync_journal, sync_replicas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.syncing import Op, moment, moment_of
from medrec_desktop.services.access import REVOKED


@dataclass(frozen=True, slots=True)
class Computer:
    """`this`: the one somebody sits at. `last_at`: its newest entry in the trail, where this
    computer has it. `name`: as it calls itself at the clinic's server."""

    device: UUID
    first_at: datetime
    last_at: datetime | None
    this: bool
    revoked: bool
    name: str = ""


def list_computers(session: Session, here: UUID) -> tuple[Computer, ...]:
    """Every computer of the clinic, this one first, then the newest."""
    gone = _revoked(session)
    found = {
        device: Computer(device, first, last, this=device == here, revoked=str(device) in gone)
        for device, first, last in devices_seen(session)
    }
    for device, doc in _on_server(session):
        first = moment_of(doc["created_at"])
        known = found.get(device) or Computer(
            device, first, None, this=device == here, revoked=str(device) in gone
        )
        signed_out = known.revoked or doc.get("revoked_at") is not None
        found[device] = replace(known, name=doc["name"], revoked=signed_out)
    return tuple(
        sorted(
            found.values(),
            key=lambda one: (not one.this, -(one.last_at or one.first_at).timestamp()),
        )
    )


def revoke(session: Session, device: UUID, *, actor: UUID, now: datetime) -> bool:
    """Take its access: the clinic's server is told with the next round; without a server the
    clinic's settings hold it (True: they changed). `NotFound` for a computer that nobody knows."""
    known = {one for one, _, _ in devices_seen(session)}
    shared = {one for one, _ in _on_server(session)}
    if device not in known | shared:
        raise NotFound("This computer is not known here. Nothing was changed.")
    if not journal.joined(session):
        gone = sorted({*_revoked(session), str(device)})
        write_clinic_settings(session, {REVOKED: gone}, now=now)
        return True
    # The server takes it whatever it knows of the computer by then: it has no base.
    op = Op(
        op_id=uuid4(),
        n=journal.next_n(session),
        kind="edit",
        tbl="device",
        uid=device,
        base_rev=None,
        patch={"revoked_at": moment(now)},
        base={},
        actor=actor,
        client_at=now,
        schema=head(),
    )
    journal.append(session, op, now=now)
    return False


def _on_server(session: Session) -> list[tuple[UUID, dict[str, Any]]]:
    table = sync_replicas.c
    rows = session.execute(
        sa.select(table.uid, table.base_doc).where(
            table.tbl == "device", table.base_doc.is_not(None)
        )
    )
    return [(row.uid, row.base_doc) for row in rows]


def _revoked(session: Session) -> frozenset[str]:
    stored = read_clinic_settings(session).get(REVOKED)
    named = {str(one) for one in stored} if isinstance(stored, list) else set()
    table = sync_journal.c
    # On its way to the server, or there.
    asked = session.execute(sa.select(table.uid, table.op).where(table.tbl == "device"))
    return frozenset(named | {str(row.uid) for row in asked if "revoked_at" in row.op["patch"]})
