"""What every screen is given: the services and the few things of the window they share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from medrec_desktop.ui.autosave import Saves
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.theme import Theme

# Services bring the database with them, which the first paint must not wait for.
if TYPE_CHECKING:
    from medrec_desktop.services.attachments import Attachments
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.diagnoses import Diagnoses
    from medrec_desktop.services.patients import Patients
    from medrec_desktop.services.visits import Visits


@dataclass(frozen=True)
class Services:
    """Handed to each screen by the main window. Call services only through `background`."""

    visits: "Visits"
    patients: "Patients"
    diagnoses: "Diagnoses"
    attachments: "Attachments"
    clinic: "Clinic"
    background: Background
    notices: Notices
    saves: Saves
    theme: Theme
    clock: Callable[[], datetime]
