"""Signing in, unlocking, and giving a clinic another key; with key stretching as it is in use."""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from medrec_desktop.domain.changes import Changes
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import found_clinic, open_signed_in
from medrec_desktop.services.sign_in import SignedIn, known_users, sign_in
from tests.factories import NOON, FakeClock
from tests.fakes.keyrings import MemoryKeyring

PASSWORD, PIN = "four plain words here", "2580"
RUNS = 7


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    return [*_with(MemoryKeyring(), "with a keyring"), *_with(None, "without one")]


def _with(keyring: MemoryKeyring | None, words: str) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "clinic")
        found_clinic(
            folder,
            clinic_name="Hill",
            doctor_name="Dr. Ada",
            password=PASSWORD,
            keyring=keyring,
            now=NOON,
        )
        [user] = known_users(folder)

        def signed_in() -> SignedIn:
            return sign_in(folder, user.id, PASSWORD, now=NOON, keyring=keyring)

        def opened() -> None:
            signed = signed_in()
            with closing(open_signed_in(folder, signed, now=NOON)) as db:
                open_context(db, changes=Changes(), clock=FakeClock(), signed=signed)

        rows = [(f"sign in and open, {words}", _median(opened), "< 700 ms")]
        signed = signed_in()
        with closing(open_signed_in(folder, signed, now=NOON)) as db:
            context = open_context(db, changes=Changes(), clock=FakeClock(), signed=signed)
            accounts = Accounts(context, keyring=keyring)
            accounts.set_pin(PIN)
            unlock = f"unlock by password, {words}"
            rows.append((unlock, _median(lambda: accounts.unlock(PASSWORD)), ""))
            if keyring is not None:
                rows.append(("unlock by PIN", _median(lambda: accounts.unlock(PIN)), "< 300 ms"))
                rows.append(("another key, empty clinic", _median(accounts.rotate_key), ""))
    return rows


def _median(act: Callable[[], object]) -> str:
    """How long it took, and how much of it on all processors together: stretching waits for
    nobody but them, and on a busy machine the first says more of the others."""
    times, work = [], []
    for _ in range(RUNS):
        start, busy = time.perf_counter(), time.process_time()
        act()
        times.append(time.perf_counter() - start)
        work.append(time.process_time() - busy)
    return f"{statistics.median(times) * 1e3:.0f} ms ({statistics.median(work) * 1e3:.0f} ms CPU)"
