"""Find in the sidebar (Ctrl K): patients beneath the box as one types.

It opens no chart by itself: Enter opens the one patient that matches; of several it first marks
the first, for a wrong chart is the worst error.
"""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.patients import PatientHit, PatientMatches
from medrec_desktop.domain.roles import Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.patients.hits import HitDelegate, hits_model
from medrec_desktop.ui.patients.query import PatientQuery, form_from, headline
from medrec_desktop.ui.patients.register import RegisterDialog
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import GhostButton, KeyHint, SearchBox, label, row
from medrec_desktop.ui.widgets.passing import announce
from medrec_desktop.ui.widgets.popup_list import PopupList

MOST = 20
"""More than fits beneath the box; the page of all patients shows more."""


class FindBox(SearchBox):
    """A `screen.FindScreen`."""

    patient_selected = Signal(object)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__("Find patient", "Ctrl K", parent)
        self.setAccessibleName("Find patient by name, record number, phone or birth date")
        self._services = services
        self._matches: PatientMatches | None = None
        self._enter_waits = False
        self._before: QWidget | None = None
        self._query = PatientQuery(services, self, most=MOST)
        self._query.answered.connect(self._on_answer)
        self._query.failed.connect(self._on_failed)
        self._model = hits_model(services.clock)
        self._model.setParent(self)
        self._popup: PopupList | None = None
        self._registers = offers(services.user, Action.REGISTER)
        self.textEdited.connect(self._on_typed)
        self.moved.connect(self._on_moved)
        self.picked.connect(self._on_enter)
        self.escaped.connect(self._on_escape)
        services.notices.changed.connect(self._on_changed)

    @property
    def popup(self) -> PopupList:
        """The list, made when it is first needed."""
        if self._popup is None:
            self._popup = self._make_popup()
        return self._popup

    def focus_search(self) -> None:
        """Put the caret here, what was typed selected, the list open."""
        before = QApplication.focusWidget()
        if before is not self:
            self._before = before
        self.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.selectAll()
        self._query.ask(self.text())

    def go_on(self, typed: str, *, entered: bool) -> None:
        """Take over what was typed while the clinic was being opened, and whether Enter was."""
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.setText(typed)
        self._query.ask(typed)
        self._enter_waits = entered

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Shift Enter registers somebody new."""
        shift = event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if self._registers and shift and event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self._register()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The list belongs to the caret."""
        super().focusOutEvent(event)
        self._close()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click opens the list again."""
        super().mousePressEvent(event)
        if not self._open:
            self._query.ask(self.text())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event) and getattr(self, "_popup", None) is not None:
            self._close()

    @property
    def _open(self) -> bool:
        return self._popup is not None and self._popup.isVisible()

    def _on_typed(self, text: str) -> None:
        self._enter_waits = False
        self._query.ask(text)

    def _on_answer(self, matches: PatientMatches) -> None:
        self._matches = matches
        if not self.hasFocus():
            return
        words = headline(self.text(), matches)
        count = len(matches.rows)
        self.set_note("" if matches.near else f"{count}{'+' if count >= MOST else ''}")
        popup = self.popup
        popup.show_rows(matches.rows, words)
        for part in self._open_hint:
            part.setVisible(bool(count))
        self._register_key.setText("Shift Enter" if count or not self.text().strip() else "Enter")
        popup.open()
        announce(self, words or f"{count} patients")
        if self._enter_waits:
            self._enter_waits = False
            self._on_enter()

    def _on_failed(self, sentence: str) -> None:
        self._matches = None
        self._enter_waits = False
        if self.hasFocus():
            self.set_note("")
            self.popup.show_rows((), sentence)
            self.popup.open()

    def _on_moved(self, steps: int) -> None:
        if self._open:
            self.popup.move_mark(steps)
        else:
            self._query.ask(self.text())

    def _on_enter(self) -> None:
        if self._query.waits:
            # The list does not show what is typed yet: decide when it does.
            self._enter_waits = True
            return
        if not self._open:
            self._query.ask(self.text())
            return
        picked: PatientHit | None = self.popup.current
        matches = self._matches
        if picked is None and matches is not None:
            certain = len(matches.rows) == 1 and not matches.near and self.text().strip()
            if certain:
                picked = matches.rows[0]
        if picked is not None:
            self._pick(picked)
        elif self._model.rows:
            self.popup.move_mark(1)
        elif self.text().strip() and self._registers:
            self._register()

    def _on_escape(self) -> None:
        if self._open:
            self._close()
        else:
            self._give_back()

    def _give_back(self) -> None:
        """The keys go where they came from."""
        before, self._before = self._before, None
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.clearFocus()

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind == "patient" and self._open:
            self._query.ask(self.text())

    def _pick(self, hit: PatientHit) -> None:
        self._leave(hit.id)

    def _leave(self, patient_id: PatientId) -> None:
        self._query.stop()
        self.clear()
        self._close()
        self.clearFocus()
        self.patient_selected.emit(patient_id)

    def _register(self) -> None:
        form = form_from(self.text(), today=self._services.clock().astimezone().date())
        self._query.stop()
        self._close()
        dialog = RegisterDialog(self._services, self.window(), form)
        dialog.patient_selected.connect(self._leave)
        dialog.open()

    def _close(self) -> None:
        if self._popup is not None:
            self._popup.close_list()

    def _make_popup(self) -> PopupList:
        popup = PopupList(
            self,
            self._model,
            HitDelegate(self._services.clock),
            "Patients found",
            width=lambda: theme.px(460),
            tallest=520,
        )
        popup.picked.connect(self._pick)
        register = GhostButton("Register new patient", "plus")
        register.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        register.clicked.connect(self._register)
        self.register_button = register
        self._register_key = KeyHint("Shift Enter")
        if not self._registers:
            register.hide()
            self._register_key.hide()
        self._open_hint = (KeyHint("Enter"), label("open chart", "caption"))
        popup.foot.setLayout(
            row(register, self._register_key, None, *self._open_hint, margins=(2, 4, 8, 2))
        )
        return popup
