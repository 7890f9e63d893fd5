"""Documents come back from where they are kept as they were, whole numbers and all."""

import json

import pytest
import sqlalchemy as sa

from medrec_desktop.data.json_text import parsed, written
from medrec_desktop.data.kept_docs import KeptDoc, squeezed, unsqueezed
from medrec_desktop.data.row_values import Columns
from medrec_desktop.data.schema import medical_records

DOC = {"uid": "x", "notes": "Größe 1,80 m 🙂", "extra": {"n": 12345678901234567890123, "x": 36.6}}


@pytest.mark.parametrize("number", [2**53 + 1, 2**64 + 1, -(2**70), 10**400, 1, 1.0, 36.6])
def test_no_number_is_rounded(number: float) -> None:
    text = json.dumps({"extra": [{"n": number}]})
    assert repr(parsed(text)) == repr(json.loads(text))
    assert repr(parsed(written({"n": number}))) == repr({"n": number})


def test_half_a_character_is_written() -> None:
    assert json.loads(written({"a": "\ud83d"})) == {"a": "\ud83d"}


def test_a_kept_document_comes_back() -> None:
    kept = squeezed(json.dumps(DOC))
    assert unsqueezed(kept) == DOC
    assert b"notes" not in kept


def test_a_document_kept_plain_is_read_too() -> None:
    read = KeptDoc().result_processor(sa.create_engine("sqlite://").dialect, None)
    assert read(json.dumps(DOC)) == read(squeezed(json.dumps(DOC))) == DOC
    assert read(None) is None


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-03-12T09:30:00.123456Z", "2026-03-12 09:30:00.123456"),
        ("2026-03-12T09:30:00Z", "2026-03-12 09:30:00.000000"),
        ("2026-03-12T11:30:00.5+02:00", "2026-03-12 09:30:00.500000"),
    ],
)
def test_a_time_of_any_shape_is_stored_in_one(text: str, stored: str) -> None:
    ((_, values),) = Columns(medical_records).values([{"visit_date": text, "notes": None}], {})
    assert values == {"visit_date": [stored]}
