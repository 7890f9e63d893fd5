import pytest

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.joining import ServerPlace


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("db.example.org", ServerPlace("db.example.org")),
        (" db.example.org:5433 ", ServerPlace("db.example.org", 5433)),
        ("db.example.org/clinics", ServerPlace("db.example.org", 5432, "clinics")),
        ("postgresql://db.example.org:5433/x", ServerPlace("db.example.org", 5433, "x")),
        ("192.168.1.4:5433/", ServerPlace("192.168.1.4", 5433)),
        ("[fe80::1]:5433", ServerPlace("fe80::1", 5433)),
    ],
)
def test_an_address_as_administrators_give_it(typed: str, meant: ServerPlace) -> None:
    assert ServerPlace.parse(typed) == meant
    assert ServerPlace.parse(meant.text) == meant


@pytest.mark.parametrize(
    "typed", ["", "two words", "db:0", "db:99999", "user@db", "db?sslmode=disable", "http://db"]
)
def test_what_is_no_address_says_how_one_looks(typed: str) -> None:
    with pytest.raises(Invalid, match=r"for example db\.example\.org"):
        ServerPlace.parse(typed)
