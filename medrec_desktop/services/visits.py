"""What the program can do with visits. Each method is one transaction.

A save compares the version it was read at; a finalized or voided record refuses every change, here
with a plain sentence and in the database's triggers whatever happens here.
"""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import records, seals, visit_lists
from medrec_desktop.data.clinic import (
    list_users,
    read_clinic_settings,
    user_key,
)
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patients import patient_key
from medrec_desktop.data.reviews import waits_for_choice
from medrec_desktop.data.session import Session
from medrec_desktop.domain import dates, sealing
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Denied, Invalid
from medrec_desktop.domain.finishing import problems
from medrec_desktop.domain.ids import AddendumId, PatientId, RecordId, UserId
from medrec_desktop.domain.records import (
    Addendum,
    Counts,
    LastSeen,
    QueueRow,
    Saved,
    Visit,
    VisitDraft,
)
from medrec_desktop.domain.roles import CLINICAL, Action, beyond_front_desk
from medrec_desktop.domain.sealing import SealCheck
from medrec_desktop.domain.set_aside import SetAside
from medrec_desktop.domain.text import storable
from medrec_desktop.services.authorize import NotAllowed, authorize_visit, needs, require_recent
from medrec_desktop.services.chart import newest_vitals
from medrec_desktop.services.context import Context, day_bounds, local_day
from medrec_desktop.services.names import with_similar_marked
from medrec_desktop.services.ready import require_ready
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.set_aside import Aside
from medrec_desktop.services.settings import clinic_settings_of
from medrec_desktop.services.signing import seal_visit
from medrec_desktop.services.storable import storable_draft, unstorable
from medrec_desktop.services.trail import edit_noted, first_edit, note, note_alone, note_look

_STALE = (
    "This visit was changed in another window or on another computer. What you typed is still "
    "here. Open the visit again to see the other change, then put yours in."
)
_FINALIZED = (
    "This visit is finalized and can no longer be changed. Nothing was changed. Write an addendum."
)
_UNREVIEWED = (
    "Two people wrote in the same field of this visit. Nothing was changed. Choose between the two "
    "versions under To review, then finalize."
)
_VOIDED = "This visit was marked as entered in error and can no longer be changed."
_EARLIER = 50


class Visits:
    """Starting, writing, closing and correcting visits, and the lists of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._aside = Aside(context)

    # --- lists ---------------------------------------------------------------------------------

    @needs(Action.FIND_PATIENTS)
    def today(self, day: date) -> tuple[QueueRow, ...]:
        """Visits of a local calendar day, in the order of their times."""
        with self._context.db.read() as session:
            rows = visit_lists.list_visits_between(session, *day_bounds(day))
        return with_similar_marked(rows)

    @needs(Action.FIND_PATIENTS)
    def my_drafts(self) -> tuple[QueueRow, ...]:
        """This user's unfinished visits of any day, newest first."""
        with self._context.db.read() as session:
            rows = visit_lists.list_drafts(session, user_key(session, self._context.actor.id))
        return with_similar_marked(rows)

    @needs(Action.FIND_PATIENTS)
    def counts(self, day: date) -> Counts:
        """The figures beside the sidebar's entries."""
        with self._context.db.read() as session:
            total, waiting = visit_lists.count_visits(session, *day_bounds(day))
            actor = user_key(session, self._context.actor.id)
            drafts = visit_lists.count_drafts(session, actor)
        return Counts(today=total, waiting=waiting, drafts=drafts)

    # --- one visit -----------------------------------------------------------------------------

    @needs(Action.START_VISIT)
    def start(self, patient_id: PatientId, doctor_id: UserId | None = None) -> RecordId:
        """A new draft of this patient, now, for this doctor: the user, or who the front desk says
        (the clinic's only doctor need not be named). Today's draft of that doctor is taken again as
        long as nothing at all is in it."""
        now = self._context.clock()
        start, end = day_bounds(local_day(now))
        with self._context.db.begin() as session:
            patient = patient_key(session, patient_id)
            doctor = user_key(session, doctor_id or self._doctor(session))
            record_id = records.untouched_draft(
                session, patient=patient, doctor=doctor, start=start, end=end
            )
            if record_id is not None:
                return record_id
            record_id = records.insert_draft(session, patient=patient, doctor=doctor, now=now)
            note(self._context, session, "visit.start", patient=patient_id, record=record_id)
            mark(session, "record", record_id, now=now)
        self._publish(record_id)
        return record_id

    @needs(Action.READ_CHART)
    def open(self, record_id: RecordId) -> Visit:
        """The visit as a screen shows it, whatever its state."""
        with self._context.db.read() as session:
            visit = records.get_visit(session, record_id)
        patient_id = visit.draft.patient_id
        note_look(self._context, "visit.open", patient=patient_id, record=record_id)
        return visit

    @needs(Action.READ_CHART)
    def read_ahead(self) -> None:
        """Read a visit for nobody. What opening one asks of the database is put into words the
        first time, which takes longer than the reading; nothing is returned, so nobody looked."""
        with self._context.db.read() as session:
            newest = records.newest_record(session)
            if newest is not None:
                visit = records.get_visit(session, newest)
                _last_seen(session, records.record_row(session, newest, visit.draft.patient_id))

    @needs(Action.READ_CHART)
    def last_seen(self, patient_id: PatientId, before: RecordId) -> LastSeen:
        """What the patient's earlier visits say; `before` must be a visit of this patient."""
        with self._context.db.read() as session:
            return _last_seen(session, records.record_row(session, before, patient_id))

    @needs(Action.WRITE_VISIT)
    def save_draft(self, draft: VisitDraft, window: UUID | None = None) -> Saved:
        """Store what was typed. `Conflict` when the stored visit is newer than the draft, or
        closed; when nothing differs, the save that is already there is acknowledged. Words that
        are refused are on the disk before the refusal is raised, under the form's `window`."""
        try:
            saved = self._save(draft)
        except (Conflict, Denied) as refusal:
            if window is not None:
                self._aside.keep(draft, window, str(refusal))
            raise
        if window is not None:
            self._aside.stored(draft.record_id, window)
        return saved

    @needs(Action.READ_CHART)
    def set_aside(self, record_id: RecordId, window: UUID) -> tuple[SetAside, ...]:
        """What was typed into this visit in another form, was refused, and is not in it now."""
        return self._aside.left(record_id, window)

    @needs(Action.WRITE_VISIT)
    def done_with(self, record_id: RecordId, window: UUID) -> None:
        """Whoever read the words set aside has what they need of them."""
        self._aside.drop(record_id, window)
        self._publish(record_id)

    def _save(self, draft: VisitDraft) -> Saved:
        draft = storable_draft(draft)
        if problems := unstorable(draft):
            raise Invalid(problems)
        now = self._context.clock()
        with self._context.db.begin() as session:
            row = records.record_row(session, draft.record_id, draft.patient_id)
            _check_open(row, draft.version)
            self._check_may_write(session, row, draft)
            day = draft.visit_date.astimezone().date()
            version = records.write_draft(
                session,
                row,
                draft,
                follow_up_date=dates.read_date(draft.follow_up, today=day),
                now=now,
            )
            if version == row.row_version:
                return Saved(draft.record_id, version, row.updated_at)
            mark(session, "record", draft.record_id, now=now)
            if first := first_edit(self._context, draft.record_id):
                owner = draft.patient_id
                note(self._context, session, "visit.edit", patient=owner, record=draft.record_id)
        if first:
            edit_noted(self._context, draft.record_id)
        self._publish(draft.record_id)
        return Saved(draft.record_id, version, now)

    @needs(Action.FINALIZE)
    def finalize(self, record_id: RecordId, version: int) -> Visit:
        """Seal the visit as the signer saw it and close it for good. `Invalid` names the fields
        that block, `Conflict` means that something newer is stored."""
        return self._finalized(
            record_id, version, lambda _, row: self._authorize_own(Action.FINALIZE, row)
        )

    @needs(Action.FINALIZE_READY)
    def finalize_ready(self, record_id: RecordId, version: int) -> Visit:
        """As `finalize`, by the front desk: a visit that its doctor marked as ready (`Ready`)."""
        return self._finalized(record_id, version, require_ready)

    def _finalized(
        self, record_id: RecordId, version: int, permit: Callable[[Session, sa.Row[Any]], None]
    ) -> Visit:
        now = self._context.clock()
        with self._context.db.begin() as session:
            row = records.record_row(session, record_id)
            permit(session, row)
            _check_open(row, version)
            if waits_for_choice(session, record_id):
                raise Conflict(_UNREVIEWED)
            require_recent(self._context)
            visit = records.visit_of(session, row)
            self._check_finished(session, row, visit)
            seal_visit(self._context, session, row, visit, version=version, now=now)
            finalized = records.get_visit(session, record_id)
        self._publish(record_id)
        return finalized

    @needs(Action.ADD_ADDENDUM)
    def add_addendum(self, record_id: RecordId, section: str, text: str) -> Visit:
        """A sealed correction of a finalized visit; `section` names what it corrects."""
        if not text.strip():
            raise Invalid({"text": "Type what should be added."})
        now = self._context.clock()
        with self._context.db.begin() as session:
            row = records.record_row(session, record_id)
            if row.status != "finalized":
                raise Conflict("This visit is still a draft: change the draft itself.")
            addendum = Addendum(
                id=AddendumId(new_uid()),
                section=storable(section)[:40],
                text=storable(text),
                author=self._context.actor.name,
                written_at=now,
            )
            seal = seals.seal_row(session, row.id)
            amends: str = seal.sha256 if seal else ""
            content = sealing.addendum_document(
                addendum=addendum.id,
                record=record_id,
                section=addendum.section,
                text=addendum.text,
                author=self._context.actor.id,
                written_at=now,
                amends=amends,
            )
            own = sealing.seal_of(content)
            seals.insert_addendum(
                session,
                addendum,
                record=row.id,
                author=user_key(session, self._context.actor.id),
                seal=own,
                amends=amends,
            )
            note(
                self._context,
                session,
                "visit.addendum",
                record=record_id,
                subject=addendum.id,
                detail=own,
            )
            mark(session, "record", record_id, now=now)
            visit = records.get_visit(session, record_id)
        self._publish(record_id)
        return visit

    @needs(Action.VOID_VISIT)
    def void(self, record_id: RecordId, reason: str) -> None:
        """Entered in error: the visit leaves every list, its content stays and can be opened."""
        if not reason.strip():
            raise Invalid({"reason": "Say why this visit was entered in error."})
        now = self._context.clock()
        with self._context.db.begin() as session:
            row = records.record_row(session, record_id)
            self._authorize_own(Action.VOID_VISIT, row)
            if row.voided_at is not None:
                raise Conflict("This visit is already marked as entered in error.")
            actor = user_key(session, self._context.actor.id)
            records.set_voided(session, row, reason=storable(reason), actor=actor, now=now)
            note(self._context, session, "visit.error", record=record_id, detail=reason)
            mark(session, "record", record_id, now=now)
        self._publish(record_id)

    @needs(Action.CHECK_SEALS)
    def verify_seal(self, record_id: RecordId) -> bool:
        """Whether the stored rows still make the bytes that were signed, addenda included, and
        the seal still follows the one before it. A record without a seal does not verify."""
        return self.check_seal(record_id).holds

    @needs(Action.CHECK_SEALS)
    def check_seal(self, record_id: RecordId) -> SealCheck:
        """As `verify_seal`, with what is not what was signed."""
        return Seals(self._context).check(record_id)

    @needs(Action.PRINT)
    def printing(self, record_id: RecordId) -> None:
        """The visit goes to paper or into a PDF now; before it does, that is written down."""
        note_alone(self._context, "visit.print", record=record_id)

    # --- parts ---------------------------------------------------------------------------------

    def _check_finished(self, session: Session, row: sa.Row[Any], visit: Visit) -> None:
        settings = clinic_settings_of(read_clinic_settings(session))
        found = problems(
            visit.draft,
            patient=visit.patient,
            limits=settings.limits,
            closed_days=settings.closed_days,
            today=local_day(self._context.clock()),
            last=_last_seen(session, row),
        )
        blocking = {problem.field: problem.sentence for problem in found if problem.blocking}
        if blocking:
            raise Invalid(blocking)

    def _authorize_own(self, action: Action, row: sa.Row[Any]) -> None:
        authorize_visit(self._context, action, doctor=row.doctor_uid, active=row.doctor_active)

    def _check_may_write(self, session: Session, row: sa.Row[Any], draft: VisitDraft) -> None:
        if "doctor" in self._context.actor.roles:
            self._authorize_own(Action.WRITE_VISIT, row)
        elif beyond_front_desk(records.draft_of(session, row), draft):
            raise NotAllowed(Action.WRITE_VISIT, CLINICAL)

    def _doctor(self, session: Session) -> UserId:
        """Whose a new visit is when nobody said so."""
        if "doctor" in self._context.actor.roles:
            return self._context.actor.id
        doctors = [user for user in list_users(session) if user.active and user.role == "doctor"]
        if len(doctors) != 1:
            raise Invalid({"doctor": "Choose the doctor whose visit this is."})
        return doctors[0].id

    def _publish(self, record_id: RecordId) -> None:
        self._context.changes.publish(Changed("visit", frozenset({record_id})))


def _last_seen(session: Session, row: sa.Row[Any]) -> LastSeen:
    before = (row.visit_date, row.id)
    patient: int = row.patient_id
    measured = visit_lists.list_vitals(session, patient, before=before, limit=_EARLIER)
    vitals, vitals_on = newest_vitals(measured)
    prescribed = visit_lists.list_prescribed(session, patient, before=before, limit=_EARLIER)
    return LastSeen(
        vitals=vitals,
        vitals_on=vitals_on,
        prescriptions=prescribed[0][1] if prescribed else (),
        visits=visit_lists.list_summaries(session, patient, before=before, limit=_EARLIER),
    )


def _check_open(row: sa.Row[Any], version: int) -> None:
    if row.status == "finalized":
        raise Conflict(_FINALIZED)
    if row.voided_at is not None:
        raise Conflict(_VOIDED)
    if row.row_version != version:
        raise Conflict(_STALE)
