"""Who may do what: every action has its row, and roles only ever allow."""

from dataclasses import fields, replace
from typing import Any
from uuid import uuid4

import pytest

from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.roles import RULES, Action, beyond_front_desk, may_write_clinical
from medrec_desktop.domain.vitals import Vitals
from tests.factories import a_diagnosis, a_draft, a_lab, a_medicine

DOCTOR, DESK, ADMIN = frozenset({"doctor"}), frozenset({"front_desk"}), frozenset({"admin"})


def test_every_action_has_a_row_and_a_sentence_that_says_who_may() -> None:
    assert set(RULES) == set(Action)
    for rule in RULES.values():
        assert rule.roles
        assert any(word in rule.refusal for word in ("doctor", "administrator", "users"))


def test_only_reading_is_opened_by_emergency_access() -> None:
    assert {action for action, rule in RULES.items() if rule.glass} == {
        Action.FIND_PATIENTS,
        Action.READ_CHART,
        Action.READ_FILES,
    }


def test_a_doctor_who_leads_the_clinic_has_both_roles() -> None:
    assert User(UserId(uuid4()), "Dr A", "doctor", admin=True).roles == DOCTOR | ADMIN
    assert User(UserId(uuid4()), "Dr B", "doctor").roles == DOCTOR
    assert User(UserId(uuid4()), "Ines", "front_desk").roles == DESK


@pytest.mark.parametrize(
    ("roles", "own", "active", "may"),
    [
        (DOCTOR, True, True, True),
        (DOCTOR, False, True, False),
        (DOCTOR, False, False, True),
        (DOCTOR | ADMIN, False, True, True),
        (ADMIN, True, True, False),
        (DESK, True, True, False),
    ],
)
def test_whose_visit_a_doctor_writes(roles: Any, own: bool, active: bool, may: bool) -> None:
    assert may_write_clinical(roles, own=own, owner_active=active) is may


OTHER: dict[str, Any] = {
    "visit_date": a_draft().visit_date.replace(year=2020),
    "diagnoses": (a_diagnosis(),),
    "no_diagnosis": True,
    "assessment": "Asthma",
    "plan": "Rest",
    "prescriptions": (a_medicine(),),
    "labs": (a_lab(),),
    "notes": "n",
    "follow_up": "+2w",
    "record_id": uuid4(),
    "patient_id": uuid4(),
}


@pytest.mark.parametrize(
    "name", [f.name for f in fields(VisitDraft) if f.name not in {"complaint", "vitals", "version"}]
)
def test_the_front_desk_writes_nothing_but_complaint_and_vitals(name: str) -> None:
    stored = a_draft()
    assert beyond_front_desk(stored, replace(stored, **{name: OTHER[name]}))


def test_the_front_desk_writes_complaint_and_vitals() -> None:
    stored = a_draft()
    typed = replace(stored, complaint="Fever", vitals=Vitals(pulse="80"), version=7)
    assert not beyond_front_desk(stored, typed)
