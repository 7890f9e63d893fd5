"""Adding to a finalized visit: which section it corrects, and the text."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from medrec_desktop.domain.typed import says_something
from medrec_desktop.ui.visit.section import SECTION_NAMES
from medrec_desktop.ui.widgets import (
    Dialog,
    FilledButton,
    KeyHint,
    PlainButton,
    TextArea,
    label,
)

WHOLE_VISIT = "The whole visit"


class AddendumDialog(Dialog):
    """Emits `text_written(section, text)`; the page stores it and closes the dialog."""

    text_written = Signal(str, str)

    def __init__(self, parent: QWidget, author: str) -> None:
        super().__init__(parent, "Add an addendum", width=520)
        self._section = QComboBox()
        self._section.setAccessibleName("About")
        self._section.addItem(WHOLE_VISIT, "")
        for key, name in SECTION_NAMES.items():
            self._section.addItem(name, key)
        self.text = TextArea("Addendum", lines=6)
        self.text.textChanged.connect(self._on_text)
        about, words = label("About", "meta"), label("Addendum", "meta")
        about.setBuddy(self._section)
        words.setBuddy(self.text)
        self._trouble = label("", wrap=True, tone="danger")
        self._trouble.hide()
        for part in (about, self._section, words, self.text):
            self.body.addWidget(part)
        self.body.addWidget(
            label(
                f"Signed as {author} with today’s date. The visit itself stays as it was signed.",
                "body2",
                wrap=True,
            )
        )
        self.body.addWidget(self._trouble)
        cancel = PlainButton("Cancel")
        cancel.clicked.connect(self.reject)
        self.add_button = FilledButton("Add addendum")
        self.add_button.clicked.connect(self._on_add)
        self.add_button.setEnabled(False)
        self.add_foot(KeyHint("Ctrl Enter"), label("adds", "meta"), None, cancel, self.add_button)
        self.on_key("Ctrl+Return", self._on_add)
        self.on_key("Ctrl+Enter", self._on_add)

    def choose_section(self, key: str) -> None:
        """Start with the section in which the caret stood."""
        self._section.setCurrentIndex(max(self._section.findData(key), 0))

    def show_trouble(self, words: str) -> None:
        """Why it was not stored; the text is still here."""
        self._trouble.setText(words)
        self._trouble.show()
        self.add_button.setEnabled(True)

    def _on_text(self) -> None:
        self.add_button.setEnabled(says_something(self.text.toPlainText()))

    def _on_add(self) -> None:
        if self.add_button.isEnabled():
            self.add_button.setEnabled(False)
            self.text_written.emit(self._section.currentData(), self.text.toPlainText())
