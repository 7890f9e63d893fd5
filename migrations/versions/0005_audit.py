"""Who did what: the audit trail, and who looks after the clinic.

1. `users.admin`: the founding doctor of each clinic is also its administrator.
2. `audit_entries`, append-only and chained for each computer: the databases refuse to change,
   remove or misplace an entry (P0F01), and one that does not follow the last (P0F02).
3. What `file_log` knew of files becomes entries; that table goes.
"""

import hashlib
import json
import uuid
from datetime import datetime

import sqlalchemy as sa
from alembic import context, op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def shared() -> None:
    _admins("public")


def local() -> None:
    _admins(None)
    _table()
    _entries_of_files()
    op.drop_table("file_log")
    for event in ("UPDATE", "DELETE"):
        _refuse(event, "1", "P0F01")
    last = "(SELECT {} FROM audit_entries WHERE device = NEW.device ORDER BY n DESC LIMIT 1)"
    number, hashed = last.format("n"), last.format("sha256")
    _refuse(
        "INSERT",
        f"NEW.n <> coalesce({number}, 0) + 1 OR NEW.previous_sha256 <> coalesce({hashed}, '')",
        "P0F02",
    )


def tenant() -> None:
    _table()
    schema = context.config.attributes["schema"]
    op.execute(
        f'CREATE FUNCTION "{schema}".guard_entry() RETURNS trigger LANGUAGE plpgsql AS '
        f"$${_ENTRY.replace('<schema>', chr(34) + schema + chr(34))}$$"
    )
    op.execute(
        f'CREATE TRIGGER guard_entry BEFORE INSERT OR UPDATE OR DELETE ON "{schema}".audit_entries '
        f'FOR EACH ROW EXECUTE FUNCTION "{schema}".guard_entry()'
    )
    op.execute(
        f'CREATE TRIGGER guard_all BEFORE TRUNCATE ON "{schema}".audit_entries '
        f'FOR EACH STATEMENT EXECUTE FUNCTION "{schema}".guard_all()'
    )


_ENTRY = """
DECLARE
  last_n bigint;
  last_sha256 text;
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'entries are only added' USING ERRCODE = 'P0F01';
  END IF;
  SELECT n, sha256 INTO last_n, last_sha256 FROM <schema>.audit_entries
    WHERE device = NEW.device ORDER BY n DESC LIMIT 1;
  IF NEW.n <> coalesce(last_n, 0) + 1 OR NEW.previous_sha256 <> coalesce(last_sha256, '') THEN
    RAISE EXCEPTION 'an entry follows the last' USING ERRCODE = 'P0F02';
  END IF;
  RETURN NEW;
END
"""


def _refuse(event: str, when: str, code: str) -> None:
    op.execute(
        f"CREATE TRIGGER guard_audit_entries_{event.lower()} BEFORE {event} ON audit_entries "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{code}'); END"
    )


def _admins(schema: str | None) -> None:
    # Alembic translates schemas when it creates tables, not when it alters them.
    op.add_column(
        "users",
        sa.Column("admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        schema=schema,
    )
    users = sa.table(
        "users",
        *(sa.column(name) for name in ("id", "tenant_id", "role", "active", "admin")),
        schema=schema,
    )
    founders = (
        sa.select(sa.func.min(users.c.id))
        .where(users.c.role == "doctor", users.c.active == sa.true())
        .group_by(users.c.tenant_id)
    )
    op.get_bind().execute(
        sa.update(users).where(users.c.id.in_(founders.scalar_subquery())).values(admin=sa.true())
    )


def _table() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("device", sa.Uuid(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.Uuid()),
        sa.Column("patient", sa.Uuid()),
        sa.Column("record", sa.Uuid()),
        sa.Column("subject", sa.Uuid()),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("outcome", sa.String(10), server_default="done", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("previous_sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entries"),
        sa.UniqueConstraint("device", "n", name="uq_audit_entries_device_n"),
        sqlite_autoincrement=True,
    )
    for name, columns in (
        ("patient", ["patient"]),
        ("record", ["record"]),
        ("what_at", ["what", "at"]),
    ):
        op.create_index(f"ix_audit_entries_{name}", "audit_entries", columns)


def _entries_of_files() -> None:
    """Chain what `file_log` has, as `domain/auditing.py` does: the format is the same for ever."""
    bind = op.get_bind()
    found = bind.execute(
        sa.text("SELECT value FROM local_settings WHERE name = 'device'")
    ).scalar_one_or_none()
    if found is None:
        return  # no clinic yet
    device = uuid.UUID(json.loads(found))
    rows = bind.execute(
        sa.text(
            "SELECT l.event, l.at, u.uid AS actor, p.uid AS patient, r.uid AS record,"
            " a.uid AS subject FROM file_log l JOIN record_attachments a ON a.id = l.attachment_id"
            " JOIN medical_records r ON r.id = a.record_id JOIN patients p ON p.id = r.patient_id"
            " LEFT JOIN users u ON u.id = l.by ORDER BY l.id"
        )
    ).all()
    previous = ""
    for n, row in enumerate(rows, 1):
        at = datetime.fromisoformat(row.at)
        ids = [str(uuid.UUID(i)) if i else "" for i in (row.actor, row.patient, row.record, row.subject)]  # fmt: skip
        what = {"stored": "file.stored", "shared": "file.share"}[row.event]
        moment = at.isoformat(timespec="microseconds") + "Z"
        array = ["medrec-audit/1", str(device), str(n), moment, *ids, what, "done", "", previous]
        text = json.dumps(array, ensure_ascii=False, separators=(",", ":"))
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        bind.execute(
            sa.text(
                "INSERT INTO audit_entries (device, n, at, actor, patient, record, subject, what,"
                " previous_sha256, sha256) VALUES (:device, :n, :at, :actor, :patient, :record,"
                " :subject, :what, :previous, :sha256)"
            ),
            {
                "device": device.hex,
                "n": n,
                "at": row.at,
                "actor": row.actor,
                "patient": row.patient,
                "record": row.record,
                "subject": row.subject,
                "what": what,
                "previous": previous,
                "sha256": sha256,
            },
        )
        previous = sha256
