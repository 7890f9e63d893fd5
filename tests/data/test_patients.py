from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.patient_search import (
    Asked,
    find_near,
    find_patients,
    number_words,
    phone_words,
    seen_last,
)
from medrec_desktop.data.patients import (
    Identity,
    change_patient,
    get_patient,
    insert_patient,
    next_record_no,
    patient_key,
    record_no_taken,
)

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
AMA = Identity(record_no="RC-000 001", family="Okafor", given="Ama", birth_date=date(1984, 5, 12))


def test_record_number_is_found_with_and_without_its_signs() -> None:
    assert set(number_words("RC-000 123")) == {"rc", "000", "123", "rc000123", "000123"}
    assert "77" in number_words("MRN/0077")


@pytest.mark.parametrize(
    ("stored", "word"),
    [
        ("+234 803 123 4567", "8031234567"),
        ("00234-803-123-4567", "8031234567"),
        ("(+49) 30 1234567", "301234567"),
        ("0803 123 4567", "8031234567"),
        ("٠٨٠٣١٢٣", "803123"),
    ],
)
def test_phone_is_found_without_country_and_zeros(stored: str, word: str) -> None:
    assert word in phone_words(stored)


def test_patient_is_stored_and_findable_in_one_transaction(local: LocalDb) -> None:
    with suppress(RuntimeError), local.begin() as session:
        insert_patient(session, AMA, now=NOW)
        assert len(find_patients(session, (Asked("ama"),), limit=5)) == 1
        raise RuntimeError
    with local.read() as session:
        assert find_patients(session, (Asked("ama"),), limit=5) == []
        assert seen_last(session, limit=5) == []


def test_changed_patient_has_one_entry_in_the_index(local: LocalDb) -> None:
    with local.begin() as session:
        patient_id = insert_patient(session, AMA, now=NOW)
        key = patient_key(session, patient_id)
        change_patient(session, key, Identity(record_no="X", family="Mensah"), now=NOW)
    with local.read() as session:
        assert get_patient(session, patient_id).family == "Mensah"
        rows = session.execute(sa.text("SELECT rowid, name FROM patient_search")).all()
        assert [tuple(row) for row in rows] == [(key, "mensah")]


def test_next_record_number_reads_the_clinics_own_sequence_only(local: LocalDb) -> None:
    with local.begin() as session:
        assert next_record_no(session) == "RC-000 001"
        for number in ("RC-000 041", "RC-000 ABC", "RC-99", "ZZ-999 999", "RC-888 8888"):
            insert_patient(session, Identity(record_no=number, family="A"), now=NOW)
        assert next_record_no(session) == "RC-000 042"
        assert record_no_taken(session, "rc-99")


def test_near_words_come_from_every_name_that_was_ever_stored(local: LocalDb) -> None:
    with local.begin() as session:
        insert_patient(session, AMA, now=NOW)
        assert [hit.family for hit in find_near(session, "okafro", limit=5)] == ["Okafor"]
        assert find_near(session, "zzzzz", limit=5) == []
        assert find_near(session, '"" \x00', limit=5) == []
