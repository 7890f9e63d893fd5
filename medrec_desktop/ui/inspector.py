"""Right of the visit: files, "Ready to finalize?", earlier visits; or a narrow rail of figures.

Where there is room for the rail alone, the whole panel comes as a drawer over the form, which
keeps its width beneath, and goes when the keys go back to the form.
"""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QFrame, QStackedLayout, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconButton, Label, label, row, scrolled
from medrec_desktop.ui.widgets.layout import aside

WIDTH, RAIL = 340, 52


class Inspector(QFrame):
    """340 pixels, or 52 where the form would have less than 700 or text is larger than 120 %."""

    expanded_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("pane", "inspector")
        self.setAccessibleName("Files and checks")
        self._narrow = False
        self._pinned = False
        self.place = QWidget(parent)
        """Stands in the row beside the form and keeps room for the panel, or for the rail."""
        self.place.installEventFilter(self)
        self._shown: tuple[QWidget, ...] = ()
        self._aside = aside(self)
        self._parts = QVBoxLayout()
        self._parts.setContentsMargins(*(theme.px(n) for n in (14, 10, 4, 14)))
        self._parts.setSpacing(theme.px(14))
        body = QWidget()
        body.setLayout(self._parts)
        self._collapse = IconButton("chevron-right", "Make this panel narrow")
        self._collapse.clicked.connect(self._on_collapse)
        self._head = QWidget()
        self._head.setLayout(row(None, self._collapse, margins=(8, 4, 8, 0)))
        full = QWidget()
        full_layout = QVBoxLayout(full)
        full_layout.setContentsMargins(0, 0, 0, 0)
        full_layout.setSpacing(0)
        full_layout.addWidget(self._head)
        full_layout.addWidget(scrolled(body, steady=True), 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(full)
        self._stack.addWidget(self._make_rail())
        self._fit()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def setVisible(self, visible: bool) -> None:
        """With the room it takes."""
        super().setVisible(visible)
        self.place.setVisible(visible)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the room that the row gives."""
        if watched is self.place and event.type() in {QEvent.Type.Move, QEvent.Type.Resize}:
            self._stand()
        return super().eventFilter(watched, event)

    def set_parts(self, *parts: QWidget) -> None:
        """Show these below each other; what was shown before is only taken out."""
        if parts == self._shown:
            return
        self._shown = parts
        while (item := self._parts.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.setParent(self._aside)
        for part in parts:
            self._parts.addWidget(part)
            part.show()
        self._parts.addStretch(1)

    def set_files(self, count: int) -> None:
        """Figure of the rail."""
        self._figures["files"].setText(str(count))

    def set_problems(self, count: int) -> None:
        """Figure of the rail."""
        self._figures["problems"].setText(str(count))

    def set_room(self, width_for_both: int) -> None:
        """Decide between panel and rail for this much width of form and panel."""
        percent = theme.current().text_percent
        narrow = percent > 120 or width_for_both - theme.px(WIDTH) < 700
        if narrow != self._narrow:
            self._narrow = narrow
            self._pinned = False
        self._fit()

    @property
    def expanded(self) -> bool:
        """Whether the whole panel is shown."""
        return not self._narrow or self._pinned

    def expand(self) -> None:
        """Show the whole panel even where there is little room."""
        self._pinned = True
        self._fit()

    def _on_collapse(self) -> None:
        focused: QWidget | None = self.window().focusWidget()
        had_keys = focused is not None and self.isAncestorOf(focused)
        self._pinned = False
        self._fit()
        if had_keys and not self.expanded:
            # What had them is hidden now.
            self._first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _fit(self) -> None:
        self._head.setVisible(self._narrow)
        self._stack.setCurrentIndex(0 if self.expanded else 1)
        width = theme.px(WIDTH) if self.expanded else theme.px(RAIL)
        beside = self.parentWidget()
        if beside is not None and self._narrow and self._pinned:
            width = min(width, max(beside.width() - theme.px(RAIL), theme.px(RAIL)))
        self.place.setFixedWidth(theme.px(RAIL) if self._narrow else width)
        if self.width() != width or self.maximumWidth() != width:
            self.setFixedWidth(width)
            self.expanded_changed.emit(self.expanded)
        self._stand()

    def _stand(self) -> None:
        """At the end of the row, as high as that; a drawer lies over the form."""
        place = self.place.geometry()
        left = place.left()
        if not self.isRightToLeft():
            left = place.right() + 1 - self.width()
        self.setGeometry(left, place.top(), self.width(), place.height())
        self.raise_()

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        drawer = self._narrow and self._pinned and self.isVisible()
        if drawer and new is not None and new.window() is self.window():
            beside = self.parentWidget()
            inside = self.isAncestorOf(new) or beside is None or not beside.isAncestorOf(new)
            if not inside:
                # After this turn: the click that took the focus is still on its way.
                QTimer.singleShot(0, self, self._close_drawer)

    def _close_drawer(self) -> None:
        """Unless the keys have come back: a dialog that closes gives them here by a detour."""
        focused: QWidget | None = self.window().focusWidget()
        if focused is None or not self.isAncestorOf(focused):
            self._on_collapse()

    def _make_rail(self) -> QWidget:
        rail = QWidget()
        layout = QVBoxLayout(rail)
        layout.setContentsMargins(0, theme.px(12), 0, 0)
        layout.setSpacing(theme.px(2))
        self._figures: dict[str, Label] = {}
        for key, icon, colour, name in (
            ("files", "file", "text", "Files"),
            ("problems", "warning", "warn", "Worth a second look"),
            ("earlier", "history", "text", "Earlier visits"),
        ):
            button = IconButton(icon, name, colour=colour)
            button.clicked.connect(self.expand)
            if key == "files":
                self._first = button
            figure = label("", "meta")
            self._figures[key] = figure
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(figure, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addSpacing(theme.px(8))
        layout.addStretch(1)
        return rail
