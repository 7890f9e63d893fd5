"""The recovery code: shown once, printed, confirmed by two of its groups; and the first password of
a clinic that had none. It shows and asks; the accounts' service keeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMarginsF, QObject, Qt, Signal
from PySide6.QtGui import (
    QFont,
    QPageLayout,
    QPageSize,
    QPdfWriter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtPrintSupport import QPrintDialog, QPrinter
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from medrec_desktop.domain.errors import Invalid, MedrecError, Unavailable
from medrec_desktop.domain.passwords import code_symbols, password_problem
from medrec_desktop.ui import theme
from medrec_desktop.ui.sign_in.cards import NOT_THE_SAME
from medrec_desktop.ui.sign_in.passphrase import PassphraseField
from medrec_desktop.ui.widgets import (
    Card,
    Dialog,
    FilledButton,
    PlainButton,
    column,
    label,
    row,
)
from medrec_desktop.ui.widgets.folders import begin_in_documents

if TYPE_CHECKING:
    from medrec_desktop.ui.background import Background
    from medrec_desktop.ui.screen import OpenClinic

ASKED = (3, 5)
"""Which groups are typed again, counted from one."""
WHAT_FOR = (
    "If a password is forgotten or this computer’s keyring is lost, this code opens the records. "
    "It is shown only now. Print it and keep the page in a locked place, not beside the computer."
)
ON_PAPER = (
    "This code opens the clinic’s records when a password is forgotten or the computer’s keyring "
    "is lost. Whoever has it and the computer can read everything: keep it in a locked place, not "
    "beside the computer. At the sign-in page choose “Forgot the password?” and type it. Letters O "
    "and I do not occur in it: they are 0 and 1."
)
LATER = "Until a code is confirmed the program asks again at each start."


class RecoveryDialog(Dialog):
    """Shows the code; `confirmed` when two of its groups were typed from the page."""

    confirmed = Signal(str)

    def __init__(self, parent: QWidget, clinic: str, code: str) -> None:
        super().__init__(parent, "Your clinic’s recovery code", width=560)
        self._clinic, self._code = clinic, code
        groups = code.split("-")
        shown = Card(tone="subtle", margins=(16, 12, 16, 12), spacing=6)
        half = (len(groups) + 1) // 2
        for part in (groups[:half], groups[half:]):
            line = label("  –  ".join(part), "code")
            line.setFont(theme.current().font(17, 600, mono=True))
            line.setAccessibleName(" ".join(" ".join(group) for group in part))
            line.setStyleSheet(f"font-size: {theme.px(17)}px; font-weight: 600;")
            shown.body.addWidget(line, 0, Qt.AlignmentFlag.AlignHCenter)
        self.print_button = PlainButton("Print…", "printer")
        self.print_button.clicked.connect(self._ask_printer)
        self.save_button = PlainButton("Save as PDF…", "download")
        self.save_button.clicked.connect(self._ask_where)
        self.groups: list[QLineEdit] = []
        fields = row(spacing=12)
        for number in ASKED:
            field = QLineEdit()
            field.setProperty("large", True)
            field.setMaxLength(12)
            name = f"Group {number}"
            field.setAccessibleName(name)
            field.setPlaceholderText(name)
            field.returnPressed.connect(self.go_on)
            self.groups.append(field)
            fields.addWidget(field)
        self._problem = label("", "meta", wrap=True, tone="danger")
        self.body.addWidget(label(WHAT_FOR, "body2", wrap=True))
        self.body.addWidget(shown)
        self.body.addLayout(row(self.print_button, self.save_button, None))
        first, second = ASKED
        words = f"Now type the {_ordinal(first)} and the {_ordinal(second)} group from the page."
        self.body.addWidget(label(words, "strong", wrap=True))
        self.body.addLayout(fields)
        self.body.addWidget(self._problem)
        self._problem.hide()
        self.body.addWidget(label(LATER, "meta", wrap=True))
        self.confirm_button = FilledButton("I have kept it safe")
        self.confirm_button.clicked.connect(self.go_on)
        later = PlainButton("Later")
        later.clicked.connect(self.reject)
        self.add_foot(None, later, self.confirm_button)

    def go_on(self) -> None:
        """Compare what was typed."""
        groups = self._code.split("-")
        for number, field in zip(ASKED, self.groups, strict=True):
            if code_symbols(field.text()) != groups[number - 1]:
                self.fail(f"Group {number} is not the same. Compare it with the page.")
                field.setFocus()
                field.selectAll()
                return
        self.confirm_button.setEnabled(False)
        self.confirmed.emit(self._code)

    def fail(self, sentence: str) -> None:
        """Why it is not confirmed."""
        self.confirm_button.setEnabled(True)
        self._problem.setText(sentence)
        self._problem.setVisible(True)
        self.fit()

    def _ask_where(self) -> None:
        chooser = QFileDialog(self.window(), "Save the recovery code as PDF")
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        chooser.setNameFilter("PDF (*.pdf)")
        chooser.setDefaultSuffix("pdf")
        begin_in_documents(chooser)
        chooser.selectFile("recovery-code.pdf")
        chooser.fileSelected.connect(self.write_to)
        chooser.open()

    def write_to(self, name: str) -> None:
        """The page as a PDF. One page of text takes no time."""
        try:
            write_page(Path(name), self._clinic, self._code)
        except MedrecError as error:
            self.fail(str(error))

    def _ask_printer(self) -> None:
        printer = QPrinter(QPrinter.PrinterMode.HighResolution)
        printer.setDocName("Recovery code")
        dialog = QPrintDialog(printer, self.window())
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: page_of(self._clinic, self._code).print_(printer))
        dialog.setWindowModality(Qt.WindowModality.WindowModal)
        dialog.show()


class FirstPasswordDialog(Dialog):
    """A clinic of the first release had no passwords: its doctor chooses one now."""

    entered = Signal(str)

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent, "Choose your password", width=480)
        self._name = name
        self.password = PassphraseField("Password", meter=True, caution=False)
        self.again = QLineEdit()
        self.again.setEchoMode(QLineEdit.EchoMode.Password)
        self.again.setProperty("large", True)
        self.again.setPlaceholderText("The same once more")
        self.again.setAccessibleName("Password once more")
        self._state = label("", "meta", wrap=True, tone="danger")
        self.body.addWidget(
            label(
                f"From now on each person signs in with a password of their own. You are {name}. "
                "Everything in the clinic stays as it is; colleagues get theirs in the menu under "
                "Users and computers.",
                "body2",
                wrap=True,
            )
        )
        self.body.addLayout(column(self.password, self.again, self._state, spacing=6))
        self._state.hide()
        self._save = FilledButton("Save")
        self._save.clicked.connect(self._on_save)
        later = PlainButton("Later")
        later.clicked.connect(self.reject)
        self.add_foot(None, later, self._save)
        self.set_default(self._save)

    def busy(self, words: str) -> None:
        """Work is under way."""
        self._save.setEnabled(not words)
        self._say(words, "text2")

    def fail(self, sentence: str) -> None:
        """Why not."""
        self.busy("")
        self._say(sentence, "danger")

    def _on_save(self) -> None:
        words = password_problem(self.password.text(), self._name)
        if not words and self.again.text() != self.password.text():
            words = NOT_THE_SAME
        if words:
            self._say(words, "danger")
        else:
            self.entered.emit(self.password.text())

    def _say(self, words: str, tone: str) -> None:
        self._state.set_tone("danger" if tone == "danger" else "text2")
        self._state.setText(words)
        self._state.setVisible(bool(words))
        self.fit()


class Keeping(QObject):
    """Sees to it that an open clinic has passwords and a recovery code that somebody keeps."""

    def __init__(self, window: QWidget, clinic: OpenClinic, background: Background) -> None:
        # The window's own: whatever outlives it keeps all of it in memory.
        super().__init__(window)
        self._window, self._clinic, self._background = window, clinic, background
        self._code: RecoveryDialog | None = None
        self._first: FirstPasswordDialog | None = None
        self._name = "MedRec Desktop"

    def begin(self, code: str = "") -> None:
        """Show this code; without one, look whether something is missing."""
        clinic, seat = self._clinic, self._clinic.seat
        if seat is None or "admin" not in clinic.user.roles:
            return
        if code:
            self.show_code(code)
        elif not seat.protected():
            self._ask_first()
        else:
            self._background.slow(self, seat.accounts.recovery).then(self._on_recovery)

    def show_code(self, code: str) -> None:
        """The page that is seen once."""
        reading = self._background.read(self, self._clinic.clinic.clinic)
        reading.then(lambda clinic: self._show(clinic.name, code))

    def make_new(self) -> None:
        """Another code; the old one ends when this one is confirmed."""
        if self._clinic.seat is not None:
            making = self._background.slow(self, self._clinic.seat.accounts.new_recovery_code)
            making.then(self.show_code)

    def _show(self, name: str, code: str) -> None:
        self._code = RecoveryDialog(self._window, name, code)
        self._code.confirmed.connect(self._on_confirmed)
        self._code.open()
        self._code.print_button.setFocus()

    def _on_confirmed(self, code: str) -> None:
        if self._clinic.seat is not None:
            work = self._background.slow(
                self, self._clinic.seat.accounts.confirm_recovery_code, code
            )
            work.then(self._on_kept).failed(self._on_not_kept)

    def _on_kept(self, _result: object) -> None:
        if self._code is not None:
            self._code.accept()

    def _on_not_kept(self, error: BaseException) -> None:
        if self._code is not None and isinstance(error, MedrecError):
            self._code.fail(str(error))
        else:
            self._background.error_unhandled.emit(error)

    def _on_recovery(self, recovery: object) -> None:
        if not getattr(recovery, "confirmed", False):
            self._ask_new()

    def _ask_new(self) -> None:
        dialog = Dialog(self._window, "The clinic has no recovery code that is kept", width=480)
        dialog.body.addWidget(
            label(
                "Its last code was never confirmed, so nobody may have it. Without one, a lost "
                "password or keyring can close the records for good. Make a new one now; it takes "
                "a minute and a printer.",
                "body2",
                wrap=True,
            )
        )
        later, now = PlainButton("Later"), FilledButton("Make a new code")
        later.clicked.connect(dialog.reject)
        now.clicked.connect(dialog.accept)
        dialog.accepted.connect(self.make_new)
        dialog.add_foot(None, later, now)
        dialog.open()
        now.setFocus()

    def _ask_first(self) -> None:
        self._first = FirstPasswordDialog(self._window, self._clinic.user.name)
        self._first.entered.connect(self._on_first)
        self._first.open()

    def _on_first(self, password: str) -> None:
        if self._first is not None and self._clinic.seat is not None:
            self._first.busy("Protecting the clinic’s key…")
            # In the lane of the writes: it goes into the database too.
            work = self._background.write(self, self._clinic.seat.accounts.begin, password)
            work.then(self._on_begun).failed(self._on_not_begun)

    def _on_begun(self, code: str) -> None:
        if self._first is not None:
            self._first.accept()
            self._first = None
        self.show_code(code)

    def _on_not_begun(self, error: BaseException) -> None:
        if self._first is None or not isinstance(error, MedrecError):
            self._background.error_unhandled.emit(error)
        elif isinstance(error, Invalid):
            self._first.fail(" ".join(error.fields.values()))
        else:
            self._first.fail(str(error))


def page_of(clinic: str, code: str) -> QTextDocument:
    """The page to keep; plain text in three sizes."""
    document = QTextDocument()
    document.setDefaultFont(QFont("Inter", 11))
    cursor = QTextCursor(document)
    groups = code.split("-")
    half = (len(groups) + 1) // 2
    for words, points, bold in (
        ("Recovery code", 20, True),
        (clinic, 13, False),
        ("", 11, False),
        ("   ".join(groups[:half]), 18, True),
        ("   ".join(groups[half:]), 18, True),
        ("", 11, False),
        (ON_PAPER, 11, False),
    ):
        style = QTextCharFormat()
        style.setFontPointSize(points)
        style.setFontWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
        cursor.insertText(words, style)
        cursor.insertBlock()
    return document


def write_page(path: Path, clinic: str, code: str) -> None:
    """The page as a PDF; `Unavailable` when it cannot be written there."""
    writer = QPdfWriter(str(path))
    writer.setTitle("Recovery code")
    writer.setPageLayout(
        QPageLayout(
            QPageSize(QPageSize.PageSizeId.A4),
            QPageLayout.Orientation.Portrait,
            QMarginsF(20, 20, 20, 20),
            QPageLayout.Unit.Millimeter,
        )
    )
    page_of(clinic, code).print_(writer)
    del writer
    if not path.is_file() or not path.stat().st_size:
        raise Unavailable(
            "The page could not be written there. Choose another folder, or print it."
        )


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
