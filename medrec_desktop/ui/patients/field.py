"""A field of a dialog: its name above, the box, a sentence below."""

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import label
from medrec_desktop.ui.widgets.labels import Tone


class Field(QWidget):
    """Names `box` to eye and screen reader; what is wrong stands beneath it in words."""

    def __init__(self, name: str, box: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = box
        title: QLabel = label(name, "meta")
        title.setBuddy(box)
        box.setAccessibleName(name)
        self._words = label("", "meta", wrap=True)
        self._words.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(3))
        layout.addWidget(title)
        layout.addWidget(box)
        layout.addWidget(self._words)
        layout.addStretch(1)
        self.setFocusProxy(box)

    @property
    def words(self) -> str:
        """What stands beneath the box."""
        return self._words.text()

    def say(self, words: str, tone: Tone = "text2") -> None:
        """Stand this beneath the box; "" for nothing."""
        self._words.setText(words)
        self._words.set_tone(tone)
        self._words.setVisible(bool(words))
        marked = bool(words) and tone in {"warn", "danger"}
        theme.set_look(self.box, "tone", tone if marked else "")
        self.box.setAccessibleDescription(words)
