"""Who wrote what a record shows where somebody else's words wait beside it: asked of the server once
for each version, unit by unit, because the last one to write need not be who wrote this. Nothing
here commits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.schema_sync import sync_meta, sync_replicas, sync_reviews
from medrec_desktop.data.session import Session
from medrec_desktop.domain import merging
from medrec_desktop.domain.syncing import Aggregate, Version, moment, moment_of


@dataclass(frozen=True, slots=True)
class Author:
    """`actor` is None, and `computer` empty, where another program wrote. `here`: on this one."""

    actor: UUID | None = None
    computer: str = ""
    at: datetime | None = None
    here: bool = False
    device: UUID | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A version of an aggregate that words wait beside."""

    tbl: Aggregate
    uid: UUID
    rev: UUID


@dataclass(frozen=True, slots=True)
class Part:
    """A unit of a document that somebody made what it is; `before` is what it was."""

    unit: str
    author: Author
    before: Any = None


def unknown_versions(session: Session) -> tuple[Shown, ...]:
    """Those of whose authors nothing is known here."""
    shown = _shown(session)
    return tuple(one for one in shown if journal.read_meta(session, _name(one.rev)) is None)


def keep_authors(session: Session, shown: Shown, history: Sequence[Version]) -> None:
    """Remember who wrote each unit of that version; `history` is the aggregate's, newest first."""
    found: dict[str, list[Any]] = {}
    if history:
        newest = merging.units_of(shown.tbl, history[0].doc)
        versions = [(one, merging.units_of(shown.tbl, one.doc)) for one in history]
        for unit, value in newest.items():
            author = history[0]
            for version, units in versions:
                if not merging.same_value(units.get(unit), value):
                    break
                author = version
            found[unit] = _written(author)
        for base in _bases(session, shown):
            since = _applied(session, base, history)
            found[_since(base)] = written_parts(parts_since(shown.tbl, history, since))
    journal.write_meta(session, _name(shown.rev), found)
    needed = {_name(one.rev) for one in _shown(session)}
    old = sync_meta.c.name.startswith("author:") & sync_meta.c.name.not_in(needed)
    session.execute(sa.delete(sync_meta).where(old))


def author_of(session: Session, rev: UUID | None, units: Iterable[str]) -> Author | None:
    """The author of the first of these units; None when nobody was asked yet."""
    kept: Any = rev and journal.read_meta(session, _name(rev))
    for unit in units:
        if kept and unit in kept:
            return _read(session, kept[unit])
    return None


def parts_in(session: Session, rev: UUID | None, base: UUID | None) -> tuple[Part, ...]:
    """What that version has that the one before an open change, `base`, had not; nothing when
    nobody was asked yet."""
    kept: Any = rev and base and journal.read_meta(session, _name(rev))
    return read_parts(session, kept.get(_since(base), ())) if kept and base else ()


def parts_since(tbl: Aggregate, history: Sequence[Version], since: UUID) -> tuple[Part, ...]:
    """Units of the newest version that the version `since` has otherwise, each with whoever made it
    so; nothing where the history does not go back so far."""
    at = next((n for n, one in enumerate(history) if one.rev == since), 0)
    units = [merging.units_of(tbl, one.doc) for one in history[: at + 1]]
    found = []
    for unit in sorted(merging.changed_units(tbl, history[at].doc, history[0].doc)) if at else ():
        made = next(n for n in range(at) if _differ(units[n], units[n + 1], unit))
        one = history[made]
        found.append((unit, one))
    return tuple(
        Part(unit, Author(one.actor, one.computer, one.at, device=one.device), units[at].get(unit))
        for unit, one in found
        if unit not in {merging.SIGNATURE, merging.VOIDED}
    )


def _differ(one: merging.Units, other: merging.Units, unit: str) -> bool:
    return not merging.same_value(one.get(unit), other.get(unit))


def written_parts(parts: Iterable[Part]) -> list[Any]:
    """As `sync_meta` keeps them."""
    return [[one.unit, *_written(one.author), one.before] for one in parts]


def read_parts(session: Session, kept: Iterable[Any]) -> tuple[Part, ...]:
    """What `written_parts` wrote."""
    return tuple(Part(unit, _read(session, author), before) for unit, *author, before in kept)


def _written(author: "Author | Version") -> list[Any]:
    actor, device, at = author.actor, author.device, author.at
    return [
        actor and str(actor),
        device and str(device),
        author.computer,
        at and moment(at),
    ]


def _read(session: Session, kept: Sequence[Any]) -> Author:
    actor, device, computer, at = kept
    here = device is not None and UUID(device) == read_device(session)
    return Author(
        actor and UUID(actor),
        computer,
        at and moment_of(at),
        here,
        device and UUID(device),
    )


def _bases(session: Session, shown: Shown) -> set[UUID]:
    """The versions on which the open changes of an aggregate were made."""
    table = sync_reviews.c
    docs = session.scalars(
        sa.select(table.doc).where(
            table.tbl == shown.tbl, table.uid == shown.uid, table.state == "open"
        )
    )
    bases = (doc["op"]["base_rev"] for doc in docs)
    return {UUID(base) for base in bases if base}


def _applied(session: Session, base: UUID, history: Sequence[Version]) -> UUID:
    """The newest version below `base` that the server ever had: what was written on what was
    written here, and not taken, began there."""
    known = {one.rev for one in history}
    while base not in known:
        own = journal.own_op(session, base)
        if own is None or own.op["base_rev"] is None:
            break
        base = UUID(own.op["base_rev"])
    return base


def _since(base: UUID) -> str:
    return f"since {base.hex}"


def _shown(session: Session) -> tuple[Shown, ...]:
    known, waiting = sync_replicas.c, sync_reviews.c
    rows = session.execute(
        sa.select(known.tbl, known.uid, known.base_rev)
        .join(sync_reviews, (waiting.tbl == known.tbl) & (waiting.uid == known.uid))
        .where(waiting.state == "open", known.base_rev.is_not(None))
        .distinct()
    )
    return tuple(Shown(row.tbl, row.uid, row.base_rev) for row in rows)


def _name(rev: UUID) -> str:
    return f"author:{rev.hex}"
