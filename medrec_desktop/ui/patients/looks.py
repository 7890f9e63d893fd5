"""Who looked at this patient: the entries of the audit trail, newest first, for who leads the
clinic. Only shows; what may be seen is decided by the service."""

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QHeaderView, QTreeView, QWidget

from medrec_desktop.domain.auditing import WORDS, Look, short
from medrec_desktop.domain.dates import shown_time
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.patients import Patient
from medrec_desktop.ui import theme
from medrec_desktop.ui.rows import Column, RowsModel
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Dialog, FilledButton, label

NOBODY = "Nobody has opened this patient’s records since this list was begun."
READING = "Reading…"
ABOUT = "Looking at the same thing again within 15 minutes is one line."
ASKING = "Asking the clinic’s server for the other computers…"
ELSEWHERE = (
    "Other computers are in it as far as they have sent their trails to the clinic’s server."
)
SILENT = (
    "Only this computer is in it: the clinic’s server does not answer just now. Ask again later to "
    "see the other computers."
)
_HEIGHT = 380
_WHO = 1
_ROLES = {"doctor": "doctor", "front_desk": "front desk", "admin": "administrator"}


class LooksDialog(Dialog):
    """A table, a sentence while there is nothing in it, and a way out."""

    def __init__(self, parent: QWidget, services: Services, patient: Patient) -> None:
        super().__init__(parent, f"Who looked at {patient.display_name}", width=760)
        self.words = label(READING, "body2", wrap=True)
        self.model = RowsModel(
            [
                Column[Look]("When", lambda look: shown_time(look.at)),
                Column[Look]("Who", _who),
                Column[Look]("What", _what),
                Column[Look]("Where", _where),
            ],
            lambda look: (look.at, look.name, look.what, look.outcome),
            self,
            spoken=_spoken,
        )
        self.table = _table()
        self.table.setModel(self.model)
        self.table.hide()
        self.body.addWidget(self.words)
        self.body.addWidget(self.table)
        close = FilledButton("Close")
        close.clicked.connect(self.accept)
        self.add_foot(None, close)
        self.set_default(close)
        self._own: tuple[Look, ...] | None = None
        self._others: tuple[Look, ...] = ()
        self._elsewhere = ""
        reading = services.background.read(self, services.patients.looks, patient.id)
        reading.then(self._show).failed(self._on_failed)
        if services.server is not None:
            self._elsewhere = ASKING
            asking = services.background.slow(self, services.server.service.looks, patient.id)
            asking.then(self._show_others).failed(self._on_silent)

    def _show(self, looks: tuple[Look, ...]) -> None:
        self._own = looks
        self._fill()
        if looks:
            first = self.model.index(0, 0)
            choose = QItemSelectionModel.SelectionFlag
            self.table.selectionModel().setCurrentIndex(first, choose.ClearAndSelect | choose.Rows)
            self.table.setFocus()

    def _show_others(self, looks: tuple[Look, ...]) -> None:
        self._others, self._elsewhere = looks, ELSEWHERE
        self._fill()

    def _on_silent(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            raise error
        self._elsewhere = SILENT
        self._fill()

    def _fill(self) -> None:
        """With what is known by now; nothing as long as this computer has not answered."""
        if self._own is None:
            return
        looks = sorted((*self._own, *self._others), key=lambda one: one.at, reverse=True)
        self.model.set_rows(looks)
        words = ABOUT if looks else NOBODY
        self.words.setText(f"{words} {self._elsewhere}" if self._elsewhere else words)
        self.table.setVisible(bool(looks))
        if looks:
            self._fit_table()
        self.fit()

    def _fit_table(self) -> None:
        """As wide as the card, as high as its rows: many of them scroll."""
        header = self.table.header()
        for column in range(self.model.columnCount()):
            mode = QHeaderView.ResizeMode
            stretched = column == _WHO
            header.setSectionResizeMode(
                column, mode.Stretch if stretched else mode.ResizeToContents
            )
        row = self.table.sizeHintForRow(0)
        rows = row * self.model.rowCount() + header.sizeHint().height() + theme.px(4)
        self.table.setFixedHeight(min(rows, theme.px(_HEIGHT)))

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            raise error
        self.words.setText(str(error))
        self.fit()


def _table() -> QTreeView:
    made = QTreeView()
    made.setAccessibleName("Who looked")
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setAllColumnsShowFocus(True)
    # Tab goes on to the button; the arrows move in the table.
    made.setTabKeyNavigation(False)
    made.setTextElideMode(Qt.TextElideMode.ElideRight)
    header = made.header()
    header.setStretchLastSection(False)
    header.setSectionsMovable(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignVCenter)
    return made


def _who(look: Look) -> str:
    role = _ROLES.get(look.role, "")
    return f"{look.name}  ·  {role}" if role else look.name


def _what(look: Look) -> str:
    words = WORDS.get(look.what, look.what)
    return words if look.outcome == "done" else f"{words} (refused)"


def _where(look: Look) -> str:
    if look.here:
        return "This computer"
    named = f"{look.computer}, " if look.computer else ""
    return f"{named}{short(look.device)}" if named else f"Computer {short(look.device)}"


def _spoken(look: Look) -> str:
    return ", ".join((shown_time(look.at), _who(look), _what(look), _where(look)))
