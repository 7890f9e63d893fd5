"""Careful reading of JSON that somebody else wrote: wrong types read as absent, text is storable.

Dates and times that cannot be read raise `Unreadable`; its message holds nothing of the content.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from medrec_desktop.domain.text import storable
from medrec_desktop.exchange.incoming import number_text

Json = Mapping[str, Any]

# Some numbers are text in the wild; longer ones are no measurement.
_LONGEST_NUMBER = 40


class Unreadable(ValueError):  # noqa: N818 - named for what is true, as style.md asks
    """This piece of the source cannot be used; says why and holds nothing of its content."""


def parsed(content: bytes) -> Json:
    """The JSON object in `content`; raises Unreadable for anything else."""
    try:
        found = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError:
        raise Unreadable("it is not valid JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("it is not a JSON object")
    return found


def _no_constant(_name: str) -> float:
    """NaN and Infinity are no JSON, though Python reads them."""
    raise ValueError


def text(found: Json, name: str) -> str:
    """Text or number under `name`, trimmed; "" when absent or of another type."""
    value = found.get(name)
    if value is None or isinstance(value, bool | dict | list):
        return ""
    return storable(str(value)).strip()


def first_text(found: Json, *names: str) -> str:
    """The first of these that is there."""
    return next((text(found, name) for name in names if text(found, name)), "")


def texts(found: Json, name: str) -> list[str]:
    """The texts of a list (or one text alone) under `name`."""
    value = found.get(name)
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return []
    return [storable(one).strip() for one in value if isinstance(one, str)]


def inner(found: Json, name: str) -> Json:
    """The object under `name`, empty when there is none."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def inners(found: Json, name: str) -> list[Json]:
    """The objects of the list under `name`; an object alone counts as a list of one."""
    value = found.get(name)
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number(value: object) -> str:
    """A number as a person types it; text stays text; "" for everything else."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return number_text(value)[:_LONGEST_NUMBER]
    return storable(value).strip()[:_LONGEST_NUMBER] if isinstance(value, str) else ""


def day(value: object, name: str) -> date | None:
    """The calendar day that starts `value`; None when absent; raises Unreadable."""
    if value is None or value == "":
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Unreadable(f"{name} is not a date") from None


def moment(value: object, name: str) -> datetime | None:
    """An aware UTC time; None when absent; a time without zone is read as UTC."""
    if value is None or value == "":
        return None
    try:
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is not a time") from None


def storable_json(value: Any) -> Any:
    """`value` with every text inside made storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(name)): storable_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [storable_json(one) for one in value]
    return value
