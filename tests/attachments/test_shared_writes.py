"""One transaction for several lanes: each gets its own outcome, and returns when it is stored."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.shared_writes import SharedWrites
from medrec_desktop.data.clinic import read_computer_settings, write_computer_settings
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Conflict
from tests.factories import KEY, a_clinic


@pytest.fixture
def db(tmp_path: Path) -> Iterator[LocalDb]:
    context = a_clinic(tmp_path)
    yield context.db
    context.db.close()


def number(name: str, value: int) -> object:
    def change(session: Session) -> None:
        write_computer_settings(session, {name: value})

    return change


def stored(db: LocalDb) -> dict[str, object]:
    """As another program that opens the file sees it."""
    other = LocalDb.open(db.path, KEY)
    try:
        with other.read() as session:
            return {k: v for k, v in read_computer_settings(session).items() if k[:1] == "n"}
    finally:
        other.close()


class Gathered:
    """Holds the first commit until so many changes wait behind it."""

    def __init__(self, writes: SharedWrites, behind: int) -> None:
        self.writes, self.behind = writes, behind
        self.commits = 0
        self.first = threading.Event()
        self.go = threading.Event()
        real = writes._commit

        def commit(together: list[object]) -> None:
            self.commits += 1
            if not self.first.is_set():
                self.first.set()
                assert self.go.wait(30)
            real(together)  # type: ignore[arg-type]  # handed on

        writes._commit = commit  # type: ignore[method-assign,assignment]  # watched, not replaced

    def run(self, changes: list[object]) -> list[BaseException | None]:
        """The first change begins its commit, the others wait; how each ended."""
        ended: list[BaseException | None] = [None] * len(changes)

        def lane(at: int) -> None:
            try:
                self.writes.write(changes[at])  # type: ignore[arg-type]  # one of ours
            except BaseException as error:  # noqa: BLE001 - looked at by the test
                ended[at] = error

        lanes = [threading.Thread(target=lane, args=(at,)) for at in range(len(changes))]
        lanes[0].start()
        assert self.first.wait(30)
        for one in lanes[1:]:
            one.start()
        while True:
            with self.writes._lock:
                if len(self.writes._waiting) == len(changes) - 1:
                    break
        self.go.set()
        for one in lanes:
            one.join(30)
        return ended


def test_what_gathers_during_a_commit_goes_together_in_the_next(db: LocalDb) -> None:
    gathered = Gathered(SharedWrites(db), 5)
    assert gathered.run([number(f"n{at}", at) for at in range(6)]) == [None] * 6
    assert gathered.commits == 2
    assert stored(db) == {f"n{at}": at for at in range(6)}


def test_one_bad_change_costs_the_others_nothing_and_is_told_to_its_own_lane(db: LocalDb) -> None:
    def bad(session: Session) -> None:
        write_computer_settings(session, {"n3": -1})
        raise Conflict("no")

    changes = [number("n0", 0), number("n1", 1), bad, number("n4", 4)]
    ended = Gathered(SharedWrites(db), 3).run(changes)
    assert [type(one) for one in ended] == [type(None), type(None), Conflict, type(None)]
    assert stored(db) == {"n0": 0, "n1": 1, "n4": 4}


def test_it_returns_when_it_is_stored_and_no_sooner(db: LocalDb) -> None:
    writes = SharedWrites(db)
    for at in range(5):
        writes.write(number("n", at))  # type: ignore[arg-type]  # one of ours
        assert stored(db) == {"n": at}


def test_a_failure_of_the_database_is_told_to_every_lane(
    db: LocalDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = SharedWrites(db)

    def broken(session: Session) -> None:
        session.execute(sa.text("insert into no_such_table values (1)"))

    for _ in range(3):
        with pytest.raises(sa.exc.SQLAlchemyError):
            writes.write(broken)
    writes.write(number("n", 1))  # type: ignore[arg-type]  # one of ours
    assert stored(db) == {"n": 1}
