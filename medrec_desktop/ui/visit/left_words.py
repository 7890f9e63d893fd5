"""A line over the form: words typed into this visit before, that it never took. They are shown to be
read and copied; they leave only when somebody says so.
"""

from functools import partial
from uuid import UUID

from PySide6.QtWidgets import QApplication, QWidget

from medrec_desktop.domain.dates import shown_time
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.domain.set_aside import SetAside
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.visit.saving import VisitSaving
from medrec_desktop.ui.widgets import (
    Card,
    Dialog,
    FilledButton,
    IconLabel,
    Label,
    LinkButton,
    PlainButton,
    TextArea,
    column,
    label,
    row,
)

LEFT = "Words typed here {when} by {who} are not in this visit. They are kept on this computer."

WHY = (
    "Somebody else changed or signed this visit while these words were typed, so it did not take "
    "them. Copy what is needed into the visit or into an addendum, then remove them."
)


class LeftWords(QWidget):
    """Hidden while there are none."""

    def __init__(self, services: Services, saving: VisitSaving, parent: QWidget) -> None:
        super().__init__(parent)
        self._services, self._saving = services, saving
        self._record: RecordId | None = None
        self._left: tuple[SetAside, ...] = ()
        self._words: Label = label("", wrap=True)
        self.look_button = LinkButton("Look at them")
        self.look_button.clicked.connect(self._on_look)
        line = row(IconLabel("warning", "warn"), self._words, self.look_button)
        line.setStretch(1, 1)
        card = Card(tone="warn", margins=(12, 6, 8, 6))
        card.body.addLayout(line)
        self.setLayout(column(card, margins=(20, 6, 20, 6)))
        self.hide()

    @property
    def words(self) -> str:
        """The sentence that is shown."""
        return "" if self.isHidden() else self._words.text()

    def show_visit(self, visit: Visit) -> None:
        """This one is shown now, or was read again."""
        if self._record != visit.draft.record_id:
            self.hide()
        self._record = visit.draft.record_id
        ask = self._services.visits.set_aside
        reading = self._services.background.read(self, ask, self._record, self._saving.window)
        reading.then(partial(self._on_read, self._record))

    def _on_read(self, record: RecordId, left: tuple[SetAside, ...]) -> None:
        if record != self._record:
            return
        self._left = left
        if left:
            when, who = shown_time(left[0].at), left[0].by or "somebody"
            self._words.setText(LEFT.format(when=when, who=who))
        self.setVisible(bool(left))

    def _on_look(self) -> None:
        record = self._record
        if record is not None and self._left:
            dialog = LeftWordsDialog(self, self._left[0])
            dialog.accepted.connect(partial(self._done, record, self._left[0].window))
            dialog.open()

    def _done(self, record: RecordId, window: UUID) -> None:
        # The notice that follows has the visit read again.
        self._services.background.write(self, self._services.visits.done_with, record, window)


class LeftWordsDialog(Dialog):
    """The words by section; accepted when they are needed no longer."""

    def __init__(self, parent: QWidget, left: SetAside) -> None:
        super().__init__(parent, "Words that are not in this visit", width=640)
        self._left = left
        self.body.addWidget(label(WHY, "body2", wrap=True))
        for name, words in left.words:
            shown = TextArea(name, lines=2)
            shown.setPlainText(words)
            shown.setReadOnly(True)
            self.body.addLayout(column(label(name, "section"), shown, spacing=4))
        self.copy_button = FilledButton("Copy all")
        self.copy_button.clicked.connect(self._on_copy)
        self.done_button = PlainButton("Remove these words")
        self.done_button.clicked.connect(self.accept)
        close = PlainButton("Keep them here")
        close.clicked.connect(self.reject)
        self.add_foot(self.done_button, None, close, self.copy_button)

    def _on_copy(self) -> None:
        QApplication.clipboard().setText(self._left.text)
