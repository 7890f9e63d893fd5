"""Two versions of one visit for a person to choose between, and how their words differ.

The same field changed by two people is never decided by the program. Nothing here decides; it only
shows, and says what was chosen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.patients import Patient

Way = Literal["mine", "theirs", "both", "text"]
Kind = Literal["edit", "unsigned", "finalized", "voided", "other"]
"""What happened to the record that the waiting words were meant for: `edit` somebody changed the
same field; `unsigned` it was signed on a version that somebody had changed by then: `mine` is what
was signed, `theirs` what it says now; `finalized` somebody signed it first, so they can only become an addendum; `voided` it
was marked as entered in error; `other` the server keeps them for another reason."""


@dataclass(frozen=True, slots=True)
class Side:
    """Who wrote one of the two versions, on which computer and when. `here`: on this one.
    `at` is None when nobody can say; `offline`: while the server was not reached."""

    who: str = ""
    computer: str = ""
    at: datetime | None = None
    here: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Clash:
    """One unit of the visit that both changed. `unit` is what a decision names; `title` and `below`
    are what the screen calls it ("Plan", "text"). An empty text means: nothing stands there.
    `mine` is the waiting version, `theirs` the one the record shows."""

    unit: str
    title: str
    mine: str
    theirs: str
    below: str = ""
    mine_note: str = ""
    theirs_note: str = ""
    long_text: bool = False
    """Words to be compared and edited, rather than a reading, a date or a row."""
    both: str = ""
    """What "keep both" would do, as words of the button; "" where it makes no sense."""
    both_note: str = ""


@dataclass(frozen=True, slots=True)
class Combined:
    """Something that was combined without a choice: "Weight 78.4 kg", from whom and when. `computer`
    is where it was written, "" for this one."""

    words: str
    who: str = ""
    at: datetime | None = None
    computer: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What waits for a person. `id` names the parked change."""

    id: UUID
    kind: Kind
    record_id: RecordId
    patient: Patient
    visit_date: datetime
    mine: Side
    theirs: Side
    clashes: tuple[Clash, ...]
    combined: tuple[Combined, ...] = ()
    reason: str = ""
    """A sentence for `other`."""

    @property
    def of_patient(self) -> bool:
        """Whether it is about the patient's details, not about a visit."""
        return self.record_id == self.patient.id


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person chose for one unit; `text` only for the way "text"."""

    unit: str
    way: Way
    text: str = ""


def first_choices(review: Review) -> dict[str, Decision]:
    """Nothing is chosen beforehand, except where one side is empty."""
    chosen = {}
    for clash in review.clashes:
        if bool(clash.mine.strip()) != bool(clash.theirs.strip()):
            way: Way = "mine" if clash.mine.strip() else "theirs"
            chosen[clash.unit] = Decision(clash.unit, way)
    return chosen


def addendum_text(review: Review) -> str:
    """The waiting words as an addendum offers them: each unit with its name."""
    return "\n".join(f"{clash.title}: {clash.mine}" for clash in review.clashes if clash.mine)


# A point in a number ends nothing.
_SENTENCES = re.compile(r".+?(?:[.!?]+(?:\s+|$)|\n+|$)", re.DOTALL)


def combined_text(mine: str, theirs: str) -> str:
    """Where editing begins: every sentence of both, once, the waiting version's first where they
    differ."""
    left, right = _SENTENCES.findall(mine), _SENTENCES.findall(theirs)
    ours, others = [one.strip() for one in left], [one.strip() for one in right]
    found: list[str] = []
    for tag, i, j, k, m in SequenceMatcher(None, ours, others, autojunk=False).get_opcodes():
        found += left[i:j]
        found += [] if tag == "equal" else right[k:m]
    text = ""
    for sentence in found:
        between = " " if text and not text[-1].isspace() and not sentence[:1].isspace() else ""
        text += between + sentence
    return text


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; `differs` when the other version does not have it."""

    text: str
    differs: bool = False


_WORDS = re.compile(r"\s+|\S+")
_MOST = 4_000


def word_differences(mine: str, theirs: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts in pieces, whole words marked where they differ. The pieces of a side joined are
    that text. What is too long to compare in the time of a key press is marked whole."""
    left, right = _WORDS.findall(mine), _WORDS.findall(theirs)
    if len(left) + len(right) > _MOST:
        return _ends(mine, theirs)
    codes = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    ours: list[Piece] = []
    others: list[Piece] = []
    for n, (tag, i, j, k, m) in enumerate(codes):
        here, there = "".join(left[i:j]), "".join(right[k:m])
        # The space between two words that differ is marked with them.
        differs = tag != "equal" or (here.isspace() and 0 < n < len(codes) - 1)
        ours.append(Piece(here, differs))
        others.append(Piece(there, differs))
    return _tidy(ours), _tidy(others)


def _tidy(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one kind joined; no mark begins or ends with a space."""
    found: list[Piece] = []

    def add(text: str, *, differs: bool) -> None:
        if text and found and found[-1].differs == differs:
            found[-1] = Piece(found[-1].text + text, differs)
        elif text:
            found.append(Piece(text, differs))

    for piece in pieces:
        add(piece.text, differs=piece.differs)
    joined, found[:] = tuple(found), []
    for piece in joined:
        bare = piece.text.strip() if piece.differs else ""
        before, _, after = piece.text.partition(bare) if bare else (piece.text, "", "")
        add(before, differs=False)
        add(bare, differs=True)
        add(after, differs=False)
    return tuple(found)


def _ends(mine: str, theirs: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Common beginning and end, everything between marked."""
    shorter = min(len(mine), len(theirs))
    begin = next((n for n in range(shorter) if mine[n] != theirs[n]), shorter)
    room = shorter - begin
    end = next((n for n in range(room) if mine[-1 - n] != theirs[-1 - n]), room)

    def cut(text: str) -> tuple[Piece, ...]:
        last = len(text) - end
        parts = (Piece(text[:begin]), Piece(text[begin:last], differs=True), Piece(text[last:]))
        return tuple(part for part in parts if part.text)

    return cut(mine), cut(theirs)
