"""The doctor's word that a visit is ready, so that the front desk may finalize it.

The word stands in the record and names the very words it was given for, by their hash: whatever is
written in the visit afterwards, here or on another computer, ends it by itself. It is no part of
what is signed. Each one is an entry of the audit trail.
"""

from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from medrec_desktop.data import records
from medrec_desktop.data.clinic import get_clinic, read_clinic_settings, write_clinic_settings
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.session import Session
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.roles import NOT_READY, Action
from medrec_desktop.domain.sealing import seal_of, visit_document
from medrec_desktop.services.authorize import NotAllowed, authorize_visit, needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note

_SETTING = "desk_finalizes"
_MARK = "ready"
_NEVER = "In this clinic doctors finalize their visits themselves. Nothing was changed."


class Ready:
    """Marks on drafts of the open clinic."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Action.MARK_READY)
    def mark(self, record_id: RecordId, version: int) -> None:
        """The front desk may finalize the visit as it is now. `Conflict` when something newer is
        stored, or the visit is no draft any more."""
        with self._context.db.begin() as session:
            row = self._own(session, record_id)
            if row.status != "draft" or row.voided_at is not None or row.row_version != version:
                raise Conflict(
                    "The visit was changed meanwhile. Nothing was marked. Look at it again first."
                )
            if not _is_ready(session, row):
                self._put(
                    session, row, {"by": str(self._context.actor.id), "of": _of(session, row)}
                )
                note(self._context, session, "visit.ready", record=record_id, detail=str(version))
        self._context.changes.publish(Changed("visit", frozenset({record_id})))

    @needs(Action.MARK_READY)
    def take_back(self, record_id: RecordId) -> None:
        """Not ready after all."""
        with self._context.db.begin() as session:
            row = self._own(session, record_id)
            if _is_ready(session, row):
                self._put(session, row, None)
                note(self._context, session, "visit.not_ready", record=record_id)
        self._context.changes.publish(Changed("visit", frozenset({record_id})))

    @needs(Action.READ_CHART)
    def is_ready(self, record_id: RecordId) -> bool:
        """Whether the front desk may finalize this visit as it is stored now."""
        with self._context.db.read() as session:
            row = records.record_row(session, record_id)
            return row.status == "draft" and _is_ready(session, row) and _desk_may(session)

    @needs(Action.SEE_CLINIC)
    def desk_finalizes(self) -> bool:
        """Whether the front desk finalizes what doctors marked; so it is unless changed."""
        with self._context.db.read() as session:
            return _desk_may(session)

    @needs(Action.CHANGE_CLINIC)
    def let_desk_finalize(self, may: bool) -> None:  # noqa: FBT001 - what it is called
        """The clinic's choice."""
        now = self._context.clock()
        with self._context.db.begin() as session:
            if _desk_may(session) == may:
                return
            write_clinic_settings(session, {_SETTING: may}, now=now)
            note(self._context, session, "settings.change", detail=_SETTING)
            mark(session, "settings", get_clinic(session).id, now=now)
        self._context.changes.publish(Changed("settings"))

    def _put(self, session: Session, row: sa.Row[Any], word: dict[str, str] | None) -> None:
        """The version stays: open forms show the same words as before."""
        now = self._context.clock()
        kept = {name: value for name, value in (row.extra or {}).items() if name != _MARK}
        extra = kept | ({_MARK: word} if word else {})
        session.execute(
            sa.update(medical_records)
            .where(medical_records.c.id == row.id)
            .values(extra=extra or None, rev=uuid4(), updated_at=now)
        )
        mark(session, "record", row.uid, now=now)

    def _own(self, session: Session, record_id: RecordId) -> sa.Row[Any]:
        row = records.record_row(session, record_id)
        doctor, active = row.doctor_uid, row.doctor_active
        authorize_visit(self._context, Action.MARK_READY, doctor=doctor, active=active)
        return row


def require_ready(session: Session, row: sa.Row[Any]) -> None:
    """`NotAllowed` unless the doctor's word holds for the visit as it is stored now."""
    if not _desk_may(session):
        raise NotAllowed(Action.FINALIZE_READY, _NEVER)
    if not _is_ready(session, row):
        raise NotAllowed(Action.FINALIZE_READY, NOT_READY)


def _is_ready(session: Session, row: sa.Row[Any]) -> bool:
    word = (row.extra or {}).get(_MARK)
    return isinstance(word, dict) and word.get("of") == _of(session, row)


def _of(session: Session, row: sa.Row[Any]) -> str:
    """The hash of what the mark is given for: all that the seal will cover but files and
    signature."""
    draft = records.draft_of(session, row)
    words = visit_document(
        draft,
        doctor=row.doctor_uid,
        clinic="",
        attachments=(),
        signer="",
        signed_at=draft.visit_date,
        zone="",
        previous="",
    )
    return seal_of(words)


def _desk_may(session: Session) -> bool:
    return read_clinic_settings(session).get(_SETTING) is not False
