"""Prescriptions and laboratory rows as the JSON columns hold them.

A column is a list of objects, one a row, each with our `uid`. Other programs may write these
columns too: keys and shapes we do not know are read as far as they make sense and are kept when
a row is written back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import UUID, uuid5

from medrec_desktop.domain.records import LabTest, Prescription

Item = TypeVar("Item", Prescription, LabTest)


def prescriptions_of(stored: Any, record: UUID) -> tuple[Prescription, ...]:
    """The medicine rows of a record."""
    rows = []
    for uid, item in _items(stored, record, naming="medicine"):
        fields = {name: _text(item.get(name)) for name in _MEDICINE}
        rows.append(Prescription(uid=uid, **fields))
    return tuple(rows)


def labs_of(stored: Any, record: UUID) -> tuple[LabTest, ...]:
    """The laboratory rows of a record."""
    rows = []
    for uid, item in _items(stored, record, naming="name"):
        fields = {name: _text(item.get(name)) for name in _LAB}
        status = item.get("status")
        resulted = status == "resulted" or (status != "ordered" and bool(fields["value"]))
        rows.append(LabTest(uid=uid, status="resulted" if resulted else "ordered", **fields))
    return tuple(rows)


_MEDICINE = ("medicine", "directions", "quantity", "repeats", "code", "system")
_LAB = ("name", "value", "unit", "code", "system")


def merged(stored: Any, record: UUID, wanted: Sequence[Item], *, naming: str) -> list[Any]:
    """`wanted` as JSON, in its order, with the keys of stored rows that are not ours kept."""
    known = dict(_items(stored, record, naming=naming))
    return [{**known.get(row.uid, {}), **asdict(row)} for row in wanted]


def _items(stored: Any, record: UUID, *, naming: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each row with a uid; one that came without gets the same one at every reading."""
    if stored is None:
        return
    rows = stored if isinstance(stored, list) else [stored]
    seen: set[str] = set()
    for at, row in enumerate(rows):
        item = row if isinstance(row, dict) else {naming: _text(row)}
        uid = item.get("uid")
        if not isinstance(uid, str) or not uid or uid in seen:
            uid = str(uuid5(record, f"{naming} {at}"))
        seen.add(uid)
        yield uid, item


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)
