"""Opaque pages over every window of the program, also over those that come while they are there.

Nothing beneath is closed or changed: files arrive, what was typed is saved. Only lists that drop
down and the system's file choosers go: they lie over the pages, and nothing is typed in them that
could not be chosen again.
"""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from shiboken6 import isValid

from medrec_desktop.ui.sign_in.ground import Ground

TITLE = "MedRec Desktop – locked"
_KIND = QEvent.Type
_KEYS = {_KIND.KeyPress, _KIND.KeyRelease, _KIND.InputMethod, _KIND.Shortcut}
_DRAGS = {_KIND.DragEnter, _KIND.DragMove, _KIND.Drop}
_ABOVE = {Qt.WindowType.Popup, Qt.WindowType.ToolTip}

MakeGround = Callable[[QWidget], Ground]


class Covers(QObject):
    """From `put_on` to `take_off` no window shows or takes anything but its page."""

    def __init__(self, make: MakeGround, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self._grounds: dict[QWidget, Ground] = {}
        self._titles: dict[QWidget, str] = {}
        self._focus: dict[QWidget, QWidget] = {}

    @property
    def on(self) -> bool:
        """Whether windows are covered."""
        return bool(self._grounds)

    def put_on(self) -> None:
        """Cover all windows there are, and stay."""
        application = _application()
        self._close_what_lies_above()
        had_keys = QApplication.activeWindow()
        application.installEventFilter(self)
        application.focusChanged.connect(self._on_focus_changed)
        for window in _windows():
            self._cover(window)
        ground = self._grounds.get(had_keys) if had_keys is not None else None
        if ground is not None:
            ground.focus_page()

    def take_off(self) -> None:
        """Show everything as it was, the caret where it was."""
        application = _application()
        application.removeEventFilter(self)
        application.focusChanged.disconnect(self._on_focus_changed)
        active = QApplication.activeWindow()
        for window, ground in self._grounds.items():
            if not isValid(window) or not isValid(ground):
                continue
            ground.hide()
            ground.deleteLater()
            window.setWindowTitle(self._titles[window])
            before = self._focus.get(window)
            if before is not None and isValid(before) and before.isVisibleTo(window):
                before.setFocus(Qt.FocusReason.OtherFocusReason)
        self._grounds, self._titles, self._focus = {}, {}, {}
        if active is not None and isValid(active):
            active.activateWindow()

    def each(self) -> tuple[Ground, ...]:
        """The pages there are now."""
        return tuple(ground for ground in self._grounds.values() if isValid(ground))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Nothing comes above the pages, and nothing beneath them gets keys or files."""
        kind = event.type()
        if kind == _KIND.ShortcutOverride:
            event.accept()
            return True
        if not isinstance(watched, QWidget):
            return False
        if kind == _KIND.Show and watched.isWindow():
            self._on_shown(watched)
        elif kind in _DRAGS:
            event.ignore()
            return True
        elif kind in _KEYS:
            return not self._is_page(watched) and self._is_beneath(watched)
        elif kind == _KIND.WindowTitleChange and watched in self._titles:
            self._on_title(watched)
        elif kind in {_KIND.ZOrderChange, _KIND.ChildAdded}:
            ground = self._grounds.get(watched.window())
            if ground is not None and watched is not ground and isValid(ground):
                ground.raise_()
        return False

    def _cover(self, window: QWidget) -> None:
        if window in self._grounds:
            return
        self._titles[window] = window.windowTitle()
        focused = window.focusWidget()
        if focused is not None:
            self._focus[window] = focused
        self._grounds[window] = ground = self._make(window)
        window.setWindowTitle(TITLE)
        ground.open()

    def _on_shown(self, window: QWidget) -> None:
        if window.windowType() in _ABOVE:
            window.hide()
        elif isinstance(window, QDialog):
            window.reject()
        else:
            self._cover(window)

    def _on_title(self, window: QWidget) -> None:
        if window.windowTitle() != TITLE:
            self._titles[window] = window.windowTitle()
            window.setWindowTitle(TITLE)

    def _on_focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and not self._is_page(new) and self._is_beneath(new):
            # A dialog that came meanwhile has its keys when the pages are gone.
            self._focus[new.window()] = new
            self._grounds[new.window()].focus_page()

    def _is_beneath(self, widget: QWidget) -> bool:
        return widget.window() in self._grounds

    def _is_page(self, widget: QWidget) -> bool:
        ground = self._grounds.get(widget.window())
        return ground is not None and (widget is ground or ground.isAncestorOf(widget))

    @staticmethod
    def _close_what_lies_above() -> None:
        while (popup := QApplication.activePopupWidget()) is not None:
            if not popup.close():
                popup.hide()
        for window in QApplication.topLevelWidgets():
            if isinstance(window, QDialog) and window.isVisible():
                window.reject()
            elif window.windowType() in _ABOVE and window.isVisible():
                window.hide()


def _windows() -> list[QWidget]:
    return [
        window
        for window in QApplication.topLevelWidgets()
        if window.isVisible() and window.windowType() not in _ABOVE
    ]


def _application() -> QApplication:
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        raise LookupError("there is no application")  # noqa: TRY004 - no argument has a wrong type
    return application
