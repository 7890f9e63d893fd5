"""Users and computers of a clinic with a server: what an administrator decides at one computer holds
at the other, by sync alone. Two real desktops, one real server, the program's own services."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.admin import cli
from medrec_desktop.data.heads import read_heads
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import audit_entries
from medrec_desktop.domain.auditing import short
from medrec_desktop.domain.errors import Conflict, Denied, NotFound, Unavailable
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.roles import Action
from medrec_desktop.services import joining, trail
from medrec_desktop.services.accounts import Account, Accounts
from medrec_desktop.services.authorize import NotAllowed, allowed
from medrec_desktop.services.context import Context, open_context, switched
from medrec_desktop.services.first_run import DATABASE, open_signed_in
from medrec_desktop.services.history import History
from medrec_desktop.services.linked import ServerLink, contact_of, heard_heads
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.sign_in import (
    choose_password,
    known_users,
    open_by_code,
    sign_in,
)
from medrec_desktop.services.trail import note_alone
from medrec_desktop.services.visits import Visits
from tests.clinic_servers import ClinicServer
from tests.factories import a_finalized_visit, a_patient, a_visit
from tests.fakes.keyrings import MemoryKeyring
from tests.services.test_linked import NOW, PASSWORD, STILL, Computer, _now

pytestmark = pytest.mark.usefixtures("cheap_guesses")

FIRST = "first words of somebody"
OWN = "words of my own choice"


class Desk(Computer):
    """A computer with what belongs to it."""

    def __init__(self, folder: Path, keyring: MemoryKeyring, code: str) -> None:
        super().__init__(folder, keyring, STILL)
        self.keyring, self.code = keyring, code
        self.accounts = Accounts(self.context, keyring=keyring)

    def account(self, user: UserId) -> Account | None:
        return next((one for one in self.accounts.users() if one.user.id == user), None)

    def come_back(self) -> None:
        """A new link, as after a start of the program."""
        self.link = ServerLink(
            self.context,
            self.folder,
            self.link._account,
            logs=self.folder,
            keyring=self.keyring,
            pace=STILL,
            again_s=0.05,
        )
        self.link.begin()


@pytest.fixture(autouse=True)
def patient_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look waits for the thread that keeps in step, however slow the machine is just now."""
    monkeypatch.setattr(trail, "_WAIT_MS", 30_000)


@pytest.fixture
def tenant(clinic_server: ClinicServer) -> str:
    return clinic_server.create(f"People {uuid4().hex}")


@pytest.fixture
def desk(
    clinic_server: ClinicServer, tenant: str, tmp_path: Path
) -> Iterator[Callable[[str], Desk]]:
    with ExitStack() as opened:

        def new(name: str) -> Desk:
            address = clinic_server.address
            seen = joining.look(f"{address.host}:{address.port}/{address.database}")
            code, keyring = JoinCode.new(tenant).text, MemoryKeyring()
            recovery = joining.join(
                tmp_path / name,
                seen,
                code,
                joining.find(seen, code).users[0].id,
                PASSWORD,
                progress=lambda _seen: None,
                stop=threading.Event(),
                keyring=keyring,
                now=NOW,
            )
            made = Desk(tmp_path / name, keyring, recovery)
            opened.callback(made.close)
            made.wait_for("connected")
            return made

        yield new


def test_what_is_decided_about_a_user_at_one_computer_holds_at_the_other(
    desk: Callable[[str], Desk],
) -> None:
    one, two = desk("one"), desk("two")
    sam = one.accounts.add("Sam Reyes", "front_desk", FIRST)
    two.wait(lambda: two.account(sam) is not None)
    # The password of one computer opens nothing on another: there somebody with the clinic's key
    # lets them in, and they choose their own.
    told = two.account(sam)
    assert told is not None
    assert (told.user.name, told.user.role, told.signs_in) == ("Sam Reyes", "front_desk", False)
    with pytest.raises((NotFound, Denied, Conflict)):
        sign_in(two.folder, sam, FIRST, now=_now(), keyring=two.keyring)
    two.accounts.reset_password(sam, FIRST)
    assert sign_in(two.folder, sam, FIRST, now=_now(), keyring=two.keyring).must_change
    signed = choose_password(two.folder, sam, FIRST, OWN, now=_now(), keyring=two.keyring)
    at_two: Context = switched(two.context, signed)
    patient = Patients(at_two).register(a_patient())

    one.wait(lambda: any(u.user.id == sam for u in one.accounts.users()))
    one.accounts.set_role(sam, "doctor")
    two.wait(lambda: allowed(at_two, Action.ADD_ADDENDUM))
    record = a_visit(two.context, patient, complaint="Cough")
    one.accounts.set_role(sam, "front_desk", admin=True)
    two.wait(lambda: not allowed(at_two, Action.ADD_ADDENDUM))
    with pytest.raises(NotAllowed):
        Visits(at_two).add_addendum(record, "plan", "x")

    # Cut off, two does not hear of it: Sam goes on for some days, and no longer.
    assert two.link.close()
    one.accounts.set_active(sam, active=False)
    one.wait(lambda: one.link.waiting().changes == 0 and not one.link.link().busy)
    signed = sign_in(two.folder, sam, OWN, now=_now(), keyring=two.keyring)
    open_signed_in(two.folder, signed, now=_now() + timedelta(days=6)).close()
    late = _now() + timedelta(days=8)
    with pytest.raises(Denied, match="not reached the clinic’s server for 7 days"):
        open_signed_in(two.folder, signed, now=late)
    # It asks the server then: that one knows.
    with pytest.raises(Denied, match="no longer have access"):
        open_signed_in(
            two.folder, signed, now=late, contact=contact_of(two.folder, keyring=two.keyring)
        )
    mine = sign_in(two.folder, two.context.actor.id, PASSWORD, now=_now(), keyring=two.keyring)
    open_signed_in(
        two.folder, mine, now=late, contact=contact_of(two.folder, keyring=two.keyring)
    ).close()

    two.come_back()
    two.wait(lambda: sam not in {known.id for known in known_users(two.folder)})
    with pytest.raises(NotAllowed):
        Patients(at_two).register(a_patient())
    with pytest.raises(NotFound):
        sign_in(two.folder, sam, OWN, now=_now(), keyring=two.keyring)


def test_a_computer_that_was_signed_out_gets_nothing_and_gives_nothing_and_says_so(
    desk: Callable[[str], Desk], clinic_server: ClinicServer, tenant: str
) -> None:
    one, two = desk("one"), desk("two")
    shared = a_visit(one.context, Patients(one.context).register(a_patient()), complaint="Cough")
    two.wait(lambda: two.has(shared, complaint="Cough"))
    known = {found.device: found for found in one.accounts.computers()}
    assert set(known) == {one.context.device, two.context.device}
    assert all(found.name and not found.revoked for found in known.values())
    with pytest.raises(Conflict, match="you sit at"):
        one.accounts.revoke_computer(one.context.device)
    # What was typed last is not sent when it happens.
    assert two.link.close()
    unsent = a_visit(two.context, complaint="Not sent")
    one.accounts.revoke_computer(two.context.device)
    assert one.accounts.computers()[1].revoked
    later = a_visit(one.context, complaint="After it")
    revoked = f"SELECT count(*) FROM {tenant}.sync_devices WHERE revoked_at IS NOT NULL"
    sent = f"SELECT count(*) FROM {tenant}.medical_records WHERE uid = "
    one.wait(lambda: clinic_server.run(f"{sent}'{later}'") == [(1,)])
    assert clinic_server.run(revoked) == [(1,)]

    two.come_back()
    link = two.wait_for("refused")
    assert "signed out of the clinic by an administrator" in link.because
    assert link.signed_out
    assert clinic_server.run(f"{sent}'{unsent}'") == [(0,)]
    # Nobody opens it any more, signed in or not.
    with pytest.raises(NotAllowed):
        Visits(two.context).open(shared)
    assert known_users(two.folder) == ()
    two.wait(lambda: two.keyring.kept == {})  # neither anybody's half nor the join code
    again = Accounts(one.context, keyring=one.keyring).computers()[1]
    assert again.revoked
    # What was not sent is nowhere else: this computer's recovery code opens it still.
    with closing(
        LocalDb.open(two.folder / DATABASE, open_by_code(two.folder, two.code, now=_now()))
    ) as db:
        left = open_context(db, changes=two.context.changes, clock=_now)
        assert Visits(left).open(unsent).draft.complaint == "Not sent"
        with pytest.raises(NotFound):
            Visits(left).open(later)


# --- the trail -----------------------------------------------------------------------------------


def past_the_program(db: LocalDb, *statements: str) -> None:
    """As somebody with the key does it: no guard in the way."""
    with db.begin() as session:
        for (name,) in session.execute(
            sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'guard%'")
        ).all():
            session.execute(sa.text(f"DROP TRIGGER {name}"))
        for statement in statements:
            session.execute(sa.text(statement))


# With the counter set back: a computer on its own would find nothing.
NEWEST_GONE = (
    "DELETE FROM audit_entries WHERE id = (SELECT max(id) FROM audit_entries)",
    "UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'audit_entries'",
)


def sent_to_the_end(server: ClinicServer, tenant: str, desk: Desk) -> Callable[[], bool]:
    """Whether the server has every entry of this computer's trail."""

    def asked() -> bool:
        with desk.db.read() as session:
            last = session.scalar(
                sa.select(sa.func.max(audit_entries.c.n)).where(
                    audit_entries.c.device == desk.context.device
                )
            )
        desk.link.try_now()
        return server.run(
            f"SELECT max(n) FROM {tenant}.audit_entries WHERE device = '{desk.context.device}'"
        ) == [(last,)]

    return asked


def test_who_looked_is_told_of_other_computers_too_and_said_when_it_cannot(
    desk: Callable[[str], Desk], clinic_server: ClinicServer, tenant: str
) -> None:
    one, two = desk("one"), desk("two")
    patient = Patients(one.context).register(a_patient())

    def there_by_now() -> bool:
        with suppress(NotFound):
            return Patients(two.context).get(patient).id == patient
        return False

    two.wait(there_by_now)
    Patients(two.context).chart(patient)
    two.wait(sent_to_the_end(clinic_server, tenant, two))
    there = one.link.looks(patient)
    assert [(look.what, look.name, look.device, look.here) for look in there] == [
        (what, two.context.actor.name, two.context.device, False)
        for what in ("chart.open", "patient.open")
    ]
    assert there[0].computer
    assert {look.device for look in Patients(one.context).looks(patient)} == {one.context.device}
    # At two it is the other way round; what one sees of its own is nobody's else.
    assert {look.what for look in two.link.looks(patient)} >= {"patient.register"}
    clinic_server.run(f"ALTER ROLE {tenant} NOLOGIN")
    with pytest.raises((Unavailable, Denied)):
        one.link.looks(patient)
    clinic_server.run(f"ALTER ROLE {tenant} LOGIN")


def test_what_is_dropped_at_the_end_is_found_by_what_the_server_holds(
    desk: Callable[[str], Desk],
    clinic_server: ClinicServer,
    tenant: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, two = desk("one"), desk("two")
    one.accounts.confirm(PASSWORD)
    record = a_finalized_visit(one.context)
    Visits(one.context).add_addendum(record, "plan", "The other knee.")
    two.wait(lambda: two.has(record) and bool(Visits(two.context).open(record).addenda))
    one.wait(sent_to_the_end(clinic_server, tenant, one))
    one.wait(lambda: not one.link.link().busy)
    assert heard_heads(one.context, one.folder, keyring=one.keyring)
    for each in (one, two):
        assert Seals(each.context).check(record).holds
        assert History(each.context).check().problems == ()

    # The newest addendum, where it was written and where it came to.
    for each in (one, two):
        past_the_program(each.db, "DELETE FROM record_addenda")
        found = Seals(each.context).check(record)
        assert "was removed" in " ".join(found.problems)
    # Where it came to, nothing else tells of it.
    assert "the clinic’s server has it" in " ".join(Seals(two.context).check(record).problems)

    # With everything here that tells of it: the server holds the end of the trail.
    assert one.link.close()
    with one.db.read() as session:
        heads = read_heads(session)
    assert heads is not None
    last, _ = heads.of[one.context.device]
    past_the_program(one.db, "DELETE FROM sync_replicas WHERE tbl = 'addendum'", *NEWEST_GONE)
    problem = (
        f"Entry {last} of computer {short(one.context.device)}, the newest ones, was removed: the "
        "clinic's server has them."
    )
    assert History(one.context).check().problems == (problem,)
    # Also when what the server said last was forgotten here: it is asked anew.
    past_the_program(one.db, "DELETE FROM sync_meta WHERE name = 'audit_heads'")
    assert History(one.context).check().problems == ()
    assert heard_heads(one.context, one.folder, keyring=one.keyring)
    assert History(one.context).check().problems == (problem,)
    # The command says so, and what it could compare with.
    monkeypatch.setenv("MEDREC_HOME", str(one.folder.parent))
    monkeypatch.setenv("MEDREC_PASSPHRASE", one.code)
    one.folder.rename(one.folder.with_name("clinic"))
    assert cli.main(["audit", "verify", "--recovery-code"]) == 1
    said = capsys.readouterr().out
    assert problem in said
    assert "the clinic's server" in said.splitlines()[1]
    one.folder.with_name("clinic").rename(one.folder)
    # Written on, it is another trail than the server's; the program says so by itself, once.
    note_alone(one.context, "unlock")
    other = f"Entry {last} of computer {short(one.context.device)} is not the one that the clinic's server has."  # fmt: skip
    assert other in History(one.context).check().problems
    past_the_program(one.db, "DELETE FROM sync_meta WHERE name = 'audit_heads'")
    one.come_back()
    one.wait(lambda: any("audit trail" in said for said in one.link.link().said))
