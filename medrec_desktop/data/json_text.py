"""JSON as the server writes it and SQLite keeps it, read and written fast.

orjson takes half the time of the standard library and holds the window up for less, but it makes a
whole number beyond 64 bits a rounded one without a word. Nobody's number is rounded here.
"""

import json
from typing import Any, Final

import orjson

# From here on neighbouring whole numbers are one float.
_ROUNDED: Final = 2.0**53


def parsed(text: str | bytes) -> Any:
    """What the text says; ValueError when it is no JSON."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
    return json.loads(text) if _may_be_rounded(value) else value


def written(value: Any) -> str:
    """The value as JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a character, or a number beyond 64 bits
        return json.dumps(value)


def _may_be_rounded(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return bool(abs(value) >= _ROUNDED)
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return False
    for item in value:
        kind = type(item)
        if (kind is float or kind is dict or kind is list) and _may_be_rounded(item):
            return True
    return False
