"""Documents of the wire as values for SQLite, column by column for hundreds of rows at once.

What a value becomes is what `data/documents.py` and the tables' types make of it one by one; here
the text of the wire is rearranged instead of read wherever its shape is the usual one. Nothing here
decides whether a row is stored.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data.json_text import written
from medrec_desktop.data.schema import Json, UtcDateTime
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Document, moment_of

Values = dict[str, list[Any]]
"""Column -> its value in each row. A column that is NULL in all of them is not there: SQLite's
driver takes half a microsecond to bind one."""

_LEFT_OUT: Final = frozenset({"id", "rev", "row_version", "tenant_id"})


def hex_of(uid: str) -> str:
    """A uuid's text as the tables keep it."""
    if len(uid) == 36 and uid[8] == uid[13] == uid[18] == uid[23] == "-":
        return uid.replace("-", "")
    return UUID(uid).hex


def _moment(text: str) -> str:
    if len(text) == 27 and text[10] == "T" and text[26] == "Z":
        return f"{text[:10]} {text[11:26]}"
    at = moment_of(text).astimezone(UTC).replace(tzinfo=None)
    return at.isoformat(sep=" ", timespec="microseconds")


def _date(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _converter(column: sa.Column[Any]) -> Callable[[Any], Any] | None:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return _moment
    if isinstance(kind, sa.Date):
        return _date
    if isinstance(kind, sa.Uuid):
        return hex_of
    if isinstance(kind, sa.LargeBinary):
        return base64.b64decode
    if isinstance(kind, type(Json)):
        return written
    return int if isinstance(kind, sa.Boolean) else None


class Columns:
    """How documents of one table become values; made once a table."""

    def __init__(self, table: sa.Table) -> None:
        self._table = table
        self._plain = {c.name: _converter(c) for c in table.c if c.name not in _LEFT_OUT}
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def values(
        self, docs: Sequence[Document], keys: Mapping[str, Callable[[str], int]]
    ) -> Iterable[tuple[list[int], Values]]:
        """The values of those documents that have the same columns, and their places in `docs`.
        `keys`: for a column that refers to another row, from the wire's uid to its number."""
        alike: dict[tuple[str, ...], list[int]] = {}
        for place, doc in enumerate(docs):
            alike.setdefault(tuple(doc), []).append(place)
        for names, places in alike.items():
            chosen = [docs[place] for place in places] if len(places) < len(docs) else docs
            yield places, self._values(self._columns(names), chosen, keys)

    @property
    def every(self) -> tuple[str, ...]:
        """All columns a document may have."""
        return tuple(self._plain)

    def in_document(self, doc: Document) -> tuple[str, ...]:
        """Those this one has, in the table's order."""
        return self._columns(tuple(doc))

    def _columns(self, names: tuple[str, ...]) -> tuple[str, ...]:
        if names not in self._known:
            self._known[names] = tuple(name for name in self._plain if name in names)
        return self._known[names]

    def _values(
        self,
        names: tuple[str, ...],
        docs: Sequence[Document],
        keys: Mapping[str, Callable[[str], int]],
    ) -> Values:
        found: Values = {}
        pick = itemgetter(*names, names[0])  # one name alone would not give a tuple
        for name, values in zip(names, zip(*map(pick, docs), strict=True), strict=False):
            empty = values.count(None)
            if empty == len(values):
                continue
            read = keys.get(name) or self._plain[name]
            if read is None:
                found[name] = list(values)
            elif empty:
                found[name] = [None if value is None else read(value) for value in values]
            else:
                found[name] = list(map(read, values))
        return found


def insert(session: Session, table: sa.Table, values: Values) -> None:
    """One prepared statement for all rows, past SQLAlchemy's own reading of each value."""
    if not values:
        return
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" * len(values))
    rows = list(zip(*values.values(), strict=True))
    if rows:
        statement = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'  # noqa: S608  # ours
        session.exec_driver_sql(statement, rows)


def next_key(session: Session, table: sa.Table) -> int:
    """The number the next row would get; nobody else writes while the caller's transaction does."""
    return (session.scalar(sa.select(sa.func.max(table.c.id))) or 0) + 1


def numbers(session: Session, table: sa.Table, uids: Iterable[str]) -> dict[str, int]:
    """Uid of the wire -> number of the row, for those that are here."""
    wanted = {hex_of(uid): uid for uid in uids}
    rows = session.exec_driver_sql(
        f'SELECT t.uid, t.id FROM json_each(?) j CROSS JOIN "{table.name}" t'  # noqa: S608  # ours
        " ON t.uid = j.value",
        (written(list(wanted)),),
    )
    return {wanted[uid]: key for uid, key in rows.all()}
