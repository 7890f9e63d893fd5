"""Which ops can go to the server while one of them cannot: a bad op holds up only what needs it.

Pure: what is stuck, and since when, its caller knows.
"""

from collections.abc import Collection, Sequence
from uuid import UUID

from medrec_desktop.domain.syncing import Op


def free_of(ops: Sequence[Op], stuck: Collection[UUID]) -> tuple[Op, ...]:
    """Those of `ops`, oldest first, that need none of the `stuck` ones to have arrived: of other
    aggregates, naming none of theirs, written by nobody who is new with them, closing none."""
    held, about = set(stuck), set[UUID]()
    free: list[Op] = []
    for op in ops:
        named = {value for value in op.patch.values() if isinstance(value, str)}
        if (
            op.op_id in held
            or op.uid in about
            or op.actor in about
            or held.intersection(op.supersedes)
            or not named.isdisjoint(str(uid) for uid in about)
        ):
            held.add(op.op_id)
            about.add(op.uid)
        else:
            free.append(op)
    return tuple(free)
