"""Asks for patients as one types: no pause before it, and only the newest answer counts."""

from functools import partial

from PySide6.QtCore import QObject, Signal

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.patients import PatientForm, PatientMatches
from medrec_desktop.domain.typed import short
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS


class PatientQuery(QObject):
    """One text at a time; a new one drops the answer to the last."""

    answered = Signal(object)
    """answered(PatientMatches)"""
    failed = Signal(str)

    def __init__(self, services: Services, parent: QObject, *, most: int = MOST_ROWS) -> None:
        super().__init__(parent)
        self._most = most
        self._services = services
        self._reading: Operation | None = None
        self._text = ""
        self._waits = False

    @property
    def waits(self) -> bool:
        """Whether an answer is on its way."""
        return self._waits

    def ask(self, text: str) -> None:
        """Look for these words."""
        self.stop()
        self._text, self._waits = text, True
        patients = self._services.patients
        reading = self._services.background.read(self, patients.search, text, limit=self._most)
        self._reading = reading.then(partial(self._on_answer, text)).failed(self._on_failed)

    def stop(self) -> None:
        """Want no answer any more."""
        self._waits = False
        if self._reading is not None:
            self._reading.forget()
            self._reading = None

    def _on_answer(self, asked: str, matches: PatientMatches) -> None:
        if asked == self._text and self._waits:
            self._waits = False
            self.answered.emit(matches)

    def _on_failed(self, error: BaseException) -> None:
        self._waits = False
        if not isinstance(error, MedrecError):
            raise error
        self.failed.emit(str(error))


def headline(typed: str, matches: PatientMatches) -> str:
    """What stands above the list."""
    if not typed.strip():
        return "Seen last" if matches.rows else "No patients yet."
    if matches.near:
        return f"No patient named “{short(typed)}”. Near spellings:"
    if not matches.rows:
        return f"No patient named “{short(typed)}”."
    return ""


def form_from(typed: str) -> PatientForm:
    """A registration form that begins with a name that was looked for; anything with a digit is
    no name."""
    words = " ".join(typed.split())[:120]
    if any(sign.isdigit() for sign in words):
        return PatientForm()
    family, comma, given = words.partition(",")
    if not comma:
        given, _, family = words.rpartition(" ")
    return PatientForm(family=_cased(family), given=_cased(given))


def _cased(name: str) -> str:
    name = name.strip()
    return name.title() if name == name.lower() else name
