"""Users and computers of a clinic with a server: what an administrator decides at one computer holds
at the other, by sync alone. Two real desktops, one real server, the program's own services."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Conflict, Denied, NotFound
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.roles import Action
from medrec_desktop.services import joining
from medrec_desktop.services.accounts import Account, Accounts
from medrec_desktop.services.authorize import NotAllowed, allowed
from medrec_desktop.services.context import Context, open_context, switched
from medrec_desktop.services.first_run import DATABASE, open_signed_in
from medrec_desktop.services.linked import ServerLink, contact_of
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.sign_in import (
    choose_password,
    known_users,
    open_by_code,
    sign_in,
)
from medrec_desktop.services.visits import Visits
from tests.clinic_servers import ClinicServer
from tests.factories import a_patient, a_visit
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
        Visits(at_two).add_addendum(record, text="x")

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
    assert clinic_server.run(f"{sent}'{unsent}'") == [(0,)]
    # Nobody opens it any more, signed in or not.
    with pytest.raises(NotAllowed):
        Visits(two.context).open(shared)
    assert known_users(two.folder) == ()
    assert not [name for name in two.keyring.kept if "half" in str(name).lower()]
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
