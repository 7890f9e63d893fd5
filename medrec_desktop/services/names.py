"""Which rows of a list carry names that are easily confused. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from medrec_desktop.domain.patients import PatientHit, folded
from medrec_desktop.domain.records import QueueRow

Named = TypeVar("Named", PatientHit, QueueRow)


def with_similar_marked(rows: Sequence[Named]) -> tuple[Named, ...]:
    """The rows, `similar` where another patient of the list has the same surname and the same
    first three letters of the given name (`domain.patients.easily_confused`, for whole lists)."""
    keys = [_key(row) for row in rows]
    patients: dict[tuple[str, str], set[UUID]] = {}
    for key, row in zip(keys, rows, strict=True):
        patients.setdefault(key, set()).add(_patient(row))
    return tuple(_marked(rows, (len(patients[key]) > 1 for key in keys)))


def _marked(rows: Sequence[Named], similar: Iterable[bool]) -> list[Named]:
    return [
        replace(row, similar=True) if one else row for row, one in zip(rows, similar, strict=True)
    ]


def _key(row: PatientHit | QueueRow) -> tuple[str, str]:
    return folded(row.family), folded(row.given)[:3]


def _patient(row: PatientHit | QueueRow) -> UUID:
    return row.id if isinstance(row, PatientHit) else row.patient_id
