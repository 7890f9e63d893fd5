"""The fields of the storage's settings and what stands in them. No secret is ever put into a field
by the program, only taken out of it."""

from dataclasses import replace
from datetime import time
from typing import Any

from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QWidget

from medrec_desktop.domain.storage import FileRoomNow, Secret, StorageSettings
from medrec_desktop.ui import theme
from medrec_desktop.ui.storage.words import room_words
from medrec_desktop.ui.widgets import Label, column, label, row

NO_NUMBER = "Type a number of kilobytes a second, or leave it empty for no limit."
NO_TIME = "Type a time like 08:00."
NO_QUOTA = "Type a whole number of gigabytes, or leave it empty for no limit."
BOTH_KEYS = "Type the access key and the secret key; the one belongs to the other."
_KINDS = (("Amazon S3", "aws"), ("Another S3 server", "server"))
_ENCRYPTION = (
    ("The storage's key management (KMS)", "kms"),
    ("The storage's own key (SSE-S3)", "s3"),
    ("Only what the storage does by itself", "none"),
)
_GLACIER = (
    ("Old versions and removed files only", "superseded"),
    ("All files", "everything"),
)


class StorageFields(QWidget):
    """What is entered: `settings()`, `secret()`, `unreadable()`; `fill` shows what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self._base = StorageSettings(bucket="", tenant="")
        self.kind = _choice("Kind of storage", _KINDS)
        self.region = _line("Region", "eu-west-1")
        self.endpoint = _line("Address", "https://storage.example.org")
        self.bucket = _line("Bucket", "my-clinic-files")
        self.access = _line("Access key")
        self.secret_key = _line("Secret key")
        self.secret_key.setEchoMode(QLineEdit.EchoMode.Password)
        self.encryption = _choice("Encryption", _ENCRYPTION)
        self.kms_key = _line("Key name (KMS)", "The bucket's own")
        self.glacier = _choice("To the archive after 90 days", _GLACIER)
        self.limit = _line("Limit, kilobytes a second", "No limit")
        self.open_from, self.open_until = _line("Open from"), _line("Open until")
        self.quota = _line("Files on this computer take at most, gigabytes", "No limit")
        # It stands below the form, which does not measure a wrapped text well.
        self.room = label("", "meta", wrap=True)
        narrow = ((self.limit, 90), (self.open_from, 70), (self.open_until, 70), (self.quota, 90))
        for field, width in narrow:
            field.setFixedWidth(theme.px(width))
        self.prefix = label("", "code")
        self._problems: dict[str, Label] = {}
        self._rows: dict[QWidget, int] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setHorizontalSpacing(theme.px(16))
        self._form.setVerticalSpacing(theme.px(8))
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._lay_out()
        self.kind.currentIndexChanged.connect(self._show_kind)
        self.encryption.currentIndexChanged.connect(self._show_kind)
        self._show_kind()

    def fill(self, settings: StorageSettings, *, has_keys: bool) -> None:
        """Show these settings; of keys only that there are some."""
        self._base = settings
        self.kind.setCurrentIndex(self.kind.findData("server" if settings.endpoint else "aws"))
        self.region.setText(settings.region)
        self.endpoint.setText(settings.endpoint)
        self.bucket.setText(settings.bucket)
        self.encryption.setCurrentIndex(self.encryption.findData(settings.encryption))
        self.kms_key.setText(settings.kms_key)
        self.glacier.setCurrentIndex(self.glacier.findData(settings.glacier_after_90_days))
        self.limit.setText(
            f"{settings.bandwidth_limit // 1000}" if settings.bandwidth_limit else ""
        )
        self.open_from.setText(f"{settings.open_from:%H:%M}")
        self.open_until.setText(f"{settings.open_until:%H:%M}")
        self.prefix.setText(f"{settings.tenant}/")
        for field in (self.access, self.secret_key):
            field.clear()
            field.setPlaceholderText("Kept – type only to replace it" if has_keys else "")
        self._show_kind()

    def fill_room(self, room: FileRoomNow) -> None:
        """Show what files take here, and what they may."""
        self.quota.setText(str(room.quota_gb) if room.quota_gb else "")
        self.room.setText(room_words(room))
        self.room.set_tone("warn" if room.over else "")

    def quota_gb(self) -> int:
        """Gigabytes, 0 for no limit; what cannot be read is named by `unreadable`."""
        typed = self.quota.text().strip()
        return int(typed) if typed.isdecimal() else 0

    def take_over(self, settings: StorageSettings) -> None:
        """What a test found out about the server is stored with what was typed."""
        self._base = settings
        self.encryption.setCurrentIndex(self.encryption.findData(settings.encryption))

    def settings(self) -> StorageSettings:
        """As typed; what cannot be read is named by `unreadable`."""
        aws = self.kind.currentData() == "aws"
        kms = self.encryption.currentData() == "kms"
        base = self._base
        limit = self.limit.text().strip()
        return replace(
            base,
            endpoint="" if aws else self.endpoint.text().strip().rstrip("/"),
            region=self.region.text().strip() or "us-east-1",
            bucket=self.bucket.text().strip(),
            encryption=self.encryption.currentData(),
            kms_key=self.kms_key.text().strip() if kms else "",
            # What another server cannot do says nothing of Amazon.
            tiering=True if aws else base.tiering,
            suffix_always=False if aws else base.suffix_always,
            glacier_after_90_days=self.glacier.currentData(),
            bandwidth_limit=int(limit) * 1000 if limit.isdecimal() else 0,
            open_from=_time(self.open_from.text()) or base.open_from,
            open_until=_time(self.open_until.text()) or base.open_until,
        )

    def secret(self) -> Secret | None:
        """The keys, if both are typed."""
        access, key = self.access.text().strip(), self.secret_key.text().strip()
        return Secret(access, key) if access and key else None

    def forget_secret(self) -> None:
        """What was typed is stored: it is shown no more."""
        self.secret_key.clear()
        self.access.clear()

    def unreadable(self, *, has_keys: bool) -> dict[str, str]:
        """Field -> why it makes no sense."""
        found = {}
        limit = self.limit.text().strip()
        if limit and not limit.isdecimal():
            found["bandwidth_limit"] = NO_NUMBER
        if not (_time(self.open_from.text()) and _time(self.open_until.text())):
            found["open_until"] = NO_TIME
        quota = self.quota.text().strip()
        if quota and not (quota.isdecimal() and 0 < int(quota) <= 100_000):
            found["quota"] = NO_QUOTA
        typed = (bool(self.access.text().strip()), bool(self.secret_key.text().strip()))
        if any(typed) != all(typed) or not (has_keys or all(typed)):
            found["secret"] = BOTH_KEYS
        if self.kind.currentData() == "server" and not self.endpoint.text().strip():
            found["endpoint"] = "Type the server's address, like https://storage.example.org."
        return found

    def show_problems(self, problems: dict[str, str]) -> None:
        """A sentence under each field concerned."""
        fields = {"endpoint": self.endpoint, "region": self.region, "bucket": self.bucket}
        for name, words in self._problems.items():
            sentence = problems.get(name, "")
            words.setText(sentence)
            words.setVisible(bool(sentence))
            if name in fields:
                theme.set_look(fields[name], "tone", "danger" if sentence else "")
                fields[name].setAccessibleDescription(sentence)

    def has(self, name: str) -> bool:
        """Whether a problem of this name has its place under a field."""
        return name in self._problems

    def _lay_out(self) -> None:
        hours = row(
            self.limit, label("KB a second", "body2"), 8, label("from", "body2"),
            self.open_from, label("to", "body2"), self.open_until, None,
        )  # fmt: skip
        room = row(self.quota, label("GB, then what is in storage leaves", "body2"), None)
        for name, words, field in (
            ("", "Kind", self.kind),
            ("endpoint", "Address", self.endpoint),
            ("region", "Region", self.region),
            ("bucket", "Bucket", self.bucket),
            ("", "Folder in it", self.prefix),
            ("", "Access key", self.access),
            ("secret", "Secret key", self.secret_key),
            ("", "Encryption", self.encryption),
            ("kms_key", "Key name", self.kms_key),
            ("", "Archive at 90 days", self.glacier),
            ("bandwidth_limit", "Limit while open", hours),
            ("open_until", "", None),
            ("quota", "Files here take", room),
        ):
            self._add(name, words, field)

    def _add(self, name: str, words: str, field: Any) -> None:
        if name:
            problem = label("", "meta", wrap=True, tone="danger")
            problem.hide()
            self._problems[name] = problem
            if isinstance(field, QWidget):
                self._rows[field] = self._form.rowCount()
            field = column(field, problem) if field is not None else problem
        if not words:
            self._form.addRow(field)
            return
        title = label(words, "body2")
        title.setMinimumWidth(theme.px(116))
        self._form.addRow(title, field)

    def _show_kind(self) -> None:
        """Only the fields that mean something for this kind."""
        server = self.kind.currentData() == "server"
        for field, wanted in (
            (self.endpoint, server),
            (self.region, not server),
            (self.kms_key, self.encryption.currentData() == "kms"),
        ):
            self._form.setRowVisible(self._rows[field], wanted)


def _line(name: str, hint: str = "") -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    return made


def _choice(name: str, choices: tuple[tuple[str, str], ...]) -> QComboBox:
    made = QComboBox()
    made.setAccessibleName(name)
    for words, value in choices:
        made.addItem(words, value)
    return made


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text.strip().zfill(5)).replace(tzinfo=None)
    except ValueError:
        return None
