import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain import op_upgrades
from medrec_desktop.domain.op_upgrades import Added, Changed, for_server, upgraded, whole

ADDED = (
    Added("0020", "record", "triage", ""),
    Added("0022", "record", "laterality", None, rows="diagnoses"),
)


def renamed(old: str, new: str) -> Changed:
    def change(op: dict[str, object]) -> dict[str, object]:
        patch = dict(op["patch"])  # type: ignore[call-overload]  # an op's
        if old in patch:
            patch[new] = patch.pop(old)
        return {**op, "patch": patch}

    return Changed({"a": "0021", "b": "0023"}[old], change)


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the program had gone on."""
    monkeypatch.setattr(op_upgrades, "ADDED", ADDED)
    monkeypatch.setattr(op_upgrades, "CHANGED", (renamed("a", "b"), renamed("b", "c")))


def an_op(schema: str, **patch: object) -> dict[str, object]:
    return {"op_id": "1", "tbl": "record", "schema": schema, "patch": patch}


def test_an_older_op_goes_through_every_step_since_and_stays_as_it_was_kept() -> None:
    op = an_op("0019", a="words", notes="n")
    assert upgraded(op) == an_op("0023", c="words", notes="n")
    assert upgraded(op, "0022") == an_op("0021", b="words", notes="n")
    assert upgraded(an_op("0022", b="words")) == an_op("0023", c="words")
    assert op == an_op("0019", a="words", notes="n")


def test_an_older_server_gets_what_it_can_know() -> None:
    op = an_op("0023", triage="", notes="n", diagnoses=[{"uid": "x", "laterality": None}])
    assert for_server(op, "0019")["patch"] == {"notes": "n", "diagnoses": [{"uid": "x"}]}
    assert for_server(op, "0021")["patch"] == {**op["patch"], "diagnoses": [{"uid": "x"}]}  # type: ignore[dict-item]  # an op's
    assert for_server(op, "0023") is op
    assert for_server(op, None) is op


def test_words_are_never_left_out() -> None:
    op = an_op("0023", triage="red", diagnoses=[{"uid": "x", "laterality": "left"}])
    assert for_server(op, "0019") is op


def test_what_was_kept_before_says_what_every_row_then_said() -> None:
    doc = {"notes": "n", "diagnoses": [{"uid": "x"}, {"uid": "y", "laterality": "left"}]}
    assert whole("record", doc) == {
        "notes": "n",
        "triage": "",
        "diagnoses": [{"uid": "x", "laterality": None}, {"uid": "y", "laterality": "left"}],
    }
    assert whole("patient", doc) == doc


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c", "triage", "notes"]), st.text(), max_size=3),
    st.sampled_from(["0019", "0021", "0022", "0023", "0024"]),
    st.sampled_from(["0019", "0021", "0022", "0023", "0024"]),
)
def test_in_one_go_or_step_by_step_it_is_the_same(
    patch: dict[str, object], made: str, to: str
) -> None:
    op = an_op(made, **patch)
    assert upgraded(upgraded(op, to)) == upgraded(op)
    assert upgraded(upgraded(op)) == upgraded(op)
