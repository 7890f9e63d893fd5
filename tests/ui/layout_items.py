"""Items of layouts that Qt has deleted while a wrapper of them lives on (see `widgets.layout`)."""

from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget
from shiboken6 import Shiboken


def stale_items() -> list[str]:
    """The layouts, by class and place, that have lost an item which Python still believes in."""
    before = _wrapped()
    known = [one for one in before if "parent....." in Shiboken.dump(one)]
    if not known:
        return []
    living = {_address(item) for layout in _layouts() for item in _items(layout)}
    lost = [one for one in known if _address(one) not in living]
    places = [_place(one) for one in lost]
    # What this looked at itself must not be what a later test finds.
    ours = {id(one) for one in before} - {id(one) for one in lost}
    for one in _wrapped():
        if id(one) not in ours:
            Shiboken.invalidate(one)
    return places


def roots_of_python() -> list[QWidget]:
    """Living widgets that have no parent and parts of their own, and go when Python lets go."""
    return [
        one
        for one in Shiboken.getAllValidWrappers()
        if isinstance(one, QWidget)
        and one.parentWidget() is None
        and Shiboken.ownedByPython(one)
        and one.findChild(QWidget) is not None
    ]


def _place(item: QLayoutItem) -> str:
    told = next(line for line in Shiboken.dump(item).splitlines() if line.startswith("parent..."))
    at = int(told.rpartition(" at ")[2].rstrip(">"), 16)
    layout = next(one for one in _layouts() if id(one) == at)
    owner = layout.parentWidget()
    above = owner.parentWidget() if owner is not None else None
    return f"{type(layout).__name__} of {type(owner).__name__} in {type(above).__name__}, {layout.count()}"


def _wrapped() -> list[QLayoutItem]:
    return [
        one
        for one in Shiboken.getAllValidWrappers()
        if isinstance(one, QLayoutItem) and not isinstance(one, QLayout)
    ]


def _layouts() -> list[QLayout]:
    return [one for one in Shiboken.getAllValidWrappers() if isinstance(one, QLayout)]


def _items(layout: QLayout) -> list[QLayoutItem]:
    return [item for n in range(layout.count()) if (item := layout.itemAt(n)) is not None]


def _address(item: QLayoutItem) -> int:
    return int(Shiboken.getCppPointer(item)[0])
