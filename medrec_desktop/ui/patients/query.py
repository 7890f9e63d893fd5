"""Asks for patients as one types: no pause before it, and only the newest answer counts."""

import re
from datetime import date
from functools import partial

from PySide6.QtCore import QObject, Signal

from medrec_desktop.domain.dates import MONTHS, read_date
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.patients import PatientForm, PatientMatches
from medrec_desktop.domain.typed import short
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets.popup_list import MOST_ROWS

_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{2,4}")
_PHONE = re.compile(r"\+?(?:[ ()/.-]*\d){6,18}\)?")


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


def form_from(typed: str, *, today: date) -> PatientForm:
    """A registration form that begins with what was looked for: a name, a birth date, a phone.
    Other figures are part of no name and are left out, with the words beside them."""
    words = " ".join(typed.split())[:120]
    name, rest = _name_and_rest(words)
    dated = _DATE.fullmatch(rest) or read_date(rest, today=today, future=False) is not None
    # A day that does not exist is asked about at its field.
    born = rest if dated else ""
    phone = rest if not born and _PHONE.fullmatch(rest) else ""
    if rest and not born and not phone:
        return PatientForm()
    family, comma, given = name.partition(",")
    if not comma:
        given, _, family = name.rpartition(" ")
    return PatientForm(family=_cased(family), given=_cased(given), birth_date=born, phone=phone)


def _name_and_rest(words: str) -> tuple[str, str]:
    """The words before and behind the first figure: "okafor 14/3/87", "+44 20 7946 0958"."""
    parts = words.split(" ")
    at = next((n for n, part in enumerate(parts) if any(s.isdigit() for s in part)), len(parts))
    if at + 1 < len(parts) and parts[at + 1][:1].isalpha() and not _month_follows(parts[at + 1]):
        # The date came first: "14/3/87 okafor".
        return " ".join(parts[at + 1 :]), parts[at] if not at else " ".join(parts)
    return " ".join(parts[:at]).rstrip(","), " ".join(parts[at:])


def _month_follows(word: str) -> bool:
    return word[:3].casefold() in {month.casefold() for month in MONTHS}


def _cased(name: str) -> str:
    name = name.strip()
    return name.title() if name == name.lower() else name
