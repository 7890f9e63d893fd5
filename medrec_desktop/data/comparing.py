"""Whether this computer has what its clinic's server has, by digests; and what is done where not.

Only the last common states are compared, which both believe to be the same; what waits here is none
of this. Where they differ nobody's words are overwritten: what is newer on the server comes in, what
the server has not is sent as new (`data/left_behind.py`), and what is another here than there is sealed
and merged as if both had written it anew. Nothing here commits or asks the server.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.documents import TABLES
from medrec_desktop.data.left_behind import note_left_behind
from medrec_desktop.data.replica import Received, receive
from medrec_desktop.data.replicas import Replica, get_replica, put_replica
from medrec_desktop.data.schema_sync import sync_replicas, sync_reviews
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.session import Session
from medrec_desktop.domain.syncing import Aggregate, FeedEntry

# References come before what refers to them.
COMPARED: Final[tuple[Aggregate, ...]] = (
    *("user", "settings", "patient", "record", "attachment", "addendum", "parked"),
)
EVERY: Final = timedelta(days=7)
SINCE: Final = "0013"
"""Servers since this revision tell digests."""
_AT_ONCE: Final = 5_000
_LEFT: Final = frozenset({"patient", "record", "attachment", "addendum"})
# Nobody is asked about these: what the server says holds.
_SERVERS: Final = frozenset({"user", "settings"})


def is_due(session: Session, server: datetime) -> bool:
    """Whether a week has passed, or something was put right and is to be looked at once more."""
    last = journal.read_meta(session, journal.COMPARED)
    if last is None or last["again"]:
        return True
    return not timedelta(0) <= server - datetime.fromisoformat(last["at"]) < EVERY


def was_put_right(session: Session) -> bool:
    """Whether this is the look after something was put right."""
    last = journal.read_meta(session, journal.COMPARED)
    return last is not None and bool(last["again"])


def note_compared(session: Session, server: datetime, differed: Mapping[str, int]) -> None:
    """It was done; how many rows of which kinds were put right."""
    again = bool(differed) and not was_put_right(session)
    told = {"at": server.isoformat(), "again": again, "differed": dict(differed)}
    journal.write_meta(session, journal.COMPARED, told)


def last_compared(session: Session) -> Mapping[str, Any] | None:
    """When, and how many rows differed; for whoever looks into it."""
    found: Mapping[str, Any] | None = journal.read_meta(session, journal.COMPARED)
    return found


class Digester:
    """Of one kind, as this computer has it; fed a slice at a time, so that nobody waits for it."""

    def __init__(self, tbl: Aggregate) -> None:
        self.tbl, self._after = tbl, ""
        self._found: dict[str, Any] = {}

    def feed(self, session: Session) -> bool:
        """Read on; whether there is more."""
        rows = session.execute(_lines(self.tbl), _asked(after=self._after)).all()
        pieces: defaultdict[str, list[str]] = defaultdict(list)
        for uid, line in rows:
            pieces[uid[30:]].append(line)
        for bucket, lines in pieces.items():
            text = "|".join(lines).encode()
            if bucket in self._found:
                self._found[bucket].update(b"|" + text)
            else:
                self._found[bucket] = hashlib.md5(text, usedforsecurity=False)
        if rows:
            self._after = rows[-1][0]
        return len(rows) == _AT_ONCE

    def differing(self, told: Mapping[str, str]) -> list[str]:
        """Buckets of which the server says something else."""
        mine = {bucket: digest.hexdigest() for bucket, digest in self._found.items()}
        return sorted(b for b in mine.keys() | told.keys() if mine.get(b) != told.get(b))


@dataclass(slots=True)
class Healed:
    """How many were missing or older here, another here than there, and not on the server."""

    fetched: int = 0
    apart: int = 0
    left: int = 0
    received: Received = field(default_factory=Received)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.fetched + self.apart + self.left


def heal(
    session: Session, tbl: Aggregate, bucket: str, entries: Sequence[FeedEntry], sealer: Sealer
) -> Healed:
    """Go on from what the server has in this bucket, all of which `entries` are. What is under way
    is left to the feed."""
    healed = Healed()
    mine = _here(session, tbl, bucket)
    wrong = [
        entry
        for entry in entries
        if mine.get(entry.uid) != _what(entry) and not journal.under_way(session, tbl, entry.uid)
    ]
    for entry in wrong:
        if _set_back(session, entry, there=entry.uid in mine):
            healed.apart += 1
        else:
            healed.fetched += 1
    healed.received = receive(session, wrong, sealer, paged=True)
    gone = mine.keys() - {entry.uid for entry in entries} if tbl in _LEFT else set()
    for uid in gone:
        put_replica(session, replace(get_replica(session, tbl, uid), base_version=0))
    if gone:
        note_left_behind(session, sealer.now)
    healed.left = len(gone)
    return healed


def _set_back(session: Session, entry: FeedEntry, *, there: bool) -> bool:
    """Forget what is believed of it, so far that what comes is looked at; whether both have words
    of which neither is the newer."""
    if entry.tbl == "parked":
        session.execute(sa.delete(sync_reviews).where(sync_reviews.c.op_id == entry.uid))
        return False
    table = sync_replicas.c
    known = get_replica(session, entry.tbl, entry.uid)
    if not there and known.base_version:
        this = (table.tbl == entry.tbl) & (table.uid == entry.uid)
        session.execute(sa.delete(sync_replicas).where(this))
        return False
    apart = known.base_rev != entry.rev and known.base_version >= entry.row_version
    if not apart or entry.tbl in _SERVERS:
        if known.base_rev == entry.rev or apart:
            put_replica(session, replace(known, base_version=0))
        return False
    # As if nothing had been known of it here: nothing of either side is taken for the older.
    unknown = Replica(entry.tbl, entry.uid, supersedes=known.supersedes, held=known.held)
    put_replica(session, unknown)
    return True


def _here(session: Session, tbl: Aggregate, bucket: str) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    after, more = "", True
    while more:
        rows = session.execute(_lines(tbl), _asked(after=after, bucket=bucket)).all()
        found.update((UUID(uid), line) for uid, line in rows)
        after, more = rows[-1][0] if rows else "", len(rows) == _AT_ONCE
    return found


def _what(entry: FeedEntry) -> str:
    """As the digests have it."""
    if entry.tbl == "addendum":
        return entry.uid.hex
    if entry.tbl == "parked":
        return f"{entry.uid.hex}.{entry.row_version}"
    return f"{entry.uid.hex}.{entry.row_version}.{entry.rev.hex}"


def _asked(*, after: str, bucket: str = "") -> dict[str, Any]:
    return {"after": after, "bucket": bucket, "most": _AT_ONCE}


@cache
def _lines(tbl: Aggregate) -> sa.TextClause:
    """Uids, and what the digests are made of, in their order. What is believed to be here and is
    not counts as missing."""
    end = "AND (:bucket = '' OR substr(uid, 31) = :bucket) ORDER BY uid LIMIT :most"
    if tbl == "parked":
        return sa.text(
            "SELECT uid, uid || CASE state WHEN 'open' THEN '.1' ELSE '.2' END FROM"  # noqa: S608  # ours
            f" (SELECT op_id AS uid, state FROM sync_reviews) WHERE uid > :after {end}"
        )
    line = "uid" if tbl == "addendum" else "uid || '.' || base_version || '.' || base_rev"
    there = ""
    if tbl != "settings":
        there = f"AND EXISTS (SELECT 1 FROM {TABLES[tbl].name} t WHERE t.uid = sync_replicas.uid)"  # noqa: S608  # ours
    return sa.text(
        f"SELECT uid, {line} FROM sync_replicas WHERE tbl = '{tbl}' AND uid > :after"  # noqa: S608  # ours
        f" AND base_version > 0 {there} {end}"
    )
