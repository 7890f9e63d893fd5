"""What a visit page needs, on a real clinic; also for the child processes of these tests."""

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.saves import Saves
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme


def services_of(context: Context, theme: Theme, icd10: Icd10) -> Services:
    """The services of a clinic as bootstrap hands them to a screen; `end_services` ends them."""
    folder = context.db.path.parent
    vault = open_vault(context.db, folder / "vault")
    return Services(
        visits=Visits(context),
        patients=Patients(context),
        diagnoses=Diagnoses(context, icd10),
        attachments=Attachments(
            context, vault, Intake(context.db, vault, context.changes, context.clock)
        ),
        clinic=Clinic(context),
        background=Background(),
        notices=Notices(context.changes),
        saves=Saves(context.clock),
        theme=theme,
        clock=context.clock,
    )


def end_services(services: Services) -> None:
    """Finish what is under way and end the threads."""
    services.background.drain(5_000)
    services.notices.close()
    services.background.close()
