"""Many clinics on one server: each sees its own users, and names no others.

1. `tenants.archived_at`: a clinic that has left keeps its rows and its schema, and logs in no more.
2. Row security on `public.users` and `public.tenants`: whoever logged in (`session_user`, which no
   SET ROLE and no SECURITY DEFINER function changes) sees the clinic whose role they are.
3. A foreign key to `public.users` looks past row security. So a trigger refuses a user of another
   clinic (P0F03). Schemas that no clinic is registered for are left alone.

Which role may do what is no part of the history: `data/server/rights.py` says it anew after every
upgrade.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAMING_USERS = {
    "patients": ("voided_by",),
    "allergies": ("voided_by",),
    "medical_records": ("doctor_id", "finalized_by", "voided_by"),
    "record_attachments": ("uploaded_by", "voided_by"),
    "record_addenda": ("author_id",),
    "record_seals": ("signed_by",),
}


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def local() -> None:
    _archived(None)


def shared() -> None:
    # Alembic translates schemas when it creates tables, not when it alters them.
    _archived("public")
    for head, body in (
        ("my_clinic() RETURNS integer STABLE", _MY_CLINIC),
        ("guard_users() RETURNS trigger", _USERS),
    ):
        op.execute(
            f"CREATE FUNCTION public.{head} LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path = pg_catalog, pg_temp AS $${body}$$"
        )
    for name in ("my_clinic", "guard_users"):
        op.execute(f"REVOKE ALL ON FUNCTION public.{name}() FROM PUBLIC")
    for table, column in (("users", "tenant_id"), ("tenants", "id")):
        op.execute(f"ALTER TABLE public.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_clinic ON public.{table} "
            f"USING ({column} = (SELECT public.my_clinic()))"
        )


def tenant() -> None:
    schema = context.config.attributes["schema"]
    for table, columns in NAMING_USERS.items():
        names = ", ".join(f"'{column}'" for column in columns)
        changed = " OR ".join(f"NEW.{c} IS DISTINCT FROM OLD.{c}" for c in columns)
        for event, when in (("insert", ""), ("update", f"WHEN ({changed}) ")):
            op.execute(
                f'CREATE TRIGGER guard_users_{event} BEFORE {event.upper()} ON "{schema}".{table} '
                f"FOR EACH ROW {when}EXECUTE FUNCTION public.guard_users({names})"
            )


def _archived(schema: str | None) -> None:
    op.add_column("tenants", sa.Column("archived_at", sa.DateTime()), schema=schema)


_MY_CLINIC = """
BEGIN
  RETURN (SELECT id FROM public.tenants
    WHERE schema_name = session_user::text AND archived_at IS NULL);
END
"""

# One message for a stranger and for nobody at all: what other clinics have is not to be guessed.
_USERS = """
DECLARE
  clinic integer := (SELECT id FROM public.tenants WHERE schema_name = TG_TABLE_SCHEMA::text);
  after jsonb := to_jsonb(NEW);
  named text;
BEGIN
  IF clinic IS NULL THEN
    RETURN NEW;
  END IF;
  FOREACH named IN ARRAY TG_ARGV LOOP
    IF after ->> named IS NOT NULL AND NOT EXISTS (SELECT 1 FROM public.users
        WHERE id = (after ->> named)::integer AND tenant_id = clinic) THEN
      RAISE EXCEPTION 'not a user of this clinic' USING ERRCODE = 'P0F03';
    END IF;
  END LOOP;
  RETURN NEW;
END
"""
