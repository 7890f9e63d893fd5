"""An address says where, never with which password; the way there is checked unless it is here."""

from pathlib import Path

import pytest

from medrec_desktop.data.server.address import ServerAddress, parsed, server_engine
from medrec_desktop.domain.errors import Invalid, Unavailable
from medrec_desktop.services import server

ADDRESS = "postgresql://medrec_admin@db.example.org/medrec"


def arguments(address: ServerAddress) -> dict[str, str]:
    """What a connection is made with."""
    found: list[dict[str, str]] = []
    engine = server_engine(address, "a secret")

    class Seen(Exception):  # noqa: N818  # no error: it ends the attempt
        pass

    def connect(*_: object, **given: str) -> None:
        found.append(given)
        raise Seen

    engine.dialect.connect = connect  # type: ignore[method-assign,assignment]  # nothing leaves here
    with pytest.raises(Seen):
        engine.connect()
    assert "a secret" not in repr(engine) + str(engine.url)
    return found[0]


def test_another_computer_must_show_its_certificate() -> None:
    assert parsed(ADDRESS).sslmode == "verify-full"
    given = arguments(parsed(ADDRESS, ca=Path("ca.pem")))
    assert given["sslmode"] == "verify-full"
    assert given["sslrootcert"] == "ca.pem"


@pytest.mark.parametrize("variable", ["PGSSLMODE", "PGHOSTADDR"])
def test_the_environment_does_not_weaken_it(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "disable" if variable == "PGSSLMODE" else "192.0.2.1")
    given = arguments(parsed(ADDRESS))
    assert (given["sslmode"], given["hostaddr"]) == ("verify-full", "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "%2Frun%2Fpostgresql"])
def test_this_computer_needs_none(host: str) -> None:
    assert parsed(f"postgresql://a@{host}/b").sslmode == "prefer"


@pytest.mark.parametrize("host", ["127.0.0.1.example.org", "localhost.example.org", "10.0.0.1"])
def test_a_name_that_looks_like_this_computer_is_another(host: str) -> None:
    assert parsed(f"postgresql://a@{host}/b").sslmode == "verify-full"


def test_less_is_only_for_those_who_say_so() -> None:
    assert parsed(ADDRESS, unprotected=True).sslmode == "prefer"
    # A certificate that was named is checked all the same.
    assert parsed(ADDRESS, unprotected=True, ca=Path("ca.pem")).sslmode == "verify-full"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("postgresql://a:secret@h/b", "holds a password"),
        ("postgresql://a@h/b?sslmode=disable", "Only user, host"),
        ("postgresql://a@h/b?host=evil", "Only user, host"),
        ("mysql://a@h/b", "Only user, host"),
        ("postgresql://h/b", "is missing"),
        ("postgresql://a@h", "is missing"),
        ("postgresql://a@h:port/b", "no server's address"),
        ("nonsense", "no server's address"),
    ],
)
def test_anything_else_is_no_address(text: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        parsed(text)
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there_is_a_sentence() -> None:
    engine = server_engine(ServerAddress("127.0.0.1", 1, "b", "a"), "a secret")
    with pytest.raises(Unavailable, match="could not be reached") as refused:
        server.clinics(engine)
    assert "a secret" not in str(refused.value)
