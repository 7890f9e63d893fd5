"""${message}

Names every table, column and constraint itself: models change, history does not. Old desktops
still work after a server upgrade: add first, remove a release later.
"""

import sqlalchemy as sa
from alembic import context, op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def local() -> None:
    pass


def tenant() -> None:
    pass


def shared() -> None:
    pass
