"""After a change of text size: the gaps and margins that code gave to layouts, at the new size.

Colours and fonts come with the style sheet; layouts take their numbers once, when they are made.
"""

from collections.abc import Iterator

from PySide6.QtCore import QSize
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFormLayout,
    QGridLayout,
    QLayout,
    QSpacerItem,
)

# The numbers of the design and the ones last put, so that rounding never adds up.
_DESIGNED = "medrecDesigned"
_HAIRLINE = 2


def rescale(before: int, after: int) -> None:
    """Every layout that is alive, from one percentage to the other."""
    for widget in QApplication.allWidgets():
        layout = widget.layout()
        if layout is not None:
            for one in _with_children(layout):
                _rescale(one, before, after)


def _with_children(layout: QLayout) -> Iterator[QLayout]:
    yield layout
    for n in range(layout.count()):
        item = layout.itemAt(n)
        child = item.layout() if item is not None else None
        if child is not None:
            yield from _with_children(child)


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


def _spacers(layout: QLayout) -> list[QSpacerItem]:
    found = [layout.itemAt(n) for n in range(layout.count())]
    return [s for item in found if item is not None and (s := item.spacerItem()) is not None]


def _numbers(layout: QLayout) -> list[int]:
    sides = layout.contentsMargins()
    numbers = [sides.left(), sides.top(), sides.right(), sides.bottom(), *_spacing(layout)]
    for spacer in _spacers(layout):
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
        for spacer, width, height in zip(_spacers(layout), rest[::2], rest[1::2], strict=True):
            policy = spacer.sizePolicy()
            spacer.changeSize(width, height, policy.horizontalPolicy(), policy.verticalPolicy())
