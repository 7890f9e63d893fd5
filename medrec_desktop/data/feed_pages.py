"""Pieces of the feed before they are applied: how much goes into one transaction, and which versions
need not be looked at because a newer one of the same piece follows.

Only what nobody here has touched is shortened, and what was sent from here and comes back whole:
where words of this computer wait, or another op of it is under way, every version is met one by one.
Nothing here writes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from medrec_desktop.data.come_back import come_back
from medrec_desktop.data.documents import TABLES
from medrec_desktop.data.json_text import written
from medrec_desktop.data.replicas import TOUCHED
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Cursor, FeedEntry

_MOST: Final = 1_000
_TOUCHED: Final = 10
"""A row that waits here, or may, takes as long as so many that nobody touched."""
# What many versions are made of; each with what it belongs to, which stays the same.
_SHORTENED: Final = {"record": "patient_id", "patient": "", "attachment": "record_id"}
_ONCE: Final = "audit"
"""The head of a computer's trail: of many only the first is kept here."""
_BUSY: Final = {
    tbl: sa.text(
        f'SELECT j.value FROM json_each(:uids) j LEFT JOIN "{TABLES[tbl].name}" t'  # noqa: S608  # ours
        f" ON t.uid = j.value LEFT JOIN sync_replicas k ON k.tbl = '{tbl}' AND k.uid = j.value"
        f" WHERE (t.uid IS NULL) <> (k.uid IS NULL) OR {TOUCHED}"
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
    busy = _busy(session, entries)
    found: list[FeedEntry] = []
    weight, cursor = 0, Cursor()
    for place, entry in _newest(entries, busy):
        if weight >= _MOST:
            yield found, cursor
            found, weight = [], 0
        found.append(entry)
        usual = entry.row_version == 1 or (
            entry.tbl in _SHORTENED and (entry.tbl, entry.uid.hex) not in busy
        )
        weight += 1 if usual else _TOUCHED
        # A newer version in the place of an older one does not bring the cursor to itself.
        cursor = Cursor(place.seq, place.chain)
    yield found, Cursor(entries[-1].seq, entries[-1].chain)


def _busy(session: Session, entries: Sequence[FeedEntry]) -> set[tuple[str, str]]:
    """Those of which something waits here. What is touched after this was asked is merged with the
    newest version; no op made since can be in here."""
    last: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for entry in entries:
        if entry.tbl in _SHORTENED:
            last[entry.tbl][entry.uid.hex] = entry.rev.hex
    found: set[tuple[str, str]] = set()
    for tbl, revs in last.items():
        busy = session.scalars(_BUSY[tbl], {"uids": written(list(revs))}).all()
        mine = come_back(session, tbl, {uid: revs[uid] for uid in busy})
        found |= {(tbl, uid) for uid in busy if uid not in mine}
    return found


def _newest(
    entries: Sequence[FeedEntry], busy: set[tuple[str, str]]
) -> list[tuple[FeedEntry, FeedEntry]]:
    """Places and what is to be applied there: of what has several versions here and is untouched
    only the last, in the place of the first, for what refers to it comes after that."""
    versions: defaultdict[tuple[str, str], list[FeedEntry]] = defaultdict(list)
    for entry in entries:
        versions[entry.tbl, entry.uid.hex].append(entry)
    last = {
        key: found[0] if key[0] == _ONCE else found[-1]
        for key, found in versions.items()
        if key not in busy and len(found) > 1 and _shortened(found)
    }
    kept: list[tuple[FeedEntry, FeedEntry]] = []
    for entry in entries:
        key = (entry.tbl, entry.uid.hex)
        if key not in last:
            kept.append((entry, entry))
        elif entry is versions[key][0]:
            kept.append((entry, last[key]))
    return kept


def _shortened(found: Sequence[FeedEntry]) -> bool:
    """Whether all of them belong to the same."""
    column = "" if found[0].tbl == _ONCE else _SHORTENED.get(found[0].tbl)
    if column is None:
        return False
    return not column or len({entry.doc.get(column) for entry in found}) == 1
