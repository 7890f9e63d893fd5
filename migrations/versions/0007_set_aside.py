"""Words that a visit refused, kept on this computer until somebody is done with them."""

import sqlalchemy as sa
from alembic import context, op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if context.config.attributes["target"] != "local":
        return
    op.create_table(
        "set_aside",
        sa.Column("record", sa.Uuid(), nullable=False),
        sa.Column("window", sa.Uuid(), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("record", "window", name="pk_set_aside"),
    )
