"""What the menu of an open clinic offers: settings, backup, export, about. It shows and asks; what
blocks runs on background threads."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.ui.disk_sign import DiskSign
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.screen import OpenClinic, Services
from medrec_desktop.ui.widgets import tell

# Dialogs that most days do not need are imported where they are shown.
if TYPE_CHECKING:
    from medrec_desktop.ui.settings.accounts_menu import AccountsMenu
    from medrec_desktop.ui.sign_in.restore import BackUpDialog
    from medrec_desktop.ui.storage.menu import StorageMenu
    from medrec_desktop.ui.sync.menu import ServerMenu

ABOUT = (
    "Visit records for clinics. Everything is kept on this computer, encrypted. "
    "Diagnosis codes: ICD-10-CM, CDC/NCHS. Fonts: Inter and JetBrains Mono, SIL Open "
    "Font License."
)


class ClinicMenu(QObject):
    """Lives as long as the clinic is open in this window."""

    server_came = Signal(object)
    """server_came(OpenClinic): the same clinic, which has a server from now on."""

    def __init__(
        self,
        window: MainWindow,
        clinic: OpenClinic,
        services: Services,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(window)
        self._window, self._clinic, self._services = window, clinic, services
        self._clock = clock
        self._backing_up: BackUpDialog | None = None
        window.settings_requested.connect(self._show_settings)
        window.backup_requested.connect(self._ask_back_up)
        window.about_requested.connect(self._show_about)
        window.export_requested.connect(self._ask_export)
        window.text_percent_chosen.connect(self._on_text_percent)
        self._storage = self._storage_menu()
        self._server = self._server_menu()
        self.accounts = self._accounts_menu()
        self.disk = DiskSign(window, services)

    def _storage_menu(self) -> "StorageMenu | None":
        if self._services.storage is None:
            return None
        from medrec_desktop.ui.storage.menu import StorageMenu

        return StorageMenu(self._window, self._services, self._services.storage)

    def _server_menu(self) -> "ServerMenu | None":
        if self._services.server is None:
            return None
        from medrec_desktop.ui.sync.menu import ServerMenu

        return ServerMenu(self._window, self._services.server, self._services.storage)

    def _accounts_menu(self) -> "AccountsMenu | None":
        seat = self._clinic.seat
        if seat is None:
            return None
        from medrec_desktop.ui.settings.accounts_menu import AccountsMenu

        return AccountsMenu(self._window, self._clinic, self._services, seat)

    def _show_settings(self) -> None:
        from medrec_desktop.ui.settings.dialog import SettingsDialog

        dialog = SettingsDialog(self._window, self._services)
        dialog.backup_requested.connect(self._ask_back_up)
        if self._storage is not None:
            dialog.offer_storage()
            dialog.storage_requested.connect(self._storage.show_set_up)
        if self._clinic.move is not None:
            dialog.offer_server()
            dialog.server_requested.connect(self._ask_move)
        dialog.open()

    def _ask_move(self) -> None:
        from medrec_desktop.ui.sync.move_dialog import MoveDialog

        if self._clinic.move is not None:
            # What is typed goes along.
            self._services.saves.flush()
            dialog = MoveDialog(self._window, self._clinic.move, self._services.background)
            dialog.moved.connect(self._on_moved)
            dialog.open()

    def _on_moved(self) -> None:
        if self._clinic.move is not None:
            link = self._clinic.move.link
            self._services.background.slow(self, link).then(self.server_came.emit)

    def _ask_back_up(self) -> None:
        from medrec_desktop.ui.sign_in.restore import BackUpDialog

        day = date.isoformat(self._clock().astimezone().date())
        self._backing_up = BackUpDialog(self._window, str(Path.home() / f"medrec-{day}.backup"))
        self._backing_up.entered.connect(self._back_up)
        self._backing_up.open()

    def _back_up(self, target: Path, passphrase: str) -> None:
        dialog = self._backing_up
        if dialog is not None:
            self._services.saves.flush()
            dialog.busy("Writing the backup and reading it back…")
            # Not on the writing lane: visits are saved meanwhile.
            background = self._services.background
            work = background.slow(dialog, self._clinic.back_up, target, passphrase)
            work.then(self._on_backed_up).failed(self._on_not_backed_up)

    def _on_backed_up(self, sentence: str) -> None:
        if self._backing_up is not None:
            self._backing_up.accept()
        tell(self._window, "Backed up", sentence)

    def _on_not_backed_up(self, error: BaseException) -> None:
        if self._backing_up is None:
            return
        if isinstance(error, MedrecError):
            self._backing_up.fail(str(error))
        else:
            self._backing_up.busy("")
            self._services.background.error_unhandled.emit(error)

    def _ask_export(self, patient_id: PatientId) -> None:
        # The name holds nothing of the patient: folders are seen by others.
        suggested = str(Path.home() / f"patient-{str(patient_id)[:8]}.json")
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Export for another program (FHIR, not encrypted)", suggested
        )
        if name:
            export = self._clinic.export
            work = self._services.background.slow(self, export, patient_id, Path(name))
            work.then(self._on_exported)

    def _on_exported(self, written: Path) -> None:
        self._window.toast.say(f"Exported to {written.name}. The file is not encrypted.")

    def _show_about(self) -> None:
        tell(self._window, "MedRec Desktop", ABOUT)

    def _on_text_percent(self, percent: int) -> None:
        self._services.background.write(self, self._store_percent, self._services, percent)

    @staticmethod
    def _store_percent(services: Services, percent: int) -> None:
        """On the writing thread: one choice changes, the others stay."""
        clinic = services.clinic
        clinic.save_computer(replace(clinic.computer(), text_percent=percent))
