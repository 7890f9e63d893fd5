"""Real services for a screen under test, on a real clinic; the files of a visit are left out."""

from typing import cast

from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.autosave import Saves
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme


def services_of(
    context: Context,
    background: Background,
    notices: Notices,
    theme: Theme,
    icd10: Icd10 | None = None,
) -> Services:
    """What the main window hands to its screens; without `icd10` no diagnosis may be searched."""
    return Services(
        visits=Visits(context),
        patients=Patients(context),
        diagnoses=Diagnoses(context, cast("Icd10", icd10)),
        attachments=cast("Attachments", None),
        clinic=Clinic(context),
        background=background,
        notices=notices,
        saves=Saves(context.clock),
        theme=theme,
        clock=context.clock,
    )
