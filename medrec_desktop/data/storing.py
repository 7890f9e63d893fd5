"""What came from the server into the tables, by the quickest way that each piece of it allows.

In the caller's transaction. How a piece is merged is `data/replica.py`'s business.
"""

from collections.abc import Sequence
from uuid import UUID

from medrec_desktop.data.filling import fill
from medrec_desktop.data.renewing import renew
from medrec_desktop.data.replica import Received, receive, try_held_again
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Aggregate, FeedEntry

# What others refer to comes first. What nobody here has touched depends on nothing else, and what
# somebody has keeps its order. An addendum comes after the signature of its visit.
_TOGETHER: tuple[Aggregate, ...] = ("patient", "record", "attachment")
# Others are named after these.
_APART = frozenset({"user", "settings"})


def store(
    session: Session, entries: Sequence[FeedEntry], sealer: Sealer, *, paged: bool
) -> list[Received]:
    """Apply these, oldest first; what they changed. `paged` as in `replica.receive`."""
    return [one for run in _runs(entries) for one in _applied(session, run, sealer, paged=paged)]


def _runs(entries: Sequence[FeedEntry]) -> list[list[FeedEntry]]:
    """Neighbours that may be stored kind by kind, each aggregate once in a run."""
    runs: list[list[FeedEntry]] = []
    uids: set[tuple[str, UUID]] = set()
    for entry in entries:
        key = (entry.tbl, entry.uid)
        if not runs or entry.tbl in _APART or runs[-1][-1].tbl in _APART or key in uids:
            runs.append([])
            uids = set()
        runs[-1].append(entry)
        uids.add(key)
    return runs


def _applied(
    session: Session, run: list[FeedEntry], sealer: Sealer, *, paged: bool
) -> list[Received]:
    """Many that are new here, or that nobody here has touched, go in together, kind by kind; the
    others one by one as they came."""
    done: list[Received] = []
    stored: set[tuple[str, UUID]] = set()
    filled_any = False
    for tbl in _TOGETHER:
        kind = [entry for entry in run if entry.tbl == tbl]
        if not kind:
            continue
        filled, left = fill(session, kind, whole=not paged)
        filled_any = filled_any or len(left) < len(kind)
        renewed, left = renew(session, left)
        done += [filled, renewed]
        stored |= {(tbl, entry.uid) for entry in kind} - {(tbl, entry.uid) for entry in left}
    if filled_any:
        try_held_again(session, sealer, only="unknown_")
    others = [entry for entry in run if (entry.tbl, entry.uid) not in stored]
    return [*done, receive(session, others, sealer, paged=paged)]
