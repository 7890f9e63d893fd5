"""Patients: the search over all of them as a page, and the way to register one."""

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QListView, QVBoxLayout, QWidget

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.patients import PatientHit, PatientMatches
from medrec_desktop.domain.roles import Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.patients.chart import VisitList
from medrec_desktop.ui.patients.hits import HitDelegate, hits_model
from medrec_desktop.ui.patients.query import PatientQuery, form_from, headline
from medrec_desktop.ui.patients.register import RegisterDialog
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import FilledButton, PlainButton, SearchBox, column, label, row
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS


class PatientsPage(QWidget):
    """A `screen.PatientsScreen`."""

    patient_selected = Signal(object)

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "surface")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._services = services
        self._matches: PatientMatches | None = None
        self._enter_waits = False
        self.search = SearchBox("Name, record number, phone or birth date")
        self.search.textEdited.connect(self._on_typed)
        self.search.moved.connect(self._on_moved)
        self.search.picked.connect(self._on_enter)
        self.search.escaped.connect(self._on_escape)
        self.register = FilledButton("Register new patient", "plus")
        self.register.clicked.connect(self._on_register)
        self._words = label("", "body2", wrap=True)
        self.register_found_none = PlainButton("Register new patient", "plus")
        self.register_found_none.clicked.connect(self._on_register)
        self._registers = offers(services.user, Action.REGISTER)
        self._found_none = QWidget()
        self._found_none.setLayout(
            column(self._words, row(self.register_found_none, None), spacing=8)
        )
        self._found_none.hide()
        self._query = PatientQuery(services, self)
        self._query.answered.connect(self._on_answer)
        self._query.failed.connect(self._on_failed)
        self._model = hits_model(services.clock)
        self._model.setParent(self)
        self.list = VisitList()
        self.list.setAccessibleName("Patients")
        self.list.setModel(self._model)
        delegate = HitDelegate(services.clock, with_last=True)
        delegate.setParent(self.list)
        self.list.setItemDelegate(delegate)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setResizeMode(QListView.ResizeMode.Adjust)
        self.list.clicked.connect(self._on_picked)
        self.list.activated.connect(self._on_picked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (22, 12, 22, 0)))
        layout.setSpacing(theme.px(10))
        layout.addLayout(row(label("Patients", "title"), None, self.register))
        self.register.setVisible(self._registers)
        layout.addWidget(self.search)
        layout.addWidget(self._found_none)
        layout.addWidget(self.list, 1)
        layout.addStretch(0)
        QWidget.setTabOrder(self.search, self.register_found_none)
        QWidget.setTabOrder(self.register_found_none, self.list)
        QWidget.setTabOrder(self.list, self.register)
        services.notices.changed.connect(self._on_changed)

    def focus_search(self) -> None:
        """Put the caret into the search."""
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def showEvent(self, event: QShowEvent) -> None:
        """What was found the last time may have changed."""
        super().showEvent(event)
        self._query.ask(self.search.text())

    def _on_typed(self, text: str) -> None:
        self._enter_waits = False
        self.list.setCurrentIndex(QModelIndex())
        self._query.ask(text)

    def _on_answer(self, matches: PatientMatches) -> None:
        self._matches = matches
        count = len(matches.rows)
        typed = self.search.text()
        figure = f"{count} or more" if count >= MOST_ROWS else str(count)
        self.search.set_note("" if matches.near else figure)
        words = headline(typed, matches)
        if not matches.rows and not typed.strip():
            words = "No patients yet." + (" Register the first one." if self._registers else "")
        self._say(words)
        nobody = bool(typed.strip()) and (matches.near or not matches.rows)
        self.register_found_none.setVisible(nobody and self._registers)
        before: PatientHit | None = self._model.row(self.list.currentIndex())
        self._model.set_rows(matches.rows)
        kept = self._model.index_of(before.id) if before else QModelIndex()
        self.list.setCurrentIndex(kept)
        if not kept.isValid():
            self.list.scrollToTop()
        self.list.setVisible(bool(matches.rows))
        if self._enter_waits:
            self._enter_waits = False
            self._on_enter()

    def _on_failed(self, sentence: str) -> None:
        self._matches = None
        self._enter_waits = False
        self._model.set_rows(())
        self._say(sentence)
        self.register_found_none.hide()

    def _say(self, words: str) -> None:
        self._words.setText(words)
        self._found_none.setVisible(bool(words))

    def _on_moved(self, steps: int) -> None:
        count = self._model.rowCount()
        if not count:
            return
        at = self.list.currentIndex().row()
        first = 0 if steps > 0 else count - 1
        index = self._model.index(first if at < 0 else max(0, min(count - 1, at + steps)), 0)
        self.list.setCurrentIndex(index)
        self.list.scrollTo(index)

    def _on_enter(self) -> None:
        if self._query.waits:
            # The list does not show what is typed yet: decide when it does.
            self._enter_waits = True
            return
        matches = self._matches
        current = self.list.currentIndex()
        if current.isValid():
            self._on_picked(current)
        elif matches is None or not matches.rows:
            if self.search.text().strip() and self._registers:
                self._on_register()
        elif len(matches.rows) == 1 and not matches.near and self.search.text().strip():
            self.patient_selected.emit(matches.rows[0].id)
        else:
            self._on_moved(1)

    def _on_escape(self) -> None:
        if self.list.currentIndex().isValid():
            self.list.setCurrentIndex(QModelIndex())
        else:
            self.search.clear()
            self._query.ask("")

    def _on_picked(self, index: QModelIndex) -> None:
        hit: PatientHit | None = self._model.row(index)
        if hit is not None:
            self.patient_selected.emit(hit.id)

    def _on_register(self) -> None:
        matches = self._matches
        known = matches is not None and matches.rows and not matches.near
        typed = "" if known else self.search.text()
        today = self._services.clock().astimezone().date()
        dialog = RegisterDialog(self._services, self, form_from(typed, today=today))
        dialog.patient_selected.connect(self.patient_selected)
        dialog.open()

    def _on_changed(self, changed: Changed) -> None:
        if changed.kind == "patient" and self.isVisible():
            self._query.ask(self.search.text())
