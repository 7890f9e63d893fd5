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


@dataclass(frozen=True, slots=True)
class Shown:
    """A version of an aggregate that words wait beside."""

    tbl: Aggregate
    uid: UUID
    rev: UUID


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
            actor, device = author.actor, author.device
            found[unit] = [
                actor and str(actor),
                device and str(device),
                author.computer,
                moment(author.at),
            ]
    journal.write_meta(session, _name(shown.rev), found)
    needed = {_name(one.rev) for one in _shown(session)}
    old = sync_meta.c.name.startswith("author:") & sync_meta.c.name.not_in(needed)
    session.execute(sa.delete(sync_meta).where(old))


def author_of(session: Session, rev: UUID | None, units: Iterable[str]) -> Author | None:
    """The author of the first of these units; None when nobody was asked yet."""
    kept: Any = rev and journal.read_meta(session, _name(rev))
    for unit in units:
        if kept and unit in kept:
            actor, device, computer, at = kept[unit]
            here = device is not None and UUID(device) == read_device(session)
            return Author(actor and UUID(actor), computer, moment_of(at), here)
    return None


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
