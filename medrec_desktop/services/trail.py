"""Putting down who did what: in the transaction that did it, or before what was read is shown.

Looking is written too. When a look cannot be written at once (another program writes for long, the
disk is full) a chart still opens: care goes first, and the entry is written with the next. Only
emergency access waits for its entry.
"""

import logging
from typing import Any
from uuid import UUID

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.session import Session
from medrec_desktop.domain.auditing import Outcome, What
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.roles import Action
from medrec_desktop.services.context import Context

log = logging.getLogger(__name__)

# How long a reader waits for a writer before the chart opens without its entry.
_WAIT_MS = 250


def note(
    context: Context,
    session: Session,
    what: What,
    *,
    patient: UUID | None = None,
    record: UUID | None = None,
    subject: UUID | None = None,
    detail: str = "",
) -> None:
    """An entry for what this transaction does."""
    add_entry(
        session,
        what,
        at=context.clock(),
        actor=context.actor.id,
        patient=patient,
        record=record,
        subject=subject,
        detail=detail,
    )


def note_look(
    context: Context,
    what: What,
    *,
    patient: UUID | None = None,
    record: UUID | None = None,
    subject: UUID | None = None,
) -> None:
    """An entry for what is about to be shown; the same again within a quarter of an hour is the
    same look."""
    now = context.clock()
    key = (context.actor.id, what, subject or record or patient)
    if not context.sitting.due(key, now):
        return
    until = context.sitting.glass_until(context.actor.id, now)
    entry: dict[str, Any] = {
        "what": what,
        "at": now,
        "actor": context.actor.id,
        "patient": patient,
        "record": record,
        "subject": subject,
        "detail": "emergency access" if until is not None else "",
    }
    _write(context, entry, or_raise=until is not None)
    context.sitting.noted(key, now)


def first_edit(context: Context, record: UUID) -> bool:
    """Whether a save of this visit deserves an entry: each would drown the trail, so the first of
    a quarter of an hour stands for them."""
    return context.sitting.due(_edit_key(context, record), context.clock())


def edit_noted(context: Context, record: UUID) -> None:
    """The entry for the first edit is committed."""
    context.sitting.noted(_edit_key(context, record), context.clock())


def note_refusal(context: Context, action: Action, about: UUID | None) -> None:
    """An entry for what somebody wanted and may not. The refusal stands whether it can be written
    or not."""
    outcome: Outcome = "denied"
    entry: dict[str, Any] = {
        "what": "refused",
        "at": context.clock(),
        "actor": context.actor.id,
        "subject": about,
        "outcome": outcome,
        "detail": action.value,
    }
    _write(context, entry, or_raise=False)


def note_alone(context: Context, what: What, *, patient: UUID | None = None, record: UUID | None = None, subject: UUID | None = None, detail: str = "") -> None:  # fmt: skip
    """An entry in a transaction of its own, before what it tells of: `Unavailable` when it cannot
    be written, and then nothing was done."""
    entry: dict[str, Any] = {
        "what": what,
        "at": context.clock(),
        "actor": context.actor.id,
        "patient": patient,
        "record": record,
        "subject": subject,
        "detail": detail,
    }
    _write(context, entry, or_raise=True)


def _write(context: Context, entry: dict[str, Any], *, or_raise: bool) -> None:
    waiting = context.sitting.waiting()
    try:
        with context.db.begin(wait_ms=None if or_raise else _WAIT_MS) as session:
            for one in (*waiting, entry):
                add_entry(session, **one)
    except Unavailable:
        if or_raise:
            raise
        context.sitting.wait(entry)
        log.warning("an entry of the audit trail waits: it could not be written now")
        return
    context.sitting.written(waiting)


def _edit_key(context: Context, record: UUID) -> tuple[UUID, str, UUID]:
    return (context.actor.id, "visit.edit", record)
