"""Reading the audit trail as a whole: whether anything is missing, and an export. (Who looked at a
patient is asked of `patients.py`.)

An export is written down too. What is written is in `trail.py`, what holds a chain together in
`domain/auditing.py`.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TextIO
from uuid import UUID

from medrec_desktop.data import audit
from medrec_desktop.data.clinic import list_users
from medrec_desktop.data.heads import head_problems, read_heads
from medrec_desktop.domain.auditing import FORMAT, WORDS, Entry, chain_problems, short
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLES = (
    "computer", "number", "time (UTC)", "who", "what", "outcome", "patient number", "patient",
    "visit", "about", "detail", "hash", "hash before",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrailCheck:
    """How many entries there are, of how many computers, and a sentence for each that is missing
    or not what was written. `server_at`: when the clinic's server said last where the trail ends;
    None where there is none."""

    entries: int
    computers: int
    problems: tuple[str, ...]
    server_at: datetime | None = None


class History:
    """Each method is one transaction."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Action.READ_TRAIL)
    def check(self) -> TrailCheck:
        """Whether every entry is there, as it was written and in its place."""
        counted = 0
        computers: set[UUID] = set()

        def counting() -> Iterator[tuple[int, Entry]]:
            nonlocal counted
            for place, entry in audit.read_entries(session):
                counted += 1
                computers.add(entry.device)
                yield place, entry

        with self._context.db.read() as session:
            problems = list(chain_problems(counting()))
            newest, given = audit.rows_ever(session)
            heads = read_heads(session)
            if heads is not None:
                problems += head_problems(session, heads)
        if given > newest:
            number = given - newest
            were = "entry was" if number == 1 else f"{number} entries were"
            problems.append(f"The newest {were} removed.")
        at = heads.at if heads is not None else None
        return TrailCheck(counted, len(computers), tuple(problems), at)

    @needs(Action.READ_TRAIL)
    def export(self, file: TextIO, *, as_ndjson: bool = False) -> int:
        """Write every entry; how many. NDJSON holds what is hashed, exactly; CSV is for people,
        with names, and with nothing that a spreadsheet would take for a formula."""
        note_alone(self._context, "trail.export", detail="NDJSON" if as_ndjson else "CSV")
        with self._context.db.read() as session:
            entries = (entry for _, entry in audit.read_entries(session))
            if as_ndjson:
                return sum(_write_line(file, entry) for entry in entries)
            names = {user.id: user.name for user in list_users(session)}
            numbers = audit.record_numbers(session)
            writer = csv.writer(file)
            writer.writerow(_TITLES)
            counted = 0
            for entry in entries:
                writer.writerow(map(_cell, _row(entry, names, numbers)))
                counted += 1
        return counted


def _write_line(file: TextIO, entry: Entry) -> int:
    stamp = entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    plain: dict[str, Any] = {"format": FORMAT} | asdict(entry) | {"at": stamp}
    file.write(json.dumps(plain, ensure_ascii=False, default=str) + "\n")
    return 1


def _row(entry: Entry, names: dict[Any, str], numbers: dict[UUID, str]) -> tuple[object, ...]:
    who = "the program" if entry.actor is None else names.get(entry.actor, str(entry.actor))
    return (
        short(entry.device),
        entry.n,
        entry.at.strftime("%Y-%m-%d %H:%M:%S"),
        who,
        WORDS.get(entry.what, entry.what),
        entry.outcome,
        numbers.get(entry.patient, "") if entry.patient is not None else "",
        entry.patient,
        entry.record,
        entry.subject,
        entry.detail,
        entry.sha256,
        entry.previous,
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
