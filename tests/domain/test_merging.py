"""Two people changed one document: what is merged, and what is left to a person."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.merging import (
    SIGNATURE,
    Merged,
    changed_units,
    merge,
    patch_between,
    units_of,
    with_columns,
    with_news,
)

words = st.sampled_from(["", "rest", "fluids", "review in two weeks"])
UIDS = ["a", "b", "c", "d"]


def _items() -> st.SearchStrategy[Any]:
    item = st.fixed_dictionaries({"uid": st.sampled_from(UIDS), "medicine": words})
    return st.none() | st.lists(item, max_size=4, unique_by=lambda one: str(one["uid"]))


def _rows() -> st.SearchStrategy[Any]:
    row = st.fixed_dictionaries(
        {
            "uid": st.sampled_from(UIDS),
            "diagnosis_name": words,
            "position": st.integers(0, 3),
            "voided_at": st.sampled_from([None, None, "2026-03-12T09:30:00.000000Z"]),
        }
    )
    return st.lists(row, max_size=4, unique_by=lambda one: str(one["uid"]))


def records(*, signed: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Documents of visits; few values, so that two of them often agree."""
    reading = st.fixed_dictionaries({"typed": st.sampled_from(["120/80", "37.2", "70"])})
    return st.fixed_dictionaries(
        {
            "uid": st.just("r"),
            "patient_id": st.sampled_from(["p", "p", "p", "q"]),
            "chief_complaint": st.none() | words,
            "notes": st.none() | words,
            "follow_up_required": st.booleans(),
            "follow_up_text": st.none() | words,
            "follow_up_date": st.none(),
            "prescriptions": _items(),
            "vital_signs": st.none()
            | st.dictionaries(st.sampled_from(["pulse", "bp_systolic", "systolic"]), reading),
            "diagnoses": _rows(),
            "status": st.sampled_from(["draft", "draft", "finalized"] if signed else ["draft"]),
            "voided_at": st.none(),
        }
    )


def _content(doc: dict[str, Any]) -> Any:
    return units_of("record", doc)


@given(records(), records(), records())
def test_every_change_of_mine_is_taken_the_same_or_named(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    found = merge("record", base, mine, theirs)
    parts = (found.taken, found.same, found.conflicts)
    assert frozenset().union(*parts) == changed_units("record", base, mine)
    assert sum(map(len, parts)) == len(frozenset().union(*parts))


@given(records(), records(), records())
def test_what_is_taken_stands_there_as_mine_and_all_else_as_theirs(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    found = merge("record", base, mine, theirs)
    ours, others, merged = _content(mine), _content(theirs), _content(found.doc)
    for unit in ours.keys() | others.keys() | merged.keys():
        wanted = ours if unit in found.taken else others
        assert merged.get(unit) == wanted.get(unit), unit


@given(records(signed=False), records(signed=False), records(signed=False))
def test_different_units_merge_to_the_same_from_either_side(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    one, other = merge("record", base, mine, theirs), merge("record", base, theirs, mine)
    if not one.conflicts and not other.conflicts:
        assert _content(one.doc) == _content(other.doc)
    assert bool(one.conflicts) == bool(other.conflicts)


@given(records(), records(), records())
def test_merging_again_changes_nothing(
    base: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    once = merge("record", base, mine, theirs)
    again = merge("record", theirs, once.doc, theirs)
    assert _content(again.doc) == _content(once.doc)
    assert not again.conflicts


@given(records(), records())
def test_against_what_has_not_changed_mine_stands(
    base: dict[str, Any], mine: dict[str, Any]
) -> None:
    assert merge("record", base, base, mine) == Merged(mine)
    found = merge("record", base, mine, base)
    if not found.unsigned and base["status"] == "draft":
        assert _content(found.doc) == _content(mine)


@given(records(), records())
def test_a_patch_makes_the_other_document(before: dict[str, Any], after: dict[str, Any]) -> None:
    patch = patch_between("record", before, after)
    made = with_columns("record", before, patch)
    known = {row["uid"] for row in after["diagnoses"]}
    made["diagnoses"] = sorted(
        (row for row in made["diagnoses"] if row["uid"] in known), key=lambda row: str(row["uid"])
    )
    wanted = after | {"diagnoses": sorted(after["diagnoses"], key=lambda row: str(row["uid"]))}
    assert made == wanted


@given(records(), records(), records())
def test_what_the_server_set_itself_comes_in_unless_i_changed_that_too(
    before: dict[str, Any], after: dict[str, Any], mine: dict[str, Any]
) -> None:
    found = with_news("record", before, after, mine)
    for column in ("notes", "chief_complaint", "status"):
        unchanged = mine[column] == before[column]
        assert found[column] == (after if unchanged else mine)[column]
    assert with_news("record", before, after, before) | {"diagnoses": 0} == after | {"diagnoses": 0}


def test_bytes_that_i_put_into_the_storage_lie_where_i_put_them() -> None:
    """A server that was restored gave the file another key meanwhile."""
    where = {"s3_key": "tenant_1/4/scan.txt", "s3_bucket": None, "s3_version": None}
    before = {"upload_state": "pending", "held_by": "x", "late": False} | where
    mine = before | {"upload_state": "stored", "s3_bucket": "clinic", "s3_version": "1"}
    after = before | {"s3_key": "tenant_1/9/scan.txt", "late": True}
    assert with_news("attachment", before, after, mine) == mine | {"late": True}
    assert with_news("attachment", before, after, before) == after
    elsewhere = after | {"upload_state": "stored", "s3_bucket": "clinic", "s3_version": "2"}
    assert with_news("attachment", mine, elsewhere, mine) == elsewhere


def _visit(**columns: Any) -> dict[str, Any]:
    return {"uid": "r", "status": "draft", "diagnoses": []} | columns


def test_the_same_field_written_twice_is_left_to_a_person() -> None:
    found = merge("record", _visit(notes="a"), _visit(notes="b"), _visit(notes="c"))
    assert found == Merged(_visit(notes="c"), conflicts=frozenset({"notes"}))


def test_a_reading_of_two_numbers_is_never_mixed() -> None:
    base = _visit(vital_signs={"bp_systolic": 120, "bp_diastolic": 80})
    mine = _visit(vital_signs={"bp_systolic": 150, "bp_diastolic": 80})
    theirs = _visit(vital_signs={"bp_systolic": 120, "bp_diastolic": 95})
    found = merge("record", base, mine, theirs)
    assert found.conflicts == {"vital_signs.blood_pressure"}
    assert found.doc["vital_signs"] == theirs["vital_signs"]


def test_a_row_changed_here_and_removed_there_is_left_to_a_person() -> None:
    row = {"uid": "d", "diagnosis_name": "Asthma", "voided_at": None}
    base = _visit(diagnoses=[row])
    mine = _visit(diagnoses=[row | {"diagnosis_name": "Asthma, mild"}])
    theirs = _visit(diagnoses=[row | {"voided_at": "2026-03-12T09:30:00.000000Z"}])
    assert merge("record", base, mine, theirs).conflicts == {"diagnoses.d"}
    assert merge("record", base, theirs, mine).conflicts == {"diagnoses.d"}


def test_rows_that_two_people_added_are_both_there() -> None:
    mine = _visit(prescriptions=[{"uid": "a", "medicine": "Amoxicillin"}])
    theirs = _visit(prescriptions=[{"uid": "b", "medicine": "Ibuprofen"}])
    found = merge("record", _visit(prescriptions=None), mine, theirs)
    assert {one["uid"] for one in found.doc["prescriptions"]} == {"a", "b"}
    assert not found.conflicts


def test_a_list_of_another_program_changed_on_both_sides_is_one_unit() -> None:
    base = _visit(prescriptions=[{"medicine": "A"}])
    mine = _visit(prescriptions=[{"medicine": "A"}, {"medicine": "B"}])
    theirs = _visit(prescriptions=[{"medicine": "C"}])
    found = merge("record", base, mine, theirs)
    assert found.doc == theirs
    assert found.conflicts == {"prescriptions"}


def test_nothing_is_put_into_a_signed_visit() -> None:
    theirs = _visit(notes="a", status="finalized", finalized_by="u", seal={"sha256": "x"})
    found = merge("record", _visit(notes="a"), _visit(notes="a", plan="b"), theirs)
    assert found.doc == theirs
    assert found.conflicts == {"plan"}


def test_a_signature_holds_on_no_other_revision() -> None:
    mine = _visit(notes="a", status="finalized", finalized_by="u")
    found = merge("record", _visit(notes="a"), mine, _visit(notes="a", plan="b"))
    assert found.unsigned
    assert found.conflicts == {SIGNATURE}
    assert found.doc == _visit(notes="a", plan="b")


def test_two_signatures_keep_the_first() -> None:
    mine = _visit(status="finalized", finalized_by="u", seal={"sha256": "x"})
    theirs = _visit(status="finalized", finalized_by="v", seal={"sha256": "y"})
    found = merge("record", _visit(), mine, theirs)
    assert (found.doc, found.unsigned, found.conflicts) == (theirs, True, {SIGNATURE})


def test_a_visit_moved_to_another_patient_takes_nothing_of_the_other_side() -> None:
    base = _visit(patient_id="p", notes="a")
    moved, written = _visit(patient_id="q", notes="a"), _visit(patient_id="p", notes="b")
    assert merge("record", base, moved, written).conflicts == {"patient_id"}
    assert merge("record", base, written, moved).conflicts == {"notes"}


def test_no_known_allergy_yields_to_a_substance() -> None:
    row = {"uid": "a", "substance": "Penicillin", "voided_at": None}
    other = {"uid": "b", "substance": "Latex", "voided_at": None}
    base = {"uid": "p", "allergy_state": "has", "allergies": [row]}
    mine = {"uid": "p", "allergy_state": "none_known", "allergies": [row | {"voided_at": "x"}]}
    theirs = {"uid": "p", "allergy_state": "has", "allergies": [row, other]}
    found = merge("patient", base, mine, theirs)
    assert found.doc["allergy_state"] == "has"
    assert found.conflicts == {"allergy_state"}


def test_a_file_that_is_in_the_storage_stays_there_whoever_had_not_heard_of_it() -> None:
    waiting = {"upload_state": "pending", "s3_key": None, "held_by": "me"}
    waiting |= {"s3_bucket": None, "s3_version": None}
    named = {**waiting, "s3_key": "tenant_1/a"}
    stored = {**named, "upload_state": "stored", "s3_version": "v1"}
    for base in ({}, named):
        assert merge("attachment", base, waiting, stored).doc == stored
        assert merge("attachment", base, stored, waiting).doc == stored
    assert merge("attachment", {}, waiting, named).doc == named
    # Somebody who knows that it is not there any more sends it again.
    assert merge("attachment", stored, waiting, stored).doc == waiting
