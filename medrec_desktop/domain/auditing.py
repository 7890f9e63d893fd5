"""What an entry of the audit trail says, how entries are chained, and what is wrong with a chain.

Each computer writes a chain of its own: entries are numbered from 1, and each holds the hash of the
one before. The hash covers a JSON array of everything in the entry, so that whoever holds an
export can reckon it again. Pure; the rows are in `data/audit.py`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

FORMAT = "medrec-audit/1"
FIRST = ""
"""What the first entry of a computer has instead of a hash before it."""

Outcome = Literal["done", "denied"]

What = Literal[
    "clinic.create",
    "clinic.join",
    "clinic.backup",
    "clinic.restore",
    "settings.change",
    "storage.change",
    "storage.forget_keys",
    "user.rename",
    "user.add",
    "user.role",
    "user.disable",
    "user.enable",
    "user.password",
    "user.reset",
    "user.pin",
    "sign_in",
    "sign_in.failed",
    "unlock",
    "clock.back",
    "accounts.begin",
    "recovery.new",
    "key.change",
    "computer.revoke",
    "import",
    "chart.open",
    "patient.register",
    "patient.open",
    "patient.change",
    "patient.allergies",
    "patient.export",
    "visit.start",
    "visit.open",
    "visit.edit",
    "visit.finalize",
    "visit.unsigned",
    "visit.review",
    "visit.ready",
    "visit.not_ready",
    "visit.addendum",
    "visit.error",
    "visit.print",
    "file.add",
    "file.open",
    "file.copy",
    "file.fetch",
    "file.rename",
    "file.describe",
    "file.remove",
    "file.restore",
    "file.share",
    "file.stored",
    "file.retracted",
    "trail.read",
    "trail.export",
    "glass.break",
    "glass.close",
    "refused",
]

WORDS: dict[str, str] = {
    "clinic.create": "Made the clinic",
    "clinic.join": "Joined the clinic’s server",
    "clinic.backup": "Backed up the clinic",
    "clinic.restore": "The clinic was restored",
    "settings.change": "Changed settings",
    "storage.change": "Changed the file storage",
    "storage.forget_keys": "Removed the storage keys",
    "user.rename": "Renamed a user",
    "user.add": "Added a user",
    "user.role": "Changed a user’s role",
    "user.disable": "Disabled a user",
    "user.enable": "Let a user in again",
    "user.password": "Changed their password",
    "user.reset": "Gave a user a new password",
    "user.pin": "Changed their PIN",
    "sign_in": "Signed in",
    "sign_in.failed": "Failed to sign in",
    "unlock": "Unlocked the program",
    "clock.back": "The computer’s clock was set back",
    "accounts.begin": "Users sign in from now on",
    "recovery.new": "Made a new recovery code",
    "key.change": "Changed the clinic’s key",
    "computer.revoke": "Revoked a computer",
    "import": "Imported records",
    "chart.open": "Opened the chart",
    "patient.register": "Registered the patient",
    "patient.open": "Opened the patient’s details",
    "patient.change": "Changed the patient’s details",
    "patient.allergies": "Changed the allergies",
    "patient.export": "Exported the records",
    "visit.start": "Started a visit",
    "visit.open": "Opened a visit",
    "visit.edit": "Wrote in a visit",
    "visit.finalize": "Finalized a visit",
    "visit.review": "Decided between two versions",
    "visit.unsigned": "A signature did not hold: the visit had changed",
    "visit.ready": "Marked a visit as ready to be finalized",
    "visit.not_ready": "Took back that a visit is ready",
    "visit.addendum": "Added an addendum",
    "visit.error": "Marked a visit as entered in error",
    "visit.print": "Printed a visit",
    "file.add": "Attached a file",
    "file.open": "Opened a file",
    "file.copy": "Saved a copy of a file",
    "file.fetch": "Fetched a file from the storage",
    "file.rename": "Renamed a file",
    "file.describe": "Described a file",
    "file.remove": "Removed a file",
    "file.restore": "Brought a file back",
    "file.share": "Made a link to a file",
    "file.stored": "A file reached the storage",
    "file.retracted": "A removed file was marked in the storage",
    "trail.read": "Looked who opened the chart",
    "trail.export": "Exported the audit trail",
    "glass.break": "Opened emergency access",
    "glass.close": "Closed emergency access",
    "refused": "Was refused",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Who did what to whom, when, on which computer, and how it ended. `actor` None is the
    program itself; `subject` is the file, addendum or user it was about."""

    device: UUID
    n: int
    at: datetime
    actor: UUID | None
    patient: UUID | None
    record: UUID | None
    subject: UUID | None
    what: str
    outcome: str
    detail: str
    previous: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Look:
    """One line of "who looked at this patient"."""

    at: datetime
    name: str
    role: str
    what: str
    outcome: str
    device: UUID
    here: bool
    """Whether it was on this computer."""
    computer: str = ""
    """What another computer calls itself."""


def entry_hash(
    *,
    device: UUID,
    n: int,
    at: datetime,
    actor: UUID | None,
    patient: UUID | None,
    record: UUID | None,
    subject: UUID | None,
    what: str,
    outcome: str,
    detail: str,
    previous: str,
) -> str:
    """SHA-256, in hex, of the array that the format names. It never changes: old entries are
    verified by it."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    ids = [str(one) if one is not None else "" for one in (actor, patient, record, subject)]
    array = [FORMAT, str(device), str(n), moment, *ids, what, outcome, detail, previous]
    text = json.dumps(array, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _holds(entry: Entry) -> bool:
    return entry.sha256 == entry_hash(
        device=entry.device,
        n=entry.n,
        at=entry.at,
        actor=entry.actor,
        patient=entry.patient,
        record=entry.record,
        subject=entry.subject,
        what=entry.what,
        outcome=entry.outcome,
        detail=entry.detail,
        previous=entry.previous,
    )


def chain_problems(rows: Iterable[tuple[int, Entry]]) -> Iterator[str]:
    """A sentence for each place where a chain does not hold. Each row number with its entry, by
    computer and then by the entry's own number.

    What was cut off at the end cannot be seen here: the chain that is left is whole.
    """
    before: tuple[int, Entry] | None = None
    for place, entry in rows:
        if before is not None and before[1].device != entry.device:
            before = None
        number, follows, at = (0, FIRST, 0) if before is None else _end(before)
        computer = f"of computer {short(entry.device)}"
        if entry.n != number + 1:
            yield f"{_missing(number + 1, entry.n - 1)} {computer} {_were(entry.n - number)} removed."
        elif entry.previous != follows:
            yield (
                f"Entry {entry.n} {computer} does not follow the one before it: one of the two "
                "was exchanged."
            )
        if not _holds(entry):
            yield f"Entry {entry.n} {computer} was altered."
        if place < at:
            yield f"Entry {entry.n} {computer} stands in the wrong place."
        before = (place, entry)


def _end(row: tuple[int, Entry]) -> tuple[int, str, int]:
    return row[1].n, row[1].sha256, row[0]


def short(device: UUID) -> str:
    """A computer as people compare it."""
    return device.hex[-8:]


def _were(steps: int) -> str:
    return "were" if steps > 2 else "was"


def _missing(first: int, end: int) -> str:
    return f"Entry {first}" if first >= end else f"Entries {first} to {end}"
