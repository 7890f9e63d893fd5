"""Typed dates, day first; the day of all examples is Sunday 22-Nov-2026."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.dates import (
    add_months,
    problem,
    read_date,
    shown,
    shown_long,
    shown_time,
)

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    "typed",
    [
        *("6/12", "06.12.", "6-12", "6 12", "061226", "06122026", "0612", "20261206"),
        *("6 dec", "6 Dec.", "6dec", "06-Dec-2026", "6-dec-26", "6th of December 2026", "dec 6"),
        *("December 6, 2026", "6/12/26", "6.12.2026", "2026-12-06", "2026/12/6", "sun 6 dec"),
        *("+2w", "2 weeks", "2w", "in 2 weeks", "+14d", "14 days", "+ 2 wks"),
        *("٦/١٢", "06\u201012\u20102026", " 6/12 \u200f"),
    ],
)
def test_the_sixth_of_december_in_many_ways(typed: str) -> None:
    assert read_date(typed, today=TODAY) == date(2026, 12, 6)
    assert problem(typed, today=TODAY) == ""


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("today", date(2026, 11, 22)),
        ("Tomorrow", date(2026, 11, 23)),
        ("monday", date(2026, 11, 23)),
        ("next mon", date(2026, 11, 23)),
        ("sun", date(2026, 11, 29)),
        ("thurs", date(2026, 11, 26)),
        ("1 month", date(2026, 12, 22)),
        ("a month", date(2026, 12, 22)),
        ("+3m", date(2027, 2, 22)),
        ("+1y", date(2027, 11, 22)),
        ("+10d", date(2026, 12, 2)),
        ("-3d", date(2026, 11, 19)),
        ("22/11", date(2026, 11, 22)),
        ("21/11", date(2027, 11, 21)),
        ("29/2", date(2028, 2, 29)),
        ("061299", date(2099, 12, 6)),
    ],
)
def test_what_is_to_come(typed: str, day: date) -> None:
    assert read_date(typed, today=TODAY) == day


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("14/3/87", date(1987, 3, 14)),
        ("140387", date(1987, 3, 14)),
        ("14-Mar-1987", date(1987, 3, 14)),
        ("22.11.26", date(2026, 11, 22)),
        ("23.11.26", date(1926, 11, 23)),
        ("1/1/27", date(1927, 1, 1)),
        ("14 mar", date(2026, 3, 14)),
        ("6 dec", date(2025, 12, 6)),
        ("29 feb", date(2024, 2, 29)),
        ("29/2/00", date(2000, 2, 29)),
        ("2 weeks", date(2026, 11, 8)),
        ("3 days ago", date(2026, 11, 19)),
        ("yesterday", date(2026, 11, 21)),
        ("mon", date(2026, 11, 16)),
        ("last sunday", date(2026, 11, 22)),
    ],
)
def test_a_birth_date_is_never_to_come(typed: str, day: date) -> None:
    assert read_date(typed, today=TODAY, future=False) == day


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("31.02.", "31.02. is not in the calendar. February 2027 has 28 days."),
        ("31.02.2026", "31.02.2026 is not in the calendar. February 2026 has 28 days."),
        ("31 nov", "31 nov is not in the calendar. November 2026 has 30 days."),
        ("29/2/2027", "29/2/2027 is not in the calendar. February 2027 has 28 days."),
        ("0/12", "0/12 is not in the calendar. December 2026 has 31 days."),
        ("12/25", "There is no month 25. Dates are typed day first: 25/12."),
        ("40/40", "There is no month 40. Type day, month and year, such as 6/12/2026."),
        ("6 dez", "“dez” is no month. Type day, month and year, such as 6/12/2026."),
        ("6/12/1066", "Check the year 1066: 6/12/1066."),
        ("15", "15 is not a whole date. Type day, month and year, such as 6/12/2026."),
        ("soon", "This is no date. Type day, month and year, such as 6/12/2026."),
        ("6/12/2026 or later", "This is no date. Type day, month and year, such as 6/12/2026."),
        ("+9999y", "That is too far away. Type day, month and year, such as 6/12/2026."),
    ],
)
def test_what_is_no_date_is_told_in_a_sentence(typed: str, sentence: str) -> None:
    assert read_date(typed, today=TODAY) is None
    assert problem(typed, today=TODAY) == sentence


def test_the_mockups_day_has_february_of_its_own_year() -> None:
    assert problem("31.02.", today=date(2026, 1, 20)) == (
        "31.02. is not in the calendar. February 2026 has 28 days."
    )


@pytest.mark.parametrize("typed", ["6-Dec-2030", "tomorrow", "+2w"])
def test_a_day_to_come_is_refused_where_the_past_is_asked_for(typed: str) -> None:
    assert read_date(typed, today=TODAY, future=False) is None
    assert "still to come" in problem(typed, today=TODAY, future=False)


def test_a_year_alone_is_no_birth_date() -> None:
    assert read_date("1987", today=TODAY, future=False) is None
    assert problem("1987", today=TODAY, future=False) == (
        "Type the day and the month too, such as 14-Mar-1987."
    )


def test_nothing_typed_is_no_date_and_no_problem() -> None:
    for empty in ("", "  ", "\u200e"):
        assert read_date(empty, today=TODAY) is None
        assert problem(empty, today=TODAY) == ""


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
    ],
)
def test_months_end_at_the_shorter_months_end(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected
    assert read_date(f"{months:+}m", today=day) == expected


def test_dates_are_shown_in_english_with_their_weekday() -> None:
    assert shown(date(2026, 12, 6)) == "06-Dec-2026"
    assert shown_long(date(2026, 12, 6)) == "06-Dec-2026 Sunday"


def test_times_are_shown_on_the_clocks_of_the_zone() -> None:
    moment = datetime(2026, 11, 22, 22, 20, tzinfo=UTC)
    assert shown_time(moment, timezone(timedelta(hours=2))) == "23-Nov-2026 00:20"
    with pytest.raises(ValueError, match="without a zone"):
        shown_time(moment.replace(tzinfo=None), UTC)


LIKELY = st.text(alphabet="0123456789/.-+ decfbmonwuyago٦\u200f\x00\ud800", max_size=16)
DAYS = st.dates(date(1900, 1, 1), date(2150, 1, 1))


@given(st.text() | LIKELY, DAYS, st.booleans())
def test_any_text_is_a_date_or_a_problem_or_empty(typed: str, today: date, future: bool) -> None:
    day = read_date(typed, today=today, future=future)
    sentence = problem(typed, today=today, future=future)
    assert not (day and sentence)
    if day and not future:
        assert day <= today
    if sentence:
        assert sentence.endswith(".")


def test_a_megabyte_is_no_date() -> None:
    assert read_date("6" * 1_000_000, today=TODAY) is None
    assert len(problem("6" * 1_000_000, today=TODAY)) < 100


@given(st.dates(date(1850, 1, 1), date(2199, 12, 31)), DAYS)
def test_what_is_shown_is_read_back(day: date, today: date) -> None:
    for typed in (
        shown(day),
        day.isoformat(),
        f"{day:%d%m%Y}",
        f"{day.day}/{day.month}/{day.year}",
    ):
        assert read_date(typed, today=today) == day


@given(DAYS, DAYS)
def test_without_a_year_the_nearest_on_the_right_side(day: date, today: date) -> None:
    typed = f"{day.day}/{day.month}"
    ahead, behind = (read_date(typed, today=today, future=f) for f in (True, False))
    assert ahead is not None
    assert behind is not None
    assert behind <= today <= ahead
    assert (ahead.day, ahead.month) == (behind.day, behind.month) == (day.day, day.month)
