"""What may happen to the list of diagnoses, as functions from one list to the next.

Decision: a list that is not empty has exactly one primary row after every change. The first row
added becomes it; making another primary moves that one to the top and demotes the first; when the
primary is removed, the row that now stands first takes its place. No widget here.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from medrec_desktop.domain.ids import DiagnosisId
from medrec_desktop.domain.records import Diagnosis
from medrec_desktop.domain.terminology import CodeMatch

Rows = tuple[Diagnosis, ...]


def with_one_primary(rows: Sequence[Diagnosis]) -> Rows:
    """The first primary row stays primary; where there is none, the first row becomes it."""
    primary = next((d.id for d in rows if d.kind == "primary"), rows[0].id if rows else None)
    return tuple(_of_kind(d, primary=d.id == primary) for d in rows)


def with_primary(rows: Sequence[Diagnosis], wanted: DiagnosisId) -> Rows:
    """This one first and primary, all others secondary."""
    first = [_of_kind(d, primary=True) for d in rows if d.id == wanted]
    return (*first, *(_of_kind(d, primary=False) for d in rows if d.id != wanted))


def added(rows: Sequence[Diagnosis], diagnosis: Diagnosis, *, as_primary: bool) -> Rows:
    """`diagnosis` at the end, or at the top as primary."""
    if as_primary:
        return with_primary([*rows, diagnosis], diagnosis.id)
    return with_one_primary([*rows, replace(diagnosis, kind="secondary")])


def moved(rows: Sequence[Diagnosis], wanted: DiagnosisId, step: int) -> Rows:
    """This one `step` places further; unchanged where there is no such place."""
    at = position(rows, wanted)
    to = at + step
    if at < 0 or not 0 <= to < len(rows):
        return tuple(rows)
    order = list(rows)
    order.insert(to, order.pop(at))
    return tuple(order)


def removed(rows: Sequence[Diagnosis], wanted: DiagnosisId) -> Rows:
    """Without this one; if it was the primary, the first that is left is primary now."""
    return with_one_primary([d for d in rows if d.id != wanted])


def put_back(
    rows: Sequence[Diagnosis], lost: Diagnosis, at: int, promoted: DiagnosisId | None
) -> Rows:
    """`lost` where it was. It is primary again only while the row `promoted` for it still is: a
    primary that was chosen meanwhile stays."""
    if any(d.id == lost.id or (lost.code and d.code == lost.code) for d in rows):
        return tuple(rows)
    now = next((d.id for d in rows if d.kind == "primary"), None)
    again = lost.kind == "primary" and now in {promoted, None}
    order = [_of_kind(d, primary=False) if again else d for d in rows]
    order.insert(min(at, len(order)), _of_kind(lost, primary=again))
    return with_one_primary(order)


def coded(rows: Sequence[Diagnosis], wanted: DiagnosisId, match: CodeMatch) -> Rows:
    """The row `wanted` with this code. Words without a code stay, as its note; the name of a
    heading that had been chosen does not."""

    def with_code(one: Diagnosis) -> Diagnosis:
        words = "" if one.code or one.name.casefold() == match.title.casefold() else one.name
        return replace(
            of_code(match),
            id=one.id,
            kind=one.kind,
            note="; ".join(part for part in (words, one.note) if part),
        )

    return tuple(with_code(d) if d.id == wanted else d for d in rows)


def of_code(match: CodeMatch) -> Diagnosis:
    """A found code as a row that has no place and no id of its own yet."""
    return Diagnosis(
        id=DiagnosisId(uuid4()),
        name=match.title,
        code=match.code,
        system=match.system,
        release=match.release,
    )


def position(rows: Sequence[Diagnosis], wanted: DiagnosisId) -> int:
    """Where this one stands, -1 where it does not."""
    return next((n for n, d in enumerate(rows) if d.id == wanted), -1)


def as_text(rows: Sequence[Diagnosis]) -> str:
    """The list as plain lines, for a letter or another program."""
    lines = []
    for d in rows:
        kind = "Primary" if d.kind == "primary" else "Secondary"
        note = f" – {d.note}" if d.note else ""
        lines.append(f"{kind}: {d.code or 'uncoded'}  {d.name}{note}")
    return "\n".join(lines)


def _of_kind(diagnosis: Diagnosis, *, primary: bool) -> Diagnosis:
    return replace(diagnosis, kind="primary" if primary else "secondary")
