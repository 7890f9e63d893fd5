"""What happened to a file on this computer, for people: when it was stored, who shared it.

Only rows are added, and only here: the tables that every computer of a clinic shares stay as they
are.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if context.config.attributes["target"] != "local":
        return
    op.create_table(
        "file_log",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("attachment_id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(10), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["attachment_id"],
            ["record_attachments.id"],
            name="fk_file_log_attachment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["by"], ["users.id"], name="fk_file_log_by"),
        sa.PrimaryKeyConstraint("id", name="pk_file_log"),
    )
    op.create_index("ix_file_log_attachment_id", "file_log", ["attachment_id"])
    op.create_index("ix_file_log_event_at", "file_log", ["event", "at"])
