"""What a desktop needs to keep in step with its clinic's server.

1. Tables of this computer: the last common state of each aggregate, the journal of sealed ops, the
   clinic's parked ops, and the cursor.
2. The guards of finalized content let the server's own documents pass: `sync_applying` has a row
   only inside the transaction that stores them. Two signatures on one visit end with the server's.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OPENED = (
    *("guard_medical_records_insert_final", "guard_medical_records_update_final"),
    *("guard_medical_records_update_signed", "guard_medical_records_update_seal"),
    *("guard_medical_records_update_voided", "guard_diagnoses_insert_final"),
    *("guard_diagnoses_update_final", "guard_record_attachments_insert_final"),
    *("guard_record_attachments_update_final", "guard_record_attachments_update_s3_key"),
    *("guard_diagnoses_delete_final", "guard_record_seals_delete_final"),
    "guard_record_addenda_delete_final",
)


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def shared() -> None:
    pass


def tenant() -> None:
    pass


def local() -> None:
    op.create_table(
        "sync_replicas",
        sa.Column("tbl", sa.String(20), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("base_rev", sa.Uuid()),
        sa.Column("base_version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("base_doc", sa.JSON(none_as_null=True)),
        sa.Column("head_rev", sa.Uuid()),
        sa.Column("head_doc", sa.JSON(none_as_null=True)),
        sa.Column("supersedes", sa.JSON(none_as_null=True)),
        sa.Column("held", sa.Text()),
        sa.PrimaryKeyConstraint("tbl", "uid", name="pk_sync_replicas"),
    )
    op.create_index("ix_sync_replicas_held", "sync_replicas", ["held"])
    op.create_table(
        "sync_journal",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("op_id", sa.Uuid(), nullable=False),
        sa.Column("tbl", sa.String(20), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("op", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(), nullable=False),
        sa.Column("acked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("seen", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("dead", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("outcome", sa.String(10)),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("n", name="pk_sync_journal"),
        sa.UniqueConstraint("op_id", name="uq_sync_journal_op_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sync_journal_uid", "sync_journal", ["uid"])
    op.create_index("ix_sync_journal_acked", "sync_journal", ["acked"])
    op.create_table(
        "sync_reviews",
        sa.Column("op_id", sa.Uuid(), nullable=False),
        sa.Column("tbl", sa.String(20), nullable=False),
        sa.Column("uid", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("doc", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("op_id", name="pk_sync_reviews"),
    )
    op.create_index("ix_sync_reviews_uid", "sync_reviews", ["uid"])
    op.create_index("ix_sync_reviews_state", "sync_reviews", ["state"])
    op.create_table(
        "sync_meta",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_sync_meta"),
    )
    op.create_table(
        "sync_applying",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_sync_applying"),
    )
    _open_guards()


def _open_guards() -> None:
    bind = op.get_bind()
    for name in OPENED:
        made = bind.execute(
            sa.text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name"),
            {"name": name},
        ).scalar_one()
        head, when = made.split(" WHEN ", 1)
        condition, body = when.rsplit(" BEGIN ", 1)
        op.execute(f"DROP TRIGGER {name}")
        op.execute(
            f"{head} WHEN ({condition}) AND NOT EXISTS"  # noqa: S608  # what this file holds
            f" (SELECT 1 FROM sync_applying) BEGIN {body}"
        )
