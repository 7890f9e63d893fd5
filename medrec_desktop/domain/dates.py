"""Dates as people type them, day first, and as the program shows them everywhere.

Nothing here asks for the current day: it is handed in. Names of months and days are English
whatever the computer's language, so that a print reads the same in every clinic.
"""

import calendar
import re
from datetime import date, datetime, timedelta, tzinfo

from medrec_desktop.domain.typed import plain, short

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_EARLIEST, _LATEST = 1850, 2199
_LONGEST = 60
_HOW = "Type day, month and year, such as 6/12/2026."
_NAMED_DAYS = {"today": 0, "tomorrow": 1, "tmrw": 1, "yesterday": -1}

_RELATIVE = re.compile(
    r"(?P<sign>[+-]|in )? ?(?P<n>\d{1,4}|an?) ?"
    r"(?P<unit>d|days?|w|wks?|weeks?|m|mo|mths?|months?|y|yrs?|years?)\.?(?P<ago> ago)?"
)
_WEEKDAY = re.compile(r"(?:(?:on|next|this|last) )?([a-z]{2,9})\.?")
_NUMBERS = re.compile(r"(\d{1,2})[ ./-]+(\d{1,2})(?:[ ./-]+(\d{4}|\d{2}))?[./-]?")
_ISO = re.compile(r"(\d{4})[ ./-]+(\d{1,2})[ ./-]+(\d{1,2})")
_RUN = re.compile(r"\d{4}|\d{6}|\d{8}")
_DAY_NAME = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[ ./-]*(?:of )?([a-z]{3,9})[ .,/-]*'?(\d{4}|\d{2})?"
)
_NAME_DAY = re.compile(
    r"([a-z]{3,9})[ ./-]*(\d{1,2})(?:st|nd|rd|th)?(?!\d)[ .,/-]*'?(\d{4}|\d{2})?"
)
_LEADING_DAY = re.compile(r"([a-z]{2,9})[ .,]+(?=\d)")


class _No(Exception):  # noqa: N818 - carries the sentence from where it is known; never leaves
    """The typed text is no date, and why."""


def read_date(typed: str, *, today: date, future: bool = True) -> date | None:
    """The day `typed` means, or None when it is empty or `problem` has something to say.

    Without a year it is the next such day when `future`, else the last one. Not `future` is for
    birth dates and the like: a day after `today` is refused.
    """
    try:
        return _read(typed, today=today, future=future)
    except _No:
        return None


def problem(typed: str, *, today: date, future: bool = True) -> str:
    """Why `typed` is no date, in a sentence; "" when it is one or is empty."""
    try:
        _read(typed, today=today, future=future)
    except _No as no:
        return str(no)
    return ""


def shown(day: date) -> str:
    """06-Dec-2026."""
    return f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year:04}"


def shown_long(day: date) -> str:
    """06-Dec-2026 Sunday."""
    return f"{shown(day)} {WEEKDAYS[day.weekday()]}"


def shown_time(moment: datetime, zone: tzinfo | None = None) -> str:
    """22-Nov-2026 10:20, on the clocks of `zone` (None: this computer's)."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone cannot be shown")
    local = moment.astimezone(zone)
    return f"{shown(local)} {local.hour:02}:{local.minute:02}"


def add_months(day: date, months: int) -> date:
    """The same day `months` later; the month's last day where that month is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _read(typed: str, *, today: date, future: bool) -> date | None:
    if len(typed) > _LONGEST:
        raise _No(f"This is no date. {_HOW}")
    text = plain(typed).casefold()
    if not text:
        return None
    day = _words(text, today, future=future)
    if day is None:
        text = _without_weekday(text)
        day = _calendar_day(text, short(typed), today, future=future)
    if not _EARLIEST <= day.year <= _LATEST:
        raise _No(f"Check the year {day.year}: {short(typed)}.")
    if not future and day > today:
        raise _No(f"{shown(day)} is still to come. Check the year.")
    return day


def _words(text: str, today: date, *, future: bool) -> date | None:
    if text in _NAMED_DAYS:
        return today + timedelta(days=_NAMED_DAYS[text])
    if found := _WEEKDAY.fullmatch(text):
        weekday = _weekday(found[1])
        if weekday is not None and (future and not text.startswith("last ")):
            return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
        if weekday is not None:
            return today - timedelta(days=(today.weekday() - weekday) % 7)
    found = _RELATIVE.fullmatch(text)
    return _relative(found, today, future=future) if found else None


def _weekday(word: str) -> int | None:
    """Monday is 0; "mon", "tues", "thurs" will do, "t" and "jan" will not."""
    matching = [n for n, name in enumerate(WEEKDAYS) if name.casefold().startswith(word)]
    return matching[0] if len(matching) == 1 and len(word) >= 2 else None


def _relative(found: re.Match[str], today: date, *, future: bool) -> date:
    count = int(found["n"]) if found["n"].isdigit() else 1
    # "2 weeks" is a follow-up in two weeks, but an infant's age where the past is asked for.
    if found["sign"] == "-" or found["ago"] or (not found["sign"] and not future):
        count = -count
    try:
        match found["unit"][0]:
            case "d":
                return today + timedelta(days=count)
            case "w":
                return today + timedelta(weeks=count)
            case "m":
                return add_months(today, count)
            case _:
                return add_months(today, count * 12)
    except (ValueError, OverflowError) as error:
        raise _No(f"That is too far away. {_HOW}") from error


def _without_weekday(text: str) -> str:
    """The date of "Sunday 6 Dec"; the weekday is echoed anyway."""
    found = _LEADING_DAY.match(text)
    return text[found.end() :] if found and _weekday(found[1]) is not None else text


def _calendar_day(text: str, typed: str, today: date, *, future: bool) -> date:
    if found := _ISO.fullmatch(text):
        return _day(int(found[3]), int(found[2]), int(found[1]), typed)
    if found := _NUMBERS.fullmatch(text):
        return _fitting(int(found[1]), int(found[2]), found[3] or "", typed, today, future=future)
    if found := _DAY_NAME.fullmatch(text):
        month = _month(found[2])
        return _fitting(int(found[1]), month, found[3] or "", typed, today, future=future)
    if found := _NAME_DAY.fullmatch(text):
        month = _month(found[1])
        return _fitting(int(found[2]), month, found[3] or "", typed, today, future=future)
    if _RUN.fullmatch(text):
        return _run(text, typed, today, future=future)
    if text.isdigit():
        raise _No(f"{typed} is not a whole date. {_HOW}")
    raise _No(f"This is no date. {_HOW}")


def _run(text: str, typed: str, today: date, *, future: bool) -> date:
    """`061226`, `06122026`, `20261206`, and for what is to come also `0612`."""
    if len(text) == 4 and not future:
        raise _No("Type the day and the month too, such as 14-Mar-1987.")
    day, month, year = int(text[:2]), int(text[2:4]), text[4:]
    if len(text) == 8 and not _EARLIEST <= int(year) <= _LATEST:
        return _day(int(text[6:]), int(text[4:6]), int(text[:4]), typed)
    return _fitting(day, month, year, typed, today, future=future)


def _month(word: str) -> int:
    for n, name in enumerate(_LONG_MONTHS):
        if name.casefold().startswith(word) or word == "sept" == name[:4].casefold():
            return n + 1
    raise _No(f"“{short(word, 12)}” is no month. {_HOW}")


def _fitting(day: int, month: int, year: str, typed: str, today: date, *, future: bool) -> date:
    """The day in the year meant: 4 digits as they stand, 2 in the century that fits, none the
    nearest on the side that is asked for."""
    if len(year) == 4:
        return _day(day, month, int(year), typed)
    if year:
        full = today.year // 100 * 100 + int(year)
        # 29-Feb of a year that is no leap year goes on to the sentence about it.
        later = full > today.year or (full == today.year and (month, day) > _parts(today))
        return _day(day, month, full - 100 if later and not future else full, typed)
    step = 1 if future else -1
    first = today.year
    if future and (month, day) < _parts(today):
        first += 1
    if not future and (month, day) > _parts(today):
        first -= 1
    if (day, month) == (29, 2):
        while not calendar.isleap(first):
            first += step
    return _day(day, month, first, typed)


def _parts(day: date) -> tuple[int, int]:
    return day.month, day.day


def _day(day: int, month: int, year: int, typed: str) -> date:
    if not 1 <= month <= 12:
        swapped = f" Dates are typed day first: {month}/{day}." if 12 < month <= 31 >= day else ""
        raise _No(f"There is no month {month}.{swapped or ' ' + _HOW}")
    if not _EARLIEST <= year <= _LATEST:
        raise _No(f"Check the year {year}: {typed}.")
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        name = _LONG_MONTHS[month - 1]
        raise _No(f"{typed} is not in the calendar. {name} {year} has {days} days.")
    return date(year, month, day)
