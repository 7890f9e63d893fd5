"""What the program can do with the clinic: its name, its people, its settings and this computer's.

Each method is one transaction.
"""

from medrec_desktop.data import ballast
from medrec_desktop.data import clinic as store
from medrec_desktop.data.outbox import mark
from medrec_desktop.domain.attachments import FREE_NEEDED
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.disk_room import DiskRoom
from medrec_desktop.domain.errors import Invalid, Unavailable
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.people import Clinic as ClinicIdentity
from medrec_desktop.domain.people import User
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.domain.settings import ClinicSettings, ComputerSettings, Place
from medrec_desktop.domain.text import storable
from medrec_desktop.services.access import follow_users
from medrec_desktop.services.authorize import NotAllowed, needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.settings import (
    clinic_problems,
    clinic_settings_of,
    computer_settings_of,
    place_of,
    stored_clinic_settings,
    stored_computer_settings,
    stored_place,
)
from medrec_desktop.services.trail import note

_LONGEST_NAME = 255
_DISK_GONE = (
    "The disk of the clinic’s records cannot be reached. What was stored is safe. Connect the disk, "
    "then try again."
)


class Clinic:
    """The clinic of the open database."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @needs(Action.SEE_CLINIC)
    def clinic(self) -> ClinicIdentity:
        """Its name and its tenant."""
        with self._context.db.read() as session:
            return store.get_clinic(session)

    @needs(Action.SEE_CLINIC)
    def disk_room(self) -> DiskRoom:
        """What the disk still takes. Room for typing is set aside again once there is enough.
        `Unavailable` when the disk is gone."""
        folder = self._context.db.path.parent
        reserve = ballast.lay(folder, leaving=FREE_NEEDED)
        try:
            return DiskRoom(ballast.free_bytes(folder), reserve)
        except OSError as error:
            raise Unavailable(_DISK_GONE) from error

    @needs(Action.SEE_CLINIC)
    def me(self) -> User:
        """In whose name this program writes and signs."""
        with self._context.db.read() as session:
            return store.get_user(session, self._context.actor.id)

    @needs(Action.SEE_CLINIC)
    def users(self) -> tuple[User, ...]:
        """Everybody who ever worked here; those who left are not active."""
        with self._context.db.read() as session:
            return store.list_users(session)

    @needs(Action.RENAME_USER)
    def rename_user(self, user_id: UserId, name: str) -> None:
        """Give a user another name; records that were signed keep the name they were signed
        under. `Invalid` without one."""
        actor = self._context.actor
        if user_id != actor.id and "admin" not in actor.roles:
            raise NotAllowed(Action.RENAME_USER, RULES[Action.RENAME_USER].refusal)
        wanted = storable(name).strip()
        if not wanted:
            raise Invalid({"user_name": "Type your name as it should stand under your visits."})
        if len(wanted) > _LONGEST_NAME:
            raise Invalid({"user_name": f"Use at most {_LONGEST_NAME} characters."})
        with self._context.db.begin() as session:
            if store.get_user(session, user_id).name == wanted:
                return
            store.rename_user(session, user_id, wanted)
            note(self._context, session, "user.rename", subject=user_id, detail=wanted)
            mark(session, "user", user_id, now=self._context.clock())
        follow_users(self._context.db)
        self._context.changes.publish(Changed("settings"))

    @needs(Action.SEE_CLINIC)
    def settings(self) -> ClinicSettings:
        """What every computer of the clinic shares."""
        with self._context.db.read() as session:
            return clinic_settings_of(store.read_clinic_settings(session))

    @needs(Action.CHANGE_CLINIC)
    def save_settings(self, settings: ClinicSettings) -> None:
        """Store what differs; `Invalid` names the fields that make no sense."""
        if problems := clinic_problems(settings):
            raise Invalid(problems)
        now = self._context.clock()
        with self._context.db.begin() as session:
            stored = store.read_clinic_settings(session)
            wanted = stored_clinic_settings(settings)
            changed = {n: v for n, v in wanted.items() if n not in stored or stored[n] != v}
            if not changed:
                return
            store.write_clinic_settings(session, changed, now=now)
            names = ", ".join(sorted(changed))
            note(self._context, session, "settings.change", detail=names)
            mark(session, "settings", store.get_clinic(session).id, now=now)
        self._context.changes.publish(Changed("settings"))

    @needs(Action.USE_COMPUTER)
    def computer(self) -> ComputerSettings:
        """What belongs to this computer alone."""
        with self._context.db.read() as session:
            return computer_settings_of(store.read_computer_settings(session))

    @needs(Action.USE_COMPUTER)
    def save_computer(self, settings: ComputerSettings) -> None:
        """Store this computer's choices; they are never sent anywhere."""
        with self._context.db.begin() as session:
            store.write_computer_settings(session, stored_computer_settings(settings))
        self._context.changes.publish(Changed("settings"))

    @needs(Action.USE_COMPUTER)
    def place(self) -> Place | None:
        """Where somebody was writing when the program last ran on this computer."""
        with self._context.db.read() as session:
            return place_of(store.read_computer_settings(session))

    @needs(Action.USE_COMPUTER)
    def remember_place(self, place: Place | None) -> None:
        """Keep where the caret is, so that a crash brings the doctor back there; None forgets."""
        with self._context.db.begin() as session:
            store.write_computer_settings(session, stored_place(place))
