"""Everything that showing a visit needs, read in one go off the UI thread."""

from dataclasses import dataclass

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import LastSeen, Visit
from medrec_desktop.domain.settings import ClinicSettings, Place
from medrec_desktop.ui.screen import Services


@dataclass(frozen=True)
class OpenVisit:
    """A visit with what its fields are judged by; `place` is where the caret was last."""

    visit: Visit
    last: LastSeen
    settings: ClinicSettings
    me: User
    place: Place | None

    @property
    def draft(self) -> bool:
        """Whether it may still be written."""
        return self.visit.status == "draft" and not self.visit.voided_reason


def read_visit(services: Services, record_id: RecordId) -> OpenVisit:
    """Five short reads; the version tells a save whether it is still right."""
    visit = services.visits.open(record_id)
    return OpenVisit(
        visit=visit,
        last=services.visits.last_seen(visit.draft.patient_id, record_id),
        settings=services.clinic.settings(),
        me=services.clinic.me(),
        place=services.clinic.place(),
    )
