"""Pages of a first download into tables that are still empty there: a few statements a page instead
of ten a row.

Only rows that nobody here has ever seen are written this way; all others, and everything that
could be in the way of another row, are given back for `data/replica.receive`. Nothing here commits.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.documents import TABLES, Rows, UnknownParent
from medrec_desktop.data.patient_search import Findable, index_new_patients
from medrec_desktop.data.replica import Received
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

_PARENTS: Final = {
    "record": ("patient_id", patients),
    "attachment": ("record_id", medical_records),
    "addendum": ("record_id", medical_records),
}
_PARTS: Final = {
    "record": ("diagnoses", diagnoses, "record_id"),
    "patient": ("allergies", allergies, "patient_id"),
}
_FILLED: Final = frozenset({"patient", *_PARENTS})
# What one other row at most may have: a page may bring what a row that waits here has too.
_SINGLE: Final = ("record_no", "source_id", "s3_key")


def fill(
    session: Session, entries: Sequence[FeedEntry], *, whole: bool = False
) -> tuple[Received, tuple[FeedEntry, ...]]:
    """What was stored, and the entries that must be received one by one. All are of one table.
    `whole`: nothing comes later by the feed, so whatever belongs to something that is not here is
    an `UnknownParent`."""
    tbl = entries[0].tbl if entries else ""
    if tbl not in _FILLED:
        return Received(), tuple(entries)
    fresh, others = _apart(session, tbl, entries)
    if not fresh:
        return Received(), others
    session.execute(sa.insert(sync_applying).values(one=True))
    stored = _store(session, tbl, fresh, whole=whole)
    session.execute(sa.delete(sync_applying))
    return _received(tbl, stored), others


def _apart(
    session: Session, tbl: str, entries: Sequence[FeedEntry]
) -> tuple[list[FeedEntry], tuple[FeedEntry, ...]]:
    """Entries that nothing here knows or collides with, and the others."""
    table, known = TABLES[tbl], sync_replicas.c
    uids = [entry.uid for entry in entries]
    seen = set(session.scalars(sa.select(table.c.uid).where(table.c.uid.in_(uids))))
    seen |= set(session.scalars(sa.select(known.uid).where(known.tbl == tbl, known.uid.in_(uids))))
    for name in _SINGLE:
        if name in table.c:
            values = [entry.doc.get(name) for entry in entries if entry.doc.get(name) is not None]
            taken = set(session.scalars(sa.select(table.c[name]).where(table.c[name].in_(values))))
            seen |= {entry.uid for entry in entries if entry.doc.get(name) in taken}
    fresh = [entry for entry in entries if entry.uid not in seen]
    return fresh, tuple(entry for entry in entries if entry.uid in seen)


def _store(
    session: Session, tbl: str, entries: Sequence[FeedEntry], *, whole: bool
) -> list[FeedEntry]:
    """Rows, parts, seals, search index and what is remembered of each; the entries that are in."""
    table, rows = TABLES[tbl], Rows(session)
    if tbl in _PARENTS:
        column, parents = _PARENTS[tbl]
        wanted = {UUID(entry.doc[column]) for entry in entries}
        found = session.execute(
            sa.select(parents.c.uid, parents.c.id).where(parents.c.uid.in_(wanted))
        )
        rows.know_parents(column, {row.uid: row.id for row in found})
    stored: list[FeedEntry] = []
    values: list[dict[str, Any]] = []
    for entry in entries:
        try:
            made = rows.columns(table, entry.doc)
        except UnknownParent:
            if whole:
                raise
            # It came to the server after the download began: the feed brings both.
            continue
        made["uid"] = entry.uid
        if "rev" in table.c:
            made["rev"] = entry.rev
        values.append(made)
        stored.append(entry)
    _insert(session, table, values)
    uids = [entry.uid for entry in stored]
    keys = {
        row.uid: row.id
        for row in session.execute(sa.select(table.c.uid, table.c.id).where(table.c.uid.in_(uids)))
    }
    if tbl in _PARTS:
        _store_parts(session, rows, tbl, stored, keys)
    if tbl == "record":
        _store_seals(session, rows, stored, keys)
    if tbl == "patient":
        index_new_patients(session, [_findable(entry, keys[entry.uid]) for entry in stored])
    _insert(
        session,
        sync_replicas,
        [
            {
                "tbl": tbl,
                "uid": entry.uid,
                "base_rev": entry.rev,
                "base_version": entry.row_version,
                "base_doc": dict(entry.doc),
            }
            for entry in stored
        ],
    )
    return stored


def _store_parts(
    session: Session, rows: Rows, tbl: str, entries: Iterable[FeedEntry], keys: dict[UUID, int]
) -> None:
    name, part, column = _PARTS[tbl]
    values: list[dict[str, Any]] = []
    for entry in entries:
        for row in entry.doc.get(name) or []:
            made = rows.columns(part, row) | {column: keys[entry.uid]}
            if "rev" in part.c:
                made["rev"] = entry.rev
            values.append(made)
    _insert(session, part, values)


def _store_seals(
    session: Session, rows: Rows, entries: Iterable[FeedEntry], keys: dict[UUID, int]
) -> None:
    values = [
        rows.columns(record_seals, entry.doc["seal"]) | {"record_id": keys[entry.uid]}
        for entry in entries
        if entry.doc.get("seal")
    ]
    _insert(session, record_seals, values)


def _insert(session: Session, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """One statement for all rows with the same columns."""
    alike: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        alike[frozenset(row)].append(row)
    for group in alike.values():
        session.execute(sa.insert(table), group)


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


def _received(tbl: str, entries: Iterable[FeedEntry]) -> Received:
    received = Received()
    for entry in entries:
        if tbl == "patient":
            received.patients.add(entry.uid)
        elif tbl == "record":
            received.visits.add(entry.uid)
        elif tbl == "attachment":
            received.attachments.add(UUID(entry.doc["record_id"]))
        else:
            received.visits.add(UUID(entry.doc["record_id"]))
    return received
