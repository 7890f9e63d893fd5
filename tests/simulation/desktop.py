"""A desktop of a simulation: the program's own services and cycle on a real SQLCipher file."""

import json
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.attachments.vault import IDENTITY, new_identity
from medrec_desktop.data import journal
from medrec_desktop.data.clinic import (
    DEVICE,
    list_users,
    read_device,
    write_clinic_settings,
    write_computer_settings,
)
from medrec_desktop.data.documents import Rows
from medrec_desktop.data.left_behind import list_left_behind
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import (
    medical_records,
    patients,
    record_addenda,
    record_attachments,
    tenants,
    users,
)
from medrec_desktop.data.schema_sync import sync_journal, sync_replicas
from medrec_desktop.data.session import Session
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Cancelled, Conflict, Invalid, Unavailable
from medrec_desktop.domain.syncing import (
    Cursor,
    Digests,
    FeedEntry,
    Hello,
    Op,
    Page,
    Result,
    TablePage,
    Welcome,
)
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync.cycle import SyncCycle
from tests.factories import KEY, NOON
from tests.simulation.clinic import SimulatedServer
from tests.simulation.files import Bucket, Files

# Of these a row has a version of its own.
_SHOWN = (("patient", patients), ("record", medical_records), ("attachment", record_attachments))
_VERSIONS = sa.union_all(
    *(sa.select(sa.literal(tbl), table.c.uid, table.c.row_version) for tbl, table in _SHOWN)
)
_COPIES = sa.select(sync_replicas.c.uid, sync_replicas.c.base_version)


class Crash(BaseException):
    """The computer is gone in this very moment."""


@dataclass
class Chance:
    """What goes wrong, and how often: drawn anew for each seed."""

    lost_request: float = 0.0
    lost_reply: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    crash: float = 0.0
    disk_full: float = 0.0
    typing: float = 0.0


class SimDb(LocalDb):
    """May crash before or after each commit, or find no room for it."""

    fate: Callable[[], str] = staticmethod(lambda: "")
    begun = 0
    """How often something may have been written here."""
    _first: "list[sa.Engine]" = []  # noqa: RUF012  # one for all

    def __init__(self, path: Path, key: bytes, **rest: Any) -> None:
        """Statements are compiled once, not once for each of a thousand computers."""
        super().__init__(path, key, **rest)
        if not self._first:
            self._first.append(self._writes)
        for engine in (self._writes, self._bulk):
            engine.dialect, engine._compiled_cache = (
                self._first[0].dialect,
                self._first[0]._compiled_cache,
            )
        self._reads = self._writes.execution_options(medrec_writes=False)

    @contextmanager
    def begin(self, **how: Any) -> Iterator[Session]:
        """As ever, unless fate has it otherwise."""
        fate = self.fate()
        self.begun += 1
        with super().begin(**how) as session:
            yield session
            if fate == "before":
                raise Crash
            if fate == "full":
                raise Unavailable("The disk is full.")
        if fate == "after":
            raise Crash


Answer = TypeVar("Answer")


class FaultyLine:
    """A line on which requests and replies get lost, come twice, or come again much later."""

    def __init__(self, desktop: "Desktop") -> None:
        self._desktop, self._line = desktop, desktop.server.line()

    def close(self) -> None:
        """Hang up."""
        self._line.close()

    def hello(self, hello: Hello) -> Welcome:
        """Greet."""
        welcome = self._asked(lambda: self._line.hello(hello))
        passed = self._desktop.passed
        return replace(welcome, now=welcome.now + passed()) if passed else welcome

    def pull(self, cursor: Cursor, limit: int = 500) -> Page:
        """Few rows at a time, so that there are several pages."""
        return self._asked(lambda: self._line.pull(cursor, min(limit, self._desktop.page)))

    def push(self, device: UUID, ops: tuple[Op, ...]) -> tuple[Result, ...]:
        """Sometimes twice, sometimes an old one once more; the user goes on typing meanwhile."""
        desktop = self._desktop
        if desktop.happens(desktop.chance.typing):
            desktop.type_something()
        if desktop.old and desktop.happens(desktop.chance.late):
            self._line.push(*desktop.rng.choice(desktop.old))
        results = self._asked(lambda: self._line.push(device, ops))
        desktop.old.append((device, ops))
        if desktop.happens(desktop.chance.twice):
            results = self._line.push(device, ops)
        if desktop.happens(desktop.chance.typing):
            desktop.type_something()
        return results

    def table_page(self, tbl: Any, after_id: int | None = None, limit: int = 500) -> TablePage:
        """Read a table."""
        return self._asked(
            lambda: self._line.table_page(tbl, after_id, min(limit, self._desktop.page))
        )

    def digests(self) -> Digests:
        """What the server has."""
        return self._asked(self._line.digests)

    def bucket(self, tbl: Any, bucket: str) -> tuple[FeedEntry, ...]:
        """A piece of it."""
        return self._asked(lambda: self._line.bucket(tbl, bucket))

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        desktop = self._desktop
        if desktop.happens(desktop.chance.lost_request):
            raise Unavailable("The request was lost.")
        answer = ask()
        if desktop.happens(desktop.chance.lost_reply):
            raise Unavailable("The answer was lost.")
        return answer


@dataclass
class Desktop:
    """`words` tells what its user typed and what he saw doing so."""

    name: str
    folder: Path
    server: SimulatedServer
    rng: random.Random
    user: UUID
    chance: Chance = field(default_factory=Chance)
    page: int = 50
    skew: timedelta = timedelta()
    type_something: Callable[[], None] = lambda: None
    old: list[tuple[UUID, tuple[Op, ...]]] = field(default_factory=list)
    ticks: int = 0
    devices: set[UUID] = field(default_factory=set)
    bucket: Bucket = field(default_factory=Bucket)
    passed: Callable[[], timedelta] | None = None
    """How long the clinic has been at work; None: it is all one day, and nothing has its day."""
    differed: list[str] = field(default_factory=list)
    shown: dict[UUID, int] = field(default_factory=dict)
    copies: dict[UUID, int] = field(default_factory=dict)
    looked: tuple[object, int] | None = None

    def __post_init__(self) -> None:
        self.path = self.folder / self.name / "medrec.db"

    def happens(self, chance: float) -> bool:
        """Whether it does, this time."""
        return chance > 0 and self.rng.random() < chance

    def fate(self) -> str:
        """What becomes of the next commit."""
        if self.happens(self.chance.crash):
            return self.rng.choice(["before", "after"])
        return "full" if self.happens(self.chance.disk_full) else ""

    def clock(self) -> datetime:
        """This computer's idea of the time."""
        self.ticks += 1
        passed = self.passed() if self.passed else timedelta()
        return NOON + self.skew + passed + timedelta(seconds=self.ticks)

    def install(self, template: Path) -> None:
        """A new computer of the clinic."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(template, self.path)
        self.start()
        with self.db.begin() as session:
            device = UUID(int=self.rng.getrandbits(128), version=4)
            write_computer_settings(session, {DEVICE: str(device)})
        self.restart()

    def start(self) -> None:
        """Switch it on."""
        self.db = SimDb(self.path, KEY)
        self.db.fate = lambda: ""
        with self.db.read() as session:
            device = read_device(session)
            actor = next(one for one in list_users(session) if one.id == self.user)
        self.db.fate = self.fate
        self.devices.add(device)
        self.context = Context(self.db, Changes(), self.clock, actor, device)
        self.visits, self.patients = Visits(self.context), Patients(self.context)
        self.__dict__.pop("files", None)
        self.cycle = SyncCycle(
            self.db,
            lambda: FaultyLine(self),
            actor=lambda: self.user,
            clock=self.clock,
            changes=self.context.changes,
            name=self.name,
            app="simulation",
            new_id=lambda: UUID(int=self.rng.getrandbits(128), version=4),
        )
        if self.passed is None:
            # Nor is any chance taken for it: what a seed means stays what it was.
            self.cycle._compare = lambda *_: None  # type: ignore[method-assign]
            self.cycle._look_after = lambda *_: None  # type: ignore[method-assign]
            return
        compare = self.cycle._compare

        def compared(line: Any, welcome: Welcome, stop: Any, said: list[str]) -> None:
            before = len(said)
            compare(line, welcome, stop, said)
            self.differed += said[before:]

        self.cycle._compare = compared  # type: ignore[method-assign]

    @cached_property
    def files(self) -> Files:
        """The bytes of files; they stay where they are when the database is restored."""
        return Files(self, self.path.with_name("files"), self.bucket)

    def stop(self) -> None:
        """Pull the plug."""
        self.cycle.close()
        self.db.close()

    def restart(self) -> None:
        """As after a crash."""
        self.stop()
        self.start()

    def attempt(self, act: Callable[[], Any]) -> str:
        """What somebody does; what became of it."""
        try:
            act()
        except Crash:
            self.restart()
            return "crash"
        except (Unavailable, Conflict, Invalid, Cancelled) as error:
            return type(error).__name__
        return ""

    def round(self) -> str:
        """One round with the server, as far as it gets."""
        return self.attempt(lambda: self.cycle.run(threading.Event()))

    def back_up(self) -> None:
        """Keep the file as it is."""
        fate, self.db.fate = self.db.fate, lambda: ""
        self.db.copy_to(self.path.with_name("copy.db"))
        self.db.fate = fate

    def restore(self) -> bool:
        """Back to the last copy, if there is one."""
        copy = self.path.with_name("copy.db")
        if not copy.exists():
            return False
        self.stop()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)
        shutil.copy(copy, self.path)
        self.start()
        return True

    # --- looking --------------------------------------------------------------------------------

    def anything_new(self) -> bool:
        """Whether something may have been written since this was asked last."""
        before, self.looked = self.looked, (self.db, self.db.begun)
        return before != self.looked

    def uids(self, table: sa.Table) -> list[UUID]:
        """Of all rows, in an order that a seed repeats."""
        with self.db.read() as session:
            return list(session.scalars(sa.select(table.c.uid).order_by(table.c.id)))

    def documents(
        self, known: dict[UUID, int] | None = None
    ) -> dict[tuple[str, UUID], dict[str, Any]]:
        """Everything as it is shown here; only what is newer than `known`, which is updated."""
        known = {} if known is None else known
        with self.db.read() as session:
            rows = Rows(session)
            found = {}
            for tbl, uid, version in session.execute(_VERSIONS).all():
                if known.get(uid) != version:
                    found[tbl, uid] = rows.read(tbl, uid) or {}
                    known[uid] = version
            return found

    def addenda(self) -> dict[tuple[str, UUID], dict[str, Any]]:
        """All of them, as they are shown here."""
        with self.db.read() as session:
            rows = Rows(session)
            uids = session.scalars(sa.select(record_addenda.c.uid)).all()
            return {("addendum", uid): rows.read("addendum", uid) or {} for uid in uids}

    def versions(self) -> dict[UUID, int]:
        """Of everything that the server has, how new this computer's copy is."""
        with self.db.read() as session:
            return {uid: version for uid, version in session.execute(_COPIES)}  # noqa: C416

    def everything(self) -> str:
        """All words that are on this computer, sent or not."""
        with self.db.read() as session:
            ops = session.scalars(sa.select(sync_journal.c.op)).all()
        return json.dumps(ops) + self.text()

    def text(self) -> str:
        """All that is shown here."""
        return json.dumps(list(self.documents().values()))

    def waits(self) -> bool:
        """Whether anything has not been sent."""
        with self.db.read() as session:
            marked = session.scalar(sa.text("SELECT count(*) FROM outbox"))
            return bool(marked) or journal.count_unacked(session) > 0

    def left_behind(self) -> bool:
        """Whether anything is here that a restored server has not."""
        with self.db.read() as session:
            return bool(list_left_behind(session)[0])


def make_template(path: Path, server: SimulatedServer) -> None:
    """An empty clinic as every computer of this server's clinic begins with."""
    db = LocalDb.create(path, KEY)
    with db.begin() as session:
        session.execute(
            sa.insert(tenants).values(
                uid=server.clinic, name="Simulated", schema_name=server.tenant, created_at=NOON
            )
        )
        for uid, name in server.users:
            session.execute(
                sa.insert(users).values(
                    uid=uid, tenant_id=1, name=name, role="doctor", admin=True, created_at=NOON
                )
            )
        write_clinic_settings(session, {}, now=NOON)
        write_computer_settings(session, {DEVICE: str(UUID(int=1)), IDENTITY: new_identity()})
    db.close()


__all__ = ["Chance", "Crash", "Desktop", "SimDb", "make_template", "replace"]
