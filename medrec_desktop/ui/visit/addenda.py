"""What is said of a visit beside its fields: an addendum to a signed one, an entry in error."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QWidget

from medrec_desktop.domain.typed import says_something
from medrec_desktop.ui.visit.section import SECTION_NAMES
from medrec_desktop.ui.widgets import (
    DangerButton,
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


class ErrorDialog(Dialog):
    """ "Entered in error": emits `reason_written`; the page stores it and closes the dialog."""

    reason_written = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Was this visit entered in error?", width=520)
        self.body.addWidget(
            label(
                "The visit leaves every list. What is written in it stays and can be read, but it "
                "can no longer be changed.",
                "body2",
                wrap=True,
            )
        )
        self.reason = TextArea("Why it was entered in error", lines=2)
        asked = label("Why, for example “written in the wrong chart”", "meta")
        asked.setBuddy(self.reason)
        self.body.addWidget(asked)
        self.body.addWidget(self.reason)
        self._trouble = label("", wrap=True, tone="danger")
        self._trouble.hide()
        self.body.addWidget(self._trouble)
        keep = PlainButton("Keep the visit")
        keep.clicked.connect(self.reject)
        self.mark_button = DangerButton("Mark as entered in error")
        self.mark_button.clicked.connect(self._on_mark)
        self.mark_button.setEnabled(False)
        self.reason.textChanged.connect(self._on_text)
        self.add_foot(None, keep, self.mark_button)

    def show_trouble(self, words: str) -> None:
        """Why it was not stored."""
        self._trouble.setText(words)
        self._trouble.show()
        self.mark_button.setEnabled(True)

    def _on_text(self) -> None:
        self.mark_button.setEnabled(says_something(self.reason.toPlainText()))

    def _on_mark(self) -> None:
        self.mark_button.setEnabled(False)
        self.reason_written.emit(self.reason.toPlainText())
