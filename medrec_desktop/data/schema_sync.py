"""Tables with which this computer keeps in step with its clinic's server. Local ones alone; the
server's own are SQL in the migrations.
"""

import sqlalchemy as sa

from medrec_desktop.data.kept_docs import KeptDoc
from medrec_desktop.data.schema import Json, UtcDateTime, metadata

LOCAL = {"local": True}

# How this computer keeps in step with the clinic's server (`data/replica.py`). For each aggregate
# the server has: the last state both had, and, where ops are under way, the state after them.
sync_replicas = sa.Table(
    "sync_replicas",
    metadata,
    sa.Column("tbl", sa.String(20), primary_key=True),
    sa.Column("uid", sa.Uuid, primary_key=True),
    sa.Column("base_rev", sa.Uuid),
    sa.Column("base_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("base_doc", KeptDoc),
    # None: as the base.
    sa.Column("head_rev", sa.Uuid),
    sa.Column("head_doc", Json),
    # Parked ops that the next op closes, as texts.
    sa.Column("supersedes", Json),
    # Why the server will not take it as it is: sent again only when something has changed.
    sa.Column("held", sa.Text),
    sa.Index("ix_sync_replicas_held", "held"),
    info=LOCAL,
)

# Every op that was sealed here, never changed but for what became of it.
sync_journal = sa.Table(
    "sync_journal",
    metadata,
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("op_id", sa.Uuid, nullable=False, unique=True),
    sa.Column("tbl", sa.String(20), nullable=False),
    sa.Column("uid", sa.Uuid, nullable=False),
    sa.Column("op", Json, nullable=False),
    sa.Column("sealed_at", UtcDateTime, nullable=False),
    # The server has answered; its state still comes through the feed alone.
    sa.Column("acked", sa.Boolean, nullable=False, server_default=sa.false()),
    # Its effect, or that it was parked, has come back through the feed.
    sa.Column("seen", sa.Boolean, nullable=False, server_default=sa.false()),
    # Somebody else's change came first: it will be parked, or was.
    sa.Column("dead", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("outcome", sa.String(10)),
    sa.Column("reason", sa.Text),
    sa.Index("ix_sync_journal_uid", "uid"),
    sa.Index("ix_sync_journal_acked", "acked"),
    info=LOCAL,
    sqlite_autoincrement=True,
)

# The clinic's parked ops, as the feed tells of them.
sync_reviews = sa.Table(
    "sync_reviews",
    metadata,
    sa.Column("op_id", sa.Uuid, primary_key=True),
    sa.Column("tbl", sa.String(20), nullable=False),
    sa.Column("uid", sa.Uuid, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("doc", Json, nullable=False),
    sa.Index("ix_sync_reviews_uid", "uid"),
    sa.Index("ix_sync_reviews_state", "state"),
    info=LOCAL,
)

# Name -> value of what sync must remember: the cursor, where a first download stands.
sync_meta = sa.Table(
    "sync_meta",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", Json, nullable=False),
    info=LOCAL,
)

# Has a row only inside the transaction that stores what the server sent: the guards of this file
# let it pass, for the server's own have seen it.
sync_applying = sa.Table(
    "sync_applying",
    metadata,
    sa.Column("one", sa.Boolean, primary_key=True),
    info=LOCAL,
)
