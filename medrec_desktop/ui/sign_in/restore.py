"""Choosing a backup and its passphrase."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, label, row


class _BackupDialog(Dialog):
    """A file and a passphrase; stays open and shows what went wrong."""

    measures = False
    entered = Signal(object, str)
    """entered(Path, passphrase)"""

    def __init__(self, parent: QWidget, title: str, sentence: str, button: str) -> None:
        super().__init__(parent, title, width=520)
        self.file = QLineEdit()
        self.file.setProperty("large", True)
        self.file.setAccessibleName("Backup file")
        choose = PlainButton("Choose…", "folder")
        choose.clicked.connect(self.choose)
        self.passphrase = PassphraseField("Passphrase of the backup", meter=self.measures)
        self._problem = label("", "body", wrap=True, tone="danger")
        self._problem.hide()
        self.body.addWidget(label(sentence, "body2", wrap=True))
        self.body.addWidget(label("Backup file", "strong"))
        self.body.addLayout(row(self.file, choose))
        self.body.addWidget(label("Passphrase", "strong"))
        self.body.addWidget(self.passphrase)
        self.body.addWidget(self._problem)
        self._do = FilledButton(button)
        self._do.clicked.connect(self._on_do)
        self._leave = PlainButton("Cancel")
        self._leave.clicked.connect(self.reject)
        self.add_foot(None, self._leave, self._do)
        self.set_default(self._do)

    def choose(self) -> None:
        """Pick the file."""

    def busy(self, words: str) -> None:
        """Work is under way; the words name it."""
        self._do.setEnabled(not words)
        self._leave.setEnabled(not words)
        self._say(words, tone="text2")

    def fail(self, sentence: str) -> None:
        """What went wrong; what was typed stays."""
        self.busy("")
        self._say(sentence, tone="danger")

    def _say(self, words: str, *, tone: str) -> None:
        self._problem.setProperty("tone", tone)
        self._problem.style().polish(self._problem)
        self._problem.setText(words)
        self._problem.setVisible(bool(words))
        self.fit()

    def _on_do(self) -> None:
        if not self.file.text().strip():
            self.fail("Choose the backup file first.")
        elif self.measures and not self.passphrase.long_enough:
            self.fail("Type at least 8 characters as its passphrase.")
        else:
            self.entered.emit(Path(self.file.text().strip()), self.passphrase.text())


class RestoreDialog(_BackupDialog):
    """Bring a clinic back from one file."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(
            parent,
            "Restore a backup",
            "The clinic in the backup is set up on this computer. The backup file is only read.",
            "Restore",
        )

    def choose(self) -> None:
        """An existing file."""
        name, _ = QFileDialog.getOpenFileName(self, "Restore a backup")
        if name:
            self.file.setText(name)


class BackUpDialog(_BackupDialog):
    """Write the clinic into one file."""

    measures = True

    def __init__(self, parent: QWidget, suggestion: str) -> None:
        super().__init__(
            parent,
            "Back up now",
            "Records and files are written into one encrypted file and read back once. Keep it "
            "on another disk.",
            "Back up",
        )
        self.file.setText(suggestion)

    def choose(self) -> None:
        """A new file."""
        name, _ = QFileDialog.getSaveFileName(self, "Back up now", self.file.text())
        if name:
            self.file.setText(name)
