"""What is asked after every change is found without reading a large clinic whole: a doctor's drafts,
the newest seal of a computer, what is to be sealed next.

On this computer alone: the server asks none of it.
"""

import sqlalchemy as sa
from alembic import context, op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if context.config.attributes["target"] != "local":
        return
    op.create_index(
        "ix_medical_records_drafts",
        "medical_records",
        ["doctor_id", "visit_date"],
        sqlite_where=sa.text("status = 'draft' AND voided_at IS NULL"),
    )
    op.create_index("ix_record_seals_device", "record_seals", ["device", "signed_at"])
    op.create_index("ix_outbox_kind_n", "outbox", ["kind", "n"])
