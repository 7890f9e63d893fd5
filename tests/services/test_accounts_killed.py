"""kill -9 at every step of writing the accounts and of changing the clinic's key: some password
always opens the clinic, and what the old or the new password was is never in between."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.domain.changes import Changes
from medrec_desktop.security import accounts_file as store
from medrec_desktop.services.access import follow_users
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import found_clinic, open_signed_in
from medrec_desktop.services.sign_in import WrongPassword, known_users, open_by_code, sign_in
from tests.conftest import REPOSITORY
from tests.factories import NOON, FakeClock

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
    pytest.mark.usefixtures("cheap_guesses"),
    pytest.mark.timeout(300),
]

OLD, NEW = "four plain words here", "quite another sentence"

# Whatever the program does to a file of the folder is a step; it ends itself before one of them.
CHILD = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from medrec_desktop.domain.changes import Changes
    from medrec_desktop.security import wrapping
    from medrec_desktop.services import sign_in as signing
    from medrec_desktop.services.accounts import Accounts
    from medrec_desktop.services.context import open_context
    from medrec_desktop.services.first_run import open_signed_in
    from tests.factories import NOON, FakeClock

    wrapping._MEMORY_KIB, wrapping._LANES = 64, 1
    folder, what, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    old, new = sys.argv[4:6]
    steps = -1

    def step():
        global steps
        if steps >= 0:
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)

    def heard(event, args):
        if event in {"open", "os.rename", "os.remove"} and str(folder) in str(args[0]):
            step()

    sys.addaudithook(heard)
    fsync, close = os.fsync, os.close
    os.fsync = lambda handle: (step(), fsync(handle))
    os.close = lambda handle: (step(), close(handle))

    [user] = signing.known_users(folder)
    if what == "password":
        steps = 0
        signing.choose_password(folder, user.id, old, new, now=NOON)
    else:
        signed = signing.sign_in(folder, user.id, old, now=NOON)
        db = open_signed_in(folder, signed, now=NOON)
        accounts = Accounts(open_context(db, changes=Changes(), clock=FakeClock(), signed=signed))
        steps = 0
        accounts.rotate_key(lambda said: print(said, flush=True))
        db.close()
    print("done", steps, flush=True)
    """
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clinic"
    found_clinic(made, clinic_name="Hill", doctor_name="Dr. Ada", password=OLD, now=NOON)
    return made


def child(folder: Path, what: str, last: int, old: str = OLD, new: str = NEW) -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), what, str(last), old, new]


def finished(folder: Path, what: str, last: int, old: str = OLD, new: str = NEW) -> bool:
    """Whether the program came to its end before that step."""
    run = subprocess.run(
        child(folder, what, last, old, new),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode in {0, -signal.SIGKILL}, run.stderr
    return run.returncode == 0


def test_killed_at_any_step_of_a_password_change_the_old_or_the_new_one_opens(
    folder: Path,
) -> None:
    [user] = known_users(folder)
    old, new, killed = OLD, NEW, 0
    for last in range(1, 60):
        ended = finished(folder, "password", last, old, new)
        killed += not ended
        assert store.read(folder).accounts  # whole, whatever happened
        try:
            sign_in(folder, user.id, new, now=NOON + timedelta(hours=last))
        except WrongPassword:
            assert not ended
            sign_in(folder, user.id, old, now=NOON + timedelta(hours=last))
        else:
            old, new = new, old
        if ended:
            break
    else:
        pytest.fail("never came to its end")
    assert killed >= 8
    assert sorted(path.name for path in folder.glob("accounts.*")) == [
        "accounts.json",
        "accounts.lock",
    ]


def opened(folder: Path, hours: int) -> bytes:
    """Signs in, opens, reads, writes; answers the key."""
    now = NOON + timedelta(hours=hours)
    [user] = known_users(folder)
    signed = sign_in(folder, user.id, OLD, now=now)
    assert not store.read(folder).changing()
    with closing(open_signed_in(folder, signed, now=now)) as db:
        assert db.check() == []
        Accounts(open_context(db, changes=Changes(), clock=FakeClock(now), signed=signed)).set_pin(
            "2580"
        )
        follow_users(db)
    return signed.key


def test_killed_at_any_step_of_a_key_change_the_password_opens_the_clinic(folder: Path) -> None:
    keys, killed = {opened(folder, 0)}, 0
    for last in range(1, 120):
        ended = finished(folder, "key", last)
        killed += not ended
        keys.add(opened(folder, last))
        if ended:
            break
    else:
        pytest.fail("never came to its end")
    assert killed >= 12
    assert len(keys) >= 3  # cut short before the database was rewritten, and after it


def test_killed_while_the_database_is_rewritten_nothing_is_lost(folder: Path) -> None:
    [user] = known_users(folder)
    signed = sign_in(folder, user.id, OLD, now=NOON)
    rng = random.Random(2026)
    with closing(open_signed_in(folder, signed, now=NOON)) as db, db.begin() as session:
        session.execute(sa.text("CREATE TABLE ballast (n INTEGER PRIMARY KEY, b BLOB)"))
        for _ in range(60):
            session.execute(
                sa.text("INSERT INTO ballast (b) VALUES (:b)"), {"b": rng.randbytes(500_000)}
            )
    midway = 0
    for hour in range(1, 9):
        with subprocess.Popen(
            child(folder, "key", -1), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        ) as program:
            assert program.stdout is not None
            assert program.stdout.readline().startswith("Locking")
            assert program.stdout.readline().startswith("Encrypting")
            journal = folder / "medrec.db-journal"
            deadline = time.monotonic() + 20
            while _size(journal) < 200_000 * hour and program.poll() is None:
                assert time.monotonic() < deadline
            program.kill()
        midway += _size(journal) > 0
        opened(folder, hour)
        with (
            closing(
                open_signed_in(
                    folder,
                    sign_in(folder, user.id, OLD, now=NOON),
                    now=NOON + timedelta(hours=hour),
                )
            ) as db,
            db.read() as session,
        ):
            counted = session.execute(sa.text("SELECT count(*), sum(length(b)) FROM ballast")).one()
        assert tuple(counted) == (60, 30_000_000)
    assert midway >= 2, "no kill came in the middle"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_after_a_key_change_that_was_cut_short_the_recovery_code_opens_too(tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    code = found_clinic(folder, clinic_name="Hill", doctor_name="Dr. Ada", password=OLD, now=NOON)
    before = open_by_code(folder, code, now=NOON)
    accounts = store.read(folder)
    with store.held(folder):
        store.write(folder, accounts.with_next(bytes(range(32))))
    assert open_by_code(folder, code, now=NOON) == before
    assert not store.read(folder).changing()
