"""This computer's own changes as the feed brings them back, whole: what is here is what was sent, and
nothing has been done to it since. Asked of hundreds at once, as after an import or a move.

Nothing here writes. Whatever is not that plain goes one by one through `data/replica.receive`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from medrec_desktop.data.json_text import written
from medrec_desktop.data.session import Session

KINDS: Final = frozenset({"record", "patient", "attachment"})
_OF_THE_OP: Final = "n.uid = k.uid AND n.tbl = k.tbl AND NOT n.seen"


@cache
def has_come_back(tbl: str) -> str:
    """A condition: the row `k` of sync_replicas has come back as the rev `j.value`, the last that
    was sent of it, and so has everything that led to it, each step having been made on the one
    before."""
    # Of a file, that it is in the storage is taken whatever came of the step before.
    several = "n.op_id <> j.value OR" if tbl == "attachment" else ""
    return (
        "k.head_rev = j.value AND (k.base_rev IS NULL OR k.base_version > 0)"  # noqa: S608  # names of ours
        " AND k.supersedes IS NULL AND k.held IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.kind = k.tbl AND o.uid = k.uid)"
        f" AND EXISTS (SELECT 1 FROM sync_journal n WHERE {_OF_THE_OP} AND n.op_id = j.value)"
        f" AND NOT EXISTS (SELECT 1 FROM sync_journal n WHERE {_OF_THE_OP} AND ({several} n.dead"
        " OR json_extract(n.op, '$.kind') IN ('dismiss', 'audit')))"
        " AND NOT EXISTS (SELECT 1 FROM sync_reviews r WHERE r.uid = k.uid AND r.state = 'open')"
    )


def come_back(session: Session, tbl: str, revs: Mapping[str, str]) -> set[str]:
    """Which of these, as uid -> newest rev of a page, both in hex, are that plain."""
    if tbl not in KINDS or not revs:
        return set()
    found = session.exec_driver_sql(
        "SELECT k.uid FROM json_each(?) j CROSS JOIN sync_replicas k"  # noqa: S608  # names of ours
        f" ON k.tbl = '{tbl}' AND k.uid = j.key WHERE {has_come_back(tbl)}",
        (written(dict(revs)),),
    )
    return set(found.scalars())
