"""Pieces of the feed before they are applied: how much goes into one transaction, and which versions
need not be looked at because a newer one of the same piece follows.

Only what nobody here has touched is shortened: where words of this computer wait, or an op of it is
under way, every version is met one by one. Nothing here writes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from medrec_desktop.data.documents import TABLES
from medrec_desktop.data.json_text import written
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Cursor, FeedEntry

_MOST: Final = 500
_CHANGE: Final = 5
"""A changed row takes as long as so many new ones."""
# What many versions are made of; each with what it belongs to, which stays the same.
_SHORTENED: Final = {"record": "patient_id", "patient": "", "attachment": "record_id"}
_BUSY: Final = {
    tbl: sa.text(
        f'SELECT j.value FROM json_each(:uids) j LEFT JOIN "{TABLES[tbl].name}" t'  # noqa: S608  # ours
        f" ON t.uid = j.value LEFT JOIN sync_replicas k ON k.tbl = '{tbl}' AND k.uid = j.value"
        " WHERE (t.uid IS NULL) <> (k.uid IS NULL) OR k.base_version = 0"
        " OR k.head_rev IS NOT NULL OR k.head_doc IS NOT NULL OR k.supersedes IS NOT NULL"
        " OR k.held IS NOT NULL"
        f" OR EXISTS (SELECT 1 FROM outbox o WHERE o.kind = '{tbl}' AND o.uid = j.value)"
        f" OR EXISTS (SELECT 1 FROM sync_journal n WHERE n.uid = j.value AND n.tbl = '{tbl}'"
        " AND NOT n.seen)"
        " OR EXISTS (SELECT 1 FROM sync_reviews r WHERE r.uid = j.value AND r.state = 'open')"
    )
    for tbl in _SHORTENED
}


def portions(
    session: Session, entries: Sequence[FeedEntry]
) -> Iterator[tuple[list[FeedEntry], Cursor]]:
    """What goes into one transaction, for whoever types waits for each; and how far the feed is
    applied after it."""
    if not entries:
        return
    found: list[FeedEntry] = []
    weight, cursor = 0, Cursor()
    for place, entry in newest(session, entries):
        if weight >= _MOST:
            yield found, cursor
            found, weight = [], 0
        found.append(entry)
        weight += 1 if entry.row_version == 1 else _CHANGE
        # A newer version in the place of an older one does not bring the cursor to itself.
        cursor = Cursor(place.seq, place.chain)
    yield found, Cursor(entries[-1].seq, entries[-1].chain)


def newest(session: Session, entries: Sequence[FeedEntry]) -> list[tuple[FeedEntry, FeedEntry]]:
    """Places and what is to be applied there: of what has several versions here and is untouched
    only the last, in the place of the first, for what refers to it comes after that. What is
    touched after this was asked is merged with that version; no op made since can be in here."""
    versions: defaultdict[tuple[str, str], list[FeedEntry]] = defaultdict(list)
    for entry in entries:
        if entry.tbl in _SHORTENED:
            versions[entry.tbl, entry.uid.hex].append(entry)
    last = {
        key: found[-1]
        for key, found in versions.items()
        if len(found) > 1 and _belongs_to_one(found)
    }
    for tbl in {tbl for tbl, _ in last}:
        uids = [uid for kind, uid in last if kind == tbl]
        for uid in session.scalars(_BUSY[tbl], {"uids": written(uids)}):
            del last[tbl, uid]
    kept: list[tuple[FeedEntry, FeedEntry]] = []
    for entry in entries:
        key = (entry.tbl, entry.uid.hex)
        if key not in last:
            kept.append((entry, entry))
        elif entry is versions[key][0]:
            kept.append((entry, last[key]))
    return kept


def _belongs_to_one(found: Sequence[FeedEntry]) -> bool:
    column = _SHORTENED[found[0].tbl]
    return not column or len({entry.doc.get(column) for entry in found}) == 1
