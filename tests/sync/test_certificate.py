import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.domain.errors import Denied, Invalid, Unavailable
from medrec_desktop.domain.joining import ServerPlace
from medrec_desktop.sync.certificate import look
from tests.tls_front import TlsFront, make_certificate


@pytest.fixture
def target(postgres_url: str) -> tuple[str, int, str]:
    url = sa.make_url(postgres_url)
    return str(url.host), url.port or 5432, str(url.database)


@pytest.fixture
def front(target: tuple[str, int, str], tmp_path: Path) -> Iterator[TlsFront]:
    made = TlsFront(target[:2], make_certificate(tmp_path))
    yield made
    made.close()


def _address(front: TlsFront, target: tuple[str, int, str], ca: Path | None) -> ServerAddress:
    return ServerAddress("127.0.0.1", front.port, target[2], "postgres", ca)


def test_the_fingerprint_is_the_one_that_openssl_says(front: TlsFront, tmp_path: Path) -> None:
    pem = (tmp_path / "server.pem").read_text()
    begin = pem.index("-----BEGIN CERTIFICATE")
    expected = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[begin:])).hexdigest()
    found = look(ServerPlace("127.0.0.1", front.port)).certificate
    assert found is not None
    assert found.fingerprint == expected
    assert (found.subject, found.own, found.trusted) == ("Hill clinics", True, False)
    assert found.groups.startswith(expected[:4].upper() + " ")


def test_the_certificate_that_was_confirmed_opens_the_line(
    front: TlsFront, target: tuple[str, int, str], tmp_path: Path
) -> None:
    found = look(ServerPlace("127.0.0.1", front.port)).certificate
    assert found is not None
    pinned = tmp_path / "server.crt"
    pinned.write_text(found.pem)
    with server_engine(_address(front, target, pinned), None).connect() as session:
        assert session.scalar(sa.text("SELECT 1")) == 1


def test_another_servers_certificate_is_refused_once_one_was_confirmed(
    front: TlsFront, target: tuple[str, int, str], tmp_path: Path
) -> None:
    found = look(ServerPlace("127.0.0.1", front.port)).certificate
    assert found is not None
    pinned = tmp_path / "server.crt"
    pinned.write_text(found.pem)
    impostor = TlsFront(target[:2], make_certificate(tmp_path, "impostor"))
    try:
        with (
            pytest.raises(sa.exc.OperationalError) as refused,
            server_engine(_address(impostor, target, pinned), None).connect(),
        ):
            pass
        assert isinstance(refused.value.orig, psycopg.OperationalError)
        assert "certificate verify failed" in str(refused.value.orig)
    finally:
        impostor.close()


def test_a_server_on_this_computer_may_go_without(target: tuple[str, int, str]) -> None:
    seen = look(ServerPlace(target[0], target[1]))
    assert (seen.certificate, seen.protected) == (None, False)


def test_a_server_elsewhere_may_not(
    target: tuple[str, int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medrec_desktop.sync.certificate.is_here", lambda _host: False)
    with pytest.raises(Denied, match="offers no encryption"):
        look(ServerPlace(target[0], target[1]))


def test_nobody_there_is_a_sentence() -> None:
    with pytest.raises(Unavailable, match="does not answer at this address"):
        look(ServerPlace("127.0.0.1", 1), seconds=2)


def test_an_authority_handed_in_as_a_file_vouches_for_its_server_alone(
    target: tuple[str, int, str], tmp_path: Path
) -> None:
    authority = make_certificate(tmp_path, "authority")
    theirs = TlsFront(target[:2], make_certificate(tmp_path, "theirs", by=authority))
    others = TlsFront(target[:2], make_certificate(tmp_path, "others"))
    try:
        place = ServerPlace("127.0.0.1", theirs.port)
        unknown = look(place)
        assert unknown.stranger
        seen = look(place, authority)
        assert seen.certificate is not None
        assert (seen.certificate.trusted, seen.stranger) == (True, False)
        root = tmp_path / "root.crt"
        root.write_text(seen.root)
        with server_engine(_address(theirs, target, root), None).connect() as session:
            assert session.scalar(sa.text("SELECT 1")) == 1
        with pytest.raises(Invalid, match="does not vouch"):
            look(ServerPlace("127.0.0.1", others.port), authority)
    finally:
        theirs.close()
        others.close()


def test_a_file_without_a_certificate_is_told(front: TlsFront, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("not a certificate")
    with pytest.raises(Invalid, match="holds no certificate"):
        look(ServerPlace("127.0.0.1", front.port), wrong)
