"""A field for a passphrase with a meter of its length, and the question for it at start."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QProgressBar, QWidget

from medrec_desktop.ui.widgets import (
    Dialog,
    FilledButton,
    IconButton,
    PlainButton,
    column,
    label,
    row,
)

SHORTEST = 8
GOOD = 16


class PassphraseField(QWidget):
    """Hidden text that can be shown, pasted and measured."""

    edited = Signal()

    def __init__(self, name: str, *, meter: bool, caution: bool = True) -> None:
        """`caution`: nothing else opens the records."""
        super().__init__()
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setEchoMode(QLineEdit.EchoMode.Password)
        self.line.setProperty("large", True)
        self.line.textChanged.connect(self._on_changed)
        self._eye = IconButton("eye", "Show what is typed")
        self._eye.setCheckable(True)
        self._eye.toggled.connect(self._on_shown)
        self._meter = QProgressBar()
        self._meter.setRange(0, GOOD)
        self._meter.setTextVisible(False)
        self._words = label("", "meta")
        self._caution = label(
            "Nobody can open the records without it. Write it down and keep it in a safe place.",
            "meta",
            wrap=True,
        )
        parts = [row(self.line, self._eye)]
        self.setLayout(column(*parts, self._meter, self._words, self._caution, spacing=6))
        for part in (self._meter, self._words, self._caution):
            part.setVisible(meter)
        self._caution.setVisible(meter and caution)
        self.setFocusProxy(self.line)
        self._on_changed("")

    def text(self) -> str:
        """As typed."""
        return self.line.text()

    @property
    def long_enough(self) -> bool:
        """Whether it may protect records."""
        return len(self.text()) >= SHORTEST

    def _on_changed(self, text: str) -> None:
        self._meter.setValue(min(len(text), GOOD))
        if not text:
            words = f"At least {SHORTEST} characters; several words are easy to remember."
        elif len(text) < SHORTEST:
            words = f"{len(text)} characters – {SHORTEST - len(text)} more are needed."
        elif len(text) < GOOD:
            words = f"{len(text)} characters – enough. Longer is safer."
        else:
            words = f"{len(text)} characters – good."
        self._words.setText(words)
        self.edited.emit()

    def _on_shown(self, shown: bool) -> None:
        mode = QLineEdit.EchoMode
        self.line.setEchoMode(mode.Normal if shown else mode.Password)


class PassphraseDialog(Dialog):
    """Asks for the passphrase of the clinic; `problem` says why it is asked again."""

    entered = Signal(str)

    def __init__(self, parent: QWidget, problem: str = "") -> None:
        super().__init__(parent, "Open the clinic", width=460)
        self.field = PassphraseField("Passphrase", meter=False)
        self.body.addWidget(
            label(
                "The records on this computer are encrypted. Type the clinic’s passphrase.",
                "body2",
                wrap=True,
            )
        )
        self.body.addWidget(self.field)
        self._problem = label(problem, "body", wrap=True, tone="danger")
        self.body.addWidget(self._problem)
        # Only now: a label without a parent would come as a window of its own and take the keys.
        self._problem.setVisible(bool(problem))
        self._open = FilledButton("Open")
        self._open.clicked.connect(self._on_open)
        leave = PlainButton("Quit")
        leave.clicked.connect(self.reject)
        self.add_foot(None, leave, self._open)
        self.set_default(self._open)
        self.field.line.returnPressed.connect(self._on_open)

    def _on_open(self) -> None:
        if self.field.text():
            self.entered.emit(self.field.text())
            self.accept()
