"""The file of accounts: what is read is what was written; whatever else stands there is a sentence."""

import copy
import json
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.errors import Corrupt, Denied
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import Account, Accounts, Recovery
from medrec_desktop.security.user_locks import Lock, seal
from tests.conftest import REPOSITORY

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def a_lock() -> Lock:
    kdf = {"name": "argon2id", "memory_kib": 65536, "time": 3, "lanes": 4}
    public = bytes.fromhex("09" + "00" * 31)
    return Lock(kdf, b"s" * 16, b"p" * 60, public, seal(b"k" * 32, public, b""), b"m" * 32)


def the_accounts() -> Accounts:
    user = UUID(int=7)
    return Accounts(
        clinic=UUID(int=1),
        device=UUID(int=2),
        place=UUID(int=3),
        seen_at=NOW,
        accounts=(
            Account(user, "Dr. Ada <b>", a_lock(), failures=3, failed_at=NOW),
            Account(uuid4(), "Inês", a_lock(), must_change=True),
        ),
        recovery=Recovery(a_lock(), NOW, confirmed=True),
    ).with_failed(user, NOW)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    accounts = the_accounts()
    store.write(tmp_path, accounts)
    assert store.read(tmp_path) == accounts
    assert [path.name for path in tmp_path.iterdir()] == [store.FILE]


def test_what_a_killed_program_left_goes_with_the_next_write(tmp_path: Path) -> None:
    (tmp_path / f"{store.FILE}.0a1b2c3d").write_text("half", "utf-8")
    store.write(tmp_path, the_accounts())
    assert [path.name for path in tmp_path.iterdir()] == [store.FILE]


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 32), (6, 64), (11, 2048), (12, 3600), (10**9, 3600)],
)
def test_waiting_doubles_up_to_an_hour(failures: int, seconds: int) -> None:
    account = Account(uuid4(), "A", a_lock(), failures=failures, failed_at=NOW)
    assert account.wait(NOW) == timedelta(seconds=seconds)
    assert account.wait(NOW + timedelta(seconds=seconds)) == timedelta()
    assert account.wait(NOW - timedelta(days=365)) == timedelta(seconds=seconds)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()  # fmt: skip
    for name, inner in items:
        found += _places(inner, (*at, name))
    return found


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("accounts")
    store.write(folder, the_accounts())
    found: dict[str, Any] = json.loads((folder / store.FILE).read_text("utf-8"))
    return found


@given(data=st.data())
def test_any_other_content_is_a_sentence(stored: dict[str, Any], data: st.DataObject) -> None:
    changed: Any = copy.deepcopy(stored)
    *way, last = data.draw(st.sampled_from(_places(stored)))
    holder = changed
    for step in way:
        holder = holder[step]
    if data.draw(st.booleans()):
        del holder[last]
    else:
        holder[last] = data.draw(_JSON)
    try:
        accounts = store.parsed(json.dumps(changed))
    except (Corrupt, Denied):
        return
    # What was let through can be used: waits are reckoned, and the file is written again.
    for one in accounts.accounts:
        one.wait(NOW)
    assert store.parsed(json.dumps(store._stored(accounts))) == accounts


@given(text=st.text(max_size=200))
def test_any_text_is_a_sentence(text: str) -> None:
    with pytest.raises((Corrupt, Denied)):
        store.parsed(text)


def test_two_programs_do_not_write_at_a_time(tmp_path: Path) -> None:
    store.write(tmp_path, the_accounts())
    program = textwrap.dedent(
        """
        import sys
        from dataclasses import replace
        from pathlib import Path
        from uuid import uuid4
        from medrec_desktop.security import accounts_file as store
        folder = Path(sys.argv[1])
        for _ in range(40):
            with store.held(folder):
                accounts = store.read(folder)
                store.write(folder, accounts.with_failed(uuid4(), accounts.seen_at))
        """
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=REPOSITORY)
        for _ in range(3)
    ]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert len(store.read(tmp_path).failed) == 1 + 3 * 40
