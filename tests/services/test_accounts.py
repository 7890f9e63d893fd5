"""Users of an open clinic: real files, real key stretching, a keyring in memory."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import write_clinic_settings
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import audit_entries
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Conflict, Corrupt, Denied, Invalid, NotFound
from medrec_desktop.domain.ids import UserId
from medrec_desktop.security.accounts_file import FILE
from medrec_desktop.security.keys import keep_clinic_key
from medrec_desktop.services.access import REVOKED, follow_users, note_contact
from medrec_desktop.services.accounts import Accounts, PinSpent, WrongPin
from medrec_desktop.services.authorize import NotAllowed, PasswordNeeded
from medrec_desktop.services.backup import back_up, restore
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context, acting_as, open_context, switched
from medrec_desktop.services.emergency import Emergency
from medrec_desktop.services.first_run import (
    create_clinic,
    found_clinic,
    open_clinic,
    open_signed_in,
)
from medrec_desktop.services.sign_in import (
    SignedIn,
    Wait,
    WrongPassword,
    choose_password,
    known_users,
    open_by_code,
    recover,
    sign_in,
)
from medrec_desktop.services.visits import Visits
from tests.factories import NOON, FakeClock, a_clinic, a_diagnosis, a_visit
from tests.fakes.keyrings import MemoryKeyring

pytestmark = pytest.mark.usefixtures("cheap_guesses")

PASSWORD = "four plain words here"
FIRST = "a first password"
OTHER = "quite another sentence"


class Clinics:
    """A clinic of which the founder has it open; others sign in through it."""

    def __init__(self, folder: Path, clock: FakeClock) -> None:
        self.folder, self.clock, self.keyring = folder, clock, MemoryKeyring()
        self.code = found_clinic(
            folder,
            clinic_name="Hill",
            doctor_name="Dr. Ada",
            password=PASSWORD,
            keyring=self.keyring,
            now=NOON,
        )
        [known] = known_users(folder)
        self.founder = known.id
        signed = self.sign_in(known.id, PASSWORD)
        self.db = open_signed_in(folder, signed, now=clock())
        self.context = open_context(self.db, changes=Changes(), clock=clock, signed=signed)
        self.accounts = self.accounts_of(self.context)

    def sign_in(self, user: UserId, password: str) -> SignedIn:
        return sign_in(self.folder, user, password, now=self.clock(), keyring=self.keyring)

    def accounts_of(self, context: Context) -> Accounts:
        return Accounts(context, keyring=self.keyring)

    def colleague(self, name: str = "Ines", role: str = "front_desk", **more: bool) -> Context:
        """Added, signed in with a password of their own."""
        user = self.accounts.add(name, role, FIRST, **more)  # type: ignore[arg-type]  # a role
        choose_password(self.folder, user, FIRST, OTHER, now=self.clock(), keyring=self.keyring)
        return switched(self.context, self.sign_in(user, OTHER))

    def entries(self) -> list[tuple[str, str]]:
        with self.db.read() as session:
            rows = session.execute(
                sa.select(audit_entries.c.what, audit_entries.c.detail).order_by(audit_entries.c.id)
            )
            return [(row.what, row.detail) for row in rows]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def clinics(tmp_path: Path, clock: FakeClock) -> Iterator[Clinics]:
    made = Clinics(tmp_path / "clinic", clock)
    yield made
    made.db.close()


# --- users -------------------------------------------------------------------------------------


def test_a_new_user_chooses_their_own_password_before_anything_opens(clinics: Clinics) -> None:
    user = clinics.accounts.add("Ines", "front_desk", FIRST)
    signed = clinics.sign_in(user, FIRST)
    assert signed.must_change
    with pytest.raises(Denied, match="password of your own"):
        open_signed_in(clinics.folder, signed, now=NOON)
    signed = choose_password(clinics.folder, user, FIRST, OTHER, now=NOON, keyring=clinics.keyring)
    desk = switched(clinics.context, signed)
    assert (desk.actor.name, desk.actor.role, desk.db) == ("Ines", "front_desk", clinics.db)
    with pytest.raises(NotAllowed):
        clinics.accounts_of(desk).add("Eve", "doctor", FIRST, admin=True)
    assert [one.user.name for one in clinics.accounts.users()] == ["Dr. Ada", "Ines"]
    assert [one.me for one in clinics.accounts_of(desk).users()] == [False, True]


def test_somebody_who_must_choose_a_password_cannot_take_over_an_open_clinic(
    clinics: Clinics,
) -> None:
    user = clinics.accounts.add("Ines", "front_desk", FIRST)
    with pytest.raises(Denied, match="password of your own"):
        switched(clinics.context, clinics.sign_in(user, FIRST))


def test_what_cannot_be_a_user_is_told_by_field(clinics: Clinics) -> None:
    with pytest.raises(Invalid) as refused:
        clinics.accounts.add("dr. ada", "owner", "12345678")  # type: ignore[arg-type]  # no role
    assert set(refused.value.fields) == {"name", "role", "password"}
    assert len(clinics.accounts.users()) == 1


def test_a_disabled_user_loses_the_lock_and_an_open_session_at_once(clinics: Clinics) -> None:
    desk = clinics.colleague()
    halves = len(clinics.keyring.kept)
    clinics.accounts.set_active(desk.actor.id, active=False)
    with pytest.raises(NotAllowed, match="no longer have access"):
        Visits(desk).my_drafts()
    assert [user.name for user in known_users(clinics.folder)] == ["Dr. Ada"]
    assert len(clinics.keyring.kept) == halves - 1
    with pytest.raises(NotFound):
        clinics.sign_in(desk.actor.id, OTHER)
    with pytest.raises(Conflict, match="disabled"):
        clinics.accounts.reset_password(desk.actor.id, FIRST)
    clinics.accounts.set_active(desk.actor.id, active=True)
    clinics.accounts.reset_password(desk.actor.id, FIRST)
    assert clinics.sign_in(desk.actor.id, FIRST).must_change


def test_a_user_disabled_elsewhere_is_refused_although_the_lock_is_still_here(
    clinics: Clinics,
) -> None:
    desk = clinics.colleague()
    with clinics.db.begin() as session:  # as sync brings it
        session.execute(
            sa.text("UPDATE users SET active = 0 WHERE uid = :uid"), {"uid": desk.actor.id.hex}
        )
    signed = clinics.sign_in(desk.actor.id, OTHER)
    with pytest.raises(Denied, match="no longer have access"):
        open_signed_in(clinics.folder, signed, now=NOON)
    assert Visits(desk).my_drafts() == ()
    follow_users(clinics.db, clinics.keyring, sitting=desk.sitting)
    assert [user.name for user in known_users(clinics.folder)] == ["Dr. Ada"]
    with pytest.raises(NotAllowed, match="no longer have access"):
        Visits(desk).my_drafts()


def test_the_last_administrator_stays(clinics: Clinics) -> None:
    with pytest.raises(Conflict, match="last administrator"):
        clinics.accounts.set_active(clinics.founder, active=False)
    with pytest.raises(Conflict, match="last administrator"):
        clinics.accounts.set_role(clinics.founder, "doctor", admin=False)
    second = clinics.colleague("Dr. Bo", "doctor", admin=True)
    clinics.accounts.set_role(clinics.founder, "doctor", admin=False)
    with pytest.raises(NotAllowed):  # at once
        clinics.accounts.set_active(second.actor.id, active=False)
    with pytest.raises(Conflict, match="last administrator"):
        clinics.accounts_of(second).set_role(second.actor.id, "front_desk")


def test_a_password_set_by_an_administrator_has_a_new_half_and_no_failures(
    clinics: Clinics,
) -> None:
    desk = clinics.colleague()
    for _ in range(5):
        with pytest.raises(WrongPassword):
            clinics.sign_in(desk.actor.id, "wrong password")
    with pytest.raises(Wait):
        clinics.sign_in(desk.actor.id, OTHER)
    halves = set(clinics.keyring.kept)
    clinics.accounts.reset_password(desk.actor.id, FIRST)
    assert clinics.sign_in(desk.actor.id, FIRST).must_change
    assert len(clinics.keyring.kept) == len(halves)
    assert set(clinics.keyring.kept) != halves
    with pytest.raises(Conflict, match="your own"):
        clinics.accounts.reset_password(clinics.founder, FIRST)


def test_ones_own_password_changes_by_the_old_one(clinics: Clinics) -> None:
    with pytest.raises(WrongPassword):
        clinics.accounts.change_password("wrong password", OTHER)
    clinics.accounts.change_password(PASSWORD, OTHER)
    assert clinics.sign_in(clinics.founder, OTHER).key == clinics.db.key
    assert ("user.password", "") in clinics.entries()


def test_the_trail_has_sign_ins_failures_and_a_clock_set_back(
    clinics: Clinics, clock: FakeClock
) -> None:
    with pytest.raises(WrongPassword):
        clinics.sign_in(clinics.founder, OTHER)
    clock.now += timedelta(days=2)
    clinics.sign_in(clinics.founder, PASSWORD)
    clock.now -= timedelta(days=1)
    switched(clinics.context, clinics.sign_in(clinics.founder, PASSWORD))
    assert clinics.entries() == [
        ("clinic.create", ""),
        ("sign_in", ""),
        ("sign_in.failed", ""),
        ("clock.back", ""),
        ("sign_in", ""),
    ]
    switched(clinics.context, clinics.sign_in(clinics.founder, PASSWORD))
    assert [what for what, _ in clinics.entries()].count("sign_in.failed") == 1


def test_a_sign_in_of_another_clinic_does_not_switch(clinics: Clinics) -> None:
    signed = clinics.sign_in(clinics.founder, PASSWORD)
    with pytest.raises(Denied, match="another clinic"):
        switched(clinics.context, replace(signed, key=bytes(32)))


def test_the_demo_shows_its_users_without_passwords_and_no_other_clinic_does(
    clinics: Clinics,
) -> None:
    with pytest.raises(Denied, match="sign in"):
        acting_as(clinics.context, clinics.founder)
    with clinics.db.begin() as session:
        session.execute(sa.text("UPDATE tenants SET demo = 1"))
    assert acting_as(clinics.context, clinics.founder).actor.name == "Dr. Ada"


# --- unlocking ---------------------------------------------------------------------------------


def test_a_pin_unlocks_three_tries_and_then_the_password_does(clinics: Clinics) -> None:
    for weak in ("12", "1234", "0000", "9876", "12a4", "1234567890123"):
        with pytest.raises(Invalid):
            clinics.accounts.set_pin(weak)
    clinics.accounts.set_pin("2580")
    assert clinics.accounts.has_pin()
    clinics.accounts.unlock("2580")
    for left in (2, 1):
        with pytest.raises(WrongPin) as wrong:
            clinics.accounts.unlock("1470")
        assert wrong.value.left == left
    with pytest.raises(PinSpent):
        clinics.accounts.unlock("1470")
    with pytest.raises(PinSpent):
        clinics.accounts.unlock("2580")
    assert not clinics.accounts.has_pin()
    with pytest.raises(WrongPassword):
        clinics.accounts.unlock(OTHER)
    clinics.accounts.unlock(PASSWORD)
    clinics.accounts.unlock("2580")
    clinics.accounts.set_pin(None)
    with pytest.raises(WrongPassword):
        clinics.accounts.unlock("2580")


def test_a_password_of_digits_unlocks_beside_a_pin(clinics: Clinics) -> None:
    clinics.accounts.change_password(PASSWORD, "2718281828")
    clinics.accounts.set_pin("2580")
    clinics.accounts.unlock("2718281828")
    clinics.accounts.unlock("2580")


def test_the_pin_is_in_the_encrypted_database_alone(clinics: Clinics) -> None:
    clinics.accounts.set_pin("25802580")
    for path in clinics.folder.iterdir():
        assert not path.is_file() or b"25802580" not in path.read_bytes()
    with clinics.db.read() as session:
        [value] = session.execute(
            sa.text("SELECT value FROM local_settings WHERE name LIKE 'pin:%'")
        ).scalars()
    assert "25802580" not in value


def test_a_pin_is_this_users_alone(clinics: Clinics) -> None:
    clinics.accounts.set_pin("2580")
    desk = clinics.colleague()
    with pytest.raises(WrongPassword):
        clinics.accounts_of(desk).unlock("2580")


def test_a_wrong_password_at_the_lock_counts_as_at_sign_in(clinics: Clinics) -> None:
    for _ in range(5):
        with pytest.raises(WrongPassword):
            clinics.accounts.unlock(OTHER)
    with pytest.raises(Wait):
        clinics.accounts.unlock(PASSWORD)
    with pytest.raises(Wait):
        clinics.sign_in(clinics.founder, PASSWORD)
    assert [what for what, _ in clinics.entries()].count("sign_in.failed") == 5


# --- the same person still? --------------------------------------------------------------------


def test_signing_a_visit_asks_again_when_the_sign_in_is_not_recent(
    clinics: Clinics, clock: FakeClock
) -> None:
    record = a_visit(clinics.context, complaint="Cough", diagnoses=(a_diagnosis(),))
    visits = Visits(clinics.context)
    version = visits.open(record).draft.version
    clock.now += timedelta(minutes=31)
    assert not clinics.accounts.recently_confirmed()
    with pytest.raises(PasswordNeeded):
        visits.finalize(record, version)
    with pytest.raises(WrongPassword):
        clinics.accounts.confirm(OTHER)
    with pytest.raises(PasswordNeeded):
        visits.finalize(record, version)
    clinics.accounts.confirm(PASSWORD)
    assert visits.finalize(record, version).status == "finalized"


def test_emergency_access_asks_for_the_password_however_recent_the_sign_in(
    clinics: Clinics,
) -> None:
    admin = clinics.colleague("IT", "admin")
    emergency = Emergency(admin, keyring=clinics.keyring)
    with pytest.raises(PasswordNeeded):
        emergency.open("Dr. Ada is ill")
    with pytest.raises(WrongPassword):
        emergency.open("Dr. Ada is ill", PASSWORD)
    assert emergency.until() is None
    assert emergency.open("Dr. Ada is ill", OTHER)


# --- recovery code -----------------------------------------------------------------------------


def test_the_old_recovery_code_works_until_the_new_one_is_confirmed(clinics: Clinics) -> None:
    first = clinics.accounts.recovery()
    assert first is not None
    assert not first.confirmed
    clinics.accounts.confirm_recovery_code(clinics.code)
    assert (found := clinics.accounts.recovery()) is not None
    assert found.confirmed
    code = clinics.accounts.new_recovery_code()
    assert open_by_code(clinics.folder, clinics.code, now=NOON) == clinics.db.key
    with pytest.raises(Denied):
        open_by_code(clinics.folder, code, now=NOON)
    with pytest.raises(Invalid, match="groups"):
        clinics.accounts.confirm_recovery_code(code[:-1])
    clinics.accounts.confirm_recovery_code(code)
    assert open_by_code(clinics.folder, code, now=NOON) == clinics.db.key
    with pytest.raises(Denied):
        open_by_code(clinics.folder, clinics.code, now=NOON)
    recover(clinics.folder, code, clinics.founder, OTHER, now=NOON, keyring=clinics.keyring)
    assert clinics.sign_in(clinics.founder, OTHER)


# --- from the first release --------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["key.json", "keyring.json"])
def test_a_clinic_of_the_first_release_gets_accounts_and_loses_its_old_key(
    tmp_path: Path, kept: str
) -> None:
    folder, keyring = tmp_path / "clinic", MemoryKeyring()
    passphrase = PASSWORD if kept == "key.json" else None
    create_clinic(
        folder, clinic_name="Hill", doctor_name="Ada", passphrase=passphrase, keyring=keyring
    )
    assert known_users(folder) == ()
    db = open_clinic(folder, lambda: PASSWORD, keyring=keyring)
    with closing(db):
        context = open_context(db, changes=Changes(), clock=FakeClock())
        accounts = Accounts(context, keyring=keyring)
        accounts.unlock("")  # nobody signs in, so there is nothing to check
        with pytest.raises(Conflict, match="Nobody signs in"):
            accounts.add("Ines", "front_desk", FIRST)
        with pytest.raises(Invalid):
            accounts.begin("password")
        assert (folder / kept).exists()
        code = accounts.begin(OTHER)
        assert not (folder / kept).exists()
        assert open_by_code(folder, code, now=NOON) == db.key
        with pytest.raises(Conflict, match="already"):
            accounts.begin(OTHER)
    assert len(keyring.kept) == 1
    [user] = known_users(folder)
    signed = sign_in(folder, user.id, OTHER, now=NOON, keyring=keyring)
    open_signed_in(folder, signed, now=NOON).close()
    with pytest.raises(Denied):
        open_clinic(folder, lambda: PASSWORD, keyring=keyring)


def test_the_old_key_stays_when_the_new_account_cannot_be_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medrec_desktop.services import access

    folder = tmp_path / "clinic"
    create_clinic(folder, clinic_name="Hill", doctor_name="Ada", passphrase=PASSWORD)
    monkeypatch.setattr(access, "unseal", lambda *_: bytes(32))
    with closing(open_clinic(folder, lambda: PASSWORD)) as db:
        accounts = Accounts(open_context(db, changes=Changes(), clock=FakeClock()))
        with pytest.raises(Corrupt):
            accounts.begin(OTHER)
    assert (folder / "key.json").exists()
    assert not (folder / FILE).exists()
    open_clinic(folder, lambda: PASSWORD).close()


# --- backups -----------------------------------------------------------------------------------


def test_a_restored_clinic_has_its_users_and_nobodys_password(
    clinics: Clinics, tmp_path: Path
) -> None:
    desk = clinics.colleague()
    target, folder = tmp_path / "clinic.backup", tmp_path / "restored"
    back_up(clinics.db, clinics.folder / "vault", clinics.db.key, target, PASSWORD)
    keyring = MemoryKeyring()
    restore(target, folder, PASSWORD, keep_key=partial(keep_clinic_key, keyring=keyring))
    assert known_users(folder) == ()
    assert not (folder / FILE).exists()
    with closing(open_clinic(folder, lambda: None, keyring=keyring)) as db:
        accounts = Accounts(open_context(db, changes=Changes(), clock=FakeClock()), keyring=keyring)
        assert [one.signs_in for one in accounts.users()] == [False, False]
        with pytest.raises(Conflict, match="administrator"):
            accounts.begin(OTHER, desk.actor.id)
        accounts.begin(OTHER, clinics.founder)
        accounts.reset_password(desk.actor.id, FIRST)
    signed = sign_in(folder, clinics.founder, OTHER, now=NOON, keyring=keyring)
    open_signed_in(folder, signed, now=NOON).close()
    assert sign_in(folder, desk.actor.id, FIRST, now=NOON, keyring=keyring).must_change
    # The clinic that was backed up is another folder: its passwords stay.
    assert clinics.sign_in(clinics.founder, PASSWORD)


# --- clinics with a server ---------------------------------------------------------------------


def test_without_the_server_signing_in_lasts_seven_days_by_any_clock(clinics: Clinics) -> None:
    note_contact(clinics.db, NOON)
    signed = clinics.sign_in(clinics.founder, PASSWORD)
    open_signed_in(clinics.folder, signed, now=NOON + timedelta(days=7)).close()
    for now in (NOON + timedelta(days=7, seconds=1), NOON - timedelta(days=1)):
        with pytest.raises(Denied, match="server"):
            open_signed_in(clinics.folder, signed, now=now)
    late = NOON + timedelta(days=30)
    with pytest.raises(Denied, match="server"):
        open_signed_in(clinics.folder, signed, now=late, contact=lambda _: None)
    open_signed_in(clinics.folder, signed, now=late, contact=lambda _: late).close()
    open_signed_in(clinics.folder, signed, now=late + timedelta(days=6)).close()
    with pytest.raises(Denied, match="server"):
        open_signed_in(
            clinics.folder, replace(signed, clock_back=True), now=late + timedelta(days=1)
        )


def test_setting_the_clock_back_twice_is_no_way_round_the_seven_days(clinics: Clinics) -> None:
    note_contact(clinics.db, NOON)
    clinics.clock.now = NOON + timedelta(days=8)
    with pytest.raises(Denied, match="server"):
        open_signed_in(
            clinics.folder, clinics.sign_in(clinics.founder, PASSWORD), now=clinics.clock()
        )
    back = clinics.clock.now = NOON + timedelta(days=6)
    signed = [clinics.sign_in(clinics.founder, PASSWORD) for _ in range(2)]
    signed.append(
        choose_password(
            clinics.folder, clinics.founder, PASSWORD, OTHER, now=back, keyring=clinics.keyring
        )
    )
    signed.append(
        recover(
            clinics.folder,
            clinics.code,
            clinics.founder,
            PASSWORD,
            now=back,
            keyring=clinics.keyring,
        )
    )
    for one in signed:
        with pytest.raises(Denied, match="server"):
            open_signed_in(clinics.folder, one, now=back)


def test_a_revoked_computer_loses_everybodys_lock_and_the_recovery_code(clinics: Clinics) -> None:
    signed = clinics.sign_in(clinics.founder, PASSWORD)
    with pytest.raises(Conflict, match="you sit at"):
        clinics.accounts.revoke_computer(clinics.context.device)
    with pytest.raises(NotFound):
        clinics.accounts.revoke_computer(uuid4())
    [this] = clinics.accounts.computers()
    assert (this.device, this.this, this.revoked) == (clinics.context.device, True, False)
    with clinics.db.begin() as session:  # as sync brings it
        write_clinic_settings(session, {REVOKED: [str(this.device)]}, now=NOON)
    with pytest.raises(Denied, match="revoked this computer"):
        open_signed_in(clinics.folder, signed, now=NOON)
    follow_users(clinics.db, clinics.keyring)
    assert known_users(clinics.folder) == ()
    assert clinics.keyring.kept == {}
    with pytest.raises(Denied, match="no recovery code"):
        open_by_code(clinics.folder, clinics.code, now=NOON)


# --- another key -------------------------------------------------------------------------------


def test_another_key_for_the_clinic_is_everybodys_without_their_passwords(
    clinics: Clinics,
) -> None:
    desk = clinics.colleague()
    record = a_visit(clinics.context, complaint="Cough")
    before = clinics.db.key
    (clinics.folder / "medrec.db.before-0005").write_bytes(b"old")
    clinics.accounts.rotate_key()
    assert clinics.db.key != before
    assert Visits(clinics.context).open(record).draft.complaint == "Cough"
    a_visit(clinics.context, complaint="written by the new key")
    assert clinics.sign_in(desk.actor.id, OTHER).key == clinics.db.key
    assert clinics.sign_in(clinics.founder, PASSWORD).key == clinics.db.key
    assert open_by_code(clinics.folder, clinics.code, now=NOON) == clinics.db.key
    with pytest.raises(Corrupt):
        LocalDb.open(clinics.folder / "medrec.db", before)
    assert not list(clinics.folder.glob("medrec.db.before-*"))
    assert "next" in json.loads((clinics.folder / FILE).read_text())["accounts"][0]["lock"]
    assert clinics.db.check() == []
    clinics.accounts.rotate_key()
    assert clinics.sign_in(desk.actor.id, OTHER).key == clinics.db.key


def test_no_new_key_for_an_account_that_nobody_of_the_clinic_made(clinics: Clinics) -> None:
    from medrec_desktop.security.user_locks import make_lock

    path, before = clinics.folder / FILE, clinics.db.key
    stored = json.loads(path.read_text("utf-8"))
    forged = make_lock(bytes(32), "attacker's own", b"x", secret=b"", service="")
    stored["accounts"][0]["lock"] |= {"public": forged.to_json()["public"]}
    path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(Corrupt, match="past the program"):
        clinics.accounts.rotate_key()
    assert clinics.db.key == before


def test_renaming_a_user_renames_them_at_sign_in_too(clinics: Clinics) -> None:
    Clinic(clinics.context).rename_user(clinics.founder, "Dr. Ada King")
    assert [user.name for user in known_users(clinics.folder)] == ["Dr. Ada King"]


def test_a_clinic_without_accounts_asks_for_nothing(tmp_path: Path, clock: FakeClock) -> None:
    context = a_clinic(tmp_path, clock=clock)
    with closing(context.db):
        record = a_visit(context, complaint="Cough", diagnoses=(a_diagnosis(),))
        visits = Visits(context)
        signed = visits.finalize(record, visits.open(record).draft.version)
    assert signed.status == "finalized"
