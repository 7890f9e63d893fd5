"""Finding patients: the words they are indexed by, the index's query, and near spellings.

The index is the FTS5 table `patient_search` (rowid = patients.id) of the local database. It holds
folded words only, so whatever is typed becomes words too, and no typed sign has a meaning in FTS5.

Every query is bounded: one letter matches thousands of 100,000 patients, but never more than
`_ENOUGH` of them are looked at. Those are the newest registered ones and, from those seen last,
the ones that match; a longer prefix reaches everybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from medrec_desktop.data.schema import patients
from medrec_desktop.data.session import Session
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import PatientHit, folded

_ENOUGH = 200
_SEEN_LAST = 300
_NEAREST = 8
_COMPARED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One reading of what was typed: words, and a birth date if a part of it was one."""

    text: str
    birth_date: date | None = None


# --- the words a patient is found by ----------------------------------------------------------


def words_of(text: str) -> list[str]:
    """Folded words as the index knows them."""
    return folded(text).replace("_", " ").split()


def number_words(record_no: str) -> list[str]:
    """`RC-000 123` is found by rc, 000, 123, rc000123 and 000123."""
    words = words_of(record_no)
    joined = ["".join(words[at:]) for at in range(len(words))]
    plain = [word.lstrip("0") for word in joined if word.isdigit()]
    return [word for word in dict.fromkeys([*words, *joined, *plain]) if word]


def phone_digits(phone: str) -> str:
    """The digits alone, in the digits 0-9 whatever script they were typed in."""
    return "".join(str(int(c)) for c in phone if c.isdecimal())


def phone_words(phone: str) -> list[str]:
    """The number as typed, without leading zeros, and without a country's one to three digits."""
    digits = phone_digits(phone)
    bare = digits.lstrip("0")
    found = [digits, bare]
    if _has_country(phone):
        found += [bare[n:].lstrip("0") for n in (1, 2, 3) if len(bare) - n >= 5]
    return [word for word in dict.fromkeys(found) if word]


def _has_country(phone: str) -> bool:
    return phone.lstrip().startswith(("+", "00", "(+"))


def birth_words(birth: date | None) -> list[str]:
    """The day in one word, and its year."""
    return [f"{birth:%Y%m%d}", f"{birth:%Y}"] if birth else []


class Findable(NamedTuple):
    """A patient as the index takes one."""

    key: int
    family: str
    given: str
    record_no: str
    phone: str
    birth_date: date | None


def index_patient(
    session: Session,
    key: int,
    *,
    family: str,
    given: str,
    record_no: str,
    phone: str,
    birth_date: date | None,
) -> None:
    """Make this patient findable under these values and no others."""
    session.execute(sa.text("DELETE FROM patient_search WHERE rowid = :key"), {"key": key})
    names = words_of(family) + words_of(given)
    if names:
        # Words of a corrected name stay: a near spelling that finds nobody does no harm.
        session.execute(
            sa.text("INSERT OR IGNORE INTO patient_words (word) VALUES (:word)"),
            [{"word": name} for name in names],
        )
    session.execute(
        sa.text(
            "INSERT INTO patient_search (rowid, name, record_no, phone, birth)"
            " VALUES (:key, :name, :record_no, :phone, :birth)"
        ),
        {
            "key": key,
            "name": " ".join(names),
            "record_no": " ".join(number_words(record_no)),
            "phone": " ".join(phone_words(phone)),
            "birth": " ".join(birth_words(birth_date)),
        },
    )


def index_patients(session: Session, found: Sequence[Findable], *, new: bool) -> None:
    """As `index_patient`, for hundreds in a few statements; `new`: none is in the index yet."""
    if not found:
        return
    if not new:
        gone = [(one.key,) for one in found]
        session.exec_driver_sql("DELETE FROM patient_search WHERE rowid = ?", gone)
    named = [(one, words_of(one.family) + words_of(one.given)) for one in found]
    if words := sorted({name for _, names in named for name in names}):
        session.exec_driver_sql(
            "INSERT OR IGNORE INTO patient_words (word) VALUES (?)", [(word,) for word in words]
        )
    session.exec_driver_sql(
        "INSERT INTO patient_search (rowid, name, record_no, phone, birth) VALUES (?, ?, ?, ?, ?)",
        [
            (
                one.key,
                " ".join(names),
                " ".join(number_words(one.record_no)),
                " ".join(phone_words(one.phone)),
                " ".join(birth_words(one.birth_date)),
            )
            for one, names in named
        ],
    )


# --- the question ------------------------------------------------------------------------------


def _expression(asked: Asked) -> str:
    """FTS5's spelling of the question; "" when no word is left to ask for."""
    parts: list[str] = []
    digits: list[str] = []
    words = words_of(asked.text)[:12]
    for word in [*words, ""]:
        if word.isdecimal() and word.isascii():
            digits.append(word)
            continue
        if digits:
            parts.append(_number(digits, country=_has_country(asked.text)))
            digits = []
        if word:
            parts.append(_prefix(word))
    if asked.birth_date is not None:
        parts.append(f'birth : "{asked.birth_date:%Y%m%d}"')
    return " AND ".join(parts)


def _prefix(word: str) -> str:
    return f'"{word[:60]}" *'


def _number(digits: list[str], *, country: bool) -> str:
    """Numbers typed side by side are one number (0803 123) or several (000 123)."""
    joined = "".join(digits)[:60]
    bare = joined.lstrip("0")
    ways = [" AND ".join(map(_prefix, digits))]
    if len(digits) > 1:
        ways.append(_prefix(joined))
    if len(bare) >= 3 and bare != joined:
        ways.append(f"phone : {_prefix(bare)}")
    if country:
        ways += [
            f"phone : {_prefix(bare[n:].lstrip('0'))}" for n in (1, 2, 3) if len(bare) - n >= 4
        ]
    return "(" + " OR ".join(f"({way})" for way in ways) + ")"


def _any(asked: Iterable[Asked]) -> str:
    return " OR ".join(f"({e})" for e in map(_expression, asked) if e)


# --- the answer --------------------------------------------------------------------------------

_LAST = (
    "(SELECT max(r.visit_date) FROM medical_records r"
    " WHERE r.patient_id = s.rowid AND r.voided_at IS NULL)"
)
_FIND = sa.text(
    f"SELECT s.rowid AS key, s.name AS name, {_LAST} AS last"  # noqa: S608 - our own constant
    " FROM patient_search s WHERE s.patient_search MATCH :match"
    " ORDER BY s.rowid DESC LIMIT :enough"
)


@cache
def _find_seen_last(words: int) -> sa.TextClause:
    starts = " AND ".join(f"(' ' || s.name) LIKE :w{n}" for n in range(words))
    return sa.text(
        f"SELECT s.rowid AS key, s.name AS name, {_LAST} AS last"  # noqa: S608 - as above
        " FROM patient_search s WHERE s.rowid IN (SELECT patient_id FROM"
        " (SELECT patient_id FROM medical_records ORDER BY visit_date DESC LIMIT :seen))"
        f" AND {starts}"
    )


def find_patients(session: Session, asked: Sequence[Asked], *, limit: int) -> list[PatientHit]:
    """Patients who match any reading of the question: those whose surname it begins first, then
    those seen last."""
    match = _any(asked)
    if not match:
        return []
    # All at once: row by row each one waits for the interpreter anew.
    rows = session.execute(_FIND, {"match": match, "enough": _ENOUGH}).all()
    found = {row.key: row for row in rows}
    words = words_of(asked[0].text)[:12]
    if len(found) == _ENOUGH and words and all(_begins_a_name(session, w) for w in words):
        surname = " AND ".join(
            ["name : ^ " + _prefix(words[0]), *("name : " + _prefix(w) for w in words[1:])]
        )
        more = [*session.execute(_FIND, {"match": surname, "enough": _ENOUGH}).all()]
        starts = {f"w{n}": f"% {word}%" for n, word in enumerate(words)}
        seen = {"seen": _SEEN_LAST, **starts}
        more += session.execute(_find_seen_last(len(words)), seen).all()
        found.update({row.key: row for row in more})

    def rank(row: Any) -> tuple[int, str]:
        surname = row.name.split(" ", 1)[0]
        if surname in words:
            return 2, row.last or ""
        return int(any(row.name.startswith(word) for word in words)), row.last or ""

    best = sorted(found.values(), key=lambda row: row.name)
    best.sort(key=rank, reverse=True)
    hits = _hits(session, [(row.key, row.last) for row in best[:limit]])
    dates = {one.birth_date for one in asked if one.birth_date}
    return [_with_reason(hit, words, dates) for hit in hits]


def _begins_a_name(session: Session, word: str) -> bool:
    """Spares the search for surnames where only numbers can match."""
    after = word[:-1] + chr(ord(word[-1]) + 1)
    found = session.execute(
        sa.text("SELECT 1 FROM patient_words WHERE word >= :word AND word < :after LIMIT 1"),
        {"word": word, "after": after},
    )
    return found.first() is not None


# Letters that are written for each other at the start of a name.
_ALIKE = {
    **dict.fromkeys("ckq", "ckq"),
    **dict.fromkeys("fpv", "fpv"),
    **dict.fromkeys("gj", "gj"),
    **dict.fromkeys("sxz", "sxz"),
    **dict.fromkeys("eiy", "eiy"),
    **dict.fromkeys("ou", "ou"),
    **dict.fromkeys("uw", "uw"),
}


def find_near(session: Session, text: str, *, limit: int) -> list[PatientHit]:
    """Patients whose names are spelt nearly like every word of `text`."""
    ways = []
    for word in words_of(text)[:6]:
        near = [] if len(word) < 3 or word.isdecimal() else _near_words(session, word)
        ways.append("(" + " OR ".join([_prefix(word), *(f'name : "{n}"' for n in near)]) + ")")
    if not ways:
        return []
    found = session.execute(_FIND, {"match": " AND ".join(ways), "enough": _ENOUGH}).all()
    best = sorted(found, key=lambda row: row.last or "", reverse=True)[:limit]
    hits = _hits(session, [(row.key, row.last) for row in best])
    return [_because(hit, "near spelling") for hit in hits]


def _near_words(session: Session, word: str) -> list[str]:
    """Words of names within a slip or two; looked for among those that begin alike."""
    word = word[:60]
    candidates: list[str] = []
    for first in sorted({*_ALIKE.get(word[0], word[0]), word[1]}):
        candidates += session.scalars(
            sa.text(
                "SELECT word FROM patient_words WHERE word >= :first AND word < :after"
                " AND length(word) >= :shortest LIMIT 20000"
            ),
            {"first": first, "after": chr(ord(first) + 1), "shortest": len(word) - 2},
        )
    slips = 1 if len(word) <= 5 else 2
    near = nearest(word, candidates, slips)
    if not near:
        near = nearest(word, [candidate[: len(word)] for candidate in candidates], slips)
    return [candidates[at] for at in near]


def nearest(word: str, candidates: Sequence[str], slips: int) -> list[int]:
    """Places of the few candidates at most so many slips away, the nearest first."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found: list[tuple[float, int]] = []
    for start in range(0, len(candidates), _COMPARED_AT_ONCE):
        # One call keeps the interpreter to itself, and with it the window.
        some = candidates[start : start + _COMPARED_AT_ONCE]
        near = process.extract(word, some, scorer=OSA.distance, score_cutoff=slips, limit=_NEAREST)
        found += [(away, start + at) for _, away, at in near]
    return [at for _, at in sorted(found)[:_NEAREST]]


def match_hits(session: Session, expression: str) -> list[PatientHit]:
    """Patients of an FTS5 expression made from `words_of` and `number_match`, bounded."""
    found = session.execute(_FIND, {"match": expression, "enough": _ENOUGH})
    return _hits(session, [(row.key, row.last) for row in found])


def number_match(phone: str) -> str:
    """FTS5's spelling of a phone number in any formatting."""
    return _number([phone_digits(phone)], country=_has_country(phone))


def seen_last(session: Session, *, limit: int) -> list[PatientHit]:
    """Patients by their latest visit, then the newest registered."""
    rows = session.execute(
        sa.text(
            "SELECT patient_id AS key, visit_date AS last FROM medical_records"
            " WHERE voided_at IS NULL ORDER BY visit_date DESC LIMIT :seen"
        ),
        {"seen": 10 * limit},
    )
    latest: dict[int, str | None] = {}
    for row in rows:
        latest.setdefault(row.key, row.last)
    chosen = list(latest.items())[:limit]
    if len(chosen) < limit:
        newest = session.scalars(
            sa.select(patients.c.id).order_by(patients.c.id.desc()).limit(limit)
        )
        chosen += [(key, None) for key in newest if key not in latest]
    return _hits(session, chosen[:limit])


def _hits(session: Session, chosen: Sequence[tuple[int, str | None]]) -> list[PatientHit]:
    """Rows of the list, in this order. The times come from SQLite as text."""
    table = patients.c
    rows = {
        row.id: row
        for row in session.execute(
            sa.select(
                table.id,
                table.uid,
                table.record_no,
                table.family,
                table.given,
                table.sex,
                table.birth_date,
                table.phone,
            ).where(table.id.in_([key for key, _ in chosen]), table.voided_at.is_(None))
        )
    }
    return [
        PatientHit(
            id=PatientId(row.uid),
            record_no=row.record_no,
            family=row.family,
            given=row.given,
            sex=row.sex,
            birth_date=row.birth_date,
            phone=row.phone,
            last_visit=datetime.fromisoformat(last).replace(tzinfo=UTC) if last else None,
        )
        for key, last in chosen
        if (row := rows.get(key))
    ]


def _with_reason(hit: PatientHit, words: list[str], dates: set[date]) -> PatientHit:
    names = words_of(hit.family) + words_of(hit.given)
    others = [word for word in words if not any(name.startswith(word) for name in names)]
    if not others:
        return hit
    digits = "".join(word for word in others if word.isdecimal()).lstrip("0")
    numbers = number_words(hit.record_no)
    if hit.birth_date in dates:
        return _because(hit, "birth date")
    if all(any(n.startswith(word) for n in numbers) for word in others):
        return _because(hit, "record no.")
    if digits and digits in phone_digits(hit.phone):
        return _because(hit, "phone")
    if any(n.startswith("".join(others)) for n in numbers):
        return _because(hit, "record no.")
    return _because(hit, "birth date") if digits in birth_words(hit.birth_date) else hit


def _because(hit: PatientHit, why: str) -> PatientHit:
    return replace(hit, why=why)
