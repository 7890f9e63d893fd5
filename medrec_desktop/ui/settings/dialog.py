"""The settings: look, clinic, limits, this computer. Theme and size act at once; the rest is
stored by Save, which names what makes no sense beside its field."""

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QFormLayout, QLineEdit, QWidget

from medrec_desktop.domain.dates import WEEKDAYS
from medrec_desktop.domain.errors import Invalid, MedrecError
from medrec_desktop.domain.people import User
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.settings import ClinicSettings, ComputerSettings
from medrec_desktop.ui import theme
from medrec_desktop.ui.may import may
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.settings.limits import LimitsTable
from medrec_desktop.ui.settings.look import LookFields
from medrec_desktop.ui.widgets import (
    Dialog,
    FilledButton,
    FlowLayout,
    PlainButton,
    column,
    hairline,
    label,
    row,
)


class SettingsDialog(Dialog):
    """Reads, shows and stores both kinds of settings."""

    backup_requested = Signal()
    storage_requested = Signal()
    server_requested = Signal()
    saved = Signal()

    def __init__(self, parent: QWidget, services: Services) -> None:
        super().__init__(parent, "Settings", width=640)
        self._services = services
        self._clinic = ClinicSettings()
        self._computer = ComputerSettings()
        self._look_before = (services.theme.mode, services.theme.text_percent)
        self.look = LookFields(services.theme)
        self.look.changed.connect(self.fit)
        self.name = QLineEdit()
        self.name.setAccessibleName("Clinic name")
        self.me = QLineEdit()
        self.me.setAccessibleName("Your name, as under a visit")
        self.days = {number: QCheckBox(day[:3]) for number, day in enumerate(WEEKDAYS)}
        self.limits = LimitsTable()
        self.minutes = QComboBox()
        self.minutes.setAccessibleName("Locks after")
        for minutes in range(1, 16):
            self.minutes.addItem(f"{minutes} minute{'s' if minutes > 1 else ''}", minutes)
        self.paper = QComboBox()
        self.paper.setAccessibleName("Paper size")
        for size in ("A4", "Letter"):
            self.paper.addItem(size, size)
        self.scanner = QLineEdit()
        self.scanner.setPlaceholderText("None")
        self.scanner.setAccessibleName("Scanner folder")
        self._others = PlainButton("Let other computers join…", "server")
        self._others.clicked.connect(self._on_others)
        self._others.hide()
        self._stores = self._shares = False
        self._user: User | None = None
        self._name_problem = label("", "meta", wrap=True, tone="danger")
        self._me_problem = label("", "meta", wrap=True, tone="danger")
        self._days_problem = label("", "meta", wrap=True, tone="danger")
        self._problem = label("", "body", wrap=True, tone="danger")
        for words in (self._name_problem, self._me_problem, self._days_problem, self._problem):
            words.hide()
        self._lay_out()
        self._save = FilledButton("Save")
        self._save.setEnabled(False)
        self._save.clicked.connect(self.save)
        self._storage = PlainButton("File storage (S3)…", "upload")
        self._storage.clicked.connect(self._on_storage)
        self._storage.hide()
        back_up, leave = PlainButton("Back up now…", "download"), PlainButton("Cancel")
        back_up.clicked.connect(self._on_back_up)
        self._back_up = back_up
        leave.clicked.connect(self.reject)
        self.add_foot(back_up, self._storage, None, leave, self._save)
        self.set_default(self._save)
        self.rejected.connect(self._on_rejected)
        background = services.background
        background.read(self, services.clinic.settings).then(self._show_clinic)
        background.read(self, services.clinic.me).then(self._show_me)
        background.read(self, services.clinic.computer).then(self._show_computer)

    def open(self) -> None:
        """Begin at the top."""
        super().open()
        self.look.mode.setFocus(Qt.FocusReason.OtherFocusReason)

    def offer_storage(self) -> None:
        """Somebody listens to `storage_requested`."""
        self._stores = True
        self._storage.setVisible(self._user is None or may(self._user, Action.SET_UP_STORAGE))

    def offer_server(self) -> None:
        """Somebody listens to `server_requested`: this clinic is on this computer alone."""
        self._shares = True
        self._others.setVisible(self._user is None or may(self._user, Action.CHANGE_CLINIC))

    def save(self) -> None:
        """Store what is entered, if it makes sense."""
        problems = self.limits.unreadable()
        if problems:
            self._show_problems(problems)
            return
        self._save.setEnabled(False)
        write, clinic = self._services.background.write, self._services.clinic
        if self._user is not None and not may(self._user, Action.CHANGE_CLINIC):
            self._on_stored(None)
            return
        write(self, clinic.save_settings, self.clinic_settings()).then(self._on_stored).failed(
            self._on_failed
        )

    def clinic_settings(self) -> ClinicSettings:
        """What is entered for the clinic."""
        closed = frozenset(number for number, box in self.days.items() if box.isChecked())
        return replace(
            self._clinic,
            name=self.name.text(),
            closed_days=closed,
            limits=self.limits.value(),
            lock_minutes=self.minutes.currentData(),
        )

    def computer_settings(self) -> ComputerSettings:
        """What is entered for this computer."""
        return replace(
            self._computer,
            theme=self._services.theme.mode,
            text_percent=self._services.theme.text_percent,
            scanner_folder=self.scanner.text().strip(),
            paper=self.paper.currentData(),
        )

    def _lay_out(self) -> None:
        choose = PlainButton("Choose…", "folder")
        choose.clicked.connect(self._on_choose)
        days = QWidget()
        flow = FlowLayout(days, spacing=theme.px(6))
        for box in self.days.values():
            flow.addWidget(box)
        for title, rows in (
            ("How it looks", None),
            (
                "Clinic",
                (
                    ("Clinic name", column(self.name, self._name_problem)),
                    ("Your name", column(self.me, self._me_problem)),
                    ("Closed on", column(days, self._days_problem)),
                    ("Locks after", self.minutes),
                ),
            ),
            (
                "This computer",
                (("Paper", self.paper), ("Scanner folder", row(self.scanner, choose))),
            ),
        ):
            form = QFormLayout()
            form.setHorizontalSpacing(theme.px(16))
            form.setVerticalSpacing(theme.px(8))
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            self.body.addWidget(label(title, "title"))
            if rows is None:
                self.look.add_to(form)
            else:
                for words, field in rows:
                    name = label(words, "body2")
                    name.setMinimumWidth(theme.px(116))
                    form.addRow(name, field)
            self.body.addLayout(form)
            if title == "Clinic":
                self.body.addLayout(row(self._others, None))
            self.body.addWidget(hairline())
        self.body.addWidget(label("When a vital sign is worth a look (adults)", "title"))
        self.body.addWidget(self.limits)
        self.body.addWidget(self._problem)

    def _show_clinic(self, settings: ClinicSettings) -> None:
        self._clinic = settings
        self.name.setText(settings.name)
        for number, box in self.days.items():
            box.setChecked(number in settings.closed_days)
        self.limits.set_value(settings.limits)
        self.minutes.setCurrentIndex(self.minutes.findData(settings.lock_minutes))
        self._save.setEnabled(True)

    def _show_computer(self, settings: ComputerSettings) -> None:
        self._computer = settings
        self.scanner.setText(settings.scanner_folder)
        self.paper.setCurrentIndex(max(self.paper.findData(settings.paper), 0))

    def _show_me(self, user: User) -> None:
        self._user = user
        self.me.setText(user.name)
        # Only a mirror of the roles: the service refuses whoever saves all the same.
        leads = may(user, Action.CHANGE_CLINIC)
        for part in (self.name, *self.days.values(), self.minutes, self.limits):
            part.setEnabled(leads)
        self._back_up.setVisible(may(user, Action.BACK_UP))
        self._storage.setVisible(self._stores and may(user, Action.SET_UP_STORAGE))
        self._others.setVisible(self._shares and leads)

    def _on_stored(self, _result: object) -> None:
        write, clinic = self._services.background.write, self._services.clinic
        if self._user is None:
            self._on_named(None)
            return
        renaming = write(self, clinic.rename_user, self._user.id, self.me.text())
        renaming.then(self._on_named).failed(self._on_failed)

    def _on_named(self, _result: object) -> None:
        write, clinic = self._services.background.write, self._services.clinic
        write(self, clinic.save_computer, self.computer_settings()).then(self._on_saved).failed(
            self._on_failed
        )

    def _on_saved(self, _result: object) -> None:
        self.saved.emit()
        self.accept()

    def _on_failed(self, error: BaseException) -> None:
        self._save.setEnabled(True)
        if isinstance(error, Invalid):
            self._show_problems(error.fields)
        elif isinstance(error, MedrecError):
            self._show_problems({"": str(error)})
        else:
            self._services.background.error_unhandled.emit(error)

    def _show_problems(self, problems: dict[str, str]) -> None:
        rest = [
            words
            for name, words in problems.items()
            if name not in {"name", "user_name", "closed_days"} and not name.startswith("limits.")
        ]
        for words, sentence in (
            (self._name_problem, problems.get("name", "")),
            (self._me_problem, problems.get("user_name", "")),
            (self._days_problem, problems.get("closed_days", "")),
            (self._problem, " ".join(rest)),
        ):
            words.setText(sentence)
            words.setVisible(bool(sentence))
        self.limits.show_problems(problems)
        self.fit()

    def _on_choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Scanner folder", self.scanner.text())
        if folder:
            self.scanner.setText(folder)

    def _on_back_up(self) -> None:
        self.reject()
        self.backup_requested.emit()

    def _on_storage(self) -> None:
        self.reject()
        self.storage_requested.emit()

    def _on_others(self) -> None:
        self.reject()
        self.server_requested.emit()

    def _on_rejected(self) -> None:
        mode, percent = self._look_before
        self._services.theme.set(mode=mode, text_percent=percent)
