"""Locked or not: the one who works here goes away, comes back, or does not come back.

Locking saves what is typed, covers every window and goes on with everything else. Keys are dropped
by whoever hears `expired`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.services.accounts import PinSpent
from medrec_desktop.services.sign_in import Wait
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.lock.card import Holder, LockCard
from medrec_desktop.ui.lock.covers import Covers
from medrec_desktop.ui.lock.watch import LOOK_MS, Stillness, Watch
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.sign_in.ground import Ground

KEYS_KEPT = timedelta(minutes=30)
WARNING = "Locks in 30 seconds. Press any key to go on."


class Lock(QObject):
    """One for the program; `begin` when somebody is signed in, `end` when nobody is."""

    locked = Signal()
    unlocked = Signal()
    expired = Signal()
    """Nobody came back within half an hour."""
    switch_requested = Signal(object)
    """switch_requested(Ground): somebody else wants to sign in, on this page."""
    soon = Signal(str)
    """A sentence for whoever still sits there."""

    def __init__(
        self,
        background: Background,
        saves: Saves,
        clock: Callable[[], datetime],
        parent: QObject | None = None,
        *,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__(parent)
        self._background, self._saves, self._clock = background, saves, clock
        self._who: Callable[[], Holder] | None = None
        self._holder: Holder | None = None
        self._title = ""
        self._cards: list[LockCard] = []
        self._waiting = Stillness(clock, steady)
        self._expired = False
        self.watch = Watch(clock, self, steady=steady)
        self.watch.still.connect(self.lock)
        self.watch.lock_requested.connect(self.lock)
        self.watch.soon.connect(self._on_soon)
        self.covers = Covers(self._make_ground, self)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        saves.changed.connect(self._on_saves_changed)

    @property
    def is_locked(self) -> bool:
        """Whether windows are covered."""
        return self.covers.on

    def begin(self, who: Callable[[], Holder], title: str) -> None:
        """Somebody works here from now on: `who` is asked at each lock; `title` stands on the
        pages."""
        self._who, self._title = who, title
        self.watch.start()

    def end(self) -> None:
        """Nobody works here; nothing is left to lock."""
        self.watch.stop()
        self._who = None
        self._uncover()

    def set_minutes(self, minutes: int) -> None:
        """After how many minutes without a touch it locks by itself."""
        self.watch.set_limit(minutes)

    def set_title(self, title: str) -> None:
        """The clinic's name, once it is known."""
        self._title = title

    def lock(self) -> None:
        """Save, cover everything, wait."""
        if self._who is None or self.is_locked:
            return
        self._holder = self._who()
        self.watch.stop()
        self._saves.flush()
        self._waiting.begin()
        self._expired = False
        self.covers.put_on()
        self._timer.start()
        self.locked.emit()

    def look(self) -> None:
        """Whether the time for coming back is over."""
        kept = self._holder is not None and self._holder.unlock is not None
        if self.is_locked and kept and not self._expired and self._waiting.lasted >= KEYS_KEPT:
            self._expired = True
            self.expired.emit()

    def wait_on(self) -> None:
        """What is typed cannot be stored just now, so the keys are still needed."""
        self._expired = False

    def show_card(self, ground: Ground) -> None:
        """Back from signing somebody else in."""
        self._put_card(ground)
        ground.focus_page()

    def unlock(self) -> None:
        """Whoever came back is the one who went."""
        if not self.is_locked:
            return
        self._uncover()
        self.watch.start()
        self.unlocked.emit()

    def try_words(self, words: str) -> None:
        """A PIN or a password was entered on one of the pages."""
        self.look()
        if self._expired or self._holder is None:
            return
        if self._holder.unlock is None:
            self.unlock()
            return
        for card in self._shown():
            card.field.busy("Unlocking…")
        work = self._background.slow(self, self._holder.unlock, words)
        work.then(self._on_unlocked).failed(self._on_refused)

    def _uncover(self) -> None:
        self._timer.stop()
        if self.covers.on:
            self.covers.take_off()
        self._cards = []

    def _make_ground(self, window: QWidget) -> Ground:
        ground = Ground(window, self._title)
        self._put_card(ground)
        return ground

    def _put_card(self, ground: Ground) -> None:
        if self._holder is None:
            return
        self._cards = [card for card in self._cards if isValid(card)]
        card = LockCard(self._holder, self._clock)
        card.show_saves(self._saves.state)
        card.entered.connect(self.try_words)
        card.switch_requested.connect(self._on_switch)
        self._cards.append(card)
        ground.show_page(card)

    def _shown(self) -> list[LockCard]:
        return [card for card in self._cards if isValid(card)]

    def _on_switch(self) -> None:
        asked = self.sender()
        for ground in self.covers.each():
            if isinstance(asked, QWidget) and ground.isAncestorOf(asked):
                self.switch_requested.emit(ground)

    def _on_unlocked(self, _result: object) -> None:
        self.unlock()

    def _on_refused(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            for card in self._shown():
                card.field.busy("")
            self._background.error_unhandled.emit(error)
            return
        for card in self._shown():
            if isinstance(error, PinSpent):
                card.ask_password()
            card.field.fail(str(error), error.seconds if isinstance(error, Wait) else 0)

    def _on_saves_changed(self, state: str) -> None:
        if self.is_locked:
            for card in self._shown():
                card.show_saves(state)
        elif state == "pending":
            # Also what comes without a key of this window: dictation, input methods.
            self.watch.touch()

    def _on_soon(self) -> None:
        self.soon.emit(WARNING)
