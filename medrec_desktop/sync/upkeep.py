"""What a computer does once in a while for what it keeps of its dealings with the clinic's server.

Nothing here is needed for a round.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from medrec_desktop.data import comparing, forgetting, journal
from medrec_desktop.data.comparing import COMPARED, Digester
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.replica import Received
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.domain.errors import Cancelled
from medrec_desktop.domain.syncing import Aggregate, Digests, FeedEntry, Welcome

_log = logging.getLogger(__name__)

_DIFFERED = (
    "This computer and the clinic's server were not the same in {what}, though both took it for the "
    "same. Nothing is lost: what was missing here was fetched, what the server does not have is "
    "sent, and where both had other words they wait under To review."
)
_STILL = (
    "This computer and the clinic's server are still not the same in {what}. Everything is kept, "
    "here and there. Tell whoever looks after the server: medrec-admin clinic check --history says "
    "whether it is what its own history says."
)
_NAMES: Final[dict[str, tuple[str, str]]] = {
    "user": ("user", "users"),
    "settings": ("setting", "settings"),
    "patient": ("patient", "patients"),
    "record": ("visit", "visits"),
    "attachment": ("file", "files"),
    "addendum": ("addendum", "addenda"),
    "parked": ("change that waits or waited", "changes that wait or waited"),
}


class ComparedLine(Protocol):
    """What comparing needs of the line."""

    def digests(self) -> Digests:
        """What the server has, as digests."""

    def bucket(self, tbl: Aggregate, bucket: str) -> tuple[FeedEntry, ...]:
        """A piece of it."""


def compare(
    db: LocalDb,
    line: ComparedLine,
    welcome: Welcome,
    sealer: Sealer,
    publish: Callable[[Received], None],
    stop: threading.Event,
) -> str:
    """Once a week, and after much was fetched: see that this computer and the server have the same,
    and put right what differs; a sentence when something did. Only at the end of the feed: when
    somebody has just written, the next round does it."""
    with db.read() as session:
        due = comparing.is_due(session, welcome.now)
    if welcome.schema < comparing.SINCE or not due:
        return ""
    told = line.digests()
    with db.read() as session:
        if journal.read_cursor(session) != told.head:
            return ""
        put_right = comparing.was_put_right(session)
    differed: dict[str, int] = {}
    for tbl in COMPARED:
        for bucket in _differing(db, tbl, told, stop):
            entries = line.bucket(tbl, bucket)
            with db.begin() as session:
                healed = comparing.heal(session, tbl, bucket, entries, sealer)
            publish(healed.received)
            if healed.rows:
                differed[tbl] = differed.get(tbl, 0) + healed.rows
    with db.begin() as session:
        comparing.note_compared(session, welcome.now, differed)
    if not differed:
        return ""
    _log.warning("not the same as the server, rows by kind: %s", differed)
    return (_STILL if put_right else _DIFFERED).format(what=_counted(differed))


def _differing(db: LocalDb, tbl: Aggregate, told: Digests, stop: threading.Event) -> list[str]:
    digester, more = Digester(tbl), True
    while more:
        if stop.is_set():
            raise Cancelled("The round with the server was left.")
        with db.read() as session:
            more = digester.feed(session)
    return digester.differing(told.of.get(tbl, {}))


def _counted(differed: dict[str, int]) -> str:
    """2 visits and 1 patient."""
    parts = [f"{n:,} {_NAMES[tbl][n != 1]}" for tbl, n in differed.items()]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def forget_answered(db: LocalDb, server: datetime, here: datetime, stop: threading.Event) -> None:
    """Once a day: take away what was sent, and answered, longer ago than any backup of the server
    is. `server` and `here`: what the clock there says, and the one here."""
    with db.read() as session:
        due = forgetting.is_due(session, server=server)
    while due and not stop.is_set():
        # In short transactions: whoever types waits for each.
        with db.begin() as session:
            due = forgetting.forget(session, server=server, here=here)
            if not due:
                forgetting.note_answered(session, server=server, here=here)
