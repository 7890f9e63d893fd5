"""Large radio choices with a picture, a title and a sentence; first run asks with these."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QRadioButton, QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconLabel, column, label


class Choice(QFrame):
    """One answer; clicking anywhere on it chooses it."""

    chosen = Signal()

    def __init__(self, icon: str, title: str, sentence: str, note: str) -> None:
        super().__init__()
        self.setProperty("choice", True)
        self._icon = icon
        self._picture = IconLabel(icon, "text2", 22)
        self.radio = QRadioButton()
        self.radio.setAccessibleName(title)
        self.radio.setAccessibleDescription(f"{sentence} {note}")
        self.radio.setAutoExclusive(False)
        self.radio.toggled.connect(self._on_toggled)
        words = column(
            label(title, "title"),
            label(sentence, "body2", wrap=True),
            label(note, "caption", wrap=True),
            spacing=3,
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(*(theme.px(n) for n in (22, 14, 16, 14)))
        layout.setSpacing(theme.px(18))
        layout.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)
        layout.addWidget(self.radio, 0, Qt.AlignmentFlag.AlignVCenter)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The whole card is the target."""
        if self.isEnabled():
            self.radio.setChecked(True)
            self.radio.setFocus(Qt.FocusReason.MouseFocusReason)
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        """A disabled answer looks it, also without its colour."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self._picture.set_icon(self._icon, "edge")

    def _on_toggled(self, checked: bool) -> None:
        theme.set_look(self, "chosen", checked)
        self._picture.set_icon(self._icon, "accent" if checked else "text2")
        if checked:
            self.chosen.emit()


class Choices(QWidget):
    """Exactly one of several; arrows move between those that can be chosen."""

    changed = Signal(str)

    def __init__(self, choices: dict[str, Choice], first: str) -> None:
        super().__init__()
        self._choices = choices
        self._value = first
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.px(10))
        for choice in choices.values():
            layout.addWidget(choice)
            choice.chosen.connect(self._on_chosen)
            choice.radio.installEventFilter(self)
        choices[first].radio.setChecked(True)

    @property
    def value(self) -> str:
        """The key of the chosen answer."""
        return self._value

    def choose(self, key: str) -> None:
        """Choose one from outside."""
        self._choices[key].radio.setChecked(True)

    def focus_chosen(self) -> None:
        """Keys go to the chosen answer."""
        self._choices[self._value].radio.setFocus()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Arrow keys go round; a second click does not take the choice back."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
            if step is not None:
                self._step(step)
                return True
        return bool(super().eventFilter(watched, event))  # type: ignore[arg-type] # any QObject

    def _step(self, step: int) -> None:
        able = [key for key, choice in self._choices.items() if choice.isEnabled()]
        where = (able.index(self._value) + step) % len(able)
        self.choose(able[where])
        self.focus_chosen()

    def _on_chosen(self) -> None:
        chosen = self.sender()
        for key, choice in self._choices.items():
            if choice is chosen:
                self._value = key
            else:
                choice.radio.setChecked(False)
        self.changed.emit(self._value)
