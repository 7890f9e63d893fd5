"""The clinics of a server, as `public` knows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.schema import clinic_settings, tenant_schemas, tenants, users
from medrec_desktop.data.session import Session
from medrec_desktop.domain.clinic_names import likeness
from medrec_desktop.domain.errors import Conflict, NotFound
from medrec_desktop.domain.people import Role


@dataclass(frozen=True, slots=True)
class ServerClinic:
    """A clinic on a server. `tenant` names its schema, its login role and its prefix in the
    bucket; `revision` is what the schema itself says, None when it says nothing."""

    id: UUID
    name: str
    tenant: str
    created_at: datetime
    archived_at: datetime | None
    revision: str | None


# The one query that finds what is left to do: each schema is asked for its own revision, so that
# one restored from an older dump cannot be taken for new. ts_stat is PostgreSQL's one function that
# runs a query it is handed, needs no other library and no function of ours.
_REVISION: sa.ColumnClause[str | None] = sa.literal_column(
    "CASE WHEN to_regclass(format('%I.alembic_version', tenants.schema_name)) IS NOT NULL THEN"
    " (SELECT word FROM ts_stat(format('SELECT array_to_tsvector(ARRAY[version_num::text])"
    " FROM %I.alembic_version', tenants.schema_name))) END"
)


def list_clinics(session: Session) -> tuple[ServerClinic, ...]:
    """All clinics, oldest first, archived ones too."""
    rows = session.execute(sa.select(tenants, _REVISION.label("revision")).order_by(tenants.c.id))
    return tuple(
        ServerClinic(
            row.uid, row.name, row.schema_name, row.created_at, row.archived_at, row.revision
        )
        for row in rows
    )


def named(clinics: Sequence[ServerClinic], asked: str) -> ServerClinic:
    """The clinic of this name or tenant id; NotFound, or Conflict when several may be meant."""
    found = [clinic for clinic in clinics if asked == clinic.tenant]
    found = found or [clinic for clinic in clinics if asked == clinic.name]
    found = found or [clinic for clinic in clinics if likeness(asked) == likeness(clinic.name)]
    if not found:
        raise NotFound(
            "There is no clinic of that name on this server. See: medrec-admin clinic list"
        )
    if len(found) > 1:
        ids = ", ".join(clinic.tenant for clinic in found)
        raise Conflict(f"Several clinics have that name. Say which by its id: {ids}")
    return found[0]


def free_tenant(session: Session, now: datetime) -> str:
    """A tenant id that no clinic, schema or role of this server has; roles belong to all its
    databases."""
    number = int(now.timestamp() * 1000)
    while session.scalar(_TAKEN, {"name": f"tenant_{number}"}):
        number += 1
    return f"tenant_{number}"


_TAKEN = sa.text(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname IN (CAST(:name AS text), CAST(:name AS text) || '_owner'))"
    " OR EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = CAST(:name AS text))"
    " OR EXISTS (SELECT FROM public.tenants WHERE schema_name = CAST(:name AS text))"
)


def insert_clinic(
    session: Session,
    tenant: str,
    *,
    name: str,
    user: str,
    role: Role,
    now: datetime,
    clinic_id: UUID | None = None,
    user_id: UUID | None = None,
) -> None:
    """The clinic's row, its first user's, who looks after it, and its name among its settings.
    The two ids are those of a clinic that moves in: what it sealed names them. Conflict when
    somebody could take its name for another's."""
    # One at a time: two alike names at the same moment would not see each other.
    session.execute(sa.text("LOCK TABLE public.tenants IN SHARE ROW EXCLUSIVE MODE"))
    for other in session.execute(sa.select(tenants.c.name, tenants.c.schema_name)):
        if likeness(other.name) == likeness(name):
            raise Conflict(
                f"There is a clinic of this name, or one too much like it: {other.name} "
                f"({other.schema_name}). Nothing was made. Add the town or the street."
            )
    key = session.execute(
        sa.insert(tenants)
        .values(uid=clinic_id or new_uid(), name=name, schema_name=tenant, created_at=now)
        .returning(tenants.c.id)
    ).scalar_one()
    session.execute(
        sa.insert(users).values(
            uid=user_id or new_uid(),
            tenant_id=key,
            name=user,
            role=role,
            admin=True,
            created_at=now,
        )
    )
    session.execute(
        sa.insert(clinic_settings).values(name="name", value=name, rev=new_uid(), updated_at=now),
        execution_options={"schema_translate_map": tenant_schemas(tenant)},
    )


def set_archived(session: Session, tenant: str, at: datetime | None) -> None:
    """The clinic has left, or (None) is back."""
    session.execute(
        sa.update(tenants).where(tenants.c.schema_name == tenant).values(archived_at=at)
    )
