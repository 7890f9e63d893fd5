"""Stars in the list of found codes: shown at once, kept on the write lane, taken back if refused."""

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QObject

from medrec_desktop.domain.terminology import CodeMatch
from medrec_desktop.ui.diagnosis.popup import CodePopup
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets.passing import announce


class Stars(QObject):
    """The stars of one list."""

    def __init__(self, services: Services, popup: CodePopup) -> None:
        super().__init__(popup)
        self._services, self._popup = services, popup

    def toggle(self, match: CodeMatch) -> None:
        """Star this code, or take its star away."""
        diagnoses, wanted = self._services.diagnoses, not match.starred
        self._show(match.code, starred=wanted)
        said = f"{match.code} starred" if wanted else f"{match.code}: star taken away"
        announce(self._popup.view, said)
        write = diagnoses.star if wanted else diagnoses.unstar
        operation = self._services.background.write(self, write, match.code)
        operation.failed(partial(self._on_failed, match.code, not wanted))

    def _show(self, code: str, *, starred: bool) -> None:
        def shown(match: CodeMatch) -> CodeMatch:
            return replace(match, starred=starred) if match.code == code else match

        self._popup.model.set_rows([shown(match) for match in self._popup.model.rows])

    def _on_failed(self, code: str, starred: bool, error: BaseException) -> None:
        self._show(code, starred=starred)
        self._services.background.error_unhandled.emit(error)
