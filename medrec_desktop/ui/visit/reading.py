"""Everything that showing a visit needs, read in one go off the UI thread."""

from dataclasses import dataclass

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.people import User
from medrec_desktop.domain.records import LastSeen, Visit
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.settings import ClinicSettings, Place
from medrec_desktop.ui.may import Writes, may, writes_in
from medrec_desktop.ui.screen import Services


@dataclass(frozen=True)
class OpenVisit:
    """A visit with what its fields are judged by; `place` is where the caret was last."""

    visit: Visit
    last: LastSeen
    settings: ClinicSettings
    me: User
    place: Place | None
    writes: Writes = "all"
    ready: bool = False
    """Its doctor has said that the front desk may finalize it as it is stored."""
    marks: bool = False
    """Whether that is for the user to say: they may sign it, and there is a front desk."""

    @property
    def draft(self) -> bool:
        """Whether it is not signed yet."""
        return self.visit.status == "draft" and not self.visit.voided_reason

    @property
    def mine(self) -> bool:
        """Whether the doctor's part of it is the user's to write and sign."""
        return self.writes == "all"

    @property
    def signs(self) -> bool:
        """Whether the user may finalize it."""
        desk = self.ready and may(self.me, Action.FINALIZE_READY)
        return self.draft and (self.mine or desk)

    @property
    def adds(self) -> bool:
        """Whether the user may add to it once it is signed."""
        return may(self.me, Action.ADD_ADDENDUM)

    @property
    def prints(self) -> bool:
        """Whether the user may print it."""
        return may(self.me, Action.PRINT)


def read_visit(services: Services, record_id: RecordId) -> OpenVisit:
    """Six short reads; the version tells a save whether it is still right."""
    visit = services.visits.open(record_id)
    me = services.clinic.me()
    users = [user for user in services.clinic.users() if user.active]
    writes = writes_in(me, visit, owner_active=any(one.id == visit.doctor_id for one in users))
    seat = services.seat
    desk = any(one.role == "front_desk" for one in users)
    marked = seat is not None and desk and visit.status == "draft"
    return OpenVisit(
        visit=visit,
        last=services.visits.last_seen(visit.draft.patient_id, record_id),
        settings=services.clinic.settings(),
        me=me,
        place=services.clinic.place(),
        writes=writes,
        ready=seat is not None and marked and seat.ready.is_ready(record_id),
        marks=seat is not None and marked and writes == "all" and seat.ready.desk_finalizes(),
    )


def whose(shown: OpenVisit) -> str:
    """Why this draft is not the user's to finish."""
    if shown.writes == "complaint and vitals":
        return (
            "You write the complaint and the vitals, and attach files. The rest is for "
            f"{shown.visit.doctor}."
        )
    if not may(shown.me, Action.WRITE_VISIT):
        return "You are reading only: doctors and the front desk write in visits."
    return (
        f"This visit is {shown.visit.doctor}’s. You can read it, attach files, and start a visit of "
        "your own."
    )
