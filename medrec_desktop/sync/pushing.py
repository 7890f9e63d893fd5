"""Hands the journal's sealed ops to the server, oldest first, until none waits.

All or none of a push arrive, and to repeat it does no harm. A push that fails again and again gets
smaller, down to one op; an op that fails by itself is set aside with what needs it while the others
go on, and is tried again later. What a reply means for the rows comes through the feed alone.
"""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.stuck import mark_stuck, stuck_ops
from medrec_desktop.domain.errors import Cancelled, Unavailable
from medrec_desktop.domain.syncing import MOST_BYTES, MOST_OPS, Op, Result, op_document
from medrec_desktop.sync.aside import free_of

_log = logging.getLogger(__name__)

# So many times in a row a push has to fail before its only op is under suspicion.
ENOUGH: Final = 10
_AT_ONCE_SUSPECT = 3
_LOOKED_THROUGH = 5000
_TRY_AGAIN = timedelta(minutes=10)


class PushLine(Protocol):
    """What pushing needs of the line."""

    def push(self, device: UUID, ops: tuple[Op, ...]) -> tuple[Result, ...]:
        """Hand over ops."""


class Pushing:
    """Of one computer; it remembers from round to round what failed."""

    def __init__(self, db: LocalDb, clock: Callable[[], datetime]) -> None:
        self._db, self._clock = db, clock
        self._failures = 0
        self._tried_at: datetime | None = None

    def push_all(self, line: PushLine, again: Callable[[], PushLine], stop: threading.Event) -> int:
        """Everything that can go; how many ops did. `again` gives a sound line after a failure.
        `Unavailable` when it is the server that fails."""
        pushed, suspects = 0, dict[UUID, Unavailable]()
        while ops := self._next(suspects, stop):
            try:
                self._push(line, ops)
            except Unavailable as error:
                self._failures += 1
                if len(ops) > 1 or self._failures < ENOUGH or len(suspects) == _AT_ONCE_SUSPECT:
                    raise
                suspects[ops[0].op_id] = error
                line = again()
                continue
            pushed += len(ops)
            self._failures = 0
            if suspects:
                # The server takes others: it is these.
                _log.warning("%d changes are set aside: the server fails on them", len(suspects))
                with self._db.begin() as session:
                    mark_stuck(session, suspects)
                self._tried_at = self._clock()
                suspects.clear()
        for failure in suspects.values():
            raise failure
        return pushed + self._once_more(line, again, stop)

    def _next(self, suspects: dict[UUID, Unavailable], stop: threading.Event) -> tuple[Op, ...]:
        if stop.is_set():
            raise Cancelled("The round with the server was left.")
        most = max(1, MOST_OPS >> max(0, self._failures - 2))
        with self._db.read() as session:
            aside = {*stuck_ops(session), *suspects}
            if not aside:
                return _batch(journal.unacked(session, limit=most))
            waiting = journal.unacked(session, limit=_LOOKED_THROUGH)
        return _batch(free_of(waiting, aside)[:most])

    def _push(self, line: PushLine, ops: tuple[Op, ...]) -> None:
        with self._db.read() as session:
            device = read_device(session)
        results = line.push(device, ops)
        with self._db.begin() as session:
            journal.record_results(session, results)

    def _once_more(
        self, line: PushLine, again: Callable[[], PushLine], stop: threading.Event
    ) -> int:
        """The oldest of those set aside; with it what needed it."""
        with self._db.read() as session:
            stuck = stuck_ops(session)
            waiting = journal.unacked(session, limit=_LOOKED_THROUGH) if stuck else ()
        now = self._clock()
        if not stuck or (self._tried_at is not None and now - self._tried_at < _TRY_AGAIN):
            return 0
        self._tried_at = now
        first = next(op for op in waiting if op.op_id == stuck[0])
        try:
            self._push(line, (first,))
        except Unavailable:
            again()
            return 0
        self._tried_at = None
        return 1 + self.push_all(line, again, stop)


def _batch(ops: Sequence[Op]) -> tuple[Op, ...]:
    """As many of the first ones as fit into one push, at least one."""
    size = 0
    taken: list[Op] = []
    for op in ops:
        size += len(json.dumps(op_document(op), ensure_ascii=False).encode())
        if taken and size > MOST_BYTES:
            break
        taken.append(op)
    return tuple(taken)
