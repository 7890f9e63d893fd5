"""Printing a visit, or saving it as PDF: what is asked, and what is said afterwards. The pages
are drawn by `paper`, on a worker; the dialogs of the system are asked on the UI thread.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from PySide6.QtCore import QObject, Qt
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QWidget

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.finishing import visit_day
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.paper import (
    Printed,
    page_size,
    print_on,
    suggested_name,
    write_pdf,
)
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, column, label, tell
from medrec_desktop.ui.widgets.folders import begin_in_documents

T = TypeVar("T")


def save_pdf(parent: QWidget, services: Services, record_id: RecordId) -> "Errand":
    """Ask where, then write the visit there; says what went wrong, or where the file is."""
    errand = Errand(parent, services)
    errand.gather(record_id, errand.ask_where)
    return errand


def print_visit(parent: QWidget, services: Services, record_id: RecordId) -> "Errand":
    """Ask whether it goes to a printer or into a PDF, then do that."""
    errand = Errand(parent, services)
    errand.gather(record_id, errand.ask_how)
    return errand


class Errand(QObject):
    """One print or save from the question to its end; owns the operations."""

    def __init__(self, parent: QWidget, services: Services) -> None:
        super().__init__(parent)
        self._services = services
        self.printed: Printed | None = None

    @property
    def _widget(self) -> QWidget:
        # Never kept beside Qt's own tie: the last to hold a window would destroy it, and itself
        # with it, in the middle of its own end.
        return cast("QWidget", self.parent())

    def gather(self, record_id: RecordId, then: Callable[[Printed], None]) -> None:
        """Read what is stored, then go on."""
        # What was typed a moment ago belongs on the paper: behind the saves, in their lane.
        self._services.saves.flush()
        reading = self._services.background.write(self, gathered, self._services, record_id)
        reading.then(then).failed(self._on_failed)

    def ask_how(self, printed: Printed) -> None:
        """What will stand on the paper, and the two ways to get it."""
        self.printed = printed
        visit = printed.visit
        dialog = Dialog(self._widget, "Print this visit", width=460)
        name = label(visit.patient.display_name, "title", wrap=True)
        day = visit_day(visit.draft)
        facts = label(f"Visit {shown(day)}  ·  {visit.doctor}  ·  {printed.paper}", "body2")
        dialog.body.addLayout(column(name, facts, spacing=2))
        if visit.status == "draft":
            words = "This visit is a draft: every page is marked DRAFT."
            dialog.body.addWidget(label(words, "body2", wrap=True, tone="warn"))
        cancel, save = PlainButton("Cancel"), PlainButton("Save as PDF…", "download")
        paper = FilledButton("Print…", "printer")
        cancel.clicked.connect(dialog.reject)
        save.clicked.connect(dialog.accept)
        save.clicked.connect(self._on_pdf_chosen)
        paper.clicked.connect(dialog.accept)
        paper.clicked.connect(self._on_paper_chosen)
        dialog.body.addStretch(1)
        dialog.rejected.connect(self.deleteLater)
        dialog.add_foot(None, cancel, save, paper)
        dialog.set_default(paper)
        dialog.open()
        paper.setFocus()

    def _on_pdf_chosen(self) -> None:
        if self.printed is not None:
            self.ask_where(self.printed)

    def _on_paper_chosen(self) -> None:
        if self.printed is not None:
            self.ask_printer(self.printed)

    def ask_where(self, printed: Printed) -> None:
        """The system's dialog for a file."""
        self.printed = printed
        chooser = QFileDialog(self._widget.window(), "Save visit as PDF")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilter("PDF (*.pdf)")
        chooser.setDefaultSuffix("pdf")
        begin_in_documents(chooser)
        chooser.selectFile(suggested_name(printed.visit))
        chooser.fileSelected.connect(self.write_to)
        chooser.rejected.connect(self.deleteLater)
        chooser.open()

    def write_to(self, name: str) -> None:
        """Write the PDF there."""
        if self.printed is not None:
            work = partial(write_pdf, path=Path(name))
            writing = self._services.background.slow(
                self, _noted_first, self._services, self.printed, work
            )
            writing.then(self._on_written).failed(self._on_failed)

    def ask_printer(self, printed: Printed) -> None:
        """The system's dialog for printers."""
        self.printed = printed
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setDocName(suggested_name(printed.visit).removesuffix(".pdf"))
        printer.setPageSize(page_size(printed.paper))
        dialog = QPrintDialog(printer, self._widget.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._print_on(printer))
        dialog.rejected.connect(self.deleteLater)
        dialog.setWindowModality(Qt.WindowModality.WindowModal)
        dialog.show()

    def _print_on(self, printer: QPrinter) -> None:
        if self.printed is not None:
            printing = self._services.background.slow(
                self, _noted_first, self._services, self.printed, partial(print_on, printer)
            )
            printing.then(self._on_printed).failed(self._on_failed)

    def _on_printed(self, _result: object) -> None:
        self.deleteLater()

    def _on_written(self, path: Path) -> None:
        tell(self._widget, "The PDF was saved", f"It is at {path}.")
        self.deleteLater()

    def _on_failed(self, error: BaseException) -> None:
        if isinstance(error, MedrecError):
            tell(self._widget, "The visit was not printed", str(error))
        else:
            self._services.background.error_unhandled.emit(error)
        self.deleteLater()


def _noted_first(services: Services, printed: Printed, work: Callable[[Printed], T]) -> T:
    """What goes to paper is written down before it does."""
    services.visits.printing(printed.visit.draft.record_id)
    return work(printed)


def gathered(services: Services, record_id: RecordId) -> Printed:
    """Everything that stands on the paper, as stored now."""
    return Printed(
        visit=services.visits.open(record_id),
        attachments=services.attachments.list(record_id),
        clinic=services.clinic.clinic(),
        paper=services.clinic.computer().paper,
        now=services.clock(),
    )
