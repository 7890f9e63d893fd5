"""From "who are you" to an open clinic, on the card of one window. It shows and asks; the work is
done by the calls of an `Entry`, on background threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.ui.sign_in.cards import (
    NewPasswordCard,
    PasswordCard,
    PeopleCard,
    RecoverCard,
)
from medrec_desktop.ui.sign_in.people import Person

# Only named: what opens a clinic comes with the first call.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from medrec_desktop.domain.ids import UserId
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.screen import OpenClinic
    from medrec_desktop.ui.sign_in.entry import Entry
    from medrec_desktop.ui.sign_in.ground import Ground

CHECKING = "Checking…"


class SigningIn(QObject):
    """One attempt after another, until somebody is in or goes back."""

    signed_in = Signal(object)
    """signed_in(OpenClinic)"""
    left = Signal()

    def __init__(
        self,
        ground: Ground,
        entry: Entry,
        background: Background,
        clock: Callable[[], datetime],
        parent: QObject | None = None,
        *,
        last: str = "",
        notes: Mapping[UserId, str] | None = None,
        may_leave: bool = False,
    ) -> None:
        """`last` was here last, by id; `notes` stand under names; `may_leave`: there is a page to
        go back to."""
        super().__init__(parent)
        self._ground, self._entry, self._background = ground, entry, background
        self._clock, self._last, self._notes = clock, last, dict(notes or {})
        self._may_leave = may_leave
        self._people: tuple[Person, ...] = ()
        self._person: Person | None = None
        self._card: PasswordCard | NewPasswordCard | RecoverCard | None = None
        self._typed = ""

    def begin(self, password: str = "") -> None:
        """Find out who may sign in, and ask; `password` was typed a moment ago, when the only
        user was made."""
        self._typed = password
        asking = self._background.slow(self, self._entry.people)
        asking.then(self._on_people)

    def _on_people(self, people: Sequence[tuple[UserId, str]]) -> None:
        self._people = tuple(Person(user, name, self._notes.get(user, "")) for user, name in people)
        known = next((one for one in self._people if str(one.id) == self._last), None)
        if len(self._people) == 1 and not self._entry.without_password:
            self._ask_password(self._people[0])
            if self._typed:
                self._on_password(self._typed)
        elif known is not None and not self._may_leave:
            self._ask_password(known)
        else:
            self._ask_who()

    def _ask_who(self) -> None:
        card = PeopleCard(self._people, first=self._last, may_leave=self._may_leave)
        card.chosen.connect(self._on_chosen)
        card.left.connect(self.left)
        self._card = None
        self._show(card)

    def _on_chosen(self, person: Person) -> None:
        if self._entry.without_password:
            self._person = person
            work = self._background.slow(self, self._entry.sign_in, person.id, "")
            work.then(self._on_in).failed(self._on_failed)
        else:
            self._ask_password(person)

    def _ask_password(self, person: Person) -> None:
        self._person = person
        alone = len(self._people) == 1
        words = "" if alone and not self._may_leave else "Back" if alone else "Someone else?"
        card = PasswordCard(person, self._clock, may_leave=words)
        card.entered.connect(self._on_password)
        card.forgotten.connect(self._on_forgotten)
        card.left.connect(self.left if alone else self._ask_who)
        self._card = card
        self._show(card)

    def _on_password(self, password: str) -> None:
        if self._person is not None:
            self._typed = password
            self._work(self._entry.sign_in, self._person.id, password)

    def _ask_new(self) -> None:
        if self._person is None:
            return
        card = NewPasswordCard(self._person)
        card.entered.connect(self._on_new)
        card.left.connect(self._again)
        self._card = card
        self._show(card)

    def _on_new(self, password: str) -> None:
        if self._person is not None:
            self._work(self._entry.choose_password, self._person.id, self._typed, password)

    def _on_forgotten(self) -> None:
        if self._person is None:
            return
        card = RecoverCard(self._person)
        card.entered.connect(self._on_code)
        card.left.connect(self._again)
        self._card = card
        self._show(card)

    def _on_code(self, code: str, password: str) -> None:
        if self._person is not None:
            self._work(self._entry.recover, code, self._person.id, password)

    def _again(self) -> None:
        if self._person is not None:
            self._ask_password(self._person)

    def _work(self, call: Callable[..., OpenClinic | None], *words: object) -> None:
        if self._card is not None:
            self._card.busy(CHECKING)
        self._background.slow(self, call, *words).then(self._on_in).failed(self._on_failed)

    def _on_in(self, clinic: OpenClinic | None) -> None:
        if clinic is None:
            self._ask_new()
            return
        self._typed = ""
        self.signed_in.emit(clinic)

    def _on_failed(self, error: BaseException) -> None:
        card = self._card
        if card is None or not isinstance(error, MedrecError):
            if card is not None:
                card.busy("")
            self._background.error_unhandled.emit(error)
        elif isinstance(error, Invalid):
            card.fail(" ".join(error.fields.values()))
        else:
            # It is loaded by now: only the first paint had no time for it.
            from medrec_desktop.services.sign_in import Wait

            card.fail(str(error), error.seconds if isinstance(error, Wait) else 0)

    def _show(self, card: PeopleCard | PasswordCard | NewPasswordCard | RecoverCard) -> None:
        self._ground.show_page(card)
        self._ground.focus_page()
