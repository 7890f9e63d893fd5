"""The list of files: as high as its lines, keys and words to click become requests."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QMenu, QSizePolicy, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.attachments.delegate import FileDelegate, action_at
from medrec_desktop.ui.attachments.files import WORDS, Action, FileRow, spoken
from medrec_desktop.ui.attachments.thumbnails import Thumbnails
from medrec_desktop.ui.rows import Column, RowsModel


class FileList(QListView):
    """Shows FileRows. It never scrolls by itself: the panel's page does."""

    acted = Signal(object, str)
    """acted(FileRow, what): one of the line's words, or "open", "rename", "describe", "save",
    "share"."""

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Attachments")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setHorizontalScrollBarPolicy(policy)
        self.setVerticalScrollBarPolicy(policy)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.files = RowsModel(
            [Column[FileRow]("File", lambda r: r.name)], lambda r: r.key, self, spoken=spoken
        )
        self.setModel(self.files)
        self._painter = FileDelegate(thumbnails.get, self)
        self._heights: tuple[int, ...] = ()
        self.setItemDelegate(self._painter)
        thumbnails.arrived.connect(self.viewport().update)
        self.locked = False
        """No renaming and describing: the visit is finalized."""
        self.keeps = self.copies = True
        """Whoever works here renames and removes; saves copies elsewhere."""
        self.shares = False
        """Links to stored files can be made: there is a storage."""

    def set_rows(self, rows: Sequence[FileRow]) -> None:
        """Show these; the current line stays current also when it moves."""
        now: FileRow | None = self.files.row(self.currentIndex())
        place = self.currentIndex().row()
        self.files.set_rows(rows)
        if now is not None and rows and not self.currentIndex().isValid():
            index = self.files.index_of(now.key)
            if not index.isValid():
                index = self.files.index(min(max(place, 0), len(rows) - 1), 0)
            self.setCurrentIndex(index)
        self._fit()

    def dataChanged(
        self,
        first: QModelIndex | QPersistentModelIndex,
        last: QModelIndex | QPersistentModelIndex,
        roles: Sequence[int] = (),
    ) -> None:
        """Paint the changed lines again. A QListView would lay out all of them; `_fit` does that,
        once, if one is higher or lower than it was."""
        QAbstractItemView.dataChanged(self, first, last, roles)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrower list needs higher lines."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._fit(anew=True)

    def changeEvent(self, event: QEvent) -> None:
        """So does larger text."""
        super().changeEvent(event)
        if theme.restyled(event) and hasattr(self, "files"):
            self._fit(anew=True)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter previews or answers, F2 renames, Del removes."""
        row: FileRow | None = self.files.row(self.currentIndex())
        key = event.key()
        if row is None:
            super().keyPressEvent(event)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.acted.emit(row, "open" if row.attachment else row.actions[0])
        elif (
            key == Qt.Key.Key_F2
            and row.attachment is not None
            and self.keeps
            and not self.locked
            and not row.removed
        ):
            self.acted.emit(row, "rename")
        elif key == Qt.Key.Key_Delete and self.keeps and row.actions and not row.removed:
            self.acted.emit(row, "remove" if row.attachment else row.actions[-1])
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """A hand over the words."""
        super().mouseMoveEvent(event)
        over = self._word(event.position().toPoint()) is not None
        shape = Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor
        self.viewport().setCursor(shape)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click on a word."""
        super().mouseReleaseEvent(event)
        if event.button() != Qt.MouseButton.LeftButton:
            return
        word = self._word(event.position().toPoint())
        if word is not None:
            self.acted.emit(*word)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Two clicks preview."""
        at = event.position().toPoint()
        row: FileRow | None = self.files.row(self.indexAt(at))
        if row is not None and row.attachment is not None and self._word(at) is None:
            self.acted.emit(row, "open")

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Everything that can be done with a line, also by the menu key."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        row: FileRow | None = self.files.row(index)
        if row is None:
            return
        menu = self.menu_for(row)
        at = self.visualRect(index).center() if by_key else event.pos()
        menu.popup(self.viewport().mapToGlobal(at))

    def menu_for(self, row: FileRow) -> QMenu:
        """The menu of a line; it deletes itself."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        choices: list[tuple[str, str]] = []
        if row.attachment is not None:
            choices = [("open", "Preview\tEnter")]
            choices += [("save", "Save as…")] if self.copies else []
            choices += [(what, WORDS[what]) for what in row.actions if what != "remove"]
            if self.shares and row.attachment.upload_state == "stored" and not row.removed:
                choices.append(("share", "Copy share link (5 minutes)"))
            if self.keeps and not self.locked and not row.removed:
                choices += [("rename", "Rename…\tF2"), ("describe", "Describe…")]
            if self.keeps and not row.removed:
                choices.append(("remove", "Remove\tDel"))
        else:
            choices = [(action, WORDS[action]) for action in row.actions]
        for what, words in choices:
            choice = QAction(words, menu)
            choice.triggered.connect(lambda _=False, what=what: self.acted.emit(row, what))
            menu.addAction(choice)
        return menu

    def _word(self, at: QPoint) -> tuple[FileRow, Action] | None:
        index: QModelIndex = self.indexAt(at)
        row: FileRow | None = self.files.row(index)
        if row is None:
            return None
        rect: QRect = self.visualRect(index)
        action = action_at(row, rect, at)
        return (row, action) if action is not None else None

    def _fit(self, *, anew: bool = False) -> None:
        """Be as high as the lines; they are laid out only when one got another height, or `anew`
        (another width or text size)."""
        width = self.viewport().width()
        heights = tuple(self._painter.height(row, width) for row in self.files.rows)
        if anew or heights != self._heights:
            self._heights = heights
            self.scheduleDelayedItemsLayout()
        height = self._room(heights)
        if height != self.height() or height != self.minimumHeight():
            self.setFixedHeight(height)

    def _room(self, heights: Sequence[int]) -> int:
        """How high the list is with lines of these heights."""
        return sum(heights)
