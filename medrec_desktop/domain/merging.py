"""Three-way merge of documents in clinical units: what two people changed since both saw the same.

A unit is never split: a blood pressure, a medicine's row, a diagnosis, the whole text of a field.
Different units merge. The same unit changed differently is never decided here: the document keeps
theirs, and the unit is named, so that a person decides.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from medrec_desktop.domain.syncing import Aggregate, Document

SIGNATURE: Final = "signature"
"""The unit of a record's signature. It is never merged: who signs has seen the very revision."""

VOIDED: Final = "voided"

Units = dict[str, Any]

_UPLOAD = "upload"
_STORED = 2
# Columns that belong together are one unit.
_GROUPS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "record": {
        "follow_up": ("follow_up_required", "follow_up_date", "follow_up_text"),
        SIGNATURE: ("status", "finalized_at", "finalized_by", "finalize_accepted_at", "seal"),
        VOIDED: ("voided_at", "voided_by", "void_reason"),
    },
    "patient": {VOIDED: ("voided_at", "voided_by", "void_reason")},
    "attachment": {
        VOIDED: ("voided_at", "voided_by", "void_reason"),
        _UPLOAD: ("upload_state", "s3_key", "s3_bucket", "s3_version", "held_by"),
    },
}
# Lists in a JSON column: each item by its uid.
_ITEMS = {"record": ("prescriptions", "lab_results")}
# Rows of a table of their own: each by its uid; a removed one says so in `voided_at`.
_ROWS = {"record": "diagnoses", "patient": "allergies"}
# Objects whose keys are units.
_MAPS = {"record": ("vital_signs", "extra")}
# Units that nobody is asked about: what was done last holds. A mark names the words it was given
# for, so a wrong one means nothing.
_MINE_HOLDS = frozenset({_UPLOAD, "extra.ready"})
# A reading of two numbers, however other programs call it.
_PRESSURE = frozenset({"blood_pressure", "bp_systolic", "bp_diastolic", "systolic", "diastolic"})
# Not what somebody wrote: the newest simply holds.
_CARRIED = frozenset({"uid", "created_at", "updated_at"})
_CARRIED_OF_ROWS = frozenset(
    {"uid", "created_at", "position", "voided_at", "voided_by", "void_reason"}
)
_UNSIGNED: Mapping[str, Any] = {
    "status": "draft",
    "finalized_at": None,
    "finalized_by": None,
    "finalize_accepted_at": None,
    "seal": None,
}


@dataclass(frozen=True, slots=True)
class Merged:
    """`doc` to go on with. `taken`: my units in it that theirs does not have; `same`: mine that
    theirs has too; `conflicts`: mine that a person must decide. Together: all that I changed.
    `unsigned`: my signature does not hold on this document."""

    doc: dict[str, Any]
    taken: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()
    conflicts: frozenset[str] = frozenset()
    unsigned: bool = False


def units_of(tbl: Aggregate, doc: Document) -> Units:
    """The document as unit -> value; what is not there is no key, or None."""
    found: Units = {}
    grouped: set[str] = set()
    for unit, columns in _GROUPS.get(tbl, {}).items():
        grouped.update(columns)
        values = {column: doc.get(column) for column in columns}
        if any(value not in {None, False} for value in _plain(values.values())):
            found[unit] = values
    for column, value in doc.items():
        if column in grouped or column in _CARRIED or value is None:
            continue
        if column in _ITEMS.get(tbl, ()):
            found.update(_items(column, value))
        elif column == _ROWS.get(tbl):
            found.update({f"{column}.{row['uid']}": _row(row) for row in value})
        elif column in _MAPS.get(tbl, ()) and isinstance(value, Mapping):
            found.update(_readings(column, value))
        else:
            found[column] = value
    return {unit: value for unit, value in found.items() if value is not None}


def _plain(values: Iterable[Any]) -> list[Any]:
    """Values that a set can hold, for asking whether anything is there."""
    return [value if isinstance(value, str | bool | int | None) else "there" for value in values]


def _items(column: str, value: Any) -> Units:
    if not _by_uid(value):
        return {column: value} if value else {}
    return {f"{column}.{item['uid']}": item for item in value}


def _by_uid(value: Any) -> bool:
    """Whether every item says which one it is; other programs' lists may not."""
    if not isinstance(value, list):
        return False
    uids = [item.get("uid") if isinstance(item, dict) else None for item in value]
    return all(isinstance(uid, str) and uid for uid in uids) and len(set(uids)) == len(uids)


def _row(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row.get("voided_at") is not None:
        return None
    return {name: value for name, value in row.items() if name not in _CARRIED_OF_ROWS}


def _readings(column: str, value: Mapping[str, Any]) -> Units:
    found: Units = {}
    for key, reading in value.items():
        if key in _PRESSURE:
            found.setdefault(f"{column}.blood_pressure", {})[key] = reading
        else:
            found[f"{column}.{key}"] = reading
    return found


def changed_units(tbl: Aggregate, before: Document, after: Document) -> frozenset[str]:
    """Units that are not the same in both."""
    return _changed(units_of(tbl, before), units_of(tbl, after))


def _changed(before: Units, after: Units) -> frozenset[str]:
    return frozenset(
        unit
        for unit in before.keys() | after.keys()
        if not same_value(before.get(unit), after.get(unit))
    )


def same_value(one: Any, other: Any) -> bool:
    """Equal letter for letter: 1 and 1.0 and True are three things."""
    if one is None or other is None or isinstance(one, str):
        return bool(one == other)
    return one == other and _text(one) == _text(other)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def merge(tbl: Aggregate, base: Document, mine: Document, theirs: Document) -> Merged:
    """What both changed since `base`, together; see the module."""
    was, ours, others = (units_of(tbl, doc) for doc in (base, mine, theirs))
    my_changes, their_changes = _changed(was, ours), _changed(was, others)
    unsigned = SIGNATURE in my_changes
    same = frozenset(u for u in my_changes if same_value(ours.get(u), others.get(u)))
    if _UPLOAD in my_changes & their_changes and _how_far(theirs) > _how_far(mine):
        # A file that is in the storage stays there, whoever had not heard of it.
        same |= {_UPLOAD}
    unsigned = unsigned and SIGNATURE not in same
    # Who signs has seen the very revision: a signature holds on no other.
    claim = frozenset({SIGNATURE} if unsigned else ())
    open_changes = my_changes - same - claim
    if _closed(tbl, theirs) or _moved(open_changes, their_changes - same):
        # Signed, entered in error, or another patient's now: nothing is put into it any more.
        return Merged(dict(theirs), frozenset(), same, open_changes | claim, unsigned)
    conflicts = _clashing(tbl, open_changes, their_changes, (base, mine, theirs))
    taken = open_changes - conflicts
    doc = _assembled(tbl, (base, mine, theirs), taken)
    doc, conflicts, taken = _safe_allergies(tbl, doc, conflicts, taken)
    return Merged(doc, taken, same, conflicts | claim, unsigned)


def is_closed(tbl: Aggregate, doc: Document) -> bool:
    """Whether it takes no words any more. Of a file its visit says that, not the file."""
    return _closed(tbl, doc) or (tbl == "patient" and doc.get("voided_at") is not None)


def after_closing(tbl: Aggregate, base: Document, mine: Document) -> Merged:
    """What of mine a closed `base` still takes: that it was entered in error; of a signed file also
    that it is in the storage. All else is for a person."""
    changed = changed_units(tbl, base, mine)
    free = {_UPLOAD, VOIDED} if tbl == "attachment" or base.get("voided_at") is None else {_UPLOAD}
    taken = changed & free
    doc = _assembled(tbl, (base, mine, base), taken)
    return Merged(doc, taken, frozenset(), changed - taken)


def _how_far(doc: Document) -> int:
    """An attachment on its way: without a key, with one, in the storage."""
    return _STORED if doc.get("upload_state") == "stored" else int(doc.get("s3_key") is not None)


def _closed(tbl: Aggregate, doc: Document) -> bool:
    return tbl == "record" and (
        doc.get("status") == "finalized" or doc.get("voided_at") is not None
    )


def _moved(mine: frozenset[str], theirs: frozenset[str]) -> bool:
    """Whether one side put the visit to another patient while the other changed anything."""
    return bool(mine and theirs and "patient_id" in mine | theirs)


def _clashing(
    tbl: Aggregate,
    mine: frozenset[str],
    theirs: frozenset[str],
    docs: tuple[Document, Document, Document],
) -> frozenset[str]:
    found = {unit for unit in mine if unit in theirs and unit not in _MINE_HOLDS}
    for column in _ITEMS.get(tbl, ()):
        # One unit for the whole list where an item has no uid: it meets every item's unit.
        if any(doc.get(column) and not _by_uid(doc.get(column)) for doc in docs):
            own, other = _of(column, mine), _of(column, theirs)
            if own and other:
                found |= own
    return frozenset(found)


def _of(column: str, units: Iterable[str]) -> set[str]:
    return {unit for unit in units if unit == column or unit.startswith(f"{column}.")}


def _assembled(
    tbl: Aggregate, docs: tuple[Document, Document, Document], taken: frozenset[str]
) -> dict[str, Any]:
    """Theirs with the taken units of mine."""
    base, mine, theirs = docs
    doc = dict(theirs)
    for column in {unit.partition(".")[0] for unit in taken}:
        own = _of(column, taken)
        if column in _GROUPS.get(tbl, {}):
            doc.update({name: mine.get(name) for name in _GROUPS[tbl][column]})
        elif own == {column} or same_value(base.get(column), theirs.get(column)):
            doc[column] = mine.get(column)
        elif column == _ROWS.get(tbl):
            doc[column] = _rows_with(base, mine, theirs, column, own)
        elif column in _MAPS.get(tbl, ()):
            doc[column] = _map_with(mine, theirs, column, own)
        else:
            doc[column] = _items_with(mine, theirs, column, own)
    return doc


def _map_with(mine: Document, theirs: Document, column: str, taken: set[str]) -> dict[str, Any]:
    ours, others = mine.get(column) or {}, theirs.get(column) or {}

    def wanted(key: str) -> bool:
        unit = "blood_pressure" if key in _PRESSURE else key
        return f"{column}.{unit}" in taken

    kept = {key: value for key, value in others.items() if not wanted(key)}
    return kept | {key: value for key, value in ours.items() if wanted(key)}


def _items_with(mine: Document, theirs: Document, column: str, taken: set[str]) -> list[Any]:
    """Their order; what only I have comes after what stood before it with me."""
    ours = {item["uid"]: item for item in mine.get(column) or []}
    result = []
    for item in theirs.get(column) or []:
        if f"{column}.{item['uid']}" not in taken:
            result.append(item)
        elif item["uid"] in ours:
            result.append(ours[item["uid"]])
    there = {item["uid"] for item in result}
    before: str | None = None
    for uid, item in ours.items():
        if uid not in there and f"{column}.{uid}" in taken:
            at = next((n for n, one in enumerate(result) if one["uid"] == before), len(result) - 1)
            result.insert(at + 1, item)
            there.add(uid)
        before = uid if uid in there else before
    return result


def _rows_with(
    base: Document, mine: Document, theirs: Document, column: str, taken: set[str]
) -> list[Any]:
    was, ours, others = (
        {row["uid"]: row for row in doc.get(column) or []} for doc in (base, mine, theirs)
    )
    result = []
    for uid in dict.fromkeys((*others, *ours)):
        own = f"{column}.{uid}" in taken
        if own and uid in ours:
            row = dict(ours[uid])
            if uid in others and "position" in row:
                row["position"] = _place(was.get(uid), ours[uid], others[uid])
            result.append(row)
        elif uid in others and not own:
            result.append(dict(others[uid]))
    return result


def _place(
    was: Mapping[str, Any] | None, ours: Mapping[str, Any], others: Mapping[str, Any]
) -> Any:
    before = was.get("position") if was else None
    return others["position"] if others["position"] != before else ours["position"]


def _safe_allergies(
    tbl: Aggregate, doc: dict[str, Any], conflicts: frozenset[str], taken: frozenset[str]
) -> tuple[dict[str, Any], frozenset[str], frozenset[str]]:
    """A substance that stands there is known, whatever one side said of there being none."""
    if tbl != "patient" or doc.get("allergy_state") == "has":
        return doc, conflicts, taken
    if not any(row.get("voided_at") is None for row in doc.get("allergies") or []):
        return doc, conflicts, taken
    named = {"allergy_state"} & taken
    return doc | {"allergy_state": "has"}, conflicts | named, taken - named


def with_news(tbl: Aggregate, before: Document, after: Document, mine: Document) -> dict[str, Any]:
    """`mine` with what the server set between `before` and `after` (its own times, a key), except
    where I have changed that very column since. Bytes that I have put into the storage lie where I
    put them."""
    result = dict(mine)
    rows = _ROWS.get(tbl)
    stored = [_how_far(doc) == _STORED for doc in (mine, before, after)]
    kept = _GROUPS["attachment"][_UPLOAD] if stored == [True, False, False] else ()
    for column, value in after.items():
        if column in kept:
            continue
        if column == rows:
            result[column] = _rows_with_news(before, after, mine, column)
        elif same_value(mine.get(column), before.get(column)):
            result[column] = value
    return result


def _rows_with_news(
    before: Document, after: Document, mine: Document, column: str
) -> list[dict[str, Any]]:
    was, now, ours = (
        {row["uid"]: row for row in doc.get(column) or []} for doc in (before, after, mine)
    )
    return [
        dict(now[uid] if uid in now and same_value(ours.get(uid), was.get(uid)) else ours[uid])
        for uid in dict.fromkeys((*ours, *now))
        if uid in ours or uid not in was
    ]


def with_unknown(tbl: Aggregate, known: Document, mine: Document) -> dict[str, Any]:
    """`mine` with the columns that only `known` has: those of a newer program."""
    result = {**known, **mine}
    rows = _ROWS.get(tbl)
    if rows is not None:
        there = {row["uid"]: row for row in known.get(rows) or []}
        result[rows] = [{**there.get(row["uid"], {}), **row} for row in mine.get(rows) or []]
    return result


def without_signature(doc: Document) -> dict[str, Any]:
    """The record as a draft again."""
    return {**doc, **_UNSIGNED}


def with_unit(tbl: Aggregate, doc: Document, source: Document, unit: str) -> dict[str, Any]:
    """`doc` with this one unit as `source` has it. A row that `source` does not have is voided
    nowhere else: the caller gives it in `source` with its `voided_at`."""
    column, _, key = unit.partition(".")
    after = dict(doc)
    if column in _GROUPS.get(tbl, {}):
        after.update({name: source.get(name) for name in _GROUPS[tbl][column]})
    elif not key:
        after[column] = source.get(column)
    elif column == _ROWS.get(tbl):
        rows = {row["uid"]: row for row in after.get(column) or []}
        rows.update({row["uid"]: row for row in source.get(column) or [] if row["uid"] == key})
        after[column] = list(rows.values())
    elif column in _MAPS.get(tbl, ()):
        after[column] = _map_with(source, doc, column, {unit})
    else:
        after[column] = _items_with(source, doc, column, {unit})
    return after


def as_author_saw(tbl: Aggregate, base: Document, patch: Document) -> dict[str, Any]:
    """The columns of a patch as a document, what the patch leaves out of a group taken from what
    its author saw (`base`, by unit)."""
    doc = dict(patch)
    for unit, columns in _GROUPS.get(tbl, {}).items():
        saw = base.get(unit)
        if unit in base:
            doc = {**{name: (saw or {}).get(name) for name in columns}, **doc}
    return doc


def with_columns(tbl: Aggregate, doc: Document, patch: Document) -> dict[str, Any]:
    """The document after a patch: columns are set, rows of lists put in by their uid."""
    after = dict(doc)
    rows = _ROWS.get(tbl)
    for column, value in patch.items():
        if column == rows:
            known = {row["uid"]: row for row in after.get(column) or []}
            known.update({row["uid"]: row for row in value})
            after[column] = list(known.values())
        else:
            after[column] = value
    return after


def patch_between(tbl: Aggregate, before: Document, after: Document) -> dict[str, Any]:
    """The columns that differ, rows of lists only those that do. Empty when nothing but a time
    of saving differs."""
    rows = _ROWS.get(tbl)
    patch: dict[str, Any] = {}
    for column, value in after.items():
        if column == rows:
            known = {row["uid"]: row for row in before.get(column) or []}
            fresh = [row for row in value if not same_value(known.get(row["uid"]), row)]
            if fresh:
                patch[column] = fresh
        elif not same_value(before.get(column), value):
            patch[column] = value
    return {} if patch.keys() <= {"updated_at"} else patch
