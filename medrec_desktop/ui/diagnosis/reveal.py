"""Keeps what one works at in view: Qt scrolls a page for Tab alone, not for any other way the focus
takes, nor when rows above push the caret out of sight.
"""

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QScrollArea, QWidget

from medrec_desktop.ui import theme


def reveal(widget: QWidget, below: int = 0) -> None:
    """Scroll the page around it as little as needed, with as much room beneath it as there is."""
    area = widget.parentWidget()
    while area is not None and not isinstance(area, QScrollArea):
        area = area.parentWidget()
    page = area.widget() if area is not None else None
    if area is None or page is None:
        return
    bar, tall = area.verticalScrollBar(), area.viewport().height()
    gap = theme.px(12)
    top = widget.mapTo(page, QPoint(0, 0)).y() - gap
    bottom = top + widget.height() + 2 * gap
    if bottom + below > bar.value() + tall:
        bar.setValue(max(bar.value(), min(bottom + below - tall, top)))
    elif top < bar.value():
        bar.setValue(top)


def within(row: QWidget, focused: QWidget | None) -> bool:
    """Whether the focus is in this row."""
    return focused is not None and (row is focused or row.isAncestorOf(focused))
