"""One round with the clinic's server: hello, pull, seal, push, pull.

Repeating a round after any failure, at any point, does no harm: what came is stored together with
the cursor, what goes out has an id of its own. When a round is due is `sync/loop.py`'s business.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import forgetting, journal
from medrec_desktop.data.clinic import DEVICE, read_device, write_computer_settings
from medrec_desktop.data.feed_pages import portions
from medrec_desktop.data.left_behind import note_left_behind, send_left_behind
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head as newest_schema
from medrec_desktop.data.outbox import any_marked
from medrec_desktop.data.replica import (
    Received,
    close_what_is_there,
    try_held_again,
)
from medrec_desktop.data.replicas import forget_merged
from medrec_desktop.data.schema_sync import sync_replicas, sync_reviews
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.data.storing import store
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import Cancelled, Corrupt, DiskFull, Unavailable
from medrec_desktop.domain.link import Round
from medrec_desktop.domain.syncing import (
    PROTOCOL,
    Aggregate,
    Cursor,
    Editor,
    FeedEntry,
    Hello,
    Op,
    Page,
    Result,
    TablePage,
    Welcome,
)
from medrec_desktop.sync.line import SignedOut
from medrec_desktop.sync.pushing import Pushing
from medrec_desktop.sync.sealing import seal_marked, seal_trail
from medrec_desktop.sync.upkeep import ComparedLine, compare, forget_answered

_log = logging.getLogger(__name__)

_COPY = (
    "This computer's records are an older copy of themselves: they were restored from a backup, or "
    "copied from another computer. Nothing is lost: it goes on under a new name and fetches what "
    "is newer."
)
_REWOUND = (
    "The clinic's server was restored from a backup. Nothing is lost: this computer sends again "
    "what the server no longer has. What was here before is kept beside the clinic's file."
)
_RESTORED_MEANWHILE = (
    "The clinic's server was restored from a backup just now. Nothing is lost: the next try sends "
    "again what the server no longer has."
)
_STRANGE = (
    "The clinic's server does not have this computer's place in its history, again and again. "
    "Nothing was changed on this computer. Send us the report."
)
_TRAIL = (
    "The audit trail of this computer is not what the clinic's server has of it: entries were "
    "removed or changed here, past the program. Keep this computer as it is, and tell whoever looks "
    "after the clinic: medrec-admin audit verify names them."
)
_REWINDING = "rewinding"
# After a first page that was not the last one: each has a cost of its own.
_LONG_PAGE = 1_000
# References come before what refers to them.
PAGED: tuple[Aggregate, ...] = (
    *("user", "device", "settings", "patient", "record", "attachment", "addendum", "parked"),
)


class ServerLine(ComparedLine, Protocol):
    """What a round needs of the line (`sync/line.py`)."""

    def hello(self, hello: Hello) -> Welcome:
        """Greet."""

    def pull(self, cursor: Cursor, limit: int = ...) -> Page:
        """Read the feed."""

    def push(self, device: UUID, ops: tuple[Op, ...]) -> tuple[Result, ...]:
        """Hand over ops."""

    def table_page(self, tbl: Aggregate, after_id: int | None = ..., limit: int = ...) -> TablePage:
        """Read a table."""

    def close(self) -> None:
        """Hang up."""


class SyncCycle:
    """Keeps its line open from round to round."""

    def __init__(
        self,
        db: LocalDb,
        connect: Callable[[], ServerLine],
        *,
        actor: Callable[[], UUID],
        clock: Callable[[], datetime],
        changes: Changes,
        name: str,
        app: str,
        editing: Callable[[], tuple[UUID, ...]] = tuple,
        new_id: Callable[[], UUID] = uuid4,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room`: whether this computer's disk takes what others write; what is typed here is
        sent without."""
        self._db, self._connect, self._changes = db, connect, changes
        self._actor, self._clock, self._editing = actor, clock, editing
        self._name, self._app, self._new_id = name, app, new_id
        self._has_room, self._no_room = has_room, False
        self._line: ServerLine | None = None
        self._pushing = Pushing(db, clock)
        self.editors: tuple[Editor, ...] = ()

    def run(self, stop: threading.Event) -> Round:
        """One round; `Unavailable`, `Denied`, `Corrupt`, or `Cancelled` once `stop` is set."""
        try:
            return self._round(stop)
        except BaseException:
            # Whatever it was, the next round begins with a line of its own.
            self.close()
            with suppress(DiskFull, Unavailable):
                self._db.after_bulk()
            raise

    def close(self) -> None:
        """Hang up; the next round calls again."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    # --- a round --------------------------------------------------------------------------------

    def _round(self, stop: threading.Event) -> Round:
        if self._line is None:
            self._line = self._connect()
        line = self._line
        said: list[str] = []
        self._no_room = False
        welcome = self._greet(line, said)
        ahead = (self._clock() - welcome.now).total_seconds()
        pulled = self._pull_all(line, stop, said)
        self._compare(line, welcome, stop, said)
        sealed = seal_marked(self._db, self._sealer(), stop)
        if not seal_trail(self._db, self._sealer(), welcome.audit_heads).holds:
            said.append(_TRAIL)
        if welcome.min_push > PROTOCOL:
            return Round(
                pulled,
                update_needed=True,
                no_room=self._no_room,
                clock_ahead=ahead,
                said=tuple(said),
            )
        pushed = self._push_all(line, stop)
        came = self._pull_all(self._line, stop, said) if pushed else 0
        pulled += came
        more = bool(sealed or came) and self._more_to_do()
        if not pulled and not pushed:
            more = self._tidy()
            if not more:
                self._look_after(welcome, stop)
        return Round(
            pulled, pushed, more=more, no_room=self._no_room, clock_ahead=ahead, said=tuple(said)
        )

    def _greet(self, line: ServerLine, said: list[str]) -> Welcome:
        welcome = line.hello(self._hello())
        if welcome.revoked:
            # Before anything else: an older copy of itself would get a new name, and be let in.
            raise SignedOut
        with self._db.read() as session:
            newest = welcome.newest_op
            unknown = newest is not None and journal.own_op(session, newest) is None
        if welcome.desktop_restored or unknown:
            # Two computers with one name would take each other's ops for their own.
            with self._db.begin() as session:
                write_computer_settings(session, {DEVICE: str(self._new_id())})
            said.append(_COPY)
            welcome = line.hello(self._hello())
        self.editors = welcome.editors
        self._note_schema(welcome)
        with self._db.read() as session:
            known, unfinished = journal.joined(session), journal.read_meta(session, _REWINDING)
        if not known:
            with self._db.begin() as session:
                journal.set_joined(session)
        if welcome.server_rewound:
            # Also when the last one is not over: what was sent anew went with the second restore.
            self._rewind(line, said)
        elif unfinished:
            self._read_anew(line, said)
        return welcome

    def _hello(self) -> Hello:
        with self._db.read() as session:
            return Hello(
                device=read_device(session),
                name=self._name,
                app=self._app,
                schema=newest_schema(),
                journal_no=journal.newest_n(session),
                tail_op=journal.tail_op(session),
                actor=self._actor(),
                editing=self._editing(),
            )

    def _sealer(self) -> Sealer:
        return Sealer(self._actor(), self._clock(), newest_schema(), self._new_id)

    def _note_schema(self, welcome: Welcome) -> None:
        """What an older server would not take, a newer one may."""
        with self._db.read() as session:
            known = journal.server_schema(session)
        if known != welcome.schema:
            with self._db.begin() as session:
                journal.note_server_schema(session, welcome.schema)
                try_held_again(session, self._sealer())

    # --- pull -----------------------------------------------------------------------------------

    def _pull_all(self, line: ServerLine, stop: threading.Event, said: list[str]) -> int:
        pulled, more, long = 0, True, False
        while more:
            _go_on(stop)
            if not self._has_room():
                self._no_room = True
                break
            with self._db.read() as session:
                cursor = journal.read_cursor(session)
            page = line.pull(cursor, _LONG_PAGE) if long else line.pull(cursor)
            entries = page.entries
            if cursor.seq:
                own = entries[0] if entries else None
                if own is None or (own.seq, own.chain) != (cursor.seq, cursor.chain):
                    self._rewind(line, said)
                    continue
                entries = entries[1:]
            more = page.more
            long = long or more
            # In short transactions: whoever types waits for each.
            with self._db.read() as session:
                parts = list(portions(session, entries))
            for part, applied in parts:
                self._store(part, applied, bulk=long)
            pulled += len(entries)
        if long:
            # On the disk before anything that was sealed on the way is sent.
            self._db.after_bulk()
        return pulled

    def _store(
        self, entries: Sequence[FeedEntry], cursor: Cursor | None, *, bulk: bool = False
    ) -> None:
        with self._db.begin(bulk=bulk) as session:
            stored = store(session, entries, self._sealer(), paged=cursor is None)
            if cursor is not None:
                journal.write_cursor(session, cursor)
        for one in stored:
            self._publish(one)

    def _publish(self, received: Received) -> None:
        for kind, ids in (
            ("visit", received.visits),
            ("patient", received.patients),
            ("attachment", received.attachments),
        ):
            if ids:
                self._changes.publish(Changed(kind, frozenset(ids)))  # type: ignore[arg-type]  # one of its kinds
        if received.settings or received.users:
            self._changes.publish(Changed("settings"))
        if received.review:
            self._changes.publish(Changed("review"))

    # --- push -----------------------------------------------------------------------------------

    def _push_all(self, line: ServerLine, stop: threading.Event) -> int:
        return self._pushing.push_all(line, self._called_again, stop)

    def _called_again(self) -> ServerLine:
        """A sound line in place of one on which a push failed."""
        self.close()
        line = self._line = self._connect()
        if line.hello(self._hello()).server_rewound:
            # The rest alone would hide that what was sent before it is gone.
            raise Unavailable(_RESTORED_MEANWHILE)
        return line

    # --- both -----------------------------------------------------------------------------------

    def _rewind(self, line: ServerLine, said: list[str]) -> None:
        """The server is older than this computer knows it: every op goes out again under its id,
        then everything is read as it is there now."""
        if _REWOUND in said:
            raise Corrupt(_STRANGE)
        _log.warning("the server was restored from a backup: sending everything again")
        stamp = f"{self._clock():%Y%m%d%H%M%S}"
        self._db.copy_to(self._db.path.with_name(f"{self._db.path.name}.before-restored-{stamp}"))
        with self._db.begin() as session:
            journal.send_all_again(session)
            forgetting.begin_again(session)
            session.execute(sa.update(sync_replicas).values(base_version=0))
            forget_merged(session)
            session.execute(sa.delete(sync_reviews))
            journal.write_cursor(session, Cursor())
            journal.write_meta(session, _REWINDING, value=True)
        self._read_anew(line, said)

    def _read_anew(self, line: ServerLine, said: list[str]) -> None:
        """The rest of it; goes on where a crash left it."""
        said.append(_REWOUND)
        self._push_all(line, threading.Event())
        start = line.hello(self._hello()).head
        for tbl in PAGED:
            page = line.table_page(tbl)
            self._store(page.entries, None)
            while page.next_id is not None:
                page = line.table_page(tbl, page.next_id)
                self._store(page.entries, None)
        with self._db.begin() as session:
            journal.write_cursor(session, start)
            journal.write_meta(session, _REWINDING, None)
            note_left_behind(session, self._clock())
            journal.compare_soon(session)

    def _more_to_do(self) -> bool:
        """Typed meanwhile, or merged with what came last."""
        with self._db.read() as session:
            return bool(journal.count_unacked(session) or any_marked(session))

    def _tidy(self) -> bool:
        """In a quiet round: close what needs nobody any more, bring back what nobody else has."""
        with self._db.begin() as session:
            sent = send_left_behind(session, self._clock())
            return close_what_is_there(session, self._sealer()) or sent

    def _compare(
        self, line: ServerLine, welcome: Welcome, stop: threading.Event, said: list[str]
    ) -> None:
        """At the end of the feed, and before anything is sealed on what may be wrong."""
        if self._no_room:
            return
        differed = compare(self._db, line, welcome, self._sealer(), self._publish, stop)
        if differed:
            said.append(differed)

    def _look_after(self, welcome: Welcome, stop: threading.Event) -> None:
        """In a quiet round with nothing to tidy up, seldom: what has its day."""
        forget_answered(self._db, welcome.now, self._clock(), stop)


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise Cancelled("The round with the server was left.")
