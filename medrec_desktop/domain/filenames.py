"""Names of files: as the database keeps them, and as the bucket may see them.

A name comes from outside and is never trusted: it may hide its extension behind direction marks,
name a device of Windows, or climb out of a folder. Keys in the bucket are not encrypted, so a
patient's name and numbers must not be in them.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime

from medrec_desktop.domain.dates import MONTHS
from medrec_desktop.domain.patients import Patient, folded

LONGEST_NAME = 180
LONGEST_KEY = 1024
_LONGEST_EXTENSION = 16
_NAMELESS = "file"

_RESERVED_SIGNS = re.compile(r'[<>:"|?*]')
_RESERVED_NAME = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE
)
# Letters and marks that draw nothing, beside the format characters.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_TENANT = re.compile(r"tenant_[0-9a-z_]{1,48}\Z")
# A birth date or a telephone number is typed in at most so many pieces.
_MOST_PIECES = 6


def stored_name(name: str) -> str:
    """`name` made safe to show and to write on any computer: base name, NFC, no control, bidi or
    zero-width characters, nothing Windows reserves, at most 180 bytes with its extension."""
    # A megabyte of name is not worth normalizing: the start, and an extension if there is one.
    name = name if len(name) <= 4096 else name[:2048] + name[-2048:]
    pieces = [piece for piece in re.split(r"[/\\]", name) if _visible(piece).strip(" .")]
    clean = _visible(pieces[-1]) if pieces else ""
    clean = " ".join(_RESERVED_SIGNS.sub("_", clean).split()).rstrip(" .")
    if clean.startswith("."):
        rest = clean.lstrip(" .")
        clean = rest if "." in rest or not rest else f"{_NAMELESS}.{rest}"
    if not clean:
        return _NAMELESS
    if _RESERVED_NAME.match(clean):
        clean = f"_{clean}"
    return _cut(clean)


def object_name(name: str, patient_words: Iterable[str]) -> str:
    """`stored_name` with the words of `patient_words` replaced by `x`, for the bucket.

    Words are compared without case and accents; neighbours are tried joined, so "14-03-1987" is
    found for the birth date 1987-03-14. Pass `words_of(patient)`.
    """
    words = _compared(patient_words)
    clean = stored_name(name)
    while (hidden := stored_name(_hidden(clean, words))) != clean:
        clean = hidden
    return clean


def words_of(patient: Patient) -> tuple[str, ...]:
    """What of `patient` must not stand in a key: names, birth date, record number, telephone."""
    return (
        patient.family,
        patient.given,
        f"{patient.family}{patient.given}",
        f"{patient.given}{patient.family}",
        patient.record_no,
        patient.phone,
        patient.birth_date.isoformat() if patient.birth_date else "",
    )


def object_key(tenant: str, created_at: datetime, record_no: int, name: str) -> str:
    """`{tenant}/medical-records/{yyyy}/{mm}/{record}/{name}`; the month is the attachment's UTC
    creation time, so that a retry finds the same key. Raises ValueError for parts that did not
    come from `object_name` and the clinic's own rows."""
    if not _TENANT.match(tenant):
        raise ValueError("not a clinic's prefix")
    if created_at.tzinfo is None:
        raise ValueError("a key needs a time with its zone")
    if record_no < 1:
        raise ValueError("not a record's number")
    if name != stored_name(name):
        raise ValueError("not a name made by object_name")
    at = created_at.astimezone(UTC)
    key = f"{tenant}/medical-records/{at.year:04}/{at.month:02}/{record_no}/{name}"
    if len(key.encode()) > LONGEST_KEY:
        raise ValueError("longer than a key may be")
    return key


def suffixed_name(name: str, suffix: str) -> str:
    """`name` with `-suffix` before its extension, cut so that both still fit; "" adds nothing."""
    if not suffix:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    end = f"-{suffix}{dot}{extension}"
    room = LONGEST_NAME - len(end.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + end


def _visible(name: str) -> str:
    signs = []
    for sign in unicodedata.normalize("NFC", name):
        category = unicodedata.category(sign)
        if category == "Cs":
            signs.append("_")  # a byte that is no UTF-8: something stood there
        elif category[0] == "Z" or sign in "\t\n\r\v\f\x85":
            signs.append(" ")
        elif category not in {"Cc", "Cf"} and sign not in _INVISIBLE:
            signs.append(sign)
    # Again: without the sign between them, a letter and its accent are neighbours now.
    return unicodedata.normalize("NFC", "".join(signs))


def _cut(name: str) -> str:
    if len(name.encode()) <= LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    room = LONGEST_NAME - len(f"{dot}{extension}".encode())
    stem = stem.encode()[:room].decode(errors="ignore").rstrip(" .")
    return f"{stem}{dot}{extension}"


def _compact(text: str) -> str:
    return folded(text).replace(" ", "").replace("_", "")


def _compared(words: Iterable[str]) -> frozenset[str]:
    compared: set[str] = set()
    for word in words:
        try:
            compared |= _written(date.fromisoformat(word))
        except ValueError:
            compared.add(_compact(word))
            # Each name alone; single pieces of a number say nothing.
            compared.update(piece for piece in folded(word).split() if piece.isalpha())
    # One Latin letter or digit is no name: "a" would empty every file name. One ideograph is.
    return frozenset(w for w in compared if len(w) > 1 or (w and not w.isascii()))


def _written(day: date) -> set[str]:
    d, m, y = f"{day.day:02}", f"{day.month:02}", f"{day.year:04}"
    name = MONTHS[day.month - 1].casefold()
    forms = {f"{d}{m}{y}", f"{y}{m}{d}", f"{m}{d}{y}", f"{d}{m}{y[2:]}", f"{y[2:]}{m}{d}"}
    forms |= {f"{day.day}{day.month}{y}", f"{y}{day.month}{day.day}"}
    forms |= {f"{d}{name}{y}", f"{day.day}{name}{y}", f"{d}{name}{y[2:]}", f"{name}{d}{y}"}
    return forms


def _hidden(name: str, words: frozenset[str]) -> str:
    spans = _pieces(name)
    compact = [_compact(name[start:end]) for start, end in spans]
    parts: list[str] = []
    done = at = 0
    while at < len(spans):
        for count in range(min(_MOST_PIECES, len(spans) - at), 0, -1):
            if "".join(compact[at : at + count]) in words:
                parts += [name[done : spans[at][0]], "x"]
                done = spans[at + count - 1][1]
                at += count
                break
        else:
            at += 1
    return "".join([*parts, name[done:]])


def _pieces(name: str) -> list[tuple[int, int]]:
    """Runs of letters (with their marks) and runs of digits."""
    spans: list[tuple[int, int]] = []
    kind = ""
    for at, sign in enumerate(name):
        category = unicodedata.category(sign)[0]
        now = "L" if category in "LM" else category if category == "N" else ""
        if now and now == kind:
            spans[-1] = (spans[-1][0], at + 1)
        elif now:
            spans.append((at, at + 1))
        kind = now
    return spans
