"""Counts what became of a search: which row was picked, which words were given up or kept. Nothing
on the screen depends on it and nothing waits for it.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui.diagnosis.attempt import Attempt
from medrec_desktop.ui.screen import Services


class Outcome(QObject):
    """The searches of one box."""

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._attempt = Attempt()

    def answered(self, text: str) -> None:
        """The list shows the answer to this."""
        self._attempt.answered(text)

    def typed(self, text: str) -> None:
        """This stands in the box now."""
        self._given_up(self._attempt.typed(text))

    def left(self) -> None:
        """The words were left behind."""
        self._given_up(self._attempt.end())

    def picked(self, words: str, match: CodeMatch, rows: Sequence[CodeMatch], row: str) -> None:
        """`match` was taken from the answer `rows`: by itself, or from beneath the row `row`."""
        searched = self._attempt.end()
        place = next((n for n, one in enumerate(rows, 1) if one.code == row), 0)
        if searched and place:
            self._count(self._services.diagnoses.picked, words, match.code, place)

    def kept(self, words: str) -> None:
        """They stand in the list as they are."""
        self._attempt.end()
        self._count(self._services.diagnoses.abandoned, words, kept=True)

    def named(self, words: str, code: str) -> None:
        """A free text was given this code."""
        self._count(self._services.diagnoses.named, words, code)

    def forget(self) -> None:
        """Whatever was searched for, it counts as nothing."""
        self._attempt.end()

    def _given_up(self, words: str) -> None:
        if words:
            self._count(self._services.diagnoses.abandoned, words)

    def _count(self, count: Callable[..., None], *what: object, **how: object) -> None:
        self._services.background.write(self, count, *what, **how).failed(_uncounted)


def _uncounted(error: BaseException) -> None:
    # A count less; whatever is wrong with the database, saving the visit says.
    if not isinstance(error, MedrecError):
        raise error
