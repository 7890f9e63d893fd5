"""One alone or many: nobody reads while the key of a database is changed, and nobody is shut out."""

import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data.gate import Gate
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.rekeying import opens
from medrec_desktop.domain.errors import Unavailable
from tests.data.conftest import KEY

OTHER = bytes(range(1, 33))


def test_whoever_wants_to_be_alone_waits_and_gives_up_in_time() -> None:
    gate, inside, leave = Gate(), threading.Event(), threading.Event()

    def stay() -> None:
        with gate.inside(), gate.inside():
            inside.set()
            leave.wait(20)

    guest = threading.Thread(target=stay)
    guest.start()
    assert inside.wait(20)
    with pytest.raises(Unavailable, match="busy"), gate.alone(0):
        pytest.fail("was let in beside somebody")
    leave.set()
    with gate.alone(20):
        guest.join(20)
    with gate.inside():
        pass


def test_others_wait_while_somebody_is_alone() -> None:
    gate, entered = Gate(), threading.Event()

    def enter() -> None:
        with gate.inside():
            entered.set()

    with gate.alone(20):
        guest = threading.Thread(target=enter)
        guest.start()
        with gate.inside():  # the one who is alone
            assert not entered.is_set()
    assert entered.wait(20)
    guest.join(20)


def test_another_key_and_what_was_written_stays(local: LocalDb) -> None:
    with local.begin() as session:
        session.execute(sa.text("CREATE TABLE words (word TEXT)"))
        session.execute(sa.text("INSERT INTO words VALUES ('kept')"))
    local.rekey(OTHER)
    with local.read() as session:
        assert session.scalar(sa.text("SELECT word FROM words")) == "kept"
    assert (opens(local.path, OTHER), opens(local.path, KEY)) == (True, False)
    assert local.check() == []


def test_while_another_program_has_it_open_the_key_stays(tmp_path: Path) -> None:
    with closing(LocalDb.create(tmp_path / "medrec.db", KEY)) as db:
        with closing(LocalDb.open(db.path, KEY, busy_ms=50)) as other, other.read() as session:
            session.execute(sa.text("SELECT count(*) FROM users"))
            impatient = LocalDb(db.path, KEY, busy_ms=50)
            with closing(impatient), pytest.raises(Unavailable):
                impatient.rekey(OTHER)
            assert impatient.key == KEY
        assert (opens(db.path, KEY), opens(db.path, OTHER)) == (True, False)
        db.rekey(OTHER)
        assert opens(db.path, OTHER)
