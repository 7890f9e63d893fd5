"""The clinic's database on this computer: one SQLCipher file, opened with a raw 32-byte key.

Transactions begin here and nowhere else, and the library's errors become ours here: above this
module nobody catches SQLAlchemy's. It must not know what is stored (query functions do), and it
must never print, log or keep the key anywhere but in memory.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlcipher3 import dbapi2

from medrec_desktop.data import ballast, migrate
from medrec_desktop.data.gate import Gate
from medrec_desktop.data.schema import LOCAL_SCHEMAS
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import (
    Conflict,
    Corrupt,
    DiskFull,
    MedrecError,
    NotFound,
    Unavailable,
)

KEY_BYTES = 32
_REKEY_WAIT_S = 30.0
_PAGE = 4096  # SQLCipher's own; nothing here sets another

# WAL keeps readers and the writer apart. FULL: what a commit said is on the disk, also after a
# power cut (NORMAL may lose the newest commits). Temporary tables stay in memory: on disk they
# would be plain text.
_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA recursive_triggers = ON",  # else INSERT OR REPLACE deletes past the delete triggers
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)
# Many rows at once touch the same pages of the indexes again and again: they are written once. A power
# cut may take the newest of such transactions back, never one before them: their last is waited for.
_USUAL = ("PRAGMA cache_size = -8000", "PRAGMA wal_autocheckpoint = 1000")
_BULK = (
    *("PRAGMA cache_size = -20000", "PRAGMA wal_autocheckpoint = 8000"),
    "PRAGMA synchronous = NORMAL",
)

_UNREADABLE = (
    "The clinic's database cannot be read: the file is damaged, or it belongs to another key. "
    "Nothing was changed. Restore the newest backup."
)
_SENTENCES: dict[type[MedrecError], dict[tuple[int, ...], str]] = {
    DiskFull: {
        (13,): (  # SQLITE_FULL
            "The disk is full. What was stored before is safe; the last change is not stored yet. "
            "Free some space, then try again."
        ),
    },
    Unavailable: {
        (dbapi2.SQLITE_BUSY, 6): (  # 6: SQLITE_LOCKED
            "Another program is using the clinic's database. Nothing was changed. "
            "Close the other program, then try again."
        ),
        (8, dbapi2.SQLITE_IOERR, 14): (  # 8: SQLITE_READONLY, 14: SQLITE_CANTOPEN
            "The clinic's database cannot be read or written just now. The last change is not "
            "stored yet. Check that the disk is connected and may be written, then try again."
        ),
    },
    Corrupt: {
        (dbapi2.SQLITE_CORRUPT, 26): _UNREADABLE,  # 26: SQLITE_NOTADB
    },
}
_READONLY = 8
# The guards in the migrations raise this code, as PostgreSQL's SQLSTATE does.
FINALIZED = "P0F01"
FINALIZED_SENTENCE = (
    "This is finalized and can no longer be changed. Nothing was changed. "
    "Write an addendum instead."
)


class LocalDb:
    """An open clinic. Sessions may be used from any thread, each by one at a time."""

    def __init__(
        self, path: Path, key: bytes, *, busy_ms: int = 5000, may_make: bool = False
    ) -> None:
        """Use `open` or `create`: this looks at nothing. `may_make`: a missing file is made."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a database key has {KEY_BYTES} bytes")
        self.path = path
        self.key = key
        self._busy_ms = busy_ms
        self._gate = Gate()
        # By the key it has then: `rekey` gives it another.
        self._writes = _engine(
            lambda: _connect(path, self.key, busy_ms, may_make=may_make), busy_ms
        )
        self._reads = self._writes.execution_options(medrec_writes=False)
        # A connection of its own: whoever reads or saves must not get all that memory too.
        self._bulk = _engine(
            lambda: _connect(path, self.key, busy_ms, may_make=False, bulk=True), busy_ms
        )
        self._on_its_way = False
        """Whether such a transaction may not be on the disk yet."""

    def __repr__(self) -> str:
        return f"<LocalDb {self.path.name}>"

    @classmethod
    def open(cls, path: Path, key: bytes, *, busy_ms: int = 5000) -> Self:
        """The clinic in the file, brought up to this program's schema; an older one is copied
        first. `Corrupt`, `Unavailable`, `NotFound`, or `Denied` when the file is newer."""
        if not path.is_file():
            raise NotFound(
                "The clinic's database is not where it was. "
                "Connect the disk it is on, or restore the newest backup."
            )
        if _cut_off(path):
            raise Corrupt(_UNREADABLE)
        db = cls(path, key, busy_ms=busy_ms)
        try:
            with translated():
                migrate.upgrade_file(db._reads, db._writes, path, db.copy_to)
                db._keep_readers_apart()
        except BaseException:
            db.close()
            raise
        return db

    @classmethod
    def create(cls, path: Path, key: bytes) -> Self:
        """An empty clinic. The file has its name only once it is whole; an existing one is a
        `Conflict`."""
        if path.exists():
            raise Conflict("There is already a clinic in this folder. Nothing was changed.")
        building = path.with_name(f"{path.name}.new")
        _remove(building)
        db = cls(building, key, may_make=True)
        try:
            with translated():
                db._keep_readers_apart()
                with db._writes.begin() as connection:
                    migrate.upgrade("local", connection)
        finally:
            db.close()  # the last connection moves the write-ahead log into the file
        _fsync(building)
        building.replace(path)
        _fsync(path.parent)
        return cls(path, key)

    def _keep_readers_apart(self) -> None:
        # A copy (a restored backup) arrives without it, and a window that reads would wait for
        # every save. It is kept in the file: asking again costs nothing.
        with self._writes.connect() as connection:
            connection.connection.cursor().execute("PRAGMA journal_mode = WAL")

    @contextmanager
    def begin(self, *, wait_ms: int | None = None, bulk: bool = False) -> Iterator[Session]:
        """A write transaction, the only one at a time: commits on exit, rolls back on error.
        `wait_ms`: how long it waits for another writer, if not as long as usual. `bulk`: one of
        many that bring thousands of rows, and can be brought again; until `after_bulk` it may take
        more memory, and a power cut may take it back. When the disk is full the room that is kept
        for typing is not for it."""
        engine = self._bulk if bulk else self._writes
        self._on_its_way = self._on_its_way or bulk
        if wait_ms is not None:
            engine = engine.execution_options(medrec_wait_ms=wait_ms)
        # Takes the write lock now, not at the first change.
        try:
            with self._gate.inside(), translated(), engine.begin() as session:
                yield session
        except DiskFull:
            if not bulk:
                ballast.give_way(self.path.parent)
            raise

    def after_bulk(self) -> None:
        """Wait until such transactions are on the disk, and give the memory back they took."""
        with self._gate.inside(), translated():
            self._bulk.dispose()
            if self._on_its_way:
                # The log is one file: what is waited for takes all before it along.
                with self._writes.begin() as connection:
                    cursor = connection.connection.cursor()
                    (version,) = cursor.execute("PRAGMA user_version").fetchone()
                    cursor.execute(f"PRAGMA user_version = {version:d}")
                self._on_its_way = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One unchanging view of the database for as long as it is open; cannot write."""
        with self._gate.inside(), translated(writes=False), self._reads.connect() as session:
            yield session

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy under the same key while others read and write. The copy has
        its name only once it is whole."""
        building = path.with_name(f"{path.name}.part")
        _remove(building)
        try:
            with translated():
                self._copy(building)
            _fsync(building)
            building.replace(path)
            _fsync(path.parent)
        except (OSError, dbapi2.OperationalError) as error:  # the latter from copying, see there
            raise Unavailable(
                "The copy of the clinic's database could not be written. The clinic itself is "
                "unchanged. Check the disk, then try again."
            ) from error
        except dbapi2.DatabaseError as error:
            raise Corrupt(_UNREADABLE) from error
        finally:
            _remove(building)

    def _copy(self, path: Path) -> None:
        target = _connect(path, self.key, self._busy_ms, may_make=True)
        try:
            with self._writes.connect() as source:
                driver: Any = source.connection.driver_connection
                _copy_pages(driver, target)
        finally:
            target.close()

    def check(self) -> list[str]:
        """What is wrong inside the file, in plain sentences; reads all of it."""
        with self.read() as session:
            damaged = session.execute(sa.text("PRAGMA cipher_integrity_check")).all()
            broken = session.execute(sa.text("PRAGMA integrity_check")).scalars().all()
            loose = session.execute(sa.text("PRAGMA foreign_key_check")).all()
        problems = []
        if damaged:
            problems.append(f"{len(damaged)} pages of the database are damaged.")
        if list(broken) != ["ok"]:
            problems.append(f"The structure of the database is damaged in {len(broken)} places.")
        for table in sorted({row[0] for row in loose}):
            count = sum(row[0] == table for row in loose)
            problems.append(f"{count} rows of {table} belong to something that is not there.")
        return problems

    def rekey(self, key: bytes) -> None:
        """The same file under another key. Whoever reads or writes is waited for, and then waits
        meanwhile. `Unavailable` when that takes long, or another program has the file open: then
        nothing was changed. Cut short, the file is what it was."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a database key has {KEY_BYTES} bytes")
        with self._gate.alone(_REKEY_WAIT_S), translated():
            self._writes.dispose()
            self._bulk.dispose()
            connection = _connect(self.path, self.key, self._busy_ms, may_make=False)
            try:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
                # With a rollback journal, rewriting all pages is one transaction of one file.
                (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
                if mode != "delete":
                    raise Unavailable(_SENTENCES[Unavailable][dbapi2.SQLITE_BUSY, 6])
                connection.execute(f"PRAGMA rekey = \"x'{key.hex()}'\"")
            finally:
                connection.close()
            # Rewriting tells of no failure: whether it is done shows only now.
            with closing(_connect(self.path, key, self._busy_ms, may_make=False)) as proof:
                proof.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self.key = key
            self._keep_readers_apart()

    def close(self) -> None:
        """Let go of the file; sessions still open keep their connection until they end."""
        self._bulk.dispose()
        self._writes.dispose()


@contextmanager
def translated(*, writes: bool = True) -> Iterator[None]:
    """Turn the library's errors into ours; a broken constraint stays as it is, for it is a bug."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        ours = _ours(error.orig, writes=writes)
        if ours is None:
            raise
        raise ours from error
    except dbapi2.Error as error:
        ours = _ours(error, writes=writes)
        if ours is None:
            raise
        raise ours from error


def _ours(error: BaseException | None, *, writes: bool) -> MedrecError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == _READONLY and not writes:
        return None  # a query wrote in `read`: a bug
    for kind, sentences in _SENTENCES.items():
        for codes, sentence in sentences.items():
            if code in codes:
                return kind(sentence)
    if isinstance(error, dbapi2.IntegrityError) and str(error) == FINALIZED:
        return Conflict(FINALIZED_SENTENCE)
    return None


def _engine(connect: Callable[[], Any], busy_ms: int) -> sa.Engine:
    engine = sa.create_engine(
        "sqlite://",
        module=dbapi2,
        creator=connect,
        poolclass=sa.pool.QueuePool,
        pool_size=4,
        # The one used last has the pages in memory that are asked for next.
        pool_use_lifo=True,
        max_overflow=12,
        execution_options={"schema_translate_map": LOCAL_SCHEMAS, "medrec_writes": True},
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        options = connection.get_execution_options()
        writes = options.get("medrec_writes", True)
        wait = options.get("medrec_wait_ms", busy_ms)
        cursor = connection.connection.cursor()
        # It still knows what it was told last.
        if connection.info.get("medrec_told") != (writes, wait):
            cursor.execute(f"PRAGMA busy_timeout = {wait:d}")
            cursor.execute(f"PRAGMA query_only = {'OFF' if writes else 'ON'}")
            connection.info["medrec_told"] = (writes, wait)
        # IMMEDIATE: a deferred transaction that writes after reading may fail half-way, however
        # long it is willing to wait.
        cursor.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _connect(path: Path, key: bytes, busy_ms: int, *, may_make: bool, bulk: bool = False) -> Any:
    # A disk that went away must not become an empty clinic.
    mode = "rwc" if may_make else "rw"
    connection = dbapi2.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,  # transactions begin where we say so
        check_same_thread=False,  # the pool hands a connection to one thread at a time
        timeout=busy_ms / 1000,
        cached_statements=512,
    )
    try:
        # SQLCipher would print each failure to standard error; we raise it.
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        for pragma in (*_PRAGMAS, *(_BULK if bulk else _USUAL)):
            connection.execute(pragma)
    except dbapi2.Error:
        connection.close()
        raise
    return connection


def connected(path: Path, key: bytes) -> Any:
    """A connection past the pool, for what needs the file alone."""
    return _connect(path, key, 5000, may_make=False)


def _copy_pages(source: Any, target: Any) -> None:
    # Its errors bring no code with them, only their type: OperationalError is about the disk.
    source.backup(target)
    # A page whose checksum does not fit arrives as zeros, without a word.
    if target.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise Corrupt(_UNREADABLE)
    # A copy is one file: without this it would ask for a write-ahead log beside it.
    target.execute("PRAGMA journal_mode = DELETE")


def _cut_off(path: Path) -> bool:
    """Whether the last page is not whole: SQLite takes it for one, and may not read it for months.
    With a write-ahead log beside it that is a checkpoint that a crash stopped, and is repaired."""
    log = path.with_name(f"{path.name}-wal")
    waiting = log.exists() and log.stat().st_size > 0
    return path.stat().st_size % _PAGE != 0 and not waiting


def _remove(path: Path) -> None:
    """Remove a database that is not whole, with what SQLite lays beside it."""
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    """Force a file, or the name of one in its folder, onto the disk."""
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) if path.is_dir() else os.O_RDWR
    with suppress(PermissionError):  # Windows cannot open folders, and keeps names by itself
        handle = os.open(path, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
