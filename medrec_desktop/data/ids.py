"""New uuids for rows. Version 7: neighbours in time lie together in an index.

The time inside is for locality only; nothing may read it back or decide an order by it.
"""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_uid() -> UUID:
    """A uuid that no other computer makes."""
    return uuid7()
