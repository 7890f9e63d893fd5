"""Reviews without an engine: what a desk shows, and what it was asked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

from PySide6.QtCore import QObject, Signal

from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.patients import Allergy, Patient
from medrec_desktop.domain.reviewing import Clash, Combined, Decision, Kind, Review, Side

NOW = datetime(2026, 11, 22, 10, 45, tzinfo=UTC)
AMARA = Patient(
    id=PatientId(UUID(int=1)),
    record_no="RC-004 218",
    family="Okafor",
    given="Amara",
    sex="female",
    birth_date=date(1987, 3, 14),
    phone="0555 013 298",
    allergy_state="has",
    allergies=(Allergy(UUID(int=2), "Penicillin", "anaphylaxis"),),
)
PRESSURE = Clash(
    "vitals.blood_pressure",
    "Blood pressure",
    "162/98",
    "148/92",
    below="mmHg",
    mine_note="Left arm, sitting  ·  10:24",
    theirs_note="Left arm, sitting  ·  10:37",
    both="Keep both as two readings",
    both_note="Different times, so both may be right",
)
PLAN = Clash(
    "plan",
    "Plan",
    "Increase amlodipine to 10 mg. Home BP diary twice daily for 2 weeks. Salt advice given. "
    "Return sooner if chest pain, visual change or severe headache.",
    "Increase amlodipine to 10 mg at night. Home BP diary twice daily for 2 weeks. Return sooner "
    "if chest pain, visual change or severe headache.",
    below="text",
    long_text=True,
)
FOLLOW_UP = Clash(
    "follow_up",
    "Follow-up",
    "06-Dec-2026",
    "07-Dec-2026",
    below="date",
    mine_note="Sunday – clinic closed",
    theirs_note="Monday, set by S. Lee",
)


def a_review(*clashes: Clash, kind: Kind = "edit") -> Review:
    return Review(
        id=uuid4(),
        kind=kind,
        record_id=RecordId(uuid4()),
        patient=AMARA,
        visit_date=NOW.replace(minute=20),
        mine=Side("Dr M. Haddad", at=NOW.replace(minute=42), here=True, offline=True),
        theirs=Side("S. Lee, nurse", "FRONTDESK-2", NOW.replace(minute=39)),
        clashes=clashes or (PRESSURE, PLAN, FOLLOW_UP),
        combined=(
            Combined("Weight 78.4 kg", "S. Lee"),
            Combined("Secondary E11.9 added", "you"),
            Combined("2 attachments", "S. Lee"),
        ),
    )


class FakeReviews(QObject):
    """Takes a review off the list when it is decided, as the desk does after reading again."""

    reviews_changed = Signal()

    def __init__(self, *reviews: Review) -> None:
        super().__init__()
        self.reviews: tuple[Review, ...] = reviews
        self.asked: list[tuple[str, UUID, object]] = []
        self.problem = ""
        self.waiting: list[Callable[[], None]] = []

    def decide(
        self, review: Review, decisions: tuple[Decision, ...], done: Callable[[str], object]
    ) -> None:
        self._do("decide", review, decisions, done)

    def add_addendum(self, review: Review, text: str, done: Callable[[str], object]) -> None:
        self._do("addendum", review, text, done)

    def dismiss(self, review: Review, done: Callable[[str], object]) -> None:
        self._do("dismiss", review, None, done)

    def change(self, review: Review, *clashes: Clash) -> None:
        """Somebody wrote into it once more."""
        self.reviews = tuple(
            replace(one, clashes=clashes) if one.id == review.id else one for one in self.reviews
        )
        self.reviews_changed.emit()

    def _do(self, what: str, review: Review, chosen: object, done: Callable[[str], object]) -> None:
        self.asked.append((what, review.id, chosen))

        def finish() -> None:
            if not self.problem:
                self.reviews = tuple(one for one in self.reviews if one.id != review.id)
                self.reviews_changed.emit()
            done(self.problem)

        self.waiting.append(finish)

    def answer(self) -> None:
        """The database has answered."""
        self.waiting.pop(0)()
