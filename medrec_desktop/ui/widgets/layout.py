"""Short ways to say "these in a row" and "these below each other", and the way out of a layout.

A layout has an item for each of its widgets, which Qt deletes when the widget is deleted or put
elsewhere. PySide makes a wrapper of an item when `itemAt` is asked for it, and of all of them when
a layout that is filled already goes into another one. A wrapper whose item Qt has deleted stays
registered under that address; once another object is made there and deleted, PySide 6.11 takes the
one for the other and the process dies ("free(): invalid pointer"), long afterwards and anywhere.
`removeWidget` lets the wrapper go with its item. So: nobody calls `itemAt`, and a widget leaves
its layout through here.
"""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.ui import theme

Part = QWidget | QLayout | int | None
"""A widget, a layout, a gap in pixels at 100 %, or None for a stretch."""


def row(
    *parts: Part, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QHBoxLayout:
    """Side by side, centred on one line."""
    layout = QHBoxLayout()
    _fill(layout, parts, spacing, margins)
    return layout


def column(
    *parts: Part, spacing: int = 4, margins: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> QVBoxLayout:
    """Below each other."""
    layout = QVBoxLayout()
    _fill(layout, parts, spacing, margins)
    return layout


class _SteadyArea(QScrollArea):
    """Its scroll bar is always there, and not seen when there is nothing to scroll (the style
    paints no handle of one that is disabled). To make room for it only while it is needed asks the
    body for another height, which may need it no more: some sizes never came to an end."""

    def __init__(self) -> None:
        super().__init__()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.verticalScrollBar().rangeChanged.connect(self._on_range_changed)
        self._on_range_changed(0, 0)

    def _on_range_changed(self, least: int, most: int) -> None:
        self.verticalScrollBar().setEnabled(most > least)


def scrolled(body: QWidget, *, steady: bool = False) -> QScrollArea:
    """`body` in a vertical scroll area without a frame; the wheel never changes a field. A
    `steady` one is as wide without its scroll bar as with it."""
    area = _SteadyArea() if steady else QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    body.setProperty("scrollbody", "true")
    area.setWidget(body)
    return area


def leave_layout(widget: QWidget) -> None:
    """Take it out of the layout that it is in, before it is put into another place."""
    parent = widget.parentWidget()
    whole = parent.layout() if parent is not None else None
    if whole is not None:
        for layout in (whole, *whole.findChildren(QLayout)):
            if layout.indexOf(widget) >= 0:
                layout.removeWidget(widget)


def delete(widget: QWidget) -> None:
    """Out of sight now, gone in a later turn: it may be the one that asked."""
    widget.hide()
    leave_layout(widget)
    widget.deleteLater()


def aside(owner: QWidget) -> QWidget:
    """Where what is made ahead, or taken out for a while, waits unseen until it has a place.

    Without any parent it would belong to Python: when the window has gone, a search for garbage finds
    it in a ring with its own parts, and destroys them in whatever order it met them. A part that
    goes before the whole is then destroyed a second time by it, and the process dies.
    """
    place = QWidget(owner)
    place.hide()
    return place


def empty(layout: QLayout) -> None:
    """Delete all widgets of it."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            delete(widget)


def replace(layout: QBoxLayout, old: QWidget, new: QWidget) -> None:
    """Put one in the place of the other, which is deleted."""
    at = layout.indexOf(old)
    stretch = layout.stretch(at)
    delete(old)
    layout.insertWidget(at, new, stretch)


def _fill(
    layout: QHBoxLayout | QVBoxLayout,
    parts: tuple[Part, ...],
    spacing: int,
    margins: tuple[int, int, int, int],
) -> None:
    layout.setSpacing(theme.px(spacing))
    layout.setContentsMargins(*(theme.px(side) for side in margins))
    for part in parts:
        if part is None:
            layout.addStretch(1)
        elif isinstance(part, int):
            layout.addSpacing(theme.px(part))
        elif isinstance(part, QLayout):
            layout.addLayout(part)
        else:
            layout.addWidget(part)
