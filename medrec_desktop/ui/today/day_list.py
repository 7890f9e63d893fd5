"""The list of the sidebar: today's visits or my drafts, read again after every commit."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QListView, QVBoxLayout, QWidget

from medrec_desktop.domain.dates import WEEKDAYS, shown
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.patients import display_name
from medrec_desktop.domain.records import QueueRow
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import Column, RowsModel
from medrec_desktop.ui.today.delegate import QueueDelegate, spoken
from medrec_desktop.ui.widgets import label, row


class _List(QListView):
    """A list whose rows follow its width, and that answers Enter."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrower list may need higher rows."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def changeEvent(self, event: QEvent) -> None:
        """So may larger text."""
        super().changeEvent(event)
        if theme.restyled(event):
            self.scheduleDelayedItemsLayout()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the visit on every platform."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)


class DayList(QWidget):
    """Shows rows with a head above; says which visit was picked."""

    visit_selected = Signal(object)

    def __init__(self, clock: Callable[[], datetime], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clock = clock
        self._open: UUID | None = None
        self._next: UUID | None = None
        self._title = label("", "meta")
        self._note = label("", "meta")
        self._title.setProperty("role", "listhead")
        self._empty = label("", "meta", wrap=True)
        self._model = RowsModel(
            [Column[QueueRow]("Visit", lambda r: display_name(r.family, r.given))],
            lambda r: r.record_id,
            self,
            spoken=spoken,
        )
        self._list = _List()
        self._list.setAccessibleName("Visits")
        self._list.setModel(self._model)
        self._delegate = QueueDelegate(self._list)
        self._list.setItemDelegate(self._delegate)
        self._list.setMouseTracking(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._list.clicked.connect(self._on_picked)
        self._list.activated.connect(self._on_picked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(4))
        layout.addLayout(row(self._title, None, self._note, margins=(8, 0, 8, 0)))
        layout.addLayout(row(self._empty, margins=(8, 4, 8, 0)))
        layout.addWidget(self._list, 1)
        # Takes the room of the list while that is empty: the words stay at the top.
        self._room = QWidget()
        layout.addWidget(self._room, 1)
        self._room.hide()
        self._empty.hide()

    def show_today(self, rows: tuple[QueueRow, ...]) -> None:
        """The day, its date above."""
        today = self._clock().astimezone().date()
        waiting = sum(one.status == "draft" for one in rows)
        self._title.setText(f"{WEEKDAYS[today.weekday()][:3]} {shown(today)}")
        self._note.setText(f"{waiting} waiting" if waiting else "")
        self._show(rows, with_day=False, empty="No visits today. Ctrl N starts one.")

    def show_drafts(self, rows: tuple[QueueRow, ...]) -> None:
        """Unfinished visits of any day."""
        self._title.setText("My drafts")
        self._note.setText("")
        self._show(rows, with_day=True, empty="No drafts. Unfinished visits wait here.")

    def mark_open(self, record_id: RecordId | None) -> None:
        """Show which visit is open beside the list."""
        if record_id != self._open:
            self._next = None
        self._open = record_id
        self._select_open()

    def focus_next(self, after: RecordId) -> bool:
        """This one is done: the keys go to the next that waits, also one further up; False when
        none does. The open one stays marked."""
        at = next((n for n, one in enumerate(self.rows) if one.record_id == after), -1)
        order = (*self.rows[at + 1 :], *self.rows[: max(at, 0)])
        waiting = next((one for one in order if one.status == "draft"), None)
        if waiting is None:
            return False
        self._next = waiting.record_id
        self._select_open()
        self.focus_list()
        return True

    def focus_list(self) -> None:
        """Give the keys to the list."""
        self._list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @property
    def rows(self) -> tuple[QueueRow, ...]:
        """What is listed now."""
        return self._model.rows

    def _show(self, rows: tuple[QueueRow, ...], *, with_day: bool, empty: str) -> None:
        self._delegate.with_day = with_day
        self._model.set_rows(rows)
        self._empty.setText(empty)
        self._empty.setVisible(not rows)
        self._list.setVisible(bool(rows))
        self._room.setVisible(not rows)
        self._list.scheduleDelayedItemsLayout()
        self._select_open()

    def _select_open(self) -> None:
        index = self._model.index_of(self._open) if self._open else QModelIndex()
        if index.isValid():
            self._list.setCurrentIndex(index)
        else:
            self._list.clearSelection()
            self._list.setCurrentIndex(QModelIndex())
        following = self._model.index_of(self._next) if self._next else QModelIndex()
        if following.isValid():
            # The ring alone: what is selected is what stands beside the list.
            keep = QItemSelectionModel.SelectionFlag.NoUpdate
            self._list.selectionModel().setCurrentIndex(following, keep)
            self._list.scrollTo(following)

    def _on_picked(self, index: QModelIndex) -> None:
        picked: QueueRow | None = self._model.row(index)
        if picked is not None:
            self.visit_selected.emit(picked.record_id)
