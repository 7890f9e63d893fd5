"""Uploads that survive a crash: what was sent, which version the bucket gave, what to retract.

1. This computer remembers the parts it sends (`upload_parts`) and which retracted files the bucket
   has still to be told of (`retractions`).
2. A file knows the version that was verified in the bucket (`s3_version`).
3. An `s3_key` may be exchanged for another as long as nothing is stored under it: the bucket may
   have the first one from somewhere else. Once stored it is given for good, and it never goes.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FREE_OF_A_FILE = (
    *("voided_at", "voided_by", "void_reason", "upload_state", "s3_key", "s3_bucket"),
    *("s3_version", "rev", "row_version", "held_by"),
)


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def shared() -> None:
    pass


def local() -> None:
    op.add_column("record_attachments", sa.Column("s3_version", sa.Text()))
    op.add_column("upload_queue", sa.Column("reason", sa.String(20)))
    op.create_table(
        "upload_parts",
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("md5", sa.String(32), nullable=False),
        sa.Column("etag", sa.Text()),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["upload_queue.attachment_id"],
            name="fk_upload_parts_attachment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", "number", name="pk_upload_parts"),
    )
    op.create_table(
        "retractions",
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["record_attachments.id"],
            name="fk_retractions_attachment_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("attachment_id", name="pk_retractions"),
    )
    op.execute("DROP TRIGGER guard_record_attachments_update_s3_key")
    op.execute(
        "CREATE TRIGGER guard_record_attachments_update_s3_key BEFORE UPDATE ON record_attachments "
        "WHEN OLD.s3_key IS NOT NULL AND NEW.s3_key IS NOT OLD.s3_key "
        "AND (OLD.upload_state = 'stored' OR NEW.s3_key IS NULL) "
        "BEGIN SELECT RAISE(ABORT, 'P0F01'); END"
    )


def tenant() -> None:
    schema = context.config.attributes["schema"]
    # Alembic translates schemas when it creates tables, not when it alters them.
    op.add_column("record_attachments", sa.Column("s3_version", sa.Text()), schema=schema)
    free = "ARRAY[" + ", ".join(f"'{column}'" for column in FREE_OF_A_FILE) + "]"
    for name, body in (("guard_file", _FILE), ("guard_key", _KEY)):
        text = body.replace("<schema>", f'"{schema}"').replace("<free file>", free)
        op.execute(
            f'CREATE OR REPLACE FUNCTION "{schema}".{name}() RETURNS trigger '
            f"LANGUAGE plpgsql AS $${text}$$"
        )


# As in 0002, with one more free column.
_FILE = """
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR SHARE;
    IF NOT NEW.late
        AND EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = NEW.record_id) THEN
      RAISE EXCEPTION 'a file added now is late' USING ERRCODE = 'P0F01';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - <free file> = to_jsonb(OLD) - <free file> THEN
      RETURN NEW;
    END IF;
    PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR SHARE;
    IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = NEW.record_id) THEN
      RAISE EXCEPTION 'a file of a finalized record never changes' USING ERRCODE = 'P0F01';
    END IF;
  END IF;
  PERFORM 1 FROM <schema>.medical_records WHERE id = OLD.record_id FOR SHARE;
  IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = OLD.record_id) THEN
    RAISE EXCEPTION 'a file of a finalized record never changes' USING ERRCODE = 'P0F01';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
"""

_KEY = """
BEGIN
  IF OLD.s3_key IS NOT NULL AND NEW.s3_key IS DISTINCT FROM OLD.s3_key
      AND (OLD.upload_state = 'stored' OR NEW.s3_key IS NULL) THEN
    RAISE EXCEPTION 'the key of a stored file stays' USING ERRCODE = 'P0F01';
  END IF;
  RETURN NEW;
END
"""
