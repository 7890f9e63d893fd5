"""Everything there is to say of the clinic's server: what waits, what was not taken, why, and what
to do. It shows the desk's figures and asks it to act."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QFrame, QLineEdit, QVBoxLayout, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.link import FailedChange
from medrec_desktop.ui import theme
from medrec_desktop.ui.storage.words import clock_time
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.sync.words import (
    NO_CODE_HELPS,
    NOT_SENT,
    changes,
    clock_words,
    download_words,
    review_reason,
    sign,
    times,
    waiting_detail,
)
from medrec_desktop.ui.widgets import (
    Card,
    Dialog,
    FilledButton,
    IconLabel,
    LinkButton,
    PlainButton,
    column,
    label,
    row,
)
from medrec_desktop.ui.widgets.layout import replace

BUNDLE_NAME = "medrec-support.zip"


class SyncDialog(Dialog):
    """The sync page: sentences, not codes."""

    visit_requested = Signal(object)
    """visit_requested(RecordId)"""

    def __init__(self, parent: QWidget, desk: ServerDesk) -> None:
        super().__init__(parent, "Clinic server", width=640)
        self._desk = desk
        self._lines = QWidget()
        self.body.addWidget(self._lines)
        self.bundle = PlainButton("Save support bundle…", "download")
        self.bundle.clicked.connect(self._on_bundle)
        self.code = PlainButton("Enter join code…")
        self.code.clicked.connect(self._on_code)
        self.try_now = PlainButton("Try now", "refresh")
        self.try_now.clicked.connect(desk.try_now)
        self.done = FilledButton("Close")
        self.done.clicked.connect(self.accept)
        self.add_foot(self.bundle, self.code, None, self.try_now, self.done)
        self.set_default(self.done)
        desk.changed.connect(self._show)
        desk.reviews_changed.connect(self._show)
        self._said: list[str] = []
        self._show()

    @property
    def words(self) -> str:
        """Everything that is said."""
        return "\n".join(self._said)

    def open(self) -> None:
        """Show it; Enter closes it."""
        super().open()
        self.done.setFocus()

    def accept(self) -> None:
        """What was to be read once has been."""
        self._desk.service.heard(self._desk.link.said)
        super().accept()

    def _show(self) -> None:
        desk, now = self._desk, self._desk.now
        self._said = []
        lines = QWidget()
        box = column(spacing=10)
        seen = sign(desk.link, now)
        below = NOT_SENT if desk.link.state == "offline" else seen.below
        box.addWidget(self._fact(seen.icon or "server", seen.words, below, strong=True))
        if desk.link.signed_out:
            box.addWidget(self._fact("info", NO_CODE_HELPS, "", tone="warn"))
        box.addWidget(self._fact("clock", times(desk.link, now), ""))
        for words in (download_words(desk.download), clock_words(desk.link), *desk.link.said):
            if words:
                box.addWidget(self._fact("info", words, "", tone="warn"))
        waiting = desk.waiting
        if waiting.changes:
            since = f" since {clock_time(waiting.oldest, now)}" if waiting.oldest else ""
            what = f"{changes(waiting.changes)} waiting to send{since}"
            box.addWidget(self._fact("upload", what, waiting_detail(waiting)))
        else:
            box.addWidget(self._fact("check", "Nothing waits to be sent", ""))
        if desk.reviews:
            number = len(desk.reviews)
            what = f"{'1 visit waits' if number == 1 else f'{number:,} visits wait'} for a choice"
            below = review_reason(desk.reviews)
            box.addWidget(self._fact("arrows-up-down", what, below, tone="warn"))
        if waiting.failed:
            box.addWidget(label("Not taken by the server", "section"))
            for failed in waiting.failed:
                box.addWidget(self._failed(failed))
        lines.setLayout(box)
        replace(self.body, self._lines, lines)
        self._lines = lines
        self.try_now.setEnabled(not desk.link.busy)
        # A new one is of use only when the old one may be why nobody gets in.
        may_help = desk.link.state in {"offline", "refused"} and not desk.link.signed_out
        self.code.setVisible(may_help)
        self.fit()

    def _fact(
        self, icon: str, words: str, below: str, *, strong: bool = False, tone: str = "text2"
    ) -> QWidget:
        self._said += [part for part in (words, below) if part]
        text = column(label(words, "strong" if strong else "body", wrap=True), spacing=1)
        if below:
            text.addWidget(label(below, "meta", wrap=True))
        line = QWidget()
        layout = row(IconLabel(icon, tone, 16), spacing=12)
        layout.addLayout(text, 1)
        line.setLayout(layout)
        return line

    def _failed(self, failed: FailedChange) -> QFrame:
        card = Card(tone="warn")
        at = f"  ·  {clock_time(failed.at, self._desk.now)}" if failed.at else ""
        self._said += [failed.what, failed.why, failed.todo]
        head = row(label(f"{failed.what}{at}", "strong", wrap=True), None)
        if failed.record is not None:
            visit = LinkButton("Open the visit")
            visit.clicked.connect(lambda: self._open(failed.record))
            head.addWidget(visit)
        body: QVBoxLayout = card.body
        body.setSpacing(theme.px(2))
        body.addLayout(head)
        body.addWidget(label(failed.why, "body2", wrap=True))
        body.addWidget(label(failed.todo, "body", wrap=True))
        return card

    def _open(self, record: object) -> None:
        self.accept()
        self.visit_requested.emit(record)

    def _on_code(self) -> None:
        self.accept()
        dialog = JoinCodeDialog(self.window(), self._desk)
        dialog.open()

    def _on_bundle(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self.window(), "Save support bundle", str(Path.home() / BUNDLE_NAME)
        )
        if name:
            self._desk.save_bundle(Path(name), self._desk)


class JoinCodeDialog(Dialog):
    """Another join code for the same clinic: the administrator made a new one, or this computer's
    was lost."""

    def __init__(self, parent: QWidget, desk: ServerDesk) -> None:
        super().__init__(parent, "Enter the join code", width=560)
        self._desk = desk
        self.line = QLineEdit()
        self.line.setProperty("large", True)
        self.line.setAccessibleName("Join code")
        self.problem = label("", "body", wrap=True, tone="danger")
        self.body.addWidget(
            label(
                "Whoever looks after the clinic’s server can make a new join code. Everything is "
                "saved on this computer meanwhile.",
                "body2",
                wrap=True,
            )
        )
        self.body.addWidget(self.line)
        self.body.addWidget(self.problem)
        self.problem.hide()
        self.use = FilledButton("Use this code")
        self.use.clicked.connect(self._on_use)
        leave = PlainButton("Cancel")
        leave.clicked.connect(self.reject)
        self.add_foot(None, leave, self.use)
        self.set_default(self.use)

    def _on_use(self) -> None:
        if self.line.text().strip():
            self.use.setEnabled(False)
            self._desk.set_join_code(self.line.text(), self._on_done)

    def _on_done(self, problem: str) -> None:
        if not isValid(self):
            return
        self.use.setEnabled(True)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.fit()
        if not problem:
            self.accept()
