"""A clinic with a server, as long as it is open: the thread that keeps in step, the first download
when there is one, hints, and what the window asks of all that.

One a program, whoever is signed in (`seen_by` gives each user theirs). What is decided about two
versions is `services/sync.py`'s business.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from medrec_desktop.data.authors import keep_authors, unknown_versions
from medrec_desktop.data.ballast import room_beyond
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.combined import forget_signed, keep_combined, unasked
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.domain.attachments import FREE_NEEDED
from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Denied, Invalid, Unavailable
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.link import Download, Link, Round, Waiting
from medrec_desktop.domain.reviewing import Combined, Decision, Review
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.syncing import Hello
from medrec_desktop.services.access import (
    LEFT,
    Contact,
    follow_users,
    note_contact,
    note_signed_out,
)
from medrec_desktop.services.authorize import allowed, needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.elsewhere import ask_heads, looks_elsewhere
from medrec_desktop.services.first_run import DATABASE
from medrec_desktop.services.sign_in import SignedIn
from medrec_desktop.services.support import write_bundle
from medrec_desktop.sync import certificate
from medrec_desktop.sync.account import (
    ServerAccount,
    forget_secret,
    keep_secret,
    read_account,
    read_secret,
)
from medrec_desktop.sync.cycle import SyncCycle
from medrec_desktop.sync.first_download import (
    APP,
    FirstDownload,
    computer_name,
    read_download,
)
from medrec_desktop.sync.hint import Hints
from medrec_desktop.sync.line import Line, SignedOut, connect
from medrec_desktop.sync.loop import Pace, SyncLoop

if TYPE_CHECKING:
    from medrec_desktop.services.sync import Sync

_ANSWERS = (
    "The clinic’s server answers, but does not let this computer in. Everything is saved on this "
    "computer. If it lasts, ask whoever looks after the server whether there is a new join code, "
    "and enter it under Clinic server."
)
_CONTACT_S = 3_600.0
# What other kinds of commits say of rows that the server has not seen yet.
_SENT = frozenset({"patient", "visit", "attachment", "settings"})


def open_link(
    context: Context, folder: Path, *, logs: Path, keyring: Any = None
) -> "ServerLink | None":
    """The link of this clinic, running; None while it is on this computer alone."""
    with context.db.read() as session:
        account = read_account(session)
    if account is None:
        return None
    link = ServerLink(context, folder, account, logs=logs, keyring=keyring)
    link.begin()
    return link


def contact_of(folder: Path, *, keyring: Any = None) -> Contact:
    """Asks the clinic's server whether it still takes this computer and this user: after too many
    days without it, nobody signs in otherwise. `Denied` when it does not."""

    def ask(signed: SignedIn) -> datetime | None:
        db = LocalDb.open(folder / DATABASE, signed.key)
        try:
            with db.read() as session:
                account, device = read_account(session), read_device(session)
            if account is None:
                return None
            line = _Way(db, folder, account, keyring).line()
            try:
                welcome = line.hello(Hello(device, computer_name(), APP, head(), actor=signed.user))
                if welcome.revoked:
                    note_signed_out(db, datetime.now(UTC), keyring)
                    forget_secret(db, account.tenant, keyring)
                    raise SignedOut
                users = line.table_page("user").entries
            finally:
                line.close()
        except SignedOut:
            raise
        except (Unavailable, Denied):
            return None
        finally:
            db.close()
        if any(one.uid == signed.user and not one.doc["active"] for one in users):
            raise Denied(LEFT)
        return welcome.now

    return ask


def heard_heads(context: Context, folder: Path, *, keyring: Any = None) -> bool:
    """Ask the clinic's server where its trails end; False where there is none or it is silent."""
    with context.db.read() as session:
        account = read_account(session)
    if account is None:
        return False
    try:
        ask_heads(context, _Way(context.db, folder, account, keyring).line)
    except (Unavailable, Denied):
        return False
    return True


def rounds_of(context: Context, folder: Path, *, keyring: Any = None) -> "Rounds | None":
    """The rounds of a clinic without a window and without threads; None without a server."""
    with context.db.read() as session:
        account = read_account(session)
    if account is None:
        return None
    way = _Way(context.db, folder, account, keyring)
    return Rounds(context, way, lambda: context.actor.id, tuple, keyring)


class ServerLink:
    """What the window asks. Nothing of it waits for the network. What only looks at memory asks
    nobody who may: the window says how the link stands also to whoever has just been disabled."""

    def __init__(
        self,
        context: Context,
        folder: Path,
        account: ServerAccount,
        *,
        logs: Path,
        keyring: Any = None,
        pace: Pace | None = None,
        again_s: float = 60.0,
    ) -> None:
        self._context = context
        self._account, self._logs = account, logs
        self._way = _Way(context.db, folder, account, keyring)
        self._editing: tuple[UUID, ...] = ()
        self._actor: UUID = context.actor.id
        self._cycle = Rounds(
            context, self._way, lambda: self._actor, lambda: self._editing, keyring
        )
        self._loop = SyncLoop(self._cycle, clock=context.clock, tell=self._tell, pace=pace)
        self._hints = Hints(
            self._way.listen,
            account.tenant,
            self._loop.wake,
            is_own=lambda pid: pid == self._cycle.pid,
            again_s=again_s,
        )
        self._unsubscribe: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Start the threads."""
        self._unsubscribe = self._context.changes.subscribe(self._on_changed)
        self._loop.start()
        self._hints.start()

    def close(self) -> bool:
        """End them; what is not sent yet waits in the database. True when all have ended."""
        self._unsubscribe()
        loop_ended = self._loop.stop()
        hints_ended = self._hints.stop()
        if loop_ended:
            self._cycle.close()
        return loop_ended and hints_ended

    def work_here(self) -> None:
        """From now on what is sealed is sent in the name of this user."""
        self._actor = self._context.actor.id

    # --- how it stands -------------------------------------------------------------------------

    def link(self) -> Link:
        """How things stand now."""
        return self._loop.link

    def download(self) -> Download:
        """How far the first download is."""
        return self._cycle.download

    @needs(Action.SEE_CLINIC)
    def waiting(self) -> Waiting:
        """What is not on the server yet."""
        return self._sync().waiting()

    @needs(Action.READ_TRAIL)
    def looks(self, patient_id: PatientId) -> tuple[Look, ...]:
        """Who looked at this patient on the clinic's other computers. It asks the server and waits
        for the answer: `Unavailable` when there is none. (Of this one, `Patients` tells.)"""
        return looks_elsewhere(self._context, self._way.line, patient_id)

    def try_now(self) -> None:
        """A person does not want to wait for the next try."""
        self._loop.try_now()

    def set_foreground(self, *, foreground: bool) -> None:
        """Whether somebody looks at the window."""
        self._loop.set_foreground(foreground=foreground)

    def heard(self, news: tuple[str, ...]) -> None:
        """These have been read."""
        self._loop.heard(news)

    @needs(Action.USE_COMPUTER)
    def set_join_code(self, typed: str) -> None:
        """The administrator gave out another code; Invalid when it is none of this clinic's."""
        code = JoinCode.parse(typed)
        if code.tenant != self._account.tenant:
            raise Invalid({"join_code": "This join code is for another clinic. Nothing changed."})
        self._way.change_secret(code.secret)
        self._loop.try_now()

    @needs(Action.USE_COMPUTER)
    def support_bundle(self, target: Path) -> Path:
        """Write what a technician needs, without anything of patients."""
        return write_bundle(self._context.db, target, link=self._loop.link, logs=self._logs)

    # --- two people, one visit -----------------------------------------------------------------

    @needs(Action.SEE_CLINIC)
    def reviews(self) -> tuple[Review, ...]:
        """What waits for a person, oldest first; nothing for those who may not read visits. The
        window asks again and again, and each refusal would be an entry of the trail."""
        return self._sync().reviews() if self._reads else ()

    @needs(Action.WRITE_VISIT)
    def decide(self, review_id: UUID, decisions: tuple[Decision, ...]) -> None:
        """Close a review by what was chosen."""
        self._sync().decide(review_id, decisions)

    @needs(Action.ADD_ADDENDUM)
    def propose_addendum(self, review_id: UUID, text: str) -> None:
        """Add late changes to a signed visit."""
        self._sync().propose_addendum(review_id, text)

    @needs(Action.WRITE_VISIT)
    def dismiss(self, review_id: UUID) -> None:
        """Close it; what was written stays in the history."""
        self._sync().dismiss(review_id)

    @needs(Action.SEE_CLINIC)
    def other_editors(self, record_id: RecordId) -> tuple[str, ...]:
        """Who else has this visit open, by name."""
        return self._sync().other_editors(record_id) if self._reads else ()

    @needs(Action.SEE_CLINIC)
    def combined(self, record_id: RecordId) -> tuple[Combined, ...]:
        """What others changed in this draft and nobody here has read yet."""
        return self._sync().combined(record_id) if self._reads else ()

    @needs(Action.READ_CHART)
    def combined_read(self, record_id: RecordId) -> None:
        """It was read."""
        self._sync().combined_read(record_id)

    @needs(Action.SEE_CLINIC)
    def signed_waiting(self, record_id: RecordId) -> bool:
        """Whether it was signed here and the server has not accepted it yet."""
        return self._reads and self._sync().signed_waiting(record_id)

    def set_editing(self, records: frozenset[RecordId]) -> None:
        """Which visits are open in this program; the others are told."""
        self._editing = tuple(records)
        self._loop.wake()

    @property
    def _reads(self) -> bool:
        return allowed(self._context, Action.READ_CHART)

    def _sync(self) -> "Sync":
        from medrec_desktop.services.sync import Sync

        return Sync(self._context, lambda: self._cycle.editors)

    # --- on the loop's thread ------------------------------------------------------------------

    def _tell(self, _link: Link) -> None:
        self._context.changes.publish(Changed("sync"))

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind == "settings":
            self._cycle.users_changed = True
        if changed.kind in _SENT:
            self._loop.wake()


class Rounds:
    """First what is still to be fetched, then round after round."""

    def __init__(
        self,
        context: Context,
        way: "_Way",
        actor: Callable[[], UUID],
        editing: Callable[[], tuple[UUID, ...]],
        keyring: Any,
    ) -> None:
        self._context, self._db, self._way = context, context.db, way
        has_room = partial(room_beyond, context.db.path.parent, FREE_NEEDED)
        self._fetching = FirstDownload(
            context.db,
            way.line,
            actor=actor,
            clock=context.clock,
            changes=context.changes,
            has_room=has_room,
        )
        self.pid = 0
        """The server's process behind the line of the rounds."""
        self._cycle = SyncCycle(
            context.db,
            self._line,
            actor=actor,
            clock=context.clock,
            changes=context.changes,
            name=computer_name(),
            app=APP,
            editing=editing,
            has_room=has_room,
        )
        with context.db.read() as session:
            self.download = read_download(session)
        self._noted, self._keyring, self._spoken = 0.0, keyring, False
        self._editing = editing
        self.users_changed = True
        """Set when somebody may have been disabled elsewhere, or this computer revoked."""

    @property
    def editors(self) -> tuple[Any, ...]:
        """Who edits what elsewhere, as the last hello said."""
        return self._cycle.editors

    def run(self, stop: threading.Event) -> Round:
        """One round."""
        try:
            return self._run(stop)
        except SignedOut:
            now = self._context.clock()
            note_signed_out(self._db, now, self._keyring, sitting=self._context.sitting)
            self._way.forget_secret()
            raise

    def _run(self, stop: threading.Event) -> Round:
        if not self.download.finished:
            self._fetching.run(stop, self._on_progress)
            return Round(more=True)
        done = self._round(stop)
        self._ask_authors()
        self._note_contact()
        if self.users_changed:
            self.users_changed = False
            follow_users(self._db, self._keyring, sitting=self._context.sitting)
        return done

    def _round(self, stop: threading.Event) -> Round:
        """A line that was cut while nobody spoke is no news: only a new one that fails is."""
        spoken, self._spoken = self._spoken, False
        try:
            done = self._cycle.run(stop)
        except Unavailable:
            if not spoken:
                raise
            done = self._cycle.run(stop)
        self._spoken = True
        return done

    def close(self) -> None:
        """Hang up."""
        self._cycle.close()

    def _line(self) -> Line:
        line = self._way.line()
        self.pid = line.pid
        return line

    def _on_progress(self, download: Download) -> None:
        self.download = download

    def _ask_authors(self) -> None:
        """Whoever chooses between two versions sees who wrote both."""
        with self._db.read() as session:
            unknown, device = unknown_versions(session), read_device(session)
            combined = unasked(session, self._editing())
        if not unknown and not combined:
            return
        line = self._way.line()
        line.device = device
        try:
            for shown in unknown:
                history = line.history(shown.tbl, shown.uid)
                with self._db.begin() as session:
                    keep_authors(session, shown, history)
            for shown in combined:
                history = line.history(shown.tbl, shown.uid)
                with self._db.begin() as session:
                    keep_combined(session, shown.uid, history)
                    forget_signed(session)
        finally:
            line.close()
        self._context.changes.publish(Changed("review"))

    def _note_contact(self) -> None:
        """For signing in without the server; once an hour is often enough."""
        now = self._context.clock().timestamp()
        if abs(now - self._noted) >= _CONTACT_S:
            note_contact(self._db, self._context.clock())
            self._noted = now


class _Way:
    """Connections to the clinic's server; the password is asked of the keyring when it is first
    needed, on the thread that needs it."""

    def __init__(self, db: LocalDb, folder: Path, account: ServerAccount, keyring: Any) -> None:
        self._db, self._folder, self._account = db, folder, account
        self._keyring = keyring
        self._secret: str | None = None

    def line(self) -> Line:
        """A new line; a server that answers but lets nobody in is told from one that does not."""
        account = self._account
        try:
            return Line.open(account.address(self._folder), self._password(), account.tenant)
        except Unavailable as error:
            if certificate.answers(account.place):
                raise Unavailable(_ANSWERS) from error
            raise

    def listen(self) -> Any:
        """A connection for hints; psycopg's errors."""
        return connect(self._account.address(self._folder), self._known_password())

    def forget_secret(self) -> None:
        """Nothing of it stays on the disk; as long as the program runs it asks on."""
        forget_secret(self._db, self._account.tenant, self._keyring)

    def change_secret(self, secret: str) -> None:
        """From now on this one."""
        keep_secret(self._db, self._account.tenant, secret, self._keyring)
        self._secret = secret

    def _password(self) -> str:
        if self._secret is None:
            self._secret = read_secret(self._db, self._account.tenant, self._keyring)
        return self._secret

    def _known_password(self) -> str | None:
        with suppress(Denied, Unavailable):
            return self._password()
        return None
