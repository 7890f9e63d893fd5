"""One list model for every table and list: immutable rows, columns as data.

It never fetches: `data` only calls the column's function on a row already in memory.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)

R = TypeVar("R")
ROW = Qt.ItemDataRole.UserRole + 1
"""Role under which a delegate finds the row itself."""

_Index = QModelIndex | QPersistentModelIndex


# No slots: a generic slotted dataclass cannot be built as Column[Visit](...) on Python 3.11.
@dataclass(frozen=True)
class Column(Generic[R]):
    """A column's title and the plain text of a row under it."""

    title: str
    text: Callable[[R], str]
    right: bool = False


class RowsModel(QAbstractTableModel):
    """Shows `columns` of immutable rows; `key` tells a changed row from another row.
    `spoken` is what a screen reader says for a row; without it, the cell's own text."""

    def __init__(
        self,
        columns: Sequence[Column[Any]],
        key: Callable[[Any], Hashable],
        parent: QObject | None = None,
        *,
        spoken: Callable[[Any], str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._key = key
        self._spoken = spoken
        self._rows: tuple[Any, ...] = ()

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show these; selection survives when the same things are in the same places."""
        old, new = self._rows, tuple(rows)
        if [self._key(row) for row in old] != [self._key(row) for row in new]:
            self.beginResetModel()
            self._rows = new
            self.endResetModel()
            return
        self._rows = new
        last = len(self._columns) - 1
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            if before != after:
                self.dataChanged.emit(self.index(number, 0), self.index(number, last))

    @property
    def rows(self) -> tuple[Any, ...]:
        """All rows, in order."""
        return self._rows

    def row(self, index: _Index) -> Any:
        """The row at `index`, None outside the list."""
        in_range = index.isValid() and 0 <= index.row() < len(self._rows)
        return self._rows[index.row()] if in_range else None

    def index_of(self, key: Hashable) -> QModelIndex:
        """Where the row with this key stands; an invalid index when it does not."""
        for number, row in enumerate(self._rows):
            if self._key(row) == key:
                return self.index(number, 0)
        return QModelIndex()

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """Rows of a list lie at the top; they have no children."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        """As many as were given."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text, the row itself under ROW, and what a screen reader says."""
        row = self.row(index)
        if row is None:
            return None
        column = self._columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(row) if self._spoken else column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole and column.right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Column titles; rows have no numbers."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section].title
        return None
