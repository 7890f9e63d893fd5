"""The clinic itself: its row, its users, its settings and this computer's settings.

A local database holds exactly one clinic. Nothing here commits.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.schema import clinic_settings, local_settings, tenants, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Corrupt, NotFound
from medrec_desktop.domain.ids import ClinicId, UserId
from medrec_desktop.domain.people import Clinic, Role, User

DEVICE = "device"
SCAN = "scan:"
"""Begins the names that `data.scans` keeps; they are no settings."""
PIN = "pin:"
"""Begins the names of users' PINs; they are no settings."""


def insert_clinic(session: Session, *, name: str, now: datetime, demo: bool = False) -> Clinic:
    """The one clinic of a new database, and the name of this computer in it."""
    clinic = Clinic(
        id=ClinicId(new_uid()),
        name=name,
        tenant=f"tenant_{int(now.timestamp() * 1000)}",
        demo=demo,
    )
    session.execute(
        sa.insert(tenants).values(
            uid=clinic.id, name=name, schema_name=clinic.tenant, demo=demo, created_at=now
        )
    )
    write_clinic_settings(session, {"name": name}, now=now)
    write_computer_settings(session, {DEVICE: str(uuid4())})
    return clinic


def insert_joined_clinic(session: Session, clinic: Clinic, *, now: datetime) -> None:
    """The clinic of a new database as its server knows it; the rest comes from there."""
    session.execute(
        sa.insert(tenants).values(
            uid=clinic.id,
            name=clinic.name,
            schema_name=clinic.tenant,
            demo=False,
            created_at=now,
        )
    )
    write_computer_settings(session, {DEVICE: str(uuid4())})


def insert_user(
    session: Session,
    *,
    name: str,
    role: Role,
    now: datetime,
    admin: bool = False,
    uid: UserId | None = None,
) -> User:
    """A new user of this database's clinic; `admin` also looks after it."""
    user = User(id=uid or UserId(new_uid()), name=name, role=role, admin=admin)
    session.execute(
        sa.insert(users).values(
            uid=user.id,
            tenant_id=sa.select(tenants.c.id).order_by(tenants.c.id).limit(1).scalar_subquery(),
            name=name,
            role=role,
            active=True,
            admin=admin,
            created_at=now,
        )
    )
    return user


def get_clinic(session: Session) -> Clinic:
    """The clinic of this database, under the name its settings give it."""
    row = session.execute(sa.select(tenants).order_by(tenants.c.id).limit(1)).first()
    if row is None:
        raise Corrupt("This file holds no clinic. Restore a backup, or start a new clinic.")
    named = read_clinic_settings(session).get("name")
    name = named if isinstance(named, str) and named else row.name
    return Clinic(id=ClinicId(row.uid), name=name, tenant=row.schema_name, demo=row.demo)


def list_users(session: Session) -> tuple[User, ...]:
    """Everybody who ever worked here, first user first; left ones are not active."""
    rows = session.execute(sa.select(users).order_by(users.c.id))
    return tuple(User(UserId(r.uid), r.name, r.role, r.active, r.admin) for r in rows)


def get_user(session: Session, user: UserId) -> User:
    """The user under the name they have now."""
    row = session.execute(sa.select(users).where(users.c.uid == user)).first()
    if row is None:
        raise NotFound("This user is not known on this computer.")
    return User(UserId(row.uid), row.name, row.role, row.active, row.admin)


def rename_user(session: Session, user: UserId, name: str) -> None:
    """From now on under this name; what was signed keeps the one it was printed with."""
    session.execute(sa.update(users).where(users.c.uid == user).values(name=name))


def change_user(session: Session, user: User) -> None:
    """Role, administration and whether they still work here."""
    session.execute(
        sa.update(users)
        .where(users.c.uid == user.id)
        .values(role=user.role, admin=user.admin, active=user.active)
    )


def user_key(session: Session, user: UserId) -> int:
    """The row number foreign keys point to."""
    key: int | None = session.scalar(sa.select(users.c.id).where(users.c.uid == user))
    if key is None:
        raise NotFound("This user is not known on this computer.")
    return key


def read_clinic_settings(session: Session) -> dict[str, Any]:
    """Name -> value of what every computer of the clinic shares."""
    rows = session.execute(sa.select(clinic_settings.c.name, clinic_settings.c.value))
    return {row.name: row.value for row in rows}


def write_clinic_settings(session: Session, values: dict[str, Any], *, now: datetime) -> None:
    """Set these, leave the others."""
    for name, value in values.items():
        stored = {"name": name, "value": value, "rev": uuid4(), "updated_at": now}
        put = insert(clinic_settings).values(stored)
        put = put.on_conflict_do_update(
            index_elements=[clinic_settings.c.name],
            set_={
                "value": put.excluded.value,
                "rev": put.excluded.rev,
                "row_version": clinic_settings.c.row_version + 1,
                "updated_at": put.excluded.updated_at,
            },
        )
        session.execute(put)


def read_computer_settings(session: Session) -> dict[str, Any]:
    """Name -> value of what belongs to this computer alone."""
    others = (local_settings.c.name.startswith(name, autoescape=True) for name in (SCAN, PIN))
    settings = ~sa.or_(*others)
    rows = session.execute(sa.select(local_settings.c.name, local_settings.c.value).where(settings))
    return {row.name: row.value for row in rows}


def write_computer_settings(session: Session, values: dict[str, Any]) -> None:
    """Set these, leave the others."""
    for name, value in values.items():
        put = insert(local_settings).values(name=name, value=value)
        session.execute(
            put.on_conflict_do_update(
                index_elements=[local_settings.c.name], set_={"value": put.excluded.value}
            )
        )


def read_pin(session: Session, user: UserId) -> Any:
    """What is kept of this user's PIN on this computer; None without one."""
    name = PIN + user.hex
    return session.scalar(sa.select(local_settings.c.value).where(local_settings.c.name == name))


def write_pin(session: Session, user: UserId, kept: dict[str, Any] | None) -> None:
    """Keep another, or none."""
    name = PIN + user.hex
    session.execute(sa.delete(local_settings).where(local_settings.c.name == name))
    if kept is not None:
        session.execute(sa.insert(local_settings).values(name=name, value=kept))


_DEVICE = sa.select(local_settings.c.value).where(local_settings.c.name == DEVICE)


def read_device(session: Session) -> UUID:
    """Which computer this database belongs to."""
    value = session.scalar(_DEVICE)
    if not isinstance(value, str):
        raise Corrupt("This file does not say which computer it belongs to. Restore a backup.")
    return UUID(value)
