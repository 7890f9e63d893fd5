"""Theme and text size, shown at once while they are chosen."""

from typing import cast

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QSlider

from medrec_desktop.ui import theme
from medrec_desktop.ui.theme import LARGEST_PERCENT, SMALLEST_PERCENT, Mode, Theme
from medrec_desktop.ui.widgets import label, row

_MODES: tuple[tuple[str, Mode], ...] = (
    ("Like the system", "system"),
    ("Light", "light"),
    ("Dark", "dark"),
)
STEP = 10


class LookFields(QObject):
    """The two controls; they act on the theme, the caller stores what it says afterwards."""

    changed = Signal()

    def __init__(self, look: Theme) -> None:
        super().__init__()
        self._look = look
        self.mode = QComboBox()
        self.mode.setAccessibleName("Theme")
        for words, mode in _MODES:
            self.mode.addItem(words, mode)
        self.mode.setCurrentIndex(self.mode.findData(look.mode))
        self.mode.currentIndexChanged.connect(self._on_mode)
        # A slider of its own steps; the wheel changes it only when it has the focus.
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setAccessibleName("Text size, per cent")
        self.size.setRange(SMALLEST_PERCENT, LARGEST_PERCENT)
        self.size.setSingleStep(STEP)
        self.size.setPageStep(STEP)
        self.size.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.size.setValue(look.text_percent)
        self.size.setTracking(False)
        self.size.valueChanged.connect(self._on_size)
        self._percent = label(f"{look.text_percent} %", "body")

    def add_to(self, form: QFormLayout) -> None:
        """Put the rows into a form."""
        for words, field in (
            ("Theme", self.mode),
            ("Text size", row(self.size, self._percent)),
        ):
            name = label(words, "body2")
            name.setMinimumWidth(theme.px(116))
            form.addRow(name, field)

    def _on_mode(self, _index: int) -> None:
        self._look.set(mode=cast("Mode", self.mode.currentData()))
        self.changed.emit()

    def _on_size(self, percent: int) -> None:
        self._look.set(text_percent=percent)
        self._percent.setText(f"{self._look.text_percent} %")
        self.changed.emit()
