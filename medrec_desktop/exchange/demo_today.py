"""Today's list of the demo clinic: who comes when, who is done, and what waits on the doctor.

The visit of OKAFOR, Amara is half written, so that a first look at the program shows a form that
is alive: two amber vitals, a follow-up on a closed day, tests that were ordered.
"""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.exchange.demo_codes import coded, medicines, ordered
from medrec_desktop.exchange.demo_stories import Told

BEGUN = "10:20"
"""When the visit began that is half written."""
_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Slot:
    """A place on today's list. `second`: seen by the second doctor. `done`: finalized."""

    at: str
    person: int
    told: Told
    done: bool = False
    second: bool = False


def slots(empty: Told, today: date) -> tuple[Slot, ...]:
    """The list in the order of its times; `person` counts into PEOPLE."""

    def visit(complaint: str, **fields: object) -> Told:
        return replace(empty, complaint=complaint, **fields)  # type: ignore[arg-type]  # IncomingVisit's fields

    return (
        Slot("09:10", 0, _copd(visit("COPD review")), done=True),
        Slot("09:30", 1, _throat(visit("Sore throat")), done=True),
        Slot("09:50", 2, _fever(visit("Fever, 2 days")), done=True, second=True),
        Slot(BEGUN, 3, _amara(visit("Blood pressure check; morning headaches for 2 weeks"), today)),
        Slot("10:40", 4, visit("Knee pain")),
        Slot("11:00", 5, visit("Antenatal"), second=True),
        Slot("11:20", 6, visit("Results")),
        Slot("11:40", 7, visit("Dressing change"), second=True),
    )  # fmt: skip


def _amara(told: Told, today: date) -> Told:
    follow_up = today + timedelta(days=14)
    follow_up += timedelta(days=(_SUNDAY - follow_up.weekday()) % 7)
    return replace(
        told,
        vitals=Vitals(
            blood_pressure="162/98",
            pulse="84",
            temperature="36.8",
            spo2="98",
            respiration="16",
            weight="78.4",
            height="164",
        ),
        diagnoses=coded("I10", "E11.9", note="above target on two visits"),
        plan=(
            "Increase amlodipine to 10 mg. Home BP diary twice daily for 2 weeks. Salt advice "
            "given. Return sooner if chest pain, visual change or severe headache."
        ),
        prescriptions=medicines(
            "Amlodipine 10 mg tablet | 1 tablet in the morning | 30 tablets | 1 repeat",
            "Metformin 500 mg tablet | 1 tablet twice a day with food | 60 tablets | 2 repeats",
        ),
        labs=ordered("HbA1c", "Creatinine, eGFR", "Urine ACR"),
        notes=(
            "No visual symptoms. Heart sounds normal, no oedema. Fundi not examined. Discussed "
            "target below 140/90 and why the dose is going up. Patient prefers once-daily tablets."
        ),
        follow_up=shown(follow_up),
    )


def before_amara(empty: Told) -> tuple[tuple[int, Told], ...]:
    """Her last two visits, (days ago, visit): what the form shows beneath its fields."""
    usual = Vitals(temperature="36.6", spo2="98", respiration="16", weight="76.9", height="164")
    return (
        (
            203,
            replace(
                empty,
                complaint="Runny nose and cough for 4 days",
                vitals=replace(usual, blood_pressure="144/88", pulse="82", weight="76.2"),
                diagnoses=coded("J06.9"),
                plan="Home care. No antibiotic needed.",
                notes="Chest clear.",
            ),
        ),
        (
            102,
            replace(
                empty,
                complaint="Blood pressure and diabetes review",
                vitals=replace(usual, blood_pressure="146/90", pulse="80"),
                diagnoses=coded("I10", "E11.9"),
                plan="Amlodipine started. Recheck in 3 months, sooner if headaches.",
                prescriptions=medicines(
                    "Amlodipine 5 mg tablet | 1 tablet in the morning | 30 tablets | 2 repeats",
                    "Metformin 500 mg tablet | 1 tablet twice a day with food | 60 tablets | 2 repeats",
                ),
                notes="Takes metformin daily.",
                follow_up="3 months",
            ),
        ),
    )


def _copd(told: Told) -> Told:
    return replace(
        told,
        vitals=Vitals("134/82", "78", "36.7", "94", "18", weight="71.2", height="172"),
        diagnoses=coded("J44.9", note="two exacerbations this year"),
        plan="Inhaler technique checked. Flu vaccine given today.",
        prescriptions=medicines(
            "Tiotropium 18 mcg capsule | inhale 1 capsule in the morning | 30 capsules | 2 repeats"
        ),
        notes="Stopped smoking in spring. Walks 2 km.",
        follow_up="3 months",
    )


def _throat(told: Told) -> Told:
    return replace(
        told,
        vitals=Vitals("118/74", "82", "37.6", "99", "14", weight="58.3", height="165"),
        diagnoses=coded("J02.9"),
        plan="No antibiotic needed. Back in a week if no better.",
        prescriptions=medicines(
            "Paracetamol 500 mg tablet | 2 tablets up to 4 times a day | 20 tablets"
        ),
        notes="Red throat without exudate, no large nodes.",
    )


def _fever(told: Told) -> Told:
    return replace(
        told,
        vitals=Vitals(pulse="118", temperature="38.7", spo2="98", respiration="24", weight="23.4"),
        diagnoses=coded("B34.9"),
        plan="Fluids, paracetamol by weight. Warning signs explained to his mother.",
        prescriptions=medicines(
            "Paracetamol 120 mg/5 mL syrup | 12 mL every 6 hours when needed | 1 bottle"
        ),
        notes="Alert, drinks. Ears and chest clear, no rash, neck supple.",
        follow_up="if still feverish in 2 days",
    )
