from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.domain.errors import MedrecError, Unavailable
from medrec_desktop.domain.joining import JoinCode, Seen, ServerPlace
from medrec_desktop.sync.certificate import look
from medrec_desktop.sync.finding import find_clinic
from tests.clinic_servers import ClinicServer
from tests.tls_front import TlsFront, make_certificate


def _seen(server: ClinicServer) -> Seen:
    url = sa.make_url(server.url)
    return look(ServerPlace(str(url.host), url.port or 5432, str(url.database)))


def test_a_code_finds_its_clinic_and_who_works_there_and_no_other(
    clinic_server: ClinicServer,
) -> None:
    tenant = clinic_server.create("Lakeside")
    found = find_clinic(_seen(clinic_server), JoinCode.new(tenant))
    assert (found.name, found.tenant) == ("Lakeside", tenant)
    assert [user.name for user in found.users] == ["Dr Amina Osei"]
    assert found.users[0].admin
    assert (found.patients, found.visits) == (0, 0)


def test_of_many_rows_it_is_told_about_how_many_there_are(clinic_server: ClinicServer) -> None:
    tenant = clinic_server.create(uuid4().hex)
    with closing(clinic_server.connect()) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            f"INSERT INTO {tenant}.patients (id, uid, record_no, family, rev, created_at, updated_at)"
            " SELECT n, gen_random_uuid(), 'P-' || n, 'A', gen_random_uuid(), now(), now()"
            " FROM (VALUES (1), (60000)) v (n)".encode()
        )
    found = find_clinic(_seen(clinic_server), JoinCode.new(tenant))
    assert (found.patients, found.visits) == (60_000, 0)


def test_a_code_of_no_clinic_is_refused_in_a_sentence(clinic_server: ClinicServer) -> None:
    with pytest.raises(MedrecError):
        find_clinic(_seen(clinic_server), JoinCode.new("tenant_1"))


def test_a_server_that_shows_another_certificate_is_sent_nothing(
    clinic_server: ClinicServer, two_clinics: tuple[str, str], tmp_path: Path
) -> None:
    url = sa.make_url(clinic_server.url)
    target = (str(url.host), url.port or 5432)
    ours = TlsFront(target, make_certificate(tmp_path, "ours"))
    impostor = TlsFront(target, make_certificate(tmp_path, "impostor"))
    try:
        place = ServerPlace("127.0.0.1", ours.port, str(url.database))
        seen = look(place)
        assert find_clinic(seen, JoinCode.new(two_clinics[0])).name == "Riverside"
        elsewhere = Seen(
            ServerPlace("127.0.0.1", impostor.port, str(url.database)),
            seen.certificate,
            protected=True,
        )
        with pytest.raises(Unavailable, match="certificate verify failed"):
            find_clinic(elsewhere, JoinCode.new(two_clinics[0]))
    finally:
        ours.close()
        impostor.close()
