"""Small questions about one file: another name, a description, a reason, where to save a copy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, TextArea, label, tell
from medrec_desktop.ui.widgets.folders import begin_in_documents


class _Question(Dialog):
    """One field, its trouble beneath, and a write that may be refused."""

    def __init__(
        self,
        parent: QWidget,
        services: Services,
        title: str,
        sentence: str,
        field: QLineEdit | TextArea,
        *,
        yes: str,
        write: Callable[[str], Any],
    ) -> None:
        super().__init__(parent, title, width=460)
        self._services, self._field, self._write = services, field, write
        self.body.addWidget(label(sentence, "body2", wrap=True))
        self.body.addWidget(field)
        self._trouble = label("", "meta", wrap=True, tone="danger")
        self._trouble.hide()
        self.body.addWidget(self._trouble)
        agree, refuse = FilledButton(yes), PlainButton("Cancel")
        agree.clicked.connect(self._on_agreed)
        refuse.clicked.connect(self.reject)
        self.add_foot(None, refuse, agree)
        self.set_default(agree)
        self.on_key("Ctrl+Return", self._on_agreed)

    def start(self) -> None:
        """Show it with the caret in the field."""
        self.open()
        self._field.setFocus()

    def _on_agreed(self) -> None:
        field = self._field
        typed = field.text() if isinstance(field, QLineEdit) else field.toPlainText()
        writing = self._services.background.write(self, self._write, typed)
        writing.then(self._on_written).failed(self._on_refused)

    def _on_written(self, _result: object) -> None:
        self.accept()

    def _on_refused(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            self.reject()
            self._services.background.error_unhandled.emit(error)
            return
        self._trouble.setText(str(error))
        self._trouble.show()
        self._field.setFocus()


def rename(parent: QWidget, services: Services, file: Attachment) -> None:
    """Ask for another name; the ending is kept by the service."""
    field = QLineEdit(file.file_name)
    field.setAccessibleName("File name")
    question = _Question(
        parent,
        services,
        "Rename",
        "The file itself stays as it is, and so does the ending of its name.",
        field,
        yes="Rename",
        write=lambda typed: services.attachments.rename(file.id, typed),
    )
    question.start()
    field.setSelection(0, len(Path(file.file_name).stem))


def describe(parent: QWidget, services: Services, file: Attachment) -> None:
    """Ask what the file is."""
    field = TextArea("Description", lines=2, most=6)
    field.setPlainText(file.description)
    _Question(
        parent,
        services,
        "Describe this file",
        "A few words that say what it is; they stand under its name and on the print.",
        field,
        yes="Save",
        write=lambda typed: services.attachments.describe(file.id, typed),
    ).start()


def remove_with_reason(
    parent: QWidget, services: Services, file: Attachment, removed: Callable[[], object]
) -> None:
    """A finalized visit's file is marked as entered in error, for a reason."""
    field = TextArea("Reason", lines=2, most=6)
    question = _Question(
        parent,
        services,
        "Mark as entered in error?",
        f"“{file.file_name}” belongs to a finalized visit. It is kept, marked as removed, and the "
        "reason stays with it. You can undo this for ten minutes.",
        field,
        yes="Mark as entered in error",
        write=lambda typed: services.attachments.remove(file.id, typed),
    )
    question.accepted.connect(removed)
    question.start()


def save_copy(parent: QWidget, services: Services, file: Attachment) -> None:
    """Ask where, write there in the background, say where it is."""
    chooser = QFileDialog(parent.window(), "Save as")
    chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # The copy never replaces a file: it gets a number, so there is nothing to confirm.
    chooser.setOption(QFileDialog.Option.DontConfirmOverwrite)
    begin_in_documents(chooser)
    chooser.selectFile(file.file_name)
    chooser.fileSelected.connect(lambda name: write_copy(parent, services, file, Path(name)))
    chooser.open()


def write_copy(parent: QWidget, services: Services, file: Attachment, target: Path) -> None:
    """Export to `target` in the background."""

    def on_failed(error: BaseException) -> None:
        if isinstance(error, MedrecError):
            tell(parent, "The copy was not saved", str(error))
        else:
            services.background.error_unhandled.emit(error)

    def on_written(path: Path) -> None:
        tell(parent, "A copy was saved", f"It is at {path}. Delete it when it is no longer needed.")

    writing = services.background.slow(parent, services.attachments.export, file.id, target)
    writing.then(on_written).failed(on_failed)
