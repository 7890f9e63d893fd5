"""F6: the focus goes round the parts of a window."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

Zone = tuple[QWidget, Callable[[], object]]
"""A part of the window, and how it takes the focus."""


def step_zone(zones: list[Zone], focused: QWidget | None, step: int) -> None:
    """Give the focus to the part after (1) or before (-1) the one that has it."""
    here = next((n for n, (zone, _) in enumerate(zones) if _inside(zone, focused)), -1)
    zones[(here + step) % len(zones)][1]()


def focus_page(stack: QStackedWidget) -> None:
    """Give the focus to the page that is shown, or to its first field."""
    page = stack.currentWidget()
    if page is not None:
        page.setFocus()
        focused: QWidget | None = page.window().focusWidget()
        if focused is page or not _inside(page, focused):
            page.focusNextChild()


def focus_first_in(zone: QWidget) -> None:
    """Give the focus to the highest thing in `zone` that takes it; Qt's own chain leads out."""
    wanted = Qt.FocusPolicy.TabFocus
    takers = [
        one
        for one in zone.findChildren(QWidget)
        if one.isVisible() and one.isEnabled() and one.focusPolicy() & wanted
    ]
    if takers:
        top = min(takers, key=lambda one: one.mapTo(zone, QPoint(0, 0)).toTuple()[::-1])
        top.setFocus(Qt.FocusReason.ShortcutFocusReason)


def _inside(zone: QWidget, focused: QWidget | None) -> bool:
    return focused is not None and zone.isAncestorOf(focused)
