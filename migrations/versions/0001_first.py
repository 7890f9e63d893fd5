"""The first tables: people, patients, visits with their diagnoses, files, seals and addenda."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
)


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def local() -> None:
    _shared_tables()
    tenant()
    _this_computer()
    _patient_search()


def tenant() -> None:
    _patients()
    _medical_records()
    _files_and_seals()


def shared() -> None:
    _shared_tables()


def _shared_schema() -> str | None:
    # The token `shared` becomes `public` on the server. SQLite leaves a foreign key out, without a
    # word, when the two tables' schemas differ: locally there must be none.
    return None if context.config.attributes["target"] == "local" else "shared"


def _shared(column: str) -> str:
    schema = _shared_schema()
    return f"{schema}.{column}" if schema else column


def _shared_tables() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("schema_name", sa.String(63), nullable=False),
        sa.Column("demo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
        sa.UniqueConstraint("schema_name", name="uq_tenants_schema_name"),
        sa.UniqueConstraint("uid", name="uq_tenants_uid"),
        schema=_shared_schema(),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("role in ('doctor', 'front_desk', 'admin')", name="ck_users_role"),
        sa.ForeignKeyConstraint(["tenant_id"], [_shared("tenants.id")], name="fk_users_tenant_id"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("uid", name="uq_users_uid"),
        schema=_shared_schema(),
    )
    op.create_index("ix_users_tenant_id", "users", ["tenant_id"], schema=_shared_schema())


def _patients() -> None:
    op.create_table(
        "patients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("record_no", sa.String(40), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), server_default="", nullable=False),
        sa.Column("sex", sa.String(10), server_default="unknown", nullable=False),
        sa.Column("birth_date", sa.Date()),
        sa.Column("deceased_on", sa.Date()),
        sa.Column("phone", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("allergy_state", sa.String(12), server_default="not_asked", nullable=False),
        sa.Column("source_id", sa.Text()),
        sa.Column("extra", JSON),
        sa.Column("rev", sa.Uuid(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("voided_at", sa.DateTime()),
        sa.Column("voided_by", sa.Integer()),
        sa.Column("void_reason", sa.Text()),
        sa.CheckConstraint(
            "allergy_state in ('not_asked', 'none_known', 'has')", name="ck_patients_allergy_state"
        ),
        sa.CheckConstraint("sex in ('female', 'male', 'other', 'unknown')", name="ck_patients_sex"),
        sa.ForeignKeyConstraint(["voided_by"], [_shared("users.id")], name="fk_patients_voided_by"),
        sa.PrimaryKeyConstraint("id", name="pk_patients"),
        sa.UniqueConstraint("record_no", name="uq_patients_record_no"),
        sa.UniqueConstraint("uid", name="uq_patients_uid"),
    )
    op.create_index("ix_patients_source_id", "patients", ["source_id"], unique=True)
    op.create_table(
        "allergies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("substance", sa.Text(), nullable=False),
        sa.Column("reaction", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.String(10), server_default="", nullable=False),
        sa.Column("code", sa.String(40), server_default="", nullable=False),
        sa.Column("system", sa.String(40), server_default="", nullable=False),
        sa.Column("rev", sa.Uuid(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("voided_at", sa.DateTime()),
        sa.Column("voided_by", sa.Integer()),
        sa.Column("void_reason", sa.Text()),
        sa.ForeignKeyConstraint(["patient_id"], ["patients.id"], name="fk_allergies_patient_id"),
        sa.ForeignKeyConstraint(
            ["voided_by"], [_shared("users.id")], name="fk_allergies_voided_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_allergies"),
        sa.UniqueConstraint("uid", name="uq_allergies_uid"),
    )
    op.create_index("ix_allergies_patient_id", "allergies", ["patient_id"])
    op.create_table(
        "clinic_settings",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.Column("rev", sa.Uuid(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_clinic_settings"),
    )


def _medical_records() -> None:
    op.create_table(
        "medical_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("doctor_id", sa.Integer(), nullable=False),
        sa.Column("visit_date", sa.DateTime(), nullable=False),
        sa.Column("chief_complaint", sa.Text()),
        sa.Column("diagnosis", sa.Text()),
        sa.Column("treatment_plan", sa.Text()),
        sa.Column("notes", sa.Text()),
        sa.Column("prescriptions", JSON),
        sa.Column("vital_signs", JSON),
        sa.Column("lab_results", JSON),
        sa.Column("follow_up_required", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("follow_up_date", sa.Date()),
        sa.Column("follow_up_text", sa.Text()),
        sa.Column("no_diagnosis", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("encounter_class", sa.String(20)),
        sa.Column("source_id", sa.Text()),
        sa.Column("status", sa.String(20), server_default="draft", nullable=False),
        sa.Column("finalized_at", sa.DateTime()),
        sa.Column("finalized_by", sa.Integer()),
        sa.Column("finalize_accepted_at", sa.DateTime()),
        sa.Column("extra", JSON),
        sa.Column("rev", sa.Uuid(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("voided_at", sa.DateTime()),
        sa.Column("voided_by", sa.Integer()),
        sa.Column("void_reason", sa.Text()),
        sa.CheckConstraint(
            "status <> 'finalized' or (finalized_at is not null and finalized_by is not null)",
            name="ck_medical_records_finalized_named",
        ),
        sa.CheckConstraint("status in ('draft', 'finalized')", name="ck_medical_records_status"),
        sa.ForeignKeyConstraint(
            ["doctor_id"], [_shared("users.id")], name="fk_medical_records_doctor_id"
        ),
        sa.ForeignKeyConstraint(
            ["finalized_by"], [_shared("users.id")], name="fk_medical_records_finalized_by"
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name="fk_medical_records_patient_id"
        ),
        sa.ForeignKeyConstraint(
            ["voided_by"], [_shared("users.id")], name="fk_medical_records_voided_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_medical_records"),
        sa.UniqueConstraint("uid", name="uq_medical_records_uid"),
    )
    op.create_index("ix_medical_records_doctor_id", "medical_records", ["doctor_id"])
    op.create_index("ix_medical_records_patient_id", "medical_records", ["patient_id"])
    op.create_index("ix_medical_records_source_id", "medical_records", ["source_id"], unique=True)
    op.create_index("ix_medical_records_status", "medical_records", ["status"])
    op.create_index("ix_medical_records_visit_date", "medical_records", ["visit_date"])
    op.create_table(
        "diagnoses",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("icd_code", sa.String(20)),
        sa.Column("diagnosis_name", sa.String(255), nullable=False),
        sa.Column("diagnosis_type", sa.String(20), server_default="secondary", nullable=False),
        sa.Column("notes", sa.Text()),
        sa.Column("full_name", sa.Text()),
        sa.Column("code_system", sa.String(40), server_default="", nullable=False),
        sa.Column("code_release", sa.String(20), server_default="", nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("voided_at", sa.DateTime()),
        sa.CheckConstraint("diagnosis_type in ('primary', 'secondary')", name="ck_diagnoses_type"),
        sa.ForeignKeyConstraint(
            ["record_id"], ["medical_records.id"], name="fk_diagnoses_record_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_diagnoses"),
        sa.UniqueConstraint("uid", name="uq_diagnoses_uid"),
    )
    op.create_index("ix_diagnoses_record_id", "diagnoses", ["record_id"])


def _files_and_seals() -> None:
    op.create_table(
        "record_attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("file_type", sa.String(100), nullable=False),
        sa.Column("file_size", sa.BigInteger(), nullable=False),
        sa.Column("s3_key", sa.String(500)),
        sa.Column("s3_bucket", sa.String(255)),
        sa.Column("uploaded_by", sa.Integer()),
        sa.Column("description", sa.Text()),
        sa.Column("kind", sa.String(10), server_default="other", nullable=False),
        sa.Column("pages", sa.Integer()),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("kept_size", sa.BigInteger(), nullable=False),
        sa.Column("kept_sha256", sa.String(64), nullable=False),
        sa.Column("upload_state", sa.String(10), server_default="pending", nullable=False),
        sa.Column("held_by", sa.Uuid()),
        sa.Column("late", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("rev", sa.Uuid(), nullable=False),
        sa.Column("row_version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("voided_at", sa.DateTime()),
        sa.Column("voided_by", sa.Integer()),
        sa.Column("void_reason", sa.Text()),
        sa.CheckConstraint(
            "upload_state in ('pending', 'stored')", name="ck_record_attachments_upload_state"
        ),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["medical_records.id"],
            name="fk_record_attachments_record_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by"], [_shared("users.id")], name="fk_record_attachments_uploaded_by"
        ),
        sa.ForeignKeyConstraint(
            ["voided_by"], [_shared("users.id")], name="fk_record_attachments_voided_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_record_attachments"),
        sa.UniqueConstraint("s3_key", name="uq_record_attachments_s3_key"),
        sa.UniqueConstraint("uid", name="uq_record_attachments_uid"),
    )
    op.create_index("ix_record_attachments_record_id", "record_attachments", ["record_id"])
    op.create_index("ix_record_attachments_sha256", "record_attachments", ["sha256"])
    op.create_table(
        "record_addenda",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), server_default="addendum", nullable=False),
        sa.Column("section", sa.String(40), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("written_at", sa.DateTime(), nullable=False),
        sa.Column("seal_sha256", sa.String(64), nullable=False),
        sa.Column("amends_sha256", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], [_shared("users.id")], name="fk_record_addenda_author_id"
        ),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["medical_records.id"],
            name="fk_record_addenda_record_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_record_addenda"),
        sa.UniqueConstraint("uid", name="uq_record_addenda_uid"),
    )
    op.create_index("ix_record_addenda_record_id", "record_addenda", ["record_id"])
    op.create_table(
        "record_seals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.Integer(), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("previous_sha256", sa.String(64), server_default="", nullable=False),
        sa.Column("signed_by", sa.Integer(), nullable=False),
        sa.Column("printed_name", sa.String(255), nullable=False),
        sa.Column("signed_at", sa.DateTime(), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("device", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["medical_records.id"],
            name="fk_record_seals_record_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["signed_by"], [_shared("users.id")], name="fk_record_seals_signed_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_record_seals"),
        sa.UniqueConstraint("record_id", name="uq_record_seals_record_id"),
    )


def _this_computer() -> None:
    op.create_table(
        "local_settings",
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_local_settings"),
    )
    op.create_table(
        "outbox",
        sa.Column("n", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("marked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("n", name="pk_outbox"),
        sa.UniqueConstraint("kind", "uid", name="uq_outbox_kind_uid"),
    )
    op.create_table(
        "upload_queue",
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(12), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_try_at", sa.DateTime()),
        sa.Column("last_error", sa.Text()),
        sa.Column("upload_id", sa.Text()),
        sa.Column("part_size", sa.BigInteger()),
        sa.Column("queued_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["record_attachments.id"],
            name="fk_upload_queue_attachment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", name="pk_upload_queue"),
    )


def _patient_search() -> None:
    # Kept by data/patients.py in the transaction that changes the patient; rowid = patients.id.
    # Not in the MetaData: it can be built again from `patients` at any time.
    op.execute(
        "CREATE VIRTUAL TABLE patient_search USING fts5("
        "name, record_no, phone, birth, "
        "tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3 4 5 6')"
    )
    # Every word that occurs in a name, once: near spellings are looked for among these.
    op.execute("CREATE TABLE patient_words (word TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID")
