"""Words that a visit refused are kept until they are in it, or somebody is done with them."""

from dataclasses import replace
from uuid import uuid4

import pytest

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from tests.factories import KEY, FakeClock, a_diagnosis, a_finalized_visit, a_visit, context_of


def refused(context: Context, draft: VisitDraft, window: object = None) -> None:
    """Somebody else stores the visit first; then these words come."""
    visits = Visits(context)
    stored = visits.open(draft.record_id).draft
    visits.save_draft(replace(stored, complaint=f"Changed elsewhere {uuid4()}"))
    with pytest.raises(Conflict):
        visits.save_draft(draft, window or uuid4())  # type: ignore[arg-type]  # tests hand in uuids


def reopened(context: Context, clock: FakeClock) -> Context:
    """The same clinic after the program was started again."""
    path = context.db.path
    context.db.close()
    return context_of(LocalDb.open(path, KEY), clock=clock)


def test_refused_words_are_there_after_a_new_start(clinic: Context, clock: FakeClock) -> None:
    record = a_visit(clinic, plan="Rest")
    draft = Visits(clinic).open(record).draft
    typed = replace(
        draft,
        plan="Rest, ice",
        vitals=Vitals(blood_pressure="120/80"),
        diagnoses=(a_diagnosis("S83.90XA", "Sprain"),),
    )
    refused(clinic, typed)
    again = reopened(clinic, clock)
    try:
        (left,) = Visits(again).set_aside(record, uuid4())
        assert dict(left.words)["Plan"] == "Rest, ice"
        assert "120/80" in dict(left.words)["Vitals"]
        assert "Sprain" in dict(left.words)["Diagnoses"]
        assert "S83.90XA" in left.text
        assert "another window" in left.why
        assert left.by == again.actor.name
        assert left.at == clock()
        Visits(again).done_with(record, left.window)
        assert Visits(again).set_aside(record, uuid4()) == ()
    finally:
        again.db.close()


def test_the_last_of_what_a_form_holds_counts(clinic: Context, clock: FakeClock) -> None:
    record, window = a_visit(clinic), uuid4()
    draft = Visits(clinic).open(record).draft
    refused(clinic, replace(draft, plan="Rest"), window)
    with pytest.raises(Conflict):
        Visits(clinic).save_draft(replace(draft, plan="Rest, ice"), window)
    again = reopened(clinic, clock)
    try:
        (left,) = Visits(again).set_aside(record, uuid4())
        assert dict(left.words)["Plan"] == "Rest, ice"
    finally:
        again.db.close()


def test_words_that_the_visit_took_after_all_are_kept_no_longer(
    clinic: Context, clock: FakeClock
) -> None:
    record, window, visits = a_visit(clinic), uuid4(), Visits(clinic)
    draft = visits.open(record).draft
    refused(clinic, replace(draft, plan="Rest"), window)
    with pytest.raises(Conflict):
        visits.save_draft(replace(draft, plan="Rest"), window)
    version = visits.open(record).draft.version
    visits.save_draft(replace(draft, plan="Rest", version=version), window)
    again = reopened(clinic, clock)
    try:
        assert Visits(again).set_aside(record, uuid4()) == ()
    finally:
        again.db.close()


def test_a_save_of_another_form_leaves_them(clinic: Context, clock: FakeClock) -> None:
    record = a_visit(clinic)
    draft = Visits(clinic).open(record).draft
    refused(clinic, replace(draft, plan="Rest"))
    now = Visits(clinic).open(record).draft
    Visits(clinic).save_draft(replace(now, notes="Of another form"), uuid4())
    again = reopened(clinic, clock)
    try:
        (left,) = Visits(again).set_aside(record, uuid4())
        assert dict(left.words) == {"Plan": "Rest"}  # the rest is in the visit, or was never typed
    finally:
        again.db.close()


def test_words_that_came_after_the_signature_are_kept(clinic: Context, clock: FakeClock) -> None:
    record = a_finalized_visit(clinic)
    draft = Visits(clinic).open(record).draft
    with pytest.raises(Conflict, match="finalized"):
        Visits(clinic).save_draft(replace(draft, notes="Too late"), uuid4())
    again = reopened(clinic, clock)
    try:
        (left,) = Visits(again).set_aside(record, uuid4())
        assert dict(left.words) == {"Notes": "Too late"}
    finally:
        again.db.close()


def test_a_form_is_not_told_of_its_own_words(clinic: Context) -> None:
    record, window = a_visit(clinic), uuid4()
    draft = Visits(clinic).open(record).draft
    refused(clinic, replace(draft, plan="Rest"), window)
    assert Visits(clinic).set_aside(record, window) == ()
