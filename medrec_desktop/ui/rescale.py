"""After a change of text size: the gaps and margins that code gave to layouts, at the new size.

Colours and fonts come with the style sheet; layouts take their numbers once, when they are made.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFormLayout,
    QGridLayout,
    QLayout,
    QSpacerItem,
)
from shiboken6 import Shiboken

# The numbers of the design and the ones last put, so that rounding never adds up.
_DESIGNED = "medrecDesigned"
_HAIRLINE = 2


def rescale(before: int, after: int) -> None:
    """Every layout that is alive, from one percentage to the other."""
    for widget in QApplication.allWidgets():
        layout = widget.layout()
        if layout is not None:
            for one in (layout, *layout.findChildren(QLayout)):
                _rescale(one, before, after)


def _rescale(layout: QLayout, before: int, after: int) -> None:
    now = _numbers(layout)
    designed, put = _remembered(layout)
    if put != now:
        designed = [n if n <= _HAIRLINE else round(n * 100 / before) for n in now]
    wanted = [n if n <= _HAIRLINE else round(n * after / 100) for n in designed]
    _put(layout, wanted)
    layout.setProperty(_DESIGNED, [designed, wanted])
    layout.invalidate()


def _remembered(layout: QLayout) -> tuple[list[int], list[int]]:
    kept = layout.property(_DESIGNED)
    if not kept:
        return [], []
    designed, put = kept
    return [int(n) for n in designed], [int(n) for n in put]


@contextmanager
def _spacers(layout: QBoxLayout) -> Iterator[list[QSpacerItem]]:
    """The gaps between its parts, borrowed: no wrapper may outlive its item (`widgets.layout`)."""
    items = [item for n in range(layout.count()) if (item := layout.itemAt(n)) is not None]
    try:
        yield [item for item in items if isinstance(item, QSpacerItem)]
    finally:
        for item in items:
            if not isinstance(item, QLayout):
                Shiboken.invalidate(item)


def _numbers(layout: QLayout) -> list[int]:
    sides = layout.contentsMargins()
    numbers = [sides.left(), sides.top(), sides.right(), sides.bottom(), *_spacing(layout)]
    if isinstance(layout, QBoxLayout):
        with _spacers(layout) as spacers:
            for spacer in spacers:
                size: QSize = spacer.sizeHint()
                numbers += [size.width(), size.height()]
    return numbers


def _spacing(layout: QLayout) -> list[int]:
    if isinstance(layout, QGridLayout | QFormLayout):
        return [layout.horizontalSpacing(), layout.verticalSpacing()]
    return [layout.spacing()]


def _put(layout: QLayout, numbers: list[int]) -> None:
    left, top, right, bottom, *rest = numbers
    layout.setContentsMargins(left, top, right, bottom)
    if isinstance(layout, QGridLayout | QFormLayout):
        across, down, *rest = rest
        layout.setHorizontalSpacing(across)
        layout.setVerticalSpacing(down)
    else:
        space, *rest = rest
        layout.setSpacing(space)
    if isinstance(layout, QBoxLayout):
        with _spacers(layout) as spacers:
            for spacer, width, height in zip(spacers, rest[::2], rest[1::2], strict=True):
                policy = spacer.sizePolicy()
                spacer.changeSize(width, height, policy.horizontalPolicy(), policy.verticalPolicy())
