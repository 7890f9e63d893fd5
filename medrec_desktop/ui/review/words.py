"""What the review says in words. No widgets."""

from datetime import datetime

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.reviewing import Clash, Decision, Review, Side
from medrec_desktop.ui.storage.words import clock_time

HEADS = {
    "edit": "Two people changed this visit",
    "unsigned": "This visit was changed before the signature arrived",
    "finalized": "This visit was signed before these changes arrived",
    "voided": "This visit was marked as entered in error before these changes arrived",
    "other": "These changes were not taken into the visit",
}
PATIENT = "Two people changed this patient’s details"
BELOW = {
    "edit": "Nothing has been lost. Both versions are kept in the visit history, whichever you "
    "choose here.",
    "unsigned": "The visit is a draft again and nothing has been lost. On the left is what was "
    "signed, on the right what it says now. Open the visit and sign it again, then close this.",
    "finalized": "The signed visit stays as it is and nothing has been lost. Add the changes as "
    "an addendum, or leave them out; they are kept in the history either way.",
    "voided": "Nothing has been lost: the changes are kept in the history. There is nothing to "
    "choose; close this when you have read it.",
    "other": "Nothing has been lost: the changes are kept in the history. Type what is still "
    "wanted into the visit, then close this.",
}


def place(side: Side, *, record: bool) -> str:
    """Where a version stands: this computer, another one, or what the record shows."""
    if record:
        return "Clinic server"
    if side.here:
        return "This computer"
    return side.computer or "Another computer"


def who_and_when(side: Side, now: datetime, *, record: bool) -> str:
    """Dr M. Haddad · 10:42, while offline."""
    at = "" if side.at is None else clock_time(side.at, now)
    if at and side.offline:
        at += ", while offline"
    where = ("this computer" if side.here else side.computer) if record else ""
    return "  ·  ".join(part for part in (side.who, at, where) if part) or "Not known"


def head(review: Review) -> str:
    """What has happened."""
    return PATIENT if review.of_patient and review.kind == "edit" else HEADS[review.kind]


def below(review: Review) -> str:
    """What is safe, and what to do."""
    words = BELOW[review.kind]
    return words.replace("visit history", "history") if review.of_patient else words


def visit_words(review: Review) -> str:
    """Visit 22-Nov-2026 10:20."""
    if review.of_patient:
        return "Open the chart"
    there = review.visit_date.astimezone()
    return f"Visit {shown(there.date())} {there:%H:%M}"


def choices(number: int) -> str:
    """3 choices."""
    return "1 choice" if number == 1 else f"{number} choices"


def still_to_choose(clashes: tuple[Clash, ...], decided: dict[str, Decision]) -> str:
    """1 of 3 still to choose: blood pressure. Nothing when all are chosen."""
    left = [clash.title for clash in clashes if clash.unit not in decided]
    if not left:
        return ""
    names = ", ".join(name[:1].lower() + name[1:] for name in left[:3])
    more = " and others" if len(left) > 3 else ""
    return f"{len(left)} of {len(clashes)} still to choose: {names}{more}"
