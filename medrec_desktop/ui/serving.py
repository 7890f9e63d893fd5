"""What the screens of an open clinic are handed: its services, and the desks that follow its storage
and its server."""

from PySide6.QtCore import QObject

from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.screen import OpenClinic, Services
from medrec_desktop.ui.storage.desk import StorageDesk
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.theme import Theme


def serve(
    clinic: OpenClinic,
    notices: Notices,
    lanes: tuple[Background, Saves],
    theme: Theme,
    parent: QObject,
) -> Services:
    """Made anew for each window; the desks end with it."""
    background, saves = lanes
    given = (background, notices, clinic.clock, parent)
    storage = None if clinic.storage is None else StorageDesk(clinic.storage, *given)
    server = None if clinic.server is None else ServerDesk(clinic.server, *given)
    return Services(
        visits=clinic.visits,
        patients=clinic.patients,
        diagnoses=clinic.diagnoses,
        attachments=clinic.attachments,
        clinic=clinic.clinic,
        background=background,
        notices=notices,
        saves=saves,
        theme=theme,
        clock=clinic.clock,
        storage=storage,
        server=server,
        seat=clinic.seat,
        user=clinic.user,
    )
