"""Typed vitals: how they are read, what is asked about, and what other programs' JSON gives."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.vitals import (
    ACCESSIBLE_NAMES,
    DEFAULT_LIMITS,
    LABELS,
    UNITS,
    Limits,
    Reading,
    Vitals,
    bmi,
    from_json,
    read,
    to_json,
)

NAMES = [f.name for f in fields(Vitals)]


def reading(name: str, typed: str, *, age: int | None = 39, last: str = "") -> Reading:
    return read(name, typed, limits=DEFAULT_LIMITS, age_years=age, last=last)


@pytest.mark.parametrize(
    ("typed", "systolic", "diastolic", "qualifier"),
    [
        ("120/80", 120, 80, ""),
        ("120 80", 120, 80, ""),
        ("120-80", 120, 80, ""),
        ("12080", 120, 80, ""),
        ("9060", 90, 60, ""),
        ("180110", 180, 110, ""),
        ("120 / 80 mmHg", 120, 80, ""),
        ("120 over 80", 120, 80, ""),
        ("120.80", 120, 80, ""),
        ("120\N{EN DASH}80", 120, 80, ""),
        ("162/98 L sit", 162, 98, "L sit"),
        ("162/98 mmHg, left arm", 162, 98, "left arm"),
        ("١٢٠/٨٠", 120, 80, ""),
        ("१२०/८०", 120, 80, ""),
        ("\u2067120/80\u2069", 120, 80, ""),
        ("\N{FULLWIDTH DIGIT ONE}20\N{FULLWIDTH SOLIDUS}80", 120, 80, ""),
    ],
)
def test_blood_pressure_is_read_as_typed(
    typed: str, systolic: int, diastolic: int, qualifier: str
) -> None:
    found = reading("blood_pressure", typed)
    assert (found.systolic, found.diastolic, found.qualifier) == (systolic, diastolic, qualifier)
    assert found.verdict in {"", "amber"}


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("pulse", "84", 84),
        ("pulse", "84 bpm", 84),
        ("pulse", "84/min", 84),
        ("pulse", "٨٤", 84),
        ("temperature", "36.8", 36.8),
        ("temperature", "36,8", 36.8),
        ("temperature", "36.8 C", 36.8),
        ("temperature", "36.8°C", 36.8),
        ("temperature", "36.8 ℃ ear", 36.8),
        ("temperature", "٣٦٫٨", 36.8),
        ("spo2", "98%", 98),
        ("spo2", "98 ٪", 98),
        ("spo2", "98% RA", 98),
        ("respiration", "16 /min", 16),
        ("weight", "78.4 kg", 78.4),
        ("weight", "3400 g", 3.4),
        ("weight", "173 lb", 78.5),
        ("height", "164cm", 164),
        ("height", "1.64 m", 164),
        ("height", "1m64", 164),
        ("height", "5'6\"", 167.6),
        ("height", "5 ft 6 in", 167.6),
        ("pain", "7/10", 7),
        ("pain", "0", 0),
    ],
)
def test_numbers_are_read_with_or_without_their_unit(name: str, typed: str, value: float) -> None:
    found = reading(name, typed)
    assert found.value == pytest.approx(value)
    assert found.verdict == ""


def test_another_unit_is_converted_and_said() -> None:
    found = reading("temperature", "98.6 F")
    assert found == Reading(value=37.0, sentence="98.6 °F is 37.0 °C.", suggestion="37.0")


@pytest.mark.parametrize(
    ("name", "typed", "sentence", "suggestion"),
    [
        (
            "blood_pressure",
            "98/162",
            "98/162: the first number should be the higher one.",
            "162/98",
        ),
        (
            "blood_pressure",
            "80/120 L sit",
            "80/120: the first number should be the higher one.",
            "120/80 L sit",
        ),
        ("blood_pressure", "98162", "98/162: the first number should be the higher one.", "162/98"),
        ("blood_pressure", "120/120", "120/120: the first number should be the higher one.", ""),
        ("blood_pressure", "12/8", "Did you mean 120/80?", "120/80"),
        ("blood_pressure", "301/80", "BP 301/80 is not possible. Check both numbers.", ""),
        ("temperature", "104", "Did you mean 104 °F (40.0 °C)?", "40.0"),
        ("temperature", "368", "Did you mean 36.8 °C?", "36.8"),
        ("height", "1.64", "Did you mean 1.64 m (164 cm)?", "164"),
        ("height", "1,64", "Did you mean 1.64 m (164 cm)?", "164"),
        ("weight", "3400", "Did you mean 3400 g (3.4 kg)?", "3.4"),
        ("spo2", "0.98", "Did you mean 98 %?", "98"),
        ("pain", "11", "Pain goes from 0 to 10.", ""),
        (
            "pulse",
            "840",
            "Pulse 840 bpm is not possible. Check the number and its unit.",
            "",
        ),
    ],
)
def test_impossible_numbers_are_asked_about(
    name: str, typed: str, sentence: str, suggestion: str
) -> None:
    found = reading(name, typed)
    assert (found.verdict, found.sentence, found.suggestion) == ("refuse", sentence, suggestion)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("blood_pressure", "high"),
        ("blood_pressure", "120"),
        ("blood_pressure", "120/80/60"),
        ("blood_pressure", "120/80 84"),
        ("blood_pressure", "1200/80"),
        ("pulse", "84-90"),
        ("pulse", "-84"),
        ("pulse", ">100"),
        ("pulse", "8²"),
        ("temperature", "36.8.1"),
        ("temperature", "36\x008"),
        ("weight", "12 st"),
        ("weight", "78 84"),
        ("height", "tall"),
        ("pulse", "8" * 1_000_000),
    ],
)
def test_unreadable_text_is_explained_in_a_sentence(name: str, typed: str) -> None:
    found = reading(name, typed)
    assert found.verdict == "unreadable"
    assert found.value is None
    assert found.systolic is None
    assert found.sentence.endswith(".")
    assert "invalid" not in found.sentence.casefold()


# Each bound of ux.md section 4, from both sides.
@pytest.mark.parametrize(
    ("name", "typed", "verdict"),
    [
        ("blood_pressure", "139/89", ""),
        ("blood_pressure", "140/80", "amber"),
        ("blood_pressure", "120/90", "amber"),
        ("blood_pressure", "90/50", ""),
        ("blood_pressure", "89/60", "amber"),
        ("blood_pressure", "120/49", "amber"),
        ("blood_pressure", "300/200", "amber"),
        ("blood_pressure", "300/201", "refuse"),
        ("blood_pressure", "40/20", "amber"),
        ("blood_pressure", "39/20", "refuse"),
        ("blood_pressure", "40/19", "refuse"),
        ("pulse", "19", "refuse"),
        ("pulse", "49", "amber"),
        ("pulse", "50", ""),
        ("pulse", "110", ""),
        ("pulse", "111", "amber"),
        ("pulse", "301", "refuse"),
        ("temperature", "24.9", "refuse"),
        ("temperature", "34.9", "amber"),
        ("temperature", "35.0", ""),
        ("temperature", "37.9", ""),
        ("temperature", "38.0", "amber"),
        ("temperature", "45.1", "refuse"),
        ("spo2", "39", "refuse"),
        ("spo2", "93", "amber"),
        ("spo2", "94", ""),
        ("spo2", "101", "refuse"),
        ("respiration", "2", "refuse"),
        ("respiration", "9", "amber"),
        ("respiration", "10", ""),
        ("respiration", "24", ""),
        ("respiration", "25", "amber"),
        ("weight", "0.2", "refuse"),
        ("weight", "400", ""),
        ("weight", "401", "refuse"),
        ("height", "19", "refuse"),
        ("height", "261", "refuse"),
    ],
)
def test_limits_hold_on_both_sides(name: str, typed: str, verdict: str) -> None:
    assert reading(name, typed).verdict == verdict


def test_amber_says_what_to_do() -> None:
    high = reading("blood_pressure", "162/98")
    assert high.sentence == (
        "BP 162/98 is high. Repeat after 5 minutes, or carry on if this is correct."
    )
    assert reading("blood_pressure", "84/48").sentence.startswith("BP 84/48 is low.")
    assert reading("blood_pressure", "150/40").sentence.startswith(
        "BP 150/40 is outside the usual range."
    )
    assert reading("temperature", "102 F").sentence.startswith("Temperature 38.9 °C is high.")


@pytest.mark.parametrize("name", NAMES)
def test_no_adult_amber_limit_below_16_years(name: str) -> None:
    for typed in ("162/98", "50/30") if "pressure" in name else ("140", "45", "39", "26", "9"):
        assert reading(name, typed, age=15).verdict != "amber"


def test_from_16_years_and_without_a_birth_date_adult_limits_apply() -> None:
    assert reading("pulse", "140", age=16).verdict == "amber"
    assert reading("pulse", "140", age=None).verdict == "amber"


@pytest.mark.parametrize(
    ("name", "typed", "last", "age", "verdict"),
    [
        ("weight", "76", "78.4", 39, ""),
        ("weight", "84", "76.3", 39, "amber"),
        ("weight", "84", "76.4", 39, ""),
        ("weight", "68", "76", 39, "amber"),
        ("weight", "68", "76 kg", 39, "amber"),
        ("weight", "68", "no scales", 39, ""),
        ("weight", "30", "25", 9, ""),
        ("weight", "20", "25", 9, "amber"),
        ("height", "167", "164", 39, ""),
        ("height", "168", "164", 39, "amber"),
        ("height", "140", "130", 9, ""),
    ],
)
def test_a_change_since_the_last_visit_is_worth_a_look(
    name: str, typed: str, last: str, age: int, verdict: str
) -> None:
    assert reading(name, typed, age=age, last=last).verdict == verdict


def test_a_clinics_own_limits_are_used() -> None:
    mine = {"pulse": Limits(30, 200, 60, 90)}
    assert read("pulse", "95", limits=mine, age_years=39).verdict == "amber"
    assert read("pulse", "210", limits=mine, age_years=39).verdict == "refuse"
    assert read("spo2", "90", limits=mine, age_years=39).verdict == "amber"


def test_empty_fields_say_nothing() -> None:
    assert reading("pulse", "  \u200e ") == Reading()
    assert not Reading().usable


@pytest.mark.parametrize(
    ("weight", "height", "expected"),
    [
        ("78.4", "164", 29.1),
        ("78,4 kg", "1.64 m", 29.1),
        ("78.4", "1.64", None),
        ("", "164", None),
        ("heavy", "164", None),
    ],
)
def test_bmi_only_from_numbers_to_trust(weight: str, height: str, expected: float | None) -> None:
    assert bmi(weight, height) == expected


def test_json_keeps_the_typed_text_and_the_numbers() -> None:
    vitals = Vitals(blood_pressure="162/98 L sit", pulse="84 bpm", temperature="104", weight="?")
    assert to_json(vitals) == {
        "blood_pressure": {
            "typed": "162/98 L sit",
            "unit": "mmHg",
            "systolic": 162,
            "diastolic": 98,
            "qualifier": "L sit",
        },
        "pulse": {"typed": "84 bpm", "unit": "bpm", "value": 84},
        "temperature": {"typed": "104", "unit": "°C"},
        "weight": {"typed": "?", "unit": "kg"},
    }


@pytest.mark.parametrize(
    ("stored", "vitals"),
    [
        ({"pulse": 84, "colour": "red"}, Vitals(pulse="84")),
        ({"pulse": {"value": 84.0}}, Vitals(pulse="84")),
        ({"bp": "120/80", "heart_rate": "72"}, Vitals(blood_pressure="120/80", pulse="72")),
        ({"bp_systolic": 132.47, "bp_diastolic": 80.1}, Vitals(blood_pressure="132/80")),
        (
            {"blood_pressure": {"systolic": 120, "diastolic": 80}},
            Vitals(blood_pressure="120/80"),
        ),
        (
            {"height_cm": 164.234, "weight_kg": 78.4, "temp_c": 36.8, "pain_0_10": 2},
            Vitals(height="164.23", weight="78.4", temperature="36.8", pain="2"),
        ),
        ({"pulse": None, "weight": True, "height": [1], "pain": float("nan")}, Vitals()),
        ({"pulse": {"typed": None, "value": {"value": 3}}}, Vitals(pulse="3")),
        ({1: 2, "bp_systolic": 120}, Vitals()),
        (None, Vitals()),
        ([], Vitals()),
        ("84", Vitals()),
    ],
)
def test_foreign_json_gives_what_can_be_understood(stored: object, vitals: Vitals) -> None:
    assert from_json(stored) == vitals


def test_every_field_has_its_words() -> None:
    for words in (LABELS, UNITS, ACCESSIBLE_NAMES):
        assert list(words) == NAMES


# Any text at all, and text that looks like what is typed.
TEXT = st.text() | st.text(st.characters(categories=("Cs", "Nd", "Cc", "Cf", "Zs")))
LIKELY = st.text(alphabet="0123456789/.,- '\"°CFfmgkinlb%٣٦٫\u200f\x00\ud800", max_size=14)


@given(st.sampled_from(NAMES), TEXT | LIKELY, st.none() | st.integers(0, 120), TEXT | LIKELY)
def test_reading_never_fails_and_explains_whatever_it_refuses(
    name: str, typed: str, age: int | None, last: str
) -> None:
    found = reading(name, typed, age=age, last=last)
    assert (found.sentence != "") or found.verdict == ""
    if found.usable and found.value is not None:
        limit = DEFAULT_LIMITS[name]
        assert limit.refuse_low <= found.value <= limit.refuse_high
    if found.suggestion and found.verdict == "refuse":
        assert reading(name, found.suggestion, age=age).usable


@given(st.builds(Vitals, *([TEXT | LIKELY] * len(NAMES))))
def test_json_brings_back_exactly_what_was_typed(vitals: Vitals) -> None:
    assert from_json(to_json(vitals)) == vitals


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*NAMES, "typed"]), inner),
)


@given(JSON)
def test_no_json_breaks_the_reading_of_it(stored: object) -> None:
    from_json(stored)
