"""Users, their passwords and PINs, and the clinic's recovery code, in an open clinic.

What the clinic knows of a user (name, role, active) is in its database and reaches every computer;
how they sign in is in the folder's `accounts.json`, on this computer alone. Methods that take a
password may block for a second: never on the UI thread.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from medrec_desktop.data import clinic as people
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.session import Session
from medrec_desktop.domain.auditing import What
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Conflict, Denied, Invalid, WrongPassphrase
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.passwords import (
    code_problem,
    code_symbols,
    password_problem,
    pin_problem,
)
from medrec_desktop.domain.people import Role, User
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.text import storable
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import has_accounts, held
from medrec_desktop.security.halves import forget_half
from medrec_desktop.security.pins import kept_pin, pin_fits
from medrec_desktop.security.user_locks import open_lock
from medrec_desktop.services.access import begin_accounts, forget_first_release, new_code
from medrec_desktop.services.account import Account, PinSpent, Recovery, WrongPin
from medrec_desktop.services.authorize import needs, signs_in
from medrec_desktop.services.computers import Computer, list_computers, revoke
from medrec_desktop.services.confirming import check_password
from medrec_desktop.services.context import Context
from medrec_desktop.services.key_change import change_key
from medrec_desktop.services.sign_in import choose_password, with_password
from medrec_desktop.services.trail import note, note_alone

__all__ = ["Account", "Accounts", "Computer", "PinSpent", "Recovery", "WrongPin"]

_LONGEST_NAME = 255
_ROLES = frozenset({"doctor", "front_desk", "admin"})
_LAST_ADMIN = (
    "This is the clinic’s last administrator. Nothing was changed. Make somebody else an "
    "administrator first."
)


class Accounts:
    """Of the open clinic, for the user who acts."""

    def __init__(self, context: Context, *, keyring: Any = None) -> None:
        """`keyring` is for tests; None is the system's."""
        self._context = context
        self._folder = context.db.path.parent
        self._keyring = keyring

    # --- users -------------------------------------------------------------------------------

    @needs(Action.SEE_CLINIC)
    def users(self) -> tuple[Account, ...]:
        """Everybody who ever worked here, first user first."""
        with self._context.db.read() as session:
            found = people.list_users(session)
        locks = {one.id: one for one in self._stored().accounts} if self._begun else {}
        me = self._context.actor.id
        return tuple(
            Account(
                user=user,
                signs_in=user.id in locks,
                must_change=user.id in locks and locks[user.id].must_change,
                me=user.id == me,
            )
            for user in found
        )

    @needs(Action.MANAGE_USERS)
    def add(self, name: str, role: Role, password: str, *, admin: bool = False) -> UserId:
        """A new user with a first password, which they change at their first sign-in. `Invalid`
        names the fields: name, role, password."""
        self._require_begun()
        wanted = storable(name).strip()
        problems = self._user_problems(wanted, role)
        if problem := password_problem(password, wanted):
            problems["password"] = problem
        if problems:
            raise Invalid(problems)
        user = User(UserId(new_uid()), wanted, role, admin=admin)
        with held(self._folder):
            # Made before the transaction: a keyring may ask, and nobody's save should wait.
            accounts = self._with_password(self._stored(), user, password)
            with self._context.db.begin() as session:
                now = self._context.clock()
                people.insert_user(
                    session, name=wanted, role=role, now=now, admin=admin, uid=user.id
                )
                self._note(session, "user.add", user, detail=_role_words(user))
            store.write(self._folder, accounts)
        self._changed()
        return user.id

    @needs(Action.MANAGE_USERS)
    def set_role(self, user_id: UserId, role: Role, *, admin: bool = False) -> None:
        """From now on this role; it holds at once, also for whoever is signed in. `Conflict` for
        the last administrator."""
        if role not in _ROLES:
            raise Invalid({"role": "Choose a role."})
        self._change(
            user_id,
            lambda user: replace(user, role=role, admin=admin),
            "user.role",
        )

    @needs(Action.MANAGE_USERS)
    def set_active(self, user_id: UserId, active: bool) -> None:  # noqa: FBT001 - what it is called
        """Disabled: they sign in nowhere and lose their lock here. Let in again, they need a new
        password. `Conflict` for the last administrator."""
        what: What = "user.enable" if active else "user.disable"
        self._change(user_id, lambda user: replace(user, active=active), what)
        if active or not self._begun:
            return
        with held(self._folder):
            accounts = self._stored()
            lost = [one.lock.service for one in accounts.accounts if one.id == user_id]
            if lost:
                store.write(self._folder, accounts.without({user_id}))
        for service in lost:
            forget_half(service, self._keyring)

    @needs(Action.MANAGE_USERS)
    def reset_password(self, user_id: UserId, new: str) -> None:
        """Another user's new password, which they change at their next sign-in."""
        self._require_begun()
        if user_id == self._context.actor.id:
            raise Conflict("Change your own password with the one you have now.")
        with self._context.db.read() as session:
            user = people.get_user(session, user_id)
        if not user.active:
            raise Conflict("This user is disabled. Let them in again first.")
        if problem := password_problem(new, user.name):
            raise Invalid({"password": problem})
        with held(self._folder):
            accounts = self._stored()
            old = [one.lock.service for one in accounts.accounts if one.id == user_id]
            store.write(self._folder, self._with_password(accounts, user, new))
        for service in old:
            forget_half(service, self._keyring)
        note_alone(self._context, "user.reset", subject=user_id)
        with self._context.db.begin() as session:
            people.write_pin(session, user_id, None)
        self._changed()

    # --- one's own ---------------------------------------------------------------------------

    @needs(Action.OWN_ACCOUNT)
    def change_password(self, old: str, new: str) -> None:
        """One's own. `WrongPassword`, `Wait`, `Invalid` ("password")."""
        self._require_begun()
        now, me = self._context.clock(), self._context.actor.id
        choose_password(self._folder, me, old, new, now=now, keyring=self._keyring)
        self._context.sitting.confirm(me, now)
        note_alone(self._context, "user.password")

    @needs(Action.OWN_ACCOUNT)
    def set_pin(self, pin: str | None) -> None:
        """A PIN that unlocks while the program is open; None: only the password does."""
        if pin is not None and (problem := pin_problem(pin)):
            raise Invalid({"pin": problem})
        kept = None if pin is None else kept_pin(pin)
        with self._context.db.begin() as session:
            people.write_pin(session, self._context.actor.id, kept)
            note(self._context, session, "user.pin", detail="removed" if pin is None else "")

    @needs(Action.OWN_ACCOUNT)
    def has_pin(self) -> bool:
        """Whether the user who acts may unlock by PIN now."""
        me = self._context.actor.id
        if not self._context.sitting.pins_left(me):
            return False
        with self._context.db.read() as session:
            return people.read_pin(session, me) is not None

    @needs(Action.OWN_ACCOUNT)
    def unlock(self, pin_or_password: str) -> None:
        """`WrongPin`, `PinSpent`, `WrongPassword`, `Wait`. In a clinic where nobody signs in there
        is nothing to check, unless a PIN was set."""
        me, sitting, typed = self._context.actor.id, self._context.sitting, pin_or_password
        with self._context.db.read() as session:
            kept = people.read_pin(session, me)
        if kept is not None and not pin_problem(typed):
            left = sitting.try_pin(me)
            if left >= 0 and pin_fits(typed, kept):
                sitting.confirm(me, self._context.clock())
                note_alone(self._context, "unlock", detail="PIN")
                return
            # Digits alone may be a password too.
            if len(typed) < 8 or not self._begun:
                raise WrongPin(left) if left > 0 else PinSpent
        if self._begun:
            check_password(self._context, typed, keyring=self._keyring)
            note_alone(self._context, "unlock", detail="password")
        elif kept is not None:
            raise WrongPin(sitting.pins_left(me))

    @needs(Action.OWN_ACCOUNT)
    def confirm(self, password: str) -> None:
        """One's own password once more, to sign a visit; `WrongPassword`, `Wait`."""
        if self._begun:
            check_password(self._context, password, keyring=self._keyring)

    @needs(Action.OWN_ACCOUNT)
    def recently_confirmed(self) -> bool:
        """Whether a visit can be signed without typing the password again."""
        now = self._context.clock()
        return not self._begun or self._context.sitting.confirmed(self._context.actor.id, now)

    # --- the clinic's key --------------------------------------------------------------------

    @needs(Action.MANAGE_KEYS)
    def begin(self, password: str, user_id: UserId | None = None) -> str:
        """From the key of the first release, or of a restored clinic, to accounts: this
        administrator (the user who acts, unless named) signs in with `password` from now on.
        Answers the recovery code. The old key file goes only after the new account was read back
        from the disk and has opened the key."""
        if self._begun:
            raise Conflict("The users of this clinic sign in already. Nothing was changed.")
        with self._context.db.read() as session:
            clinic = people.get_clinic(session)
            user = people.get_user(session, user_id or self._context.actor.id)
        if clinic.demo:
            raise Denied("The demo’s key is public, so nobody signs in to it.")
        if not user.active or "admin" not in user.roles:
            raise Conflict("Choose an administrator of the clinic, who can let the others in.")
        if problem := password_problem(password, user.name):
            raise Invalid({"password": problem})
        now = self._context.clock()
        code = begin_accounts(
            self._folder,
            self._context.db.key,
            user,
            password,
            clinic=clinic.id,
            device=self._context.device,
            now=now,
            keyring=self._keyring,
        )
        forget_first_release(self._folder, self._keyring)
        self._context.sitting.confirm(self._context.actor.id, now)
        note_alone(self._context, "accounts.begin", subject=user.id)
        self._changed()
        return code

    @needs(Action.MANAGE_KEYS)
    def recovery(self) -> Recovery | None:
        """The code that works now; None when there is none."""
        code = self._stored().recovery if self._begun else None
        return None if code is None else Recovery(code.made_at, code.confirmed)

    @needs(Action.MANAGE_KEYS)
    def new_recovery_code(self) -> str:
        """Shown once. The one before works until this one is confirmed."""
        self._require_begun()
        with held(self._folder):
            accounts = self._stored()
            code, offered = new_code(accounts, self._context.db.key, self._context.clock())
            store.write(self._folder, replace(accounts, offered=offered))
        return code

    @needs(Action.MANAGE_KEYS)
    def confirm_recovery_code(self, code: str) -> None:
        """It was typed from paper: from now on it is the one that works. `Invalid` ("code") for a
        slip, `Denied` for another code."""
        self._require_begun()
        if problem := code_problem(code):
            raise Invalid({"code": problem})
        with held(self._folder):
            accounts = self._stored()
            for one in (accounts.offered, accounts.recovery):
                if one is not None and _fits(one.lock, code, accounts.about(None)):
                    confirmed = replace(one, confirmed=True)
                    store.write(self._folder, replace(accounts, recovery=confirmed, offered=None))
                    break
            else:
                raise Denied("This is not the new recovery code. The one before still works.")
        note_alone(self._context, "recovery.new")

    @needs(Action.MANAGE_KEYS)
    def rotate_key(self, progress: Callable[[str], None] = lambda _step: None) -> None:
        """Another key for the clinic's database, and for everybody's lock. The clinic stays open;
        saves wait meanwhile. Whatever is cut short, one of both keys opens the clinic."""
        self._require_begun()
        change_key(self._context.db, progress)
        note_alone(self._context, "key.change")

    # --- computers ---------------------------------------------------------------------------

    @needs(Action.MANAGE_COMPUTERS)
    def computers(self) -> tuple[Computer, ...]:
        """Every computer of the clinic that this one has heard of, this one first."""
        with self._context.db.read() as session:
            return list_computers(session, self._context.device)

    @needs(Action.MANAGE_COMPUTERS)
    def revoke_computer(self, device: UUID) -> None:
        """From the server's answer on it reads and sends nothing, and it loses everybody's access
        as soon as it hears of that. `Conflict` for this computer."""
        if device == self._context.device:
            raise Conflict("This is the computer you sit at. Revoke it from another one.")
        now = self._context.clock()
        with self._context.db.begin() as session:
            settings = revoke(session, device, actor=self._context.actor.id, now=now)
            note(self._context, session, "computer.revoke", subject=device)
            if settings:
                mark(session, "settings", people.get_clinic(session).id, now=now)
        self._changed()

    # -----------------------------------------------------------------------------------------

    @property
    def _begun(self) -> bool:
        return signs_in(self._context)

    def _require_begun(self) -> None:
        if not has_accounts(self._folder):
            raise Conflict("Nobody signs in to this clinic yet. Choose a password first.")

    def _stored(self) -> store.Accounts:
        return store.read(self._folder)

    def _with_password(self, accounts: store.Accounts, user: User, password: str) -> store.Accounts:
        key = self._context.db.key
        return with_password(
            accounts, user.id, user.name, key, password, self._keyring, must_change=True
        )

    def _user_problems(self, name: str, role: str) -> dict[str, str]:
        problems = {}
        with self._context.db.read() as session:
            taken = {one.name.casefold() for one in people.list_users(session) if one.active}
        if not name:
            problems["name"] = "Type the name as it should stand under visits."
        elif len(name) > _LONGEST_NAME:
            problems["name"] = f"Use at most {_LONGEST_NAME} characters."
        elif name.casefold() in taken:
            problems["name"] = "Somebody of this name is here already. Add what tells them apart."
        if role not in _ROLES:
            problems["role"] = "Choose a role."
        return problems

    def _change(self, user_id: UserId, change: Callable[[User], User], what: What) -> None:
        with self._context.db.begin() as session:
            before = people.get_user(session, user_id)
            user = change(before)
            if user == before:
                return
            leads = user.active and "admin" in user.roles
            if not leads and not any(
                one.active and "admin" in one.roles and one.id != user_id
                for one in people.list_users(session)
            ):
                raise Conflict(_LAST_ADMIN)
            people.change_user(session, user)
            if not user.active:
                people.write_pin(session, user_id, None)
            self._note(session, what, user, detail=_role_words(user) if user.active else "")
        # Only now: what was rolled back holds for nobody.
        self._context.sitting.learn(user)
        self._changed()

    def _note(self, session: Session, what: What, user: User, *, detail: str) -> None:
        note(self._context, session, what, subject=user.id, detail=detail)
        mark(session, "user", user.id, now=self._context.clock())

    def _changed(self) -> None:
        self._context.changes.publish(Changed("settings"))


def _role_words(user: User) -> str:
    return f"{user.role}, administrator" if user.admin and user.role != "admin" else user.role


def _fits(lock: Any, code: str, about: bytes) -> bool:
    with suppress(WrongPassphrase):
        return bool(open_lock(lock, code_symbols(code), about, b""))
    return False
