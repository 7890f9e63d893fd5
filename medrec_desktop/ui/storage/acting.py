"""What a word on a file's line, or an entry of its menu, does with the storage."""

from functools import partial
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.uploads import ShareLink
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.storage.words import clock_time
from medrec_desktop.ui.widgets import tell


def act_on_storage(
    parent: QWidget, services: Services, desk: StorageDesk, file: Attachment, what: str
) -> None:
    """One of the words that concern the storage; anything else does nothing."""
    calls: dict[str, Any] = {
        "pause": partial(desk.pause, file.id),
        "resume": partial(desk.resume, file.id),
        "resume all": desk.resume,
        "retry": partial(desk.retry, file.id),
        "stop": partial(desk.stop, file.id),
        "standard": partial(desk.retrieve, file.id, urgent=False),
        "urgent": partial(desk.retrieve, file.id, urgent=True),
        "share": partial(_share, parent, services, desk, file),
    }
    if what in calls:
        calls[what]()


def _share(parent: QWidget, services: Services, desk: StorageDesk, file: Attachment) -> None:
    """Put a link that works for five minutes onto the clipboard."""

    def on_made(link: ShareLink) -> None:
        QGuiApplication.clipboard().setText(link.url)
        until = clock_time(link.expires_at, services.clock())
        desk.told.emit(f"Link copied. Whoever has it can fetch the file until {until}.")

    def on_failed(error: BaseException) -> None:
        if isinstance(error, MedrecError):
            tell(parent, "No link was made", str(error))
        else:
            services.background.error_unhandled.emit(error)

    making = services.background.slow(parent, desk.stored.share_link, file.id)
    making.then(on_made).failed(on_failed)
