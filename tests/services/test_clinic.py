from dataclasses import replace
from datetime import timedelta

import pytest

from medrec_desktop.data import outbox
from medrec_desktop.data.clinic import write_clinic_settings, write_computer_settings
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.settings import ClinicSettings, ComputerSettings
from medrec_desktop.domain.vitals import DEFAULT_LIMITS, Limits
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.visits import Visits
from tests.factories import NOON, a_finalized_visit, another_user


@pytest.fixture
def service(clinic: Context) -> Clinic:
    return Clinic(clinic)


def test_new_clinic_has_its_name_its_doctor_and_the_usual_limits(service: Clinic) -> None:
    assert service.settings() == ClinicSettings(name="Hill Clinic")
    assert service.clinic().tenant == f"tenant_{int(NOON.timestamp() * 1000)}"
    assert [(u.name, u.role) for u in service.users()] == [("Dr. Efua Mensah", "doctor")]
    assert service.computer() == ComputerSettings()


def test_settings_are_kept_told_and_sent(clinic: Context, service: Clinic) -> None:
    notices: list[Changed] = []
    clinic.changes.subscribe(notices.append)
    pulse = Limits(20, 300, 55, 105)
    wanted = ClinicSettings("Lake Clinic", frozenset({5, 6}), DEFAULT_LIMITS | {"pulse": pulse}, 3)
    service.save_settings(wanted)
    service.save_settings(wanted)
    assert service.settings() == wanted
    assert service.clinic().name == "Lake Clinic"
    assert notices == [Changed("settings")]
    with clinic.db.read() as session:
        assert outbox.marked(session) == (("settings", service.clinic().id),)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"closed_days": frozenset(range(7))}, "closed_days"),
        ({"limits": {"pulse": Limits(20, 300, 5, 100)}}, "limits.pulse"),
        ({"limits": {"pulse": Limits(20, 300, 100, 50)}}, "limits.pulse"),
        ({"limits": {"luck": Limits(0, 1)}}, "limits.luck"),
        ({"lock_minutes": 0}, "lock_minutes"),
        ({"lock_minutes": 16}, "lock_minutes"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    service: Clinic, wrong: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as raised:
        service.save_settings(replace(service.settings(), **wrong))  # type: ignore[arg-type]  # wrong on purpose
    assert list(raised.value.fields) == [field]
    assert service.settings() == ClinicSettings(name="Hill Clinic")


def test_bounds_of_the_possible_are_not_the_clinics_to_move(service: Clinic) -> None:
    moved = {"pulse": Limits(0, 9999, 50, 110)}
    service.save_settings(replace(service.settings(), limits=moved))
    assert service.settings().limits["pulse"] == DEFAULT_LIMITS["pulse"]


def test_settings_nobody_understands_fall_back_to_the_usual(
    clinic: Context, service: Clinic
) -> None:
    with clinic.db.begin() as session:
        odd = {
            "name": 7,
            "closed_days": [9, "x", 2],
            "limits": {"pulse": 3, "spo2": {"amber_low": "?"}},
            "lock_minutes": 9000,
        }
        write_clinic_settings(session, odd, now=NOON + timedelta(days=1))
        write_computer_settings(session, {"theme": "pink", "text_percent": 9000, "paper": False})
    assert service.settings().closed_days == frozenset({2})
    assert service.settings().limits["pulse"] == DEFAULT_LIMITS["pulse"]
    assert service.settings().lock_minutes == 10
    assert service.clinic().name == "Hill Clinic"
    assert service.computer() == ComputerSettings(text_percent=200)


def test_computer_settings_stay_on_this_computer(clinic: Context, service: Clinic) -> None:
    wanted = ComputerSettings("dark", 150, "/scans", "Letter")
    service.save_computer(wanted)
    assert service.computer() == wanted
    with clinic.db.read() as session:
        assert outbox.marked(session) == ()


def test_everybody_is_listed_first_user_first(clinic: Context, service: Clinic) -> None:
    another_user(clinic, "Front Desk", "front_desk")
    assert [u.name for u in service.users()] == ["Dr. Efua Mensah", "Front Desk"]


def test_user_may_take_another_name_and_signs_under_it(clinic: Context, service: Clinic) -> None:
    before = a_finalized_visit(clinic)
    service.rename_user(service.me().id, "  Dr. Efua Mensah-Okai ")
    after = a_finalized_visit(clinic)
    visits = Visits(clinic)
    assert service.me().name == "Dr. Efua Mensah-Okai"
    assert visits.open(after).finalized_by == "Dr. Efua Mensah-Okai"
    assert visits.verify_seal(after)
    kept = visits.open(before)
    assert (kept.doctor, kept.finalized_by) == ("Dr. Efua Mensah", "Dr. Efua Mensah")
    assert visits.verify_seal(before)


def test_another_name_is_told_and_sent_once(clinic: Context, service: Clinic) -> None:
    notices: list[Changed] = []
    clinic.changes.subscribe(notices.append)
    me = service.me()
    service.rename_user(me.id, "Dr. Mensah")
    service.rename_user(me.id, "Dr. Mensah")
    assert notices == [Changed("settings")]
    with clinic.db.read() as session:
        assert ("user", me.id) in outbox.marked(session)


@pytest.mark.parametrize("name", ["", "  ", "x" * 256])
def test_name_that_cannot_stand_under_a_visit_is_refused(service: Clinic, name: str) -> None:
    with pytest.raises(Invalid) as raised:
        service.rename_user(service.me().id, name)
    assert list(raised.value.fields) == ["user_name"]
    assert service.me().name == "Dr. Efua Mensah"
