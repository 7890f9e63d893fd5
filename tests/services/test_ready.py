"""The front desk finalizes what a doctor said is ready, as it was then, and nothing else."""

from dataclasses import replace

import pytest

from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.roles import NOT_READY
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.authorize import NotAllowed
from medrec_desktop.services.context import Context
from medrec_desktop.services.ready import Ready
from medrec_desktop.services.visits import Visits
from tests.factories import a_diagnosis, a_visit, another_user


@pytest.fixture
def desk(clinic: Context) -> Context:
    return another_user(clinic, "Ines", "front_desk")


def version_of(context: Context, record: object) -> int:
    return Visits(context).open(record).draft.version  # type: ignore[arg-type]  # a record's id


def test_the_front_desk_finalizes_what_the_doctor_marked(clinic: Context, desk: Context) -> None:
    record = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    version = version_of(clinic, record)
    with pytest.raises(NotAllowed) as refused:
        Visits(desk).finalize_ready(record, version)
    assert str(refused.value) == NOT_READY
    with pytest.raises(NotAllowed):
        Ready(desk).mark(record, version)
    Ready(clinic).mark(record, version)
    Ready(clinic).mark(record, version)
    assert Ready(desk).is_ready(record)
    with pytest.raises(NotAllowed, match="Only a doctor"):
        Visits(desk).finalize(record, version)
    signed = Visits(desk).finalize_ready(record, version)
    assert signed.status == "finalized"
    assert signed.doctor == clinic.actor.name
    assert Visits(desk).verify_seal(record)
    assert not Ready(desk).is_ready(record)
    with pytest.raises(Conflict):
        Ready(clinic).mark(record, version_of(clinic, record))


def test_whatever_is_written_afterwards_ends_the_mark(clinic: Context, desk: Context) -> None:
    record = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    Ready(clinic).mark(record, version_of(clinic, record))
    draft = Visits(desk).open(record).draft
    saved = Visits(desk).save_draft(replace(draft, vitals=Vitals(pulse="84")))
    assert not Ready(clinic).is_ready(record)
    with pytest.raises(NotAllowed):
        Visits(desk).finalize_ready(record, saved.version)
    with pytest.raises(Conflict, match="changed meanwhile"):
        Ready(clinic).mark(record, draft.version)
    Ready(clinic).mark(record, saved.version)
    assert Ready(desk).is_ready(record)
    Ready(clinic).take_back(record)
    with pytest.raises(NotAllowed):
        Visits(desk).finalize_ready(record, saved.version)


def test_a_doctor_marks_their_own_visits(clinic: Context, desk: Context) -> None:
    record = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    other = another_user(clinic, "Dr. Bo")
    with pytest.raises(NotAllowed, match="another doctor"):
        Ready(other).mark(record, version_of(clinic, record))
    assert not Ready(desk).is_ready(record)


def test_a_clinic_may_keep_finalizing_to_its_doctors(clinic: Context, desk: Context) -> None:
    record = a_visit(clinic, complaint="Cough", diagnoses=(a_diagnosis(),))
    Ready(clinic).mark(record, version_of(clinic, record))
    assert Ready(desk).desk_finalizes()
    with pytest.raises(NotAllowed):
        Ready(desk).let_desk_finalize(False)
    Ready(clinic).let_desk_finalize(False)
    assert not Ready(desk).is_ready(record)
    with pytest.raises(NotAllowed, match="themselves"):
        Visits(desk).finalize_ready(record, version_of(clinic, record))
