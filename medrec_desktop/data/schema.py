"""Every table of both databases, once.

Three kinds of tables share this MetaData and one Alembic history:

* clinic tables (no schema): in the local database, and in the clinic's own schema on the server;
* shared tables (`SHARED`): `public` on the server, without a schema locally;
* local tables (`info={"local": True}`): on this computer only.

`SHARED` is a token, never a real schema: engines translate it (`LOCAL_SCHEMAS`,
`tenant_schemas`). Without the token, foreign keys from a clinic's schema to `public.users` would be
rendered into the clinic's schema.

The columns of medical_records, record_attachments and diagnoses named in the product description
keep their names and types; `uid`, `rev`, `row_version` and the like are added for sync.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

SHARED = "shared"
LOCAL_SCHEMAS: dict[str | None, str | None] = {SHARED: None}


def tenant_schemas(schema: str) -> dict[str | None, str | None]:
    """Translation for an engine bound to one clinic's schema."""
    return {None: schema, SHARED: "public"}


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC in Python, `timestamp` (without zone, UTC) in both databases."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: sa.Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> datetime | None:
        """Refuse naive times: which zone they meant cannot be known later."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a naive datetime has no place in the database")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: sa.Dialect,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> datetime | None:
        """Give the zone back."""
        return None if value is None else value.replace(tzinfo=UTC)


class _Json(sa.types.TypeDecorator[Any]):
    """JSON here, JSONB on the server; None is NULL. The server's dialect brings asyncio and more
    with it, so it is imported only where there is a server."""

    impl = sa.JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The type this database knows."""
        if dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import JSONB

            return dialect.type_descriptor(JSONB(none_as_null=True))
        return dialect.type_descriptor(sa.JSON(none_as_null=True))

    def coerce_compared_value(self, op: Any, value: Any) -> Any:
        """Paths and elements compare as JSON's do."""
        return self.impl_instance.coerce_compared_value(op, value)


Json = _Json(none_as_null=True)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True, autoincrement=True)


def _uid() -> sa.Column[Any]:
    return sa.Column("uid", sa.Uuid, nullable=False, unique=True)


def _revision() -> tuple[sa.Column[Any], ...]:
    """`rev` names the stored revision for sync's compare-and-set, `row_version` counts them."""
    return (
        sa.Column("rev", sa.Uuid, nullable=False),
        sa.Column("row_version", sa.Integer, nullable=False, server_default="1"),
    )


def _voided() -> tuple[sa.Column[Any], ...]:
    """Entered in error: a tombstone, never a delete; content stays."""
    return (
        sa.Column("voided_at", UtcDateTime),
        sa.Column("voided_by", sa.Integer, sa.ForeignKey(f"{SHARED}.users.id")),
        sa.Column("void_reason", sa.Text),
    )


def _user(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, sa.ForeignKey(f"{SHARED}.users.id"), nullable=nullable)


tenants = sa.Table(
    "tenants",
    metadata,
    _id(),
    _uid(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("schema_name", sa.String(63), nullable=False, unique=True),
    sa.Column("demo", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # On a server: the clinic has left. Its rows stay, its role logs in no more.
    sa.Column("archived_at", UtcDateTime),
    schema=SHARED,
)

users = sa.Table(
    "users",
    metadata,
    _id(),
    _uid(),
    sa.Column("tenant_id", sa.Integer, sa.ForeignKey(f"{SHARED}.tenants.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # Looks after the clinic beside what `role` says.
    sa.Column("admin", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint("role in ('doctor', 'front_desk', 'admin')", name="role"),
    sa.Index("ix_users_tenant_id", "tenant_id"),
    schema=SHARED,
)

patients = sa.Table(
    "patients",
    metadata,
    _id(),
    _uid(),
    sa.Column("record_no", sa.String(40), nullable=False, unique=True),
    sa.Column("family", sa.Text, nullable=False),
    sa.Column("given", sa.Text, nullable=False, server_default=""),
    sa.Column("sex", sa.String(10), nullable=False, server_default="unknown"),
    sa.Column("birth_date", sa.Date),
    sa.Column("deceased_on", sa.Date),
    sa.Column("phone", sa.Text, nullable=False, server_default=""),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    sa.Column("allergy_state", sa.String(12), nullable=False, server_default="not_asked"),
    sa.Column("source_id", sa.Text),
    sa.Column("extra", Json),
    *_revision(),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    *_voided(),
    sa.CheckConstraint("sex in ('female', 'male', 'other', 'unknown')", name="sex"),
    sa.CheckConstraint("allergy_state in ('not_asked', 'none_known', 'has')", name="allergy_state"),
    # What an importer calls this patient: a second run finds the same row again.
    sa.Index("ix_patients_source_id", "source_id", unique=True),
)

allergies = sa.Table(
    "allergies",
    metadata,
    _id(),
    _uid(),
    sa.Column("patient_id", sa.Integer, sa.ForeignKey("patients.id"), nullable=False),
    sa.Column("substance", sa.Text, nullable=False),
    sa.Column("reaction", sa.Text, nullable=False, server_default=""),
    sa.Column("severity", sa.String(10), nullable=False, server_default=""),
    sa.Column("code", sa.String(40), nullable=False, server_default=""),
    sa.Column("system", sa.String(40), nullable=False, server_default=""),
    *_revision(),
    sa.Column("created_at", UtcDateTime, nullable=False),
    *_voided(),
    sa.Index("ix_allergies_patient_id", "patient_id"),
)

medical_records = sa.Table(
    "medical_records",
    metadata,
    _id(),
    _uid(),
    sa.Column("patient_id", sa.Integer, sa.ForeignKey("patients.id"), nullable=False),
    _user("doctor_id", nullable=False),
    sa.Column("visit_date", UtcDateTime, nullable=False),
    sa.Column("chief_complaint", sa.Text),
    sa.Column("diagnosis", sa.Text),
    sa.Column("treatment_plan", sa.Text),
    sa.Column("notes", sa.Text),
    sa.Column("prescriptions", Json),
    sa.Column("vital_signs", Json),
    sa.Column("lab_results", Json),
    sa.Column("follow_up_required", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("follow_up_date", sa.Date),
    # What was typed for the follow-up: "31.02." is no date, yet it must survive a crash.
    sa.Column("follow_up_text", sa.Text),
    sa.Column("no_diagnosis", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("encounter_class", sa.String(20)),
    sa.Column("source_id", sa.Text),
    sa.Column("status", sa.String(20), nullable=False, server_default="draft"),
    sa.Column("finalized_at", UtcDateTime),
    _user("finalized_by"),
    sa.Column("finalize_accepted_at", UtcDateTime),
    sa.Column("extra", Json),
    *_revision(),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    *_voided(),
    sa.CheckConstraint("status in ('draft', 'finalized')", name="status"),
    sa.CheckConstraint(
        "status <> 'finalized' or (finalized_at is not null and finalized_by is not null)",
        name="finalized_named",
    ),
    sa.Index("ix_medical_records_patient_id", "patient_id"),
    sa.Index("ix_medical_records_doctor_id", "doctor_id"),
    sa.Index("ix_medical_records_visit_date", "visit_date"),
    sa.Index("ix_medical_records_status", "status"),
    # A doctor's drafts are counted after every change, and are few among a million visits. The
    # server counts nobody's.
    sa.Index(
        "ix_medical_records_drafts",
        "doctor_id",
        "visit_date",
        sqlite_where=sa.text("status = 'draft' AND voided_at IS NULL"),
        info={"local": True},
    ),
    sa.Index("ix_medical_records_source_id", "source_id", unique=True),
)

diagnoses = sa.Table(
    "diagnoses",
    metadata,
    _id(),
    _uid(),
    sa.Column(
        "record_id",
        sa.Integer,
        sa.ForeignKey("medical_records.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("icd_code", sa.String(20)),
    sa.Column("diagnosis_name", sa.String(255), nullable=False),
    sa.Column("diagnosis_type", sa.String(20), nullable=False, server_default="secondary"),
    sa.Column("notes", sa.Text),
    # A typed name longer than the fixed 255 is kept whole here; the column above holds its start.
    sa.Column("full_name", sa.Text),
    sa.Column("code_system", sa.String(40), nullable=False, server_default=""),
    sa.Column("code_release", sa.String(20), nullable=False, server_default=""),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("voided_at", UtcDateTime),
    sa.CheckConstraint("diagnosis_type in ('primary', 'secondary')", name="type"),
    sa.Index("ix_diagnoses_record_id", "record_id"),
)

record_attachments = sa.Table(
    "record_attachments",
    metadata,
    _id(),
    _uid(),
    sa.Column(
        "record_id",
        sa.Integer,
        sa.ForeignKey("medical_records.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("file_name", sa.String(255), nullable=False),
    sa.Column("file_type", sa.String(100), nullable=False),
    sa.Column("file_size", sa.BigInteger, nullable=False),
    # The server computes it when a clinic has one; stored once, never recomputed.
    sa.Column("s3_key", sa.String(500), unique=True),
    sa.Column("s3_bucket", sa.String(255)),
    # The version in the bucket that was looked at before the file was called stored.
    sa.Column("s3_version", sa.Text),
    _user("uploaded_by"),
    sa.Column("description", sa.Text),
    sa.Column("kind", sa.String(10), nullable=False, server_default="other"),
    sa.Column("pages", sa.Integer),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("kept_size", sa.BigInteger, nullable=False),
    sa.Column("kept_sha256", sa.String(64), nullable=False),
    sa.Column("upload_state", sa.String(10), nullable=False, server_default="pending"),
    sa.Column("held_by", sa.Uuid),
    sa.Column("late", sa.Boolean, nullable=False, server_default=sa.false()),
    *_revision(),
    sa.Column("created_at", UtcDateTime, nullable=False),
    *_voided(),
    sa.CheckConstraint("upload_state in ('pending', 'stored')", name="upload_state"),
    sa.Index("ix_record_attachments_record_id", "record_id"),
    sa.Index("ix_record_attachments_sha256", "sha256"),
)

record_addenda = sa.Table(
    "record_addenda",
    metadata,
    _id(),
    _uid(),
    sa.Column(
        "record_id",
        sa.Integer,
        sa.ForeignKey("medical_records.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("kind", sa.String(20), nullable=False, server_default="addendum"),
    sa.Column("section", sa.String(40), nullable=False, server_default=""),
    sa.Column("text", sa.Text, nullable=False),
    _user("author_id", nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.Column("seal_sha256", sa.String(64), nullable=False),
    sa.Column("amends_sha256", sa.String(64), nullable=False),
    sa.Index("ix_record_addenda_record_id", "record_id"),
)

record_seals = sa.Table(
    "record_seals",
    metadata,
    _id(),
    sa.Column(
        "record_id",
        sa.Integer,
        sa.ForeignKey("medical_records.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    sa.Column("canonical", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("previous_sha256", sa.String(64), nullable=False, server_default=""),
    _user("signed_by", nullable=False),
    sa.Column("printed_name", sa.String(255), nullable=False),
    sa.Column("signed_at", UtcDateTime, nullable=False),
    sa.Column("zone", sa.String(64), nullable=False),
    sa.Column("device", sa.Uuid, nullable=False),
    sa.Index("ix_record_seals_device", "device", "signed_at", info={"local": True}),
)

clinic_settings = sa.Table(
    "clinic_settings",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", Json, nullable=False),
    *_revision(),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

# Who did what: only added, numbered and chained for each computer (`domain/auditing.py`). No
# foreign keys: an entry says what it says, whatever becomes of what it speaks of.
audit_entries = sa.Table(
    "audit_entries",
    metadata,
    _id(),
    sa.Column("device", sa.Uuid, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.Uuid),
    sa.Column("patient", sa.Uuid),
    sa.Column("record", sa.Uuid),
    sa.Column("subject", sa.Uuid),
    sa.Column("what", sa.String(40), nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False, server_default="done"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("previous_sha256", sa.String(64), nullable=False, server_default=""),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.UniqueConstraint("device", "n"),
    sa.Index("ix_audit_entries_patient", "patient"),
    sa.Index("ix_audit_entries_record", "record"),
    sa.Index("ix_audit_entries_what_at", "what", "at"),
    # Numbers are never given again: where the newest rows were removed, SQLite's counter tells.
    sqlite_autoincrement=True,
)

_LOCAL = {"local": True}

# Name -> value of this computer: device id, theme, vault identity, import positions.
local_settings = sa.Table(
    "local_settings",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("value", Json, nullable=False),
    info=_LOCAL,
)

# One row a changed aggregate: what sync has still to seal and send. Marked in the same
# transaction as the change; marking twice is one row with a later `marked_at`.
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("uid", sa.Uuid, nullable=False),
    sa.Column("marked_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("kind", "uid"),
    sa.Index("ix_outbox_kind_n", "kind", "n"),
    info=_LOCAL,
)

upload_queue = sa.Table(
    "upload_queue",
    metadata,
    sa.Column(
        "attachment_id",
        sa.Integer,
        sa.ForeignKey("record_attachments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("state", sa.String(12), nullable=False, server_default="waiting"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_try_at", UtcDateTime),
    sa.Column("last_error", sa.Text),
    sa.Column("upload_id", sa.Text),
    sa.Column("part_size", sa.BigInteger),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    # Why it waits or stopped, as a word (domain/uploads.py).
    sa.Column("reason", sa.String(20)),
    info=_LOCAL,
)

# Written before a part is sent; `etag` once it has arrived. What the bucket lists and this table
# does not confirm is sent again.
upload_parts = sa.Table(
    "upload_parts",
    metadata,
    sa.Column(
        "attachment_id",
        sa.Integer,
        sa.ForeignKey("upload_queue.attachment_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("md5", sa.String(32), nullable=False),
    sa.Column("etag", sa.Text),
    info=_LOCAL,
)

# Removed files whose object is to be marked in the bucket, once undoing is over.
retractions = sa.Table(
    "retractions",
    metadata,
    sa.Column(
        "attachment_id",
        sa.Integer,
        sa.ForeignKey("record_attachments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    info=_LOCAL,
)

# Words that a visit refused (`domain/set_aside.py`), by the form they were typed in.
set_aside = sa.Table(
    "set_aside",
    metadata,
    sa.Column("record", sa.Uuid, primary_key=True),
    sa.Column("window", sa.Uuid, primary_key=True),
    sa.Column("words", Json, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("by", sa.Uuid, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    info=_LOCAL,
)


def tables(target: str) -> list[sa.Table]:
    """The tables of `local` (all), `tenant` (clinic tables) or `shared` (public tables)."""
    every = list(metadata.sorted_tables)
    if target == "local":
        return every
    if target == "shared":
        return [t for t in every if t.schema == SHARED]
    return [t for t in every if t.schema is None and "local" not in t.info]


# What keeps a desktop in step with its server, at the end of this module for it needs the above.
from medrec_desktop.data import schema_sync as _schema_sync  # noqa: E402, F401  # adds its tables
