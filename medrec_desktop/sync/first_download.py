"""The first download: every row of the clinic, table by table, newest first.

Each page is one transaction here that also remembers where it ended, so it goes on after any
interruption. The feed is read from where it stood when the download began: what changed meanwhile
comes that way, and an older version never replaces a newer one.
"""

import platform
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.filling import Prepared, fill, prepare
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.replica import Received, receive
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.session import Session
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Cancelled, DiskFull, Unavailable
from medrec_desktop.domain.link import Download
from medrec_desktop.domain.syncing import Cursor, Hello, TablePage
from medrec_desktop.sync.cycle import PAGED
from medrec_desktop.sync.line import Line

# With these one can work: the newest patients can be found, and a visit begun.
_USABLE_AFTER: Final = PAGED.index("patient")
_STATE: Final = "download:state"
APP: Final = "medrec-desktop"
# Rows of a page: as many as are stored in so many seconds.
_FIRST_PAGE: Final = 500
_LAST_PAGE: Final = 750
_LONG_S: Final = 0.25
_SAID_EVERY_S: Final = 1.0
_NO_ROOM: Final = (
    "This computer’s disk has too little room for the rest of the clinic’s visits. What was fetched "
    "stays. Free some space on the disk; fetching goes on where it stopped."
)


@dataclass(frozen=True, slots=True)
class _State:
    """Where the download stands. `table` counts in PAGED; `next_id` is the server's."""

    head: Cursor
    total: int
    table: int = 0
    next_id: int | None = None
    done: int = 0
    usable: bool = False

    @property
    def finished(self) -> bool:
        return self.table >= len(PAGED)

    @property
    def download(self) -> Download:
        total = max(self.total, self.done)
        return Download(self.done, total, usable=self.usable, finished=self.finished)


def read_download(session: Session) -> Download:
    """How far it is; finished where none was begun."""
    state = _read(session)
    return state.download if state is not None else Download(usable=True, finished=True)


class FirstDownload:
    """Runs on one thread at a time, as the cycle that follows it."""

    def __init__(
        self,
        db: LocalDb,
        connect: Callable[[], Line],
        *,
        actor: Callable[[], UUID],
        clock: Callable[[], datetime],
        changes: Changes,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._db, self._connect, self._actor = db, connect, actor
        self._clock, self._changes, self._has_room = clock, changes, has_room
        self._new: list[Received] = []
        self._said = 0.0

    def begin(self, total: int) -> None:
        """Say hello and remember where the feed stands; `total` rows are expected. Begun before,
        it goes on."""
        with self._db.read() as session:
            if _read(session) is not None:
                return
            device = read_device(session)
        line = self._connect()
        try:
            hello = Hello(device, computer_name(), APP, head(), actor=self._actor())
            welcome = line.hello(hello)
        finally:
            line.close()
        with self._db.begin() as session:
            _write(session, _State(welcome.head, total))

    def run(
        self,
        stop: threading.Event,
        progress: Callable[[Download], object],
        enough: Callable[[Download], bool] = lambda _download: False,
    ) -> Download:
        """Fetch until everything is here, or `enough`. Cancelled once `stop` is set; `DiskFull`
        before there is no room left to type."""
        with self._db.read() as session:
            state, device = _read(session), read_device(session)
        if state is None:
            return Download(usable=True, finished=True)
        if state.finished:
            return state.download
        line = self._connect()
        line.device = device
        try:
            # The server makes the next page, and it is prepared, while this one is stored.
            with ThreadPoolExecutor(1, "medrec-first-download") as ahead:
                size = _FIRST_PAGE
                coming = ahead.submit(_fetch, line, state, size)
                while not _over(state, enough):
                    if stop.is_set():
                        raise Cancelled("The first download was stopped; it goes on later.")
                    if not self._has_room():
                        raise DiskFull(_NO_ROOM)
                    page, ready = coming.result()
                    after = _after(state, page)
                    if not _over(after, enough):
                        coming = ahead.submit(_fetch, line, after, size)
                    begin = time.monotonic()
                    self._store(ready, after)
                    if page.next_id is not None:
                        size = _next_size(size, time.monotonic() - begin)
                    state = after
                    progress(state.download)
        finally:
            line.close()
            # What a power cut takes back together with how far it was is fetched again.
            with suppress(DiskFull, Unavailable):
                self._db.after_bulk()
            self._say(at_once=True)
        return state.download

    def _store(self, ready: Prepared, after: _State) -> None:
        with self._db.begin(bulk=True) as session:
            sealer = Sealer(self._actor(), self._clock(), head())
            filled, others = fill(session, ready.entries, ready=ready)
            received = receive(session, others, sealer, paged=True) if others else Received()
            _write(session, after)
            if after.finished:
                journal.write_cursor(session, after.head)
        self._new += [filled, received]
        self._say(at_once=after.finished)

    def _say(self, *, at_once: bool) -> None:
        """Tell the screens; not after every page, for each of them reads again."""
        now = time.monotonic()
        if not self._new or not (at_once or now >= self._said + _SAID_EVERY_S):
            return
        new, self._new, self._said = self._new, [], now
        for received in new:
            self._tell(received)
        self._changes.publish(Changed("sync"))

    def _tell(self, received: Received) -> None:
        for kind, ids in (
            ("patient", received.patients),
            ("visit", received.visits),
            ("attachment", received.attachments),
        ):
            if ids:
                self._changes.publish(Changed(kind, frozenset(ids)))  # type: ignore[arg-type] # these
        if received.settings or received.users:
            self._changes.publish(Changed("settings"))
        if received.review:
            self._changes.publish(Changed("review"))


def _fetch(line: Line, state: _State, size: int) -> tuple[TablePage, Prepared]:
    page = line.table_page(PAGED[state.table], state.next_id, size)
    # Newest page first, but ascending inside it: the file stays half as large.
    return page, prepare(page.entries[::-1])


def _after(state: _State, page: TablePage) -> _State:
    return replace(
        state,
        table=state.table + (page.next_id is None),
        next_id=page.next_id,
        done=state.done + (len(page.entries) if PAGED[state.table] in _COUNTED else 0),
        usable=state.usable or state.table >= _USABLE_AFTER,
    )


def _next_size(size: int, took_s: float) -> int:
    """Few transactions, but short ones: whoever types waits for one."""
    if took_s > _LONG_S:
        return max(size // 2, _FIRST_PAGE // 4)
    return min(size * 2, _LAST_PAGE) if took_s < _LONG_S / 2.5 else size


def _over(state: _State, enough: Callable[[Download], bool]) -> bool:
    return state.finished or enough(state.download)


_COUNTED: Final = frozenset({"patient", "record"})


def computer_name() -> str:
    """What this computer is called, for the other ones' lists."""
    return (platform.node() or "A computer")[:120]


def _read(session: Session) -> _State | None:
    kept: Mapping[str, Any] | None = journal.read_meta(session, _STATE)
    if kept is None:
        return None
    seq, chain = kept["head"]
    return _State(
        head=Cursor(seq, bytes.fromhex(chain)),
        total=kept["total"],
        table=kept["table"],
        next_id=kept["next_id"],
        done=kept["done"],
        usable=kept["usable"],
    )


def _write(session: Session, state: _State) -> None:
    journal.write_meta(
        session,
        _STATE,
        {
            "head": [state.head.seq, state.head.chain.hex()],
            "total": state.total,
            "table": state.table,
            "next_id": state.next_id,
            "done": state.done,
            "usable": state.usable,
        },
    )
