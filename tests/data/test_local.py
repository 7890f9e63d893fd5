import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data import schema
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Conflict, Corrupt, NotFound, Unavailable
from tests.data import rows
from tests.data.conftest import KEY

REPOSITORY = Path(__file__).resolve().parents[2]


def settings(db: LocalDb) -> dict[str, object]:
    with db.read() as session:
        found = session.execute(sa.select(schema.local_settings)).all()
    return {row.name: row.value for row in found}


def put(db: LocalDb, name: str, value: object = 1) -> None:
    with db.begin() as session:
        session.execute(sa.insert(schema.local_settings).values(name=name, value=value))


# --- transactions ------------------------------------------------------------------------------


def test_what_was_committed_is_there_after_a_restart(local: LocalDb) -> None:
    put(local, "theme", "dark")
    local.close()
    again = LocalDb.open(local.path, KEY)
    assert settings(again) == {"theme": "dark"}
    again.close()


def test_an_error_takes_everything_back(local: LocalDb) -> None:
    with pytest.raises(ZeroDivisionError), local.begin() as session:  # noqa: PT012  # one act
        session.execute(sa.insert(schema.local_settings).values(name="theme", value=1))
        raise ZeroDivisionError
    assert settings(local) == {}


def test_a_reader_sees_one_moment(local: LocalDb) -> None:
    put(local, "one")
    count = sa.select(sa.func.count()).select_from(schema.local_settings)
    with local.read() as session:
        assert session.scalar(count) == 1
        put(local, "two")
        assert session.scalar(count) == 1
    assert len(settings(local)) == 2


def test_a_reader_cannot_write(local: LocalDb) -> None:
    with pytest.raises(sa.exc.OperationalError, match="readonly"), local.read() as session:
        session.execute(sa.insert(schema.local_settings).values(name="theme", value=1))
    put(local, "the same connection writes again")


def test_a_second_writer_waits_for_the_first(local: LocalDb) -> None:
    def change() -> None:
        put(local, "two")

    with local.begin() as session:
        session.execute(sa.insert(schema.local_settings).values(name="one", value=1))
        other = threading.Thread(target=change)
        other.start()
        other.join(0.1)
        assert other.is_alive()
    other.join()
    assert len(settings(local)) == 2


def test_a_write_transaction_is_one_from_its_first_moment(local: LocalDb) -> None:
    impatient = LocalDb(local.path, KEY, busy_ms=10)
    with local.begin(), pytest.raises(Unavailable), impatient.begin():
        pytest.fail("two writers at once")
    impatient.close()


def test_a_copy_that_is_opened_lets_its_readers_read_while_it_is_written(
    local: LocalDb, tmp_path: Path
) -> None:
    local.copy_to(tmp_path / "copy.db")
    with closing(LocalDb.open(tmp_path / "copy.db", KEY)) as copy, copy.read() as session:
        assert session.scalar(sa.text("PRAGMA journal_mode")) == "wal"


def test_each_commit_reaches_the_disk(local: LocalDb) -> None:
    with local.begin() as session:
        found = {
            name: session.scalar(sa.text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }


def test_times_come_back_as_utc_and_naive_ones_are_refused(local: LocalDb) -> None:
    noon_in_lagos = datetime(2026, 3, 12, 12, tzinfo=timezone(timedelta(hours=1)))
    with local.begin() as session:
        record = rows.a_record(session, finalize_accepted_at=noon_in_lagos)
        column = schema.medical_records.c.finalize_accepted_at
        found = session.scalar(sa.select(column).where(schema.medical_records.c.id == record))
    assert found == datetime(2026, 3, 12, 11, tzinfo=UTC)
    with pytest.raises(sa.exc.StatementError, match="naive"), local.begin() as session:
        rows.update(session, schema.medical_records, record, visit_date=datetime(2026, 3, 12))  # noqa: DTZ001


def test_a_broken_constraint_is_a_bug_and_stays_loud(local: LocalDb) -> None:
    with pytest.raises(sa.exc.IntegrityError), local.begin() as session:
        rows.a_diagnosis(session, 999)


# --- the file ----------------------------------------------------------------------------------


def test_the_file_and_its_log_hold_no_plain_text(local: LocalDb) -> None:
    with local.begin() as session:
        rows.a_record(session)
        session.execute(
            sa.text("INSERT INTO patient_search (rowid, name) VALUES (1, :name)"),
            {"name": rows.FAMILY},
        )
    written = {path.name: path.read_bytes() for path in local.path.parent.iterdir()}
    assert {"medrec.db", "medrec.db-wal"} <= set(written)
    assert len(written["medrec.db-wal"]) > 4096
    local.close()
    written["closed"] = local.path.read_bytes()
    for name, content in written.items():
        for word in (rows.FAMILY, rows.FAMILY.lower(), "Cough", "SQLite format", "CREATE TABLE"):
            assert word.encode() not in content, name


def test_a_wrong_key_is_corrupt_and_changes_nothing(local: LocalDb) -> None:
    local.close()
    before = local.path.read_bytes()
    with pytest.raises(Corrupt):
        LocalDb.open(local.path, bytes(32))
    assert local.path.read_bytes() == before


def test_a_key_of_another_length_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LocalDb.create(tmp_path / "medrec.db", b"short")


@pytest.mark.parametrize("left", [0, 1, 16, 4096, 5000, -4096, -1])
def test_a_truncated_file_is_corrupt(local: LocalDb, left: int) -> None:
    local.close()
    content = local.path.read_bytes()
    local.path.write_bytes(content[:left])
    with pytest.raises(Corrupt):
        LocalDb.open(local.path, KEY)


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(8192), b"%PDF-1.7\n" * 2000])
def test_something_else_is_corrupt(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "medrec.db"
    path.write_bytes(content)
    with pytest.raises(Corrupt):
        LocalDb.open(path, KEY)
    assert path.read_bytes() == content


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        LocalDb.open(tmp_path / "medrec.db", KEY)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_went_away_does_not_become_an_empty_clinic(local: LocalDb) -> None:
    put(local, "theme")
    local.close()
    local.path.unlink()
    with pytest.raises(Unavailable):
        settings(local)
    with pytest.raises(Unavailable):
        put(local, "theme")
    assert list(local.path.parent.iterdir()) == []


def test_a_changed_byte_is_found(local: LocalDb) -> None:
    with local.begin() as session:
        for _ in range(20):
            rows.a_record(session)
    assert local.check() == []
    local.close()
    content = bytearray(local.path.read_bytes())
    content[-2000] ^= 1
    local.path.write_bytes(content)
    damaged = LocalDb(local.path, KEY)
    try:
        problems = damaged.check()
    except Corrupt:
        problems = ["the whole file"]
    assert problems
    damaged.close()


def test_loose_rows_are_named_in_plain_words(local: LocalDb) -> None:
    with local._writes.connect() as connection:
        connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            connection.execute(
                sa.insert(schema.upload_queue).values(attachment_id=7, queued_at=rows.THEN)
            )
        connection.invalidate()
    assert local.check() == ["1 rows of upload_queue belong to something that is not there."]


def test_create_does_not_overwrite(local: LocalDb) -> None:
    with pytest.raises(Conflict):
        LocalDb.create(local.path, KEY)


def test_a_creation_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "medrec.db.new").write_bytes(b"half")
    LocalDb.create(tmp_path / "medrec.db", KEY).close()
    assert [p.name for p in tmp_path.iterdir()] == ["medrec.db"]


def test_the_key_is_not_printed(local: LocalDb) -> None:
    assert KEY.hex() not in repr(local)
    assert str(KEY) not in repr(local)


# --- copies ------------------------------------------------------------------------------------


def test_a_copy_holds_what_was_committed_under_the_same_key(local: LocalDb, tmp_path: Path) -> None:
    put(local, "one")
    with local.begin() as session:
        session.execute(sa.insert(schema.local_settings).values(name="two", value=1))
        local.copy_to(tmp_path / "copy.db")  # while a writer is at work
    copy = LocalDb.open(tmp_path / "copy.db", KEY)
    assert list(settings(copy)) == ["one"]
    assert copy.check() == []
    copy.close()
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.db"]
    assert b"SQLite format" not in (tmp_path / "copy.db").read_bytes()


def test_a_copy_that_cannot_be_written_says_so_and_leaves_nothing(
    local: LocalDb, tmp_path: Path
) -> None:
    with pytest.raises(Unavailable):
        local.copy_to(tmp_path / "no folder" / "copy.db")
    assert not list(tmp_path.glob("*copy*"))


def test_a_damaged_file_is_not_copied(local: LocalDb, tmp_path: Path) -> None:
    local.close()
    content = bytearray(local.path.read_bytes())
    content[-2000] ^= 1
    local.path.write_bytes(content)
    damaged = LocalDb(local.path, KEY)
    with pytest.raises(Corrupt):
        damaged.copy_to(tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy*"))
    damaged.close()


# --- another process, a full disk, a sudden end ------------------------------------------------


@contextmanager
def child(path: Path, code: str) -> Iterator[subprocess.Popen[str]]:
    """A process with the database open as `db`; it has printed one line when this begins."""
    program = (
        "import sys\nfrom pathlib import Path\nimport sqlalchemy as sa\n"
        "from medrec_desktop.data import schema\nfrom medrec_desktop.data.local import LocalDb\n"
        f"db = LocalDb.open(Path(sys.argv[1]), bytes.fromhex({KEY.hex()!r}))\n{code}"
    )
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_database_that_another_process_writes_is_unavailable_and_can_be_read(
    local: LocalDb,
) -> None:
    impatient = LocalDb(local.path, KEY, busy_ms=50)
    with child(
        local.path, "with db.begin():\n    print('held')\n    sys.stdin.readline()"
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match="Another program"), impatient.begin():
            pytest.fail("two writers at once")
        assert settings(impatient) == {}
    put(impatient, "free again")
    impatient.close()


def test_a_database_that_another_process_keeps_to_itself_is_unavailable(local: LocalDb) -> None:
    local.close()
    code = (
        "c = db._writes.raw_connection().driver_connection\n"
        "c.execute('PRAGMA query_only = OFF')\n"
        "c.execute('PRAGMA locking_mode = EXCLUSIVE')\n"
        "c.execute('BEGIN EXCLUSIVE')\nprint('held')\nsys.stdin.readline()"
    )
    with child(local.path, code) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match="Another program"):
            LocalDb.open(local.path, KEY, busy_ms=50)


def test_a_full_disk_takes_the_transaction_back_and_goes_on_when_there_is_room(
    local: LocalDb,
) -> None:
    put(local, "before")

    def limit(pages: int) -> None:
        # Of this connection; the pool hands out the one that was used last.
        with local._writes.connect() as connection:
            connection.connection.cursor().execute(f"PRAGMA max_page_count = {pages}")

    limit(1)
    with pytest.raises(Unavailable, match="disk is full"):
        put(local, "too much", "x" * 1_000_000)
    assert list(settings(local)) == ["before"]
    limit(1_000_000)
    put(local, "after", "x" * 1_000_000)
    assert local.check() == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_system_that_lets_no_file_grow_is_said_and_writing_goes_on_afterwards(
    local: LocalDb,
) -> None:
    put(local, "before")
    local.close()
    # A quota, as far as the database can tell: the write itself is refused.
    code = (
        "import resource, signal\n"
        "from medrec_desktop.domain.errors import Unavailable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size, hard))\n"
        "def put(name, value):\n"
        "    with db.begin() as session:\n"
        "        session.execute(\n"
        "            sa.insert(schema.local_settings).values(name=name, value=value))\n"
        "try:\n"
        "    put('too much', 'x' * 3_000_000)\n"
        "    print('written')\n"
        "except Unavailable as error:\n"
        "    print(error)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "put('after', 'y' * 100_000)\n"
        "print(db.check())\n"
    )
    with child(local.path, code) as limited:
        assert limited.stdout
        said = limited.stdout.readline()
        assert "disk" in said
        assert "safe" in said or "Nothing" in said or "not stored" in said
        assert limited.stdout.readline() == "[]\n"
    again = LocalDb.open(local.path, KEY)
    assert list(settings(again)) == ["before", "after"]
    again.close()


@pytest.mark.parametrize("after", [1, 7, 23, 60, 140])
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_kill_9_in_the_middle_of_writing_loses_nothing_that_was_committed(
    local: LocalDb, after: int
) -> None:
    local.close()
    code = (
        "for n in range(100_000):\n"
        "    with db.begin() as session:\n"
        "        for part in ('a', 'b'):\n"
        "            session.execute(sa.insert(schema.local_settings).values(\n"
        "                name=f'{n} {part}', value='x' * 3000))\n"
        "    print(n)\n"
    )
    with child(local.path, code) as writer:
        assert writer.stdout
        said = [int(writer.stdout.readline()) for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        said += [int(line) for line in writer.stdout]  # said before it died
        assert writer.wait() == -signal.SIGKILL
    again = LocalDb.open(local.path, KEY)
    assert again.check() == []
    kept = {part: {int(n.split()[0]) for n in settings(again) if n.endswith(part)} for part in "ab"}
    assert set(said) <= kept["a"]
    assert kept["a"] == kept["b"]  # a transaction is there as a whole or not at all
    put(again, "goes on")
    again.close()


def test_opening_a_clinic_at_head_does_not_load_alembic(local: LocalDb) -> None:
    code = "import json\nprint(json.dumps([m for m in sys.modules if m.startswith('alembic')]))"
    with child(local.path, code) as other:
        assert other.stdout
        assert json.loads(other.stdout.readline()) == []


def test_new_uids_are_distinct_and_in_order_of_time() -> None:
    made = [new_uid() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
    assert {uid.version for uid in made} == {7}


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="mounting asks for root")
def test_a_really_full_disk_says_so(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    with ExitStack() as ending:
        ending.callback(subprocess.run, ["umount", str(disk)], check=True)
        db = LocalDb.create(disk / "medrec.db", KEY)
        ending.callback(db.close)
        put(db, "before")
        with pytest.raises(Unavailable, match="disk is full"):
            put(db, "too much", "x" * 2_000_000)
        assert list(settings(db)) == ["before"]
        with pytest.raises(Unavailable):
            db.copy_to(disk / "copy.db")


def test_the_memory_that_many_rows_take_is_given_to_them_alone(local: LocalDb) -> None:
    def cache(session: sa.Connection) -> int:
        return int(session.exec_driver_sql("PRAGMA cache_size").scalar_one())

    with local.begin(bulk=True) as session:
        much = cache(session)
    with local.begin() as session, local.read() as reading:
        usual = (cache(session), cache(reading))
    assert usual == (-8000, -8000)
    assert much < -8000
    with local.begin(bulk=True) as session:
        first = session.connection.driver_connection
    local.after_bulk()
    with local.begin(bulk=True) as session:
        assert session.connection.driver_connection is not first


def test_what_came_in_bulk_is_waited_for_at_its_end(local: LocalDb) -> None:
    """Each alone may be taken back by a power cut; the transaction after them brings all to the disk."""
    with local.begin(bulk=True) as bulk:
        assert bulk.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
    with local.begin() as session:
        assert session.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    log = local.path.with_name(f"{local.path.name}-wal")
    put(local, "many rows")
    with local.begin(bulk=True):
        pass
    before = log.read_bytes()
    local.after_bulk()
    after = log.read_bytes()
    local.after_bulk()
    assert (before != after, log.read_bytes() == after) == (True, True)
