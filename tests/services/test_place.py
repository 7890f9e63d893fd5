from uuid import uuid4

from medrec_desktop.data.clinic import write_computer_settings
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.settings import Place
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context


def test_place_is_kept_until_it_is_forgotten(clinic: Context) -> None:
    service = Clinic(clinic)
    assert service.place() is None
    place = Place(RecordId(uuid4()), "vitals.pulse", 3)
    service.remember_place(place)
    assert service.place() == place
    assert service.computer() == type(service.computer())()
    service.remember_place(None)
    assert service.place() is None


def test_a_place_that_makes_no_sense_is_none(clinic: Context) -> None:
    senseless: tuple[object, ...] = (
        {},
        [],
        "plan",
        {"record": "x"},
        {"record": 7, "field": "plan"},
    )
    for stored in senseless:
        with clinic.db.begin() as session:
            write_computer_settings(session, {"place": stored})
        assert Clinic(clinic).place() is None
    with clinic.db.begin() as session:
        half = {"record": str(uuid4()), "field": 4, "caret": -2}
        write_computer_settings(session, {"place": half})
    place = Clinic(clinic).place()
    assert place is not None
    assert (place.field, place.caret) == ("", 0)
