"""The table of keys (F1)."""

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import Dialog, FilledButton, KeyHint, label

KEYS = (
    ("Ctrl K", "Find a patient"),
    ("Ctrl N", "New visit"),
    ("Alt 1…8", "Go to a section of the visit"),
    ("Tab, Shift Tab", "Next, previous field"),
    ("F6, Shift F6", "Next, previous part of the window"),
    ("Ctrl D", "Diagnosis box"),
    ("Ctrl M", "Medicine box"),
    ("Ctrl ↑, Ctrl ↓", "Move a row up, down"),
    ("Ctrl Shift P", "Make a row primary"),
    ("Ctrl B", "Star a code"),
    ("→, ←", "Narrow a code down, back"),
    ("Shift Enter", "Keep a diagnosis as free text"),
    ("Ctrl R", "Repeat the last visit’s diagnoses"),
    ("Ctrl C", "Copy the diagnoses (on a row)"),
    ("Del", "Remove a row (can be undone)"),
    ("Ctrl O", "Attach files"),
    ("Ctrl V", "Attach a copied picture or file"),
    ("Ctrl S", "Save now (it saves by itself)"),
    ("Ctrl P", "Print"),
    ("Ctrl Enter", "Finalize"),
    ("Ctrl L", "Lock"),
    ("Ctrl +, Ctrl −, Ctrl 0", "Text larger, smaller, as designed"),
    ("Esc", "Close a list; again, leave the field"),
    ("F1", "This table"),
)


def show_keys(parent: QWidget) -> Dialog:
    """Open the table over the window."""
    dialog = Dialog(parent, "Keys", width=720)
    grid_widget = QWidget()
    grid = QGridLayout(grid_widget)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(theme.px(10))
    grid.setVerticalSpacing(theme.px(7))
    half = (len(KEYS) + 1) // 2
    for number, (keys, what) in enumerate(KEYS):
        shown = keys.replace("Alt", "Ctrl") if sys.platform == "darwin" else keys
        row, column = number % half, 3 * (number // half)
        grid.addWidget(KeyHint(shown), row, column, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(label(what, "meta", wrap=True), row, column + 1)
    grid.setColumnMinimumWidth(2, theme.px(12))
    grid.setColumnStretch(1, 1)
    grid.setColumnStretch(4, 1)
    dialog.body.addWidget(grid_widget)
    close = FilledButton("Close")
    close.clicked.connect(dialog.accept)
    dialog.add_foot(None, close)
    dialog.set_default(close)
    dialog.open()
    close.setFocus()
    return dialog
