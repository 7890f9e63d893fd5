"""The computers of a clinic, as its trail knows them, and which of them lost their access."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from medrec_desktop.data.audit import devices_seen
from medrec_desktop.data.clinic import read_clinic_settings, write_clinic_settings
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.services.access import REVOKED


@dataclass(frozen=True, slots=True)
class Computer:
    """`this`: the one somebody sits at. `last_at`: its newest entry in the trail."""

    device: UUID
    first_at: datetime
    last_at: datetime
    this: bool
    revoked: bool


def list_computers(session: Session, here: UUID) -> tuple[Computer, ...]:
    """Every computer that ever wrote in the clinic's trail, this one first, then the newest."""
    gone = _revoked(session)
    found = [
        Computer(device, first, last, this=device == here, revoked=str(device) in gone)
        for device, first, last in devices_seen(session)
    ]
    return tuple(sorted(found, key=lambda one: (not one.this, -one.last_at.timestamp())))


def revoke(session: Session, device: UUID, *, now: datetime) -> None:
    """`NotFound` for a computer that nobody knows."""
    if all(known != device for known, _, _ in devices_seen(session)):
        raise NotFound("This computer is not known here. Nothing was changed.")
    gone = sorted({*_revoked(session), str(device)})
    write_clinic_settings(session, {REVOKED: gone}, now=now)


def _revoked(session: Session) -> frozenset[str]:
    stored = read_clinic_settings(session).get(REVOKED)
    return frozenset(str(one) for one in stored) if isinstance(stored, list) else frozenset()
