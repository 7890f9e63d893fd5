"""Verify: recompute the seal of a finalized visit, and say in a sentence what came of it."""

from functools import partial

from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.dates import shown_time
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.sealing import SealCheck
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import Dialog, tell

HOLDS = "This visit is what was signed"
BROKEN = "This visit is not what was signed"
NOT_CHECKED = "The seal was not checked"
WHAT_TO_DO = (
    "It was changed past this program. Nothing was repaired. Keep this computer as it is, tell "
    "whoever leads the clinic, and compare with a backup."
)


def verify_seal(page: QWidget, services: Services, record_id: RecordId) -> None:
    """Check off the UI thread, then say it over the page's window."""
    checking = services.background.read(page, services.visits.check_seal, record_id)
    checking.then(partial(tell_check, page)).failed(partial(_on_failed, page, services))


def tell_check(page: QWidget, found: SealCheck) -> Dialog:
    """The result in plain sentences."""
    if found.holds:
        return tell(page, HOLDS, _holds(found))
    return tell(page, BROKEN, " ".join((*found.problems, WHAT_TO_DO)))


def _holds(found: SealCheck) -> str:
    at = shown_time(found.signed_at) if found.signed_at else ""
    seal = f"{found.sha256[:16]}…"
    words = [f"What is stored now gives the very seal that {found.signer} made on {at}: {seal}"]
    if found.addenda:
        count = "Its addendum is" if found.addenda == 1 else f"Its {found.addenda} addenda are"
        words.append(f"{count} what was signed too.")
    return " ".join((*words, found.remark)).strip()


def _on_failed(page: QWidget, services: Services, error: BaseException) -> None:
    if isinstance(error, MedrecError):
        tell(page, NOT_CHECKED, str(error))
    else:
        services.background.error_unhandled.emit(error)
