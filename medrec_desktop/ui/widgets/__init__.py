"""The building blocks of every screen: labels that never guess rich text, buttons, chips, cards.

They know the theme and nothing of patients. Sizes are given at 100 % text and follow the user's.
"""

from medrec_desktop.ui.widgets.boxes import Avatar, Card, Logo, hairline
from medrec_desktop.ui.widgets.buttons import (
    DangerButton,
    FilledButton,
    GhostButton,
    IconButton,
    KeyButton,
    LinkButton,
    PlainButton,
)
from medrec_desktop.ui.widgets.dialog import Dialog, ask, tell
from medrec_desktop.ui.widgets.fields import LineEdit, SearchBox, TextArea
from medrec_desktop.ui.widgets.flow import FlowLayout
from medrec_desktop.ui.widgets.labels import (
    Chip,
    ElidedLabel,
    IconLabel,
    KeyHint,
    Label,
    Role,
    label,
)
from medrec_desktop.ui.widgets.layout import column, row, scrolled
from medrec_desktop.ui.widgets.passing import Toast, UndoBar

__all__ = [
    "Avatar",
    "Card",
    "Chip",
    "DangerButton",
    "Dialog",
    "ElidedLabel",
    "FilledButton",
    "FlowLayout",
    "GhostButton",
    "IconButton",
    "IconLabel",
    "KeyButton",
    "KeyHint",
    "Label",
    "LineEdit",
    "LinkButton",
    "Logo",
    "PlainButton",
    "Role",
    "SearchBox",
    "TextArea",
    "Toast",
    "UndoBar",
    "ask",
    "column",
    "hairline",
    "label",
    "row",
    "scrolled",
    "tell",
]
