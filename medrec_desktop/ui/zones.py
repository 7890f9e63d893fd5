"""F6: the focus goes round the parts of a window."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QStackedWidget, QWidget

if TYPE_CHECKING:
    from medrec_desktop.ui.main_window import MainWindow

Zone = tuple[QWidget, Callable[[], object]]
"""A part of the window, and how it takes the focus."""


def step_zone(zones: list[Zone], focused: QWidget | None, step: int) -> None:
    """Give the focus to the part after (1) or before (-1) the one that has it."""
    here = next((n for n, (zone, _) in enumerate(zones) if _inside(zone, focused)), -1)
    zones[(here + step) % len(zones)][1]()


def step_in(window: MainWindow, step: int) -> None:
    """The same for the main window: sidebar, page, and the inspector while it is there."""
    workplace = window.workplace
    zones: list[Zone] = [
        (window.sidebar, window.sidebar.focus_first),
        (workplace.stack, lambda: focus_page(workplace.stack)),
    ]
    if workplace.inspector.isVisible():
        zones.append((workplace.inspector, workplace.focus_inspector))
    step_zone(zones, window.focusWidget(), step)


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
