"""Signing in to a clinic in a folder: real files, real key stretching, a keyring in memory."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medrec_desktop.data.clinic import list_users
from medrec_desktop.domain.errors import Corrupt, Denied, Invalid, NotFound, Unavailable
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.passwords import code_problem
from medrec_desktop.security.accounts_file import FILE
from medrec_desktop.services.first_run import found_clinic, open_clinic, open_signed_in
from medrec_desktop.services.sign_in import (
    Wait,
    WrongPassword,
    choose_password,
    has_accounts,
    known_users,
    open_by_code,
    recover,
    sign_in,
)
from tests.fakes.keyrings import LockedKeyring, MemoryKeyring

pytestmark = pytest.mark.usefixtures("cheap_guesses")

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PASSWORD = "four plain words here"
OTHER = "quite another sentence"


class Founded:
    """A clinic whose founder signs in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.keyring = folder, MemoryKeyring()
        self.code = found_clinic(
            folder,
            clinic_name="Hill",
            doctor_name="Dr. Ada",
            password=PASSWORD,
            keyring=self.keyring,
            now=NOW,
        )
        [known] = known_users(folder)
        self.user: UserId = known.id

    def sign_in(self, password: str = PASSWORD, after: float = 0) -> bytes:
        """So many seconds after the clinic was made."""
        now = NOW + timedelta(seconds=after)
        signed = sign_in(self.folder, self.user, password, now=now, keyring=self.keyring)
        return signed.key


@pytest.fixture
def founded(tmp_path: Path) -> Founded:
    return Founded(tmp_path / "clinic")


def test_the_founder_signs_in_and_leads_the_clinic(founded: Founded) -> None:
    assert [user.name for user in known_users(founded.folder)] == ["Dr. Ada"]
    signed = sign_in(founded.folder, founded.user, PASSWORD, now=NOW, keyring=founded.keyring)
    assert not signed.must_change
    assert signed.key.hex() not in repr(signed)
    assert repr(signed.key) not in repr(signed)
    with closing(open_signed_in(founded.folder, signed, now=NOW)) as db, db.read() as session:
        [user] = list_users(session)
    assert (user.id, user.role, user.admin) == (founded.user, "doctor", True)


def test_a_clinic_with_accounts_opens_in_no_other_way(founded: Founded) -> None:
    with pytest.raises(Denied, match="sign in"):
        open_clinic(founded.folder, lambda: PASSWORD, keyring=founded.keyring)


def test_nothing_on_the_disk_or_in_the_keyring_opens_the_clinic_alone(founded: Founded) -> None:
    key = founded.sign_in()
    [half] = founded.keyring.kept.values()
    assert len(half) == 44
    for path in founded.folder.iterdir():
        content = path.read_bytes() if path.is_file() else b""
        for secret in (key, key.hex().encode(), half.encode(), PASSWORD.encode()):
            assert secret not in content
    # Disk without keyring, password known: no.
    with pytest.raises(Denied, match="keyring"):
        sign_in(founded.folder, founded.user, PASSWORD, now=NOW, keyring=MemoryKeyring())


def test_the_name_of_every_staff_member_is_all_that_the_file_tells(founded: Founded) -> None:
    stored = json.loads((founded.folder / FILE).read_text("utf-8"))
    assert stored["accounts"][0]["name"] == "Dr. Ada"
    assert (founded.folder / FILE).stat().st_mode & 0o777 == 0o600


def test_five_wrong_passwords_then_waiting_that_a_restart_does_not_end(founded: Founded) -> None:
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(WrongPassword) as wrong:
            founded.sign_in(OTHER)
        assert wrong.value.left == left
    # Everything is read from the file at each try, as after a restart.
    with pytest.raises(Wait) as wait:
        founded.sign_in(after=1)
    assert wait.value.seconds == 31
    with pytest.raises(WrongPassword):
        founded.sign_in(OTHER, after=32)
    with pytest.raises(Wait) as wait:
        founded.sign_in(after=32)
    assert wait.value.seconds == 64
    assert founded.sign_in(after=96)
    with pytest.raises(WrongPassword) as wrong:
        founded.sign_in(OTHER, after=97)
    assert wrong.value.left == 4


def test_a_clock_set_back_begins_the_wait_anew_and_is_told(founded: Founded) -> None:
    for _ in range(5):
        with pytest.raises(WrongPassword):
            founded.sign_in(OTHER, after=7200)
    with pytest.raises(Wait) as wait:
        founded.sign_in(after=0)
    assert wait.value.seconds == 32
    with pytest.raises(Wait) as wait:
        founded.sign_in(after=12)
    assert wait.value.seconds == 20
    founded.sign_in(after=40)
    founded.sign_in(after=7200)
    signed = sign_in(founded.folder, founded.user, PASSWORD, now=NOW, keyring=founded.keyring)
    assert signed.clock_back


def test_a_try_is_counted_before_it_is_made(
    founded: Founded, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medrec_desktop.services import sign_in as module

    class Killed(BaseException):
        """The program ends here."""

    def killed(*_: object) -> bytes:
        raise Killed

    monkeypatch.setattr(module, "open_lock", killed)
    for _ in range(5):
        with pytest.raises(Killed):
            founded.sign_in(OTHER)
    monkeypatch.undo()
    with pytest.raises(Wait):
        founded.sign_in()


def test_a_locked_keyring_is_no_wrong_password(founded: Founded) -> None:
    locked = LockedKeyring()
    for _ in range(6):
        with pytest.raises(Unavailable, match="locked"):
            sign_in(founded.folder, founded.user, PASSWORD, now=NOW, keyring=locked)
    assert founded.sign_in()


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 4096, "not base64 §"])
def test_a_keyring_that_holds_something_else_opens_nothing(founded: Founded, text: str) -> None:
    [place] = founded.keyring.kept
    kept, founded.keyring.kept[place] = founded.keyring.kept[place], text
    with pytest.raises(Denied):
        founded.sign_in()
    founded.keyring.kept[place] = kept
    assert founded.sign_in()


def test_a_keyring_with_little_room_has_room_enough(tmp_path: Path) -> None:
    class Small(MemoryKeyring):
        """Refuses what a real store may refuse."""

        def set_password(self, service: str, username: str, password: str) -> None:
            assert len(password) <= 64
            assert len(service) <= 120
            super().set_password(service, username, password)

    found_clinic(
        tmp_path / "c", clinic_name="H", doctor_name="A", password=PASSWORD, keyring=Small()
    )


def test_without_a_keyring_the_password_stands_alone_and_costs_more(tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    found_clinic(folder, clinic_name="Hill", doctor_name="Ada", password=PASSWORD, now=NOW)
    [user] = known_users(folder)
    assert sign_in(folder, user.id, PASSWORD, now=NOW).key
    lock = json.loads((folder / FILE).read_text("utf-8"))["accounts"][0]["lock"]
    assert (lock["service"], lock["kdf"]["time"]) == ("", 8)


def test_the_recovery_code_gives_a_new_password_and_a_new_half(founded: Founded) -> None:
    key = founded.sign_in()
    before = set(founded.keyring.kept.values())
    founded.keyring.kept.clear()  # the computer was set up anew
    typed = founded.code.lower().replace("-", " ").replace("0", "o")
    signed = recover(founded.folder, typed, founded.user, OTHER, now=NOW, keyring=founded.keyring)
    assert signed.key == key
    assert not before & set(founded.keyring.kept.values())
    assert founded.sign_in(OTHER) == key
    with pytest.raises(WrongPassword):
        founded.sign_in(PASSWORD)
    assert open_by_code(founded.folder, founded.code, now=NOW) == key


def test_another_code_opens_nothing_and_a_slip_is_told(founded: Founded) -> None:
    from medrec_desktop.domain.passwords import code_of

    with pytest.raises(Denied, match="not the recovery code"):
        recover(founded.folder, code_of(b"x" * 19), founded.user, OTHER, now=NOW)
    slip = ("1" if founded.code[0] == "0" else "0") + founded.code[1:]
    with pytest.raises(Invalid, match="slip"):
        recover(founded.folder, slip, founded.user, OTHER, now=NOW)
    assert code_problem(founded.code) == ""
    assert founded.sign_in()


def test_a_password_is_changed_by_the_old_one_alone(founded: Founded) -> None:
    key = founded.sign_in()

    def change(old: str, new: str) -> None:
        choose_password(founded.folder, founded.user, old, new, now=NOW, keyring=founded.keyring)

    for weak in ("short", "password123", "Dr. Ada ", PASSWORD):
        with pytest.raises(Invalid):
            change(PASSWORD, weak)
    with pytest.raises(WrongPassword):
        change(OTHER, OTHER + "!")
    change(PASSWORD, OTHER)
    assert founded.sign_in(OTHER) == key
    with pytest.raises(WrongPassword):
        founded.sign_in(PASSWORD)


def test_a_composed_password_fits_however_it_is_typed(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    found_clinic(folder, clinic_name="H", doctor_name="A", password="caf\u00e9 au lait", now=NOW)
    [user] = known_users(folder)
    assert sign_in(folder, user.id, "cafe\u0301 au lait", now=NOW).key


def test_a_lock_carried_to_another_user_or_folder_does_not_open(
    founded: Founded, tmp_path: Path
) -> None:
    path = founded.folder / FILE
    stored = json.loads(path.read_text("utf-8"))
    other = Founded(tmp_path / "other")
    lock = json.loads((other.folder / FILE).read_text("utf-8"))["accounts"][0]["lock"]
    stored["accounts"][0]["lock"] = lock
    path.write_text(json.dumps(stored), "utf-8")
    founded.keyring.kept |= other.keyring.kept
    with pytest.raises(WrongPassword):
        founded.sign_in()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"version": 1}', '{"version": "1"}', "[" * 100_000, "\x00\xff"]
)
def test_a_damaged_file_is_told_and_left_as_it_is(founded: Founded, text: str) -> None:
    path = founded.folder / FILE
    path.write_text(text, "utf-8")
    with pytest.raises(Corrupt):
        founded.sign_in()
    assert path.read_text("utf-8") == text


def test_a_newer_file_is_not_for_this_program(founded: Founded) -> None:
    (founded.folder / FILE).write_text('{"version": 2}', "utf-8")
    with pytest.raises(Denied, match="newer version"):
        known_users(founded.folder)


def test_somebody_unknown_here_is_not_found(founded: Founded) -> None:
    from uuid import uuid4

    with pytest.raises(NotFound):
        sign_in(founded.folder, UserId(uuid4()), PASSWORD, now=NOW, keyring=founded.keyring)


def test_a_folder_without_accounts_knows_nobody(tmp_path: Path) -> None:
    assert not has_accounts(tmp_path)
    assert known_users(tmp_path) == ()


def test_a_weak_first_password_makes_no_clinic(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        found_clinic(tmp_path / "c", clinic_name=" ", doctor_name="Ada", password="12345678")
    assert set(refused.value.fields) == {"clinic_name", "password"}
    assert not (tmp_path / "c").exists()
