"""Newer versions of rows that nobody here has touched, and what was sent from here as it comes back: a
few statements for hundreds of them instead of twenty for each.

Whatever waits here, is under way, was last written here, or could be in the way of another row is
given back for `data/replica.receive`, and the tables are left as that would leave them. Nothing here
merges, and nothing here commits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from medrec_desktop.data.combined import NOTE
from medrec_desktop.data.come_back import has_come_back
from medrec_desktop.data.documents import QUIET, TABLES
from medrec_desktop.data.filling import (
    PARENTS,
    PARTS,
    Keys,
    columns_of,
    received,
    store_seals,
    user_numbers,
)
from medrec_desktop.data.json_text import parsed, written
from medrec_desktop.data.kept_docs import squeezed
from medrec_desktop.data.patient_search import Findable, index_patients
from medrec_desktop.data.replica import Received
from medrec_desktop.data.replicas import TOUCHED
from medrec_desktop.data.row_values import numbers
from medrec_desktop.data.schema import Json
from medrec_desktop.data.schema_sync import sync_applying
from medrec_desktop.data.session import Session
from medrec_desktop.domain.merging import same_value
from medrec_desktop.domain.syncing import FeedEntry

RENEWED: Final = frozenset({"record", "patient", "attachment"})
# Whoever takes one of these may have to make room for another row.
_SINGLE: Final = frozenset({"record_no", "source_id"})
_FOUND_BY: Final = ("family", "given", "record_no", "phone", "birth_date")


@dataclass(slots=True)
class _Renewal:
    """A row and what becomes of it. `values`: of the columns that differ alone."""

    entry: FeedEntry
    key: int
    before: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    shown: bool = False
    """Whether anything a form shows is different now."""
    own: bool = False
    """Whether it was sent from here."""


@dataclass(slots=True)
class _Parts:
    """What becomes of the rows that belong to these."""

    new: list[dict[str, Any]] = field(default_factory=list)
    other: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


def renew(session: Session, entries: Sequence[FeedEntry]) -> tuple[Received, tuple[FeedEntry, ...]]:
    """What was stored, and the entries that must be received one by one. All are of one table, each
    aggregate once."""
    tbl = entries[0].tbl if entries else ""
    if tbl not in RENEWED:
        return Received(), tuple(entries)
    rows = _untouched(session, tbl, entries)
    own = _own(session, tbl, [entry for entry in entries if entry.uid.hex not in rows])
    if not rows and not own:
        return Received(), tuple(entries)
    keys: dict[str, Callable[[str], int]] = user_numbers(session)
    chosen = [
        _Renewal(entry, row["id"], row, own=entry.uid.hex in own)
        for entry in entries
        if (row := rows.get(entry.uid.hex) or own.get(entry.uid.hex)) is not None
    ]
    if tbl in PARENTS:
        column, parents = PARENTS[tbl]
        found = numbers(session, parents, {one.entry.doc[column] for one in chosen})
        chosen = [one for one in chosen if one.entry.doc[column] in found]
        keys[column] = found.__getitem__
    _compare(tbl, chosen, keys)
    chosen = [one for one in chosen if _SINGLE.isdisjoint(one.values)]
    if tbl == "attachment":
        chosen = _without_taken(session, chosen)
    left = {one.entry.uid for one in chosen}
    # What is not newer than what is here says nothing.
    newer = [one for one in chosen if _is_newer(one)]
    if newer:
        _store(session, tbl, newer, keys)
    others = tuple(entry for entry in entries if entry.uid not in left)
    return received(tbl, [one.entry for one in newer if one.shown]), others


def _without_taken(session: Session, chosen: Sequence[_Renewal]) -> list[_Renewal]:
    """Those whose place in the storage no other file has here."""
    asked = [key for one in chosen if (key := one.values.get("s3_key")) is not None]
    found = session.exec_driver_sql(
        "SELECT a.s3_key FROM json_each(?) j JOIN record_attachments a ON a.s3_key = j.value",
        (written(asked),),
    )
    taken = set(found.scalars())
    return [one for one in chosen if one.values.get("s3_key") not in taken]


def _is_newer(one: _Renewal) -> bool:
    entry, before = one.entry, one.before
    return bool(entry.rev.hex != before["base_rev"] and entry.row_version > before["base_version"])


@cache
def _columns_read(tbl: str) -> str:
    names = ", ".join(f't."{column.name}"' for column in TABLES[tbl].c)
    return f"k.base_rev AS base_rev, k.base_version AS base_version, {names}"


@cache
def _question(tbl: str) -> str:
    table = TABLES[tbl]
    more = ""
    if tbl == "record":
        # Of a draft that was written here it is said who else wrote in it; a seal may be another.
        more = (
            f" AND NOT EXISTS (SELECT 1 FROM sync_meta m WHERE m.name = '{NOTE}' || k.uid)"  # noqa: S608  # ours
            " AND NOT EXISTS (SELECT 1 FROM sync_journal w WHERE w.op_id = k.base_rev)"
            " AND NOT EXISTS (SELECT 1 FROM record_seals s WHERE s.record_id = t.id)"
        )
    return (
        f"SELECT {_columns_read(tbl)}"  # noqa: S608  # ours
        f' FROM json_each(?) j CROSS JOIN "{table.name}" t ON t.uid = j.value'
        f" CROSS JOIN sync_replicas k ON k.tbl = '{tbl}' AND k.uid = j.value"
        f" WHERE k.base_rev IS NOT NULL AND NOT {TOUCHED}{more}"
    )


def _untouched(
    session: Session, tbl: str, entries: Sequence[FeedEntry]
) -> dict[str, Mapping[str, Any]]:
    """Rows of these as they lie there, by the uid's text, with what is remembered of them."""
    return _found(session, _question(tbl), [entry.uid.hex for entry in entries])


@cache
def _own_question(tbl: str) -> str:
    seal = "(SELECT s.sha256 FROM record_seals s WHERE s.record_id = t.id)"
    return (
        f"SELECT {_columns_read(tbl)}, {seal if tbl == 'record' else 'NULL'} AS sealed"  # noqa: S608  # ours
        f' FROM json_each(?) j CROSS JOIN "{TABLES[tbl].name}" t ON t.uid = j.key'
        f" CROSS JOIN sync_replicas k ON k.tbl = '{tbl}' AND k.uid = j.key"
        f" WHERE {has_come_back(tbl)}"
    )


def _own(session: Session, tbl: str, entries: Sequence[FeedEntry]) -> dict[str, Mapping[str, Any]]:
    """Rows of those that were sent from here and come back as they are here, signed by the same
    seal or by none."""
    if not entries:
        return {}
    rows = _found(session, _own_question(tbl), {e.uid.hex: e.rev.hex for e in entries})
    seals = {e.uid.hex: (e.doc.get("seal") or {}).get("sha256") for e in entries}
    return {uid: row for uid, row in rows.items() if row["sealed"] == seals[uid]}


def _found(session: Session, question: str, asked: Any) -> dict[str, Mapping[str, Any]]:
    found = session.exec_driver_sql(question, (written(asked),))
    names = tuple(found.keys())
    rows = (dict(zip(names, row, strict=True)) for row in found.all())
    return {row["uid"]: row for row in rows}


# --- what is different ------------------------------------------------------------------------------


def _compare(tbl: str, chosen: Sequence[_Renewal], keys: Keys) -> None:
    """Write down which columns of each row become something else."""
    columns = columns_of(TABLES[tbl])
    docs = [one.entry.doc for one in chosen]
    for places, values in columns.values(docs, keys):
        for name in columns.in_document(docs[places[0]]):
            is_json = isinstance(TABLES[tbl].c[name].type, type(Json))
            news = values.get(name)
            for at, place in enumerate(places):
                one = chosen[place]
                new, old = None if news is None else news[at], one.before[name]
                if new == old or (is_json and _says_the_same(old, new)):
                    continue
                one.values[name] = new
                one.shown = one.shown or name not in QUIET


def _says_the_same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and same_value(parsed(one), parsed(other))


def _compare_parts(session: Session, tbl: str, chosen: Sequence[_Renewal], keys: Keys) -> _Parts:
    name, part, column = PARTS[tbl]
    columns = columns_of(part)
    every = tuple(one for one in columns.every if one != column)
    known = _parts_of(session, part, column, [one.key for one in chosen])
    found = _Parts()
    docs: list[Mapping[str, Any]] = []
    owners: list[_Renewal] = []
    for one in chosen:
        for row in one.entry.doc.get(name) or ():
            docs.append(row)
            owners.append(one)
    for places, values in columns.values(docs, keys):
        names = columns.in_document(docs[places[0]])
        usual = set(every) == docs[places[0]].keys()
        for at, place in enumerate(places):
            one = owners[place]
            row = {name: values[name][at] if name in values else None for name in names}
            if "rev" in part.c:
                row["rev"] = one.entry.rev.hex
            before = known.get((one.key, row["uid"]))
            known.pop((one.key, row["uid"]), None)
            if before is None:
                found.new.append(row | {column: one.key})
            elif not usual or any(row[name] != before[name] for name in names):
                found.other.append(row | {"id": before["id"]})
            else:
                continue
            one.shown = True
    # Written here and lost to another version: its words are in an op that waits.
    found.gone = [row["id"] for row in known.values()]
    without = {key for key, _ in known}
    for one in chosen:
        one.shown = one.shown or one.key in without
    return found


def _parts_of(
    session: Session, part: sa.Table, column: str, keys: Sequence[int]
) -> dict[tuple[int, str], Mapping[str, Any]]:
    found = session.exec_driver_sql(
        f'SELECT p.* FROM json_each(?) j CROSS JOIN "{part.name}" p'  # noqa: S608  # names of ours
        f' ON p."{column}" = j.value',
        (written(list(keys)),),
    )
    names = tuple(found.keys())
    rows = (dict(zip(names, row, strict=True)) for row in found.all())
    return {(row[column], row["uid"]): row for row in rows}


# --- into the tables ----------------------------------------------------------------------------------


def _store(session: Session, tbl: str, newer: Sequence[_Renewal], keys: Keys) -> None:
    session.execute(sa.insert(sync_applying).values(one=True))
    table = TABLES[tbl]
    parts = _compare_parts(session, tbl, newer, keys) if tbl in PARTS else _Parts()
    if tbl == "record":
        for one in newer:
            one.shown = one.shown or (not one.own and one.entry.doc.get("seal") is not None)
    for one in newer:
        one.values["rev"] = one.entry.rev.hex
        if one.shown:
            # Open forms compare it: what they show is no longer what is stored.
            one.values["row_version"] = one.before["row_version"] + 1
    _update(session, table, (one.values | {"id": one.key} for one in newer))
    if tbl in PARTS:
        part = PARTS[tbl][1]
        _insert(session, part, parts.new)
        _update(session, part, parts.other)
        _delete(session, part, parts.gone)
    if tbl == "record":
        # Of what was signed here the seal is here.
        others = [one for one in newer if not one.own]
        store_seals(session, [one.entry for one in others], keys, [one.key for one in others])
    if tbl == "patient":
        found = [one for one in map(_findable, newer) if one is not None]
        index_patients(session, found, new=False)
    session.exec_driver_sql(
        "UPDATE sync_replicas SET base_rev = ?, base_version = ?, base_doc = ?, head_rev = NULL,"
        " head_doc = NULL WHERE tbl = ? AND uid = ?",
        [
            (e.rev.hex, e.row_version, squeezed(e.text or written(e.doc)), tbl, e.uid.hex)
            for e in (one.entry for one in newer)
        ],
    )
    if own := [one.entry.uid.hex for one in newer if one.own]:
        # Everything of it that was under way led to this version.
        session.exec_driver_sql(
            "UPDATE sync_journal SET seen = 1 WHERE tbl = ? AND NOT seen"
            " AND uid IN (SELECT value FROM json_each(?))",
            (tbl, written(own)),
        )
    session.execute(sa.delete(sync_applying))


def _alike(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[tuple[str, ...], list[Any]]]:
    """Rows with the same columns together, in their order."""
    found: defaultdict[tuple[str, ...], list[Any]] = defaultdict(list)
    for row in rows:
        found[tuple(row)].append(tuple(row.values()))
    return found.items()


def _insert(session: Session, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    for columns, values in _alike(rows):
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  # ours
        session.exec_driver_sql(statement, values)


def _update(session: Session, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Only what differs is named: each index of a named column would be written anew. The last
    column is the row's number."""
    for columns, values in _alike(rows):
        names = ", ".join(f'"{name}" = ?' for name in columns[:-1])
        statement = f'UPDATE "{table.name}" SET {names} WHERE id = ?'  # noqa: S608  # ours
        session.exec_driver_sql(statement, values)


def _delete(session: Session, table: sa.Table, keys: Sequence[int]) -> None:
    if keys:
        statement = f'DELETE FROM "{table.name}" WHERE id = ?'  # noqa: S608  # ours
        session.exec_driver_sql(statement, [(key,) for key in keys])


def _findable(one: _Renewal) -> Findable | None:
    """None where he is found by the same words as before."""
    if one.values.keys().isdisjoint(_FOUND_BY):
        return None
    now = {**one.before, **one.values}
    born = now["birth_date"]
    names = (now["family"], now["given"], now["record_no"], now["phone"])
    return Findable(one.key, *names, date.fromisoformat(born) if born else None)
