"""Pages of a first download, and new rows of the feed, into the tables: a few statements a page
instead of ten a row.

Only rows that nobody here has ever seen are written this way; all others, and everything that
could be in the way of another row, are given back for `data/replica.receive`. Nothing here commits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.documents import TABLES, Rows
from medrec_desktop.data.json_text import written
from medrec_desktop.data.kept_docs import squeezed
from medrec_desktop.data.patient_search import Findable, index_patients
from medrec_desktop.data.replica import Received
from medrec_desktop.data.row_values import Columns, Values, insert, next_key, numbers
from medrec_desktop.data.schema import (
    allergies,
    diagnoses,
    medical_records,
    patients,
    record_seals,
)
from medrec_desktop.data.schema_sync import sync_applying, sync_replicas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import FeedEntry

PARENTS: Final = {
    "record": ("patient_id", patients),
    "attachment": ("record_id", medical_records),
    "addendum": ("record_id", medical_records),
}
PARTS: Final = {
    "record": ("diagnoses", diagnoses, "record_id"),
    "patient": ("allergies", allergies, "patient_id"),
}
_FILLED: Final = frozenset({"patient", *PARENTS})
# What one other row at most may have: a page may bring what a row that waits here has too.
_SINGLE: Final = ("record_no", "source_id", "s3_key")
_USER_COLUMNS: Final = (
    *("doctor_id", "finalized_by", "voided_by", "uploaded_by", "author_id", "signed_by"),
)

Keys = Mapping[str, Callable[[str], int]]
Alike = Sequence[tuple[list[int], Values]]
"""Places, and the values of the rows there; what a row refers to still by its uid."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Entries of one table, ready to be put in: all that needs no database."""

    entries: Sequence[FeedEntry]
    rows: Alike
    kept: Sequence[bytes]
    parts: Alike = ()
    owners: Sequence[int] = field(default=(), repr=False)
    """Of each part the place of the entry it belongs to."""


def prepare(entries: Sequence[FeedEntry]) -> Prepared:
    """On whatever thread has time for it."""
    tbl = entries[0].tbl if entries else ""
    if tbl not in _FILLED:
        return Prepared(entries, (), ())
    rows = tuple(columns_of(TABLES[tbl]).values([entry.doc for entry in entries], {}))
    kept = [squeezed(entry.text or written(entry.doc)) for entry in entries]
    if tbl not in PARTS:
        return Prepared(entries, rows, kept)
    name, part, _ = PARTS[tbl]
    docs: list[Mapping[str, Any]] = []
    owners: list[int] = []
    for place, entry in enumerate(entries):
        for row in entry.doc.get(name) or ():
            docs.append(row)
            owners.append(place)
    return Prepared(entries, rows, kept, tuple(columns_of(part).values(docs, {})), owners)


def fill(
    session: Session,
    entries: Sequence[FeedEntry],
    *,
    whole: bool = False,
    ready: Prepared | None = None,
) -> tuple[Received, tuple[FeedEntry, ...]]:
    """What was stored, and the entries that must be received one by one. All are of one table.
    `whole`: nothing comes later by the feed, so what belongs to something that is not here is among
    those. `ready`: these entries, prepared."""
    tbl = entries[0].tbl if entries else ""
    if tbl not in _FILLED:
        return Received(), tuple(entries)
    fresh, others = _apart(session, tbl, entries)
    if not fresh:
        return Received(), others
    session.execute(sa.insert(sync_applying).values(one=True))
    stored = _store(session, tbl, fresh, ready)
    session.execute(sa.delete(sync_applying))
    if whole and len(stored) < len(fresh):
        there = {entry.uid for entry in stored}
        others = tuple(entry for entry in entries if entry.uid not in there)
    return received(tbl, stored), others


def _apart(
    session: Session, tbl: str, entries: Sequence[FeedEntry]
) -> tuple[list[FeedEntry], tuple[FeedEntry, ...]]:
    """Entries that nothing here knows or collides with, and the others."""
    table = TABLES[tbl]
    by_hex = {entry.uid.hex: entry for entry in entries}
    seen = _there(session, table, "uid", by_hex)
    seen |= _there(session, sync_replicas, "uid", by_hex, f"AND t.tbl = '{tbl}'")
    for name in _SINGLE:
        if name in table.c:
            values = {entry.uid.hex: entry.doc.get(name) for entry in entries}
            asked = [value for value in values.values() if value is not None]
            if asked and (taken := _there(session, table, name, asked)):
                seen |= {uid for uid, value in values.items() if value in taken}
    if not seen:
        return list(entries), ()
    fresh = [entry for uid, entry in by_hex.items() if uid not in seen]
    return fresh, tuple(entry for uid, entry in by_hex.items() if uid in seen)


def _there(
    session: Session, table: sa.Table, column: str, values: Iterable[str], more: str = ""
) -> set[str]:
    """Which of these values the table has."""
    found = session.exec_driver_sql(
        f"SELECT j.value FROM json_each(?) j WHERE EXISTS (SELECT 1"  # noqa: S608  # names of ours
        f' FROM "{table.name}" t WHERE t."{column}" = j.value {more})',
        (written(list(values)),),
    )
    return set(found.scalars())


def _store(
    session: Session, tbl: str, entries: Sequence[FeedEntry], ready: Prepared | None
) -> Sequence[FeedEntry]:
    """Rows, parts, seals, search index and what is remembered of each; the entries that are in."""
    table = TABLES[tbl]
    keys = user_numbers(session)
    if tbl in PARENTS:
        column, parents = PARENTS[tbl]
        found = numbers(session, parents, {entry.doc[column] for entry in entries})
        # The others came to the server after the download began: the feed brings both.
        entries = [entry for entry in entries if entry.doc[column] in found]
        keys[column] = found.__getitem__
    if ready is None or len(ready.entries) != len(entries):
        ready = prepare(entries)
    first = next_key(session, table)
    uids = [entry.uid.hex for entry in entries]
    revs = [entry.rev.hex for entry in entries]
    for places, values in ready.rows:
        row = _numbered(values, keys)
        row["id"] = [first + place for place in places]
        row["uid"] = [uids[place] for place in places]
        if "rev" in table.c:
            row["rev"] = [revs[place] for place in places]
        insert(session, table, row)
    if tbl in PARTS:
        _store_parts(session, tbl, ready, keys, first, revs)
    if tbl == "record":
        store_seals(session, entries, keys, range(first, first + len(entries)))
    if tbl == "patient":
        known = [_findable(entry, first + n) for n, entry in enumerate(entries)]
        index_patients(session, known, new=True)
    kept: Values = {
        "tbl": [tbl] * len(entries),
        "uid": uids,
        "base_rev": revs,
        "base_version": [entry.row_version for entry in entries],
        "base_doc": list(ready.kept),
    }
    insert(session, sync_replicas, kept)
    return entries


def _numbered(values: Values, keys: Keys) -> Values:
    """With the number of what a row refers to in the place of its uid."""
    found = dict(values)
    for name, number in keys.items():
        if name in found:
            found[name] = [None if uid is None else number(uid) for uid in found[name]]
    return found


@cache
def columns_of(table: sa.Table) -> Columns:
    """How its documents become values."""
    return Columns(table)


def user_numbers(session: Session) -> dict[str, Callable[[str], int]]:
    """For each column that names a user, from the wire's uid to the number here."""
    rows, known = Rows(session), dict[str, int]()

    def number(uid: str) -> int:
        if uid not in known:
            known[uid] = rows.user_key(UUID(uid))
        return known[uid]

    return dict.fromkeys(_USER_COLUMNS, number)


def _store_parts(
    session: Session, tbl: str, ready: Prepared, keys: Keys, first: int, revs: Sequence[str]
) -> None:
    _, part, column = PARTS[tbl]
    for places, values in ready.parts:
        of = [ready.owners[place] for place in places]
        row = _numbered(values, keys)
        row[column] = [first + place for place in of]
        if "rev" in part.c:
            row["rev"] = [revs[place] for place in of]
        insert(session, part, row)


def store_seals(
    session: Session, entries: Sequence[FeedEntry], keys: Keys, ids: Sequence[int]
) -> None:
    """Those that the documents of these records bring; `ids` are the records'."""
    owners = [place for place, entry in enumerate(entries) if entry.doc.get("seal")]
    docs = [entries[place].doc["seal"] for place in owners]
    for places, values in columns_of(record_seals).values(docs, keys):
        values["record_id"] = [ids[owners[place]] for place in places]
        insert(session, record_seals, values)


def _findable(entry: FeedEntry, key: int) -> Findable:
    doc = entry.doc
    born = doc.get("birth_date")
    return Findable(
        key,
        doc.get("family") or "",
        doc.get("given") or "",
        doc.get("record_no") or "",
        doc.get("phone") or "",
        date.fromisoformat(born) if born else None,
    )


def received(tbl: str, entries: Iterable[FeedEntry]) -> Received:
    """What these rows change, for the screens."""
    found = Received()
    for entry in entries:
        if tbl == "patient":
            found.patients.add(entry.uid)
        elif tbl == "record":
            found.visits.add(entry.uid)
        elif tbl == "attachment":
            found.attachments.add(UUID(entry.doc["record_id"]))
        else:
            found.visits.add(UUID(entry.doc["record_id"]))
    return found
