"""What happened to the demo clinic's patients: one function a story, visits oldest first.

A story is coherent: doses go up before pressure goes down, weights follow the age of a child,
a pregnancy has its weeks. `progress` runs from 0 (first visit) to 1 (the newest).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.exchange.demo_codes import coded, medicines, ordered, resulted
from medrec_desktop.exchange.incoming import IncomingVisit

# A visit without its patient and its day, which the caller knows.
Told = IncomingVisit


@dataclass(frozen=True, slots=True)
class Teller:
    """Chance, and who the story is about: `age` in years at the newest visit."""

    chance: Random
    age: float
    female: bool
    height: float
    weight: float

    def about(self, value: float, spread: float, digits: int = 0) -> str:
        """A number near `value`, as a person types it."""
        found = round(self.chance.gauss(value, spread), digits)
        return f"{found:.{digits}f}" if digits else str(int(found))

    def vitals(self, *, pressure: tuple[float, float] = (122, 78), weight: float = 0) -> Vitals:
        """A set of vital signs of an adult who is not acutely ill."""
        high, low = (self.chance.gauss(value, 4) for value in pressure)
        return Vitals(
            blood_pressure=f"{high:.0f}/{low:.0f}",
            pulse=self.about(74, 6),
            temperature=self.about(36.7, 0.2, 1),
            spo2=self.about(98, 0.6) if self.age < 90 else "97",
            respiration=self.about(15, 1),
            weight=self.about(weight or self.weight, 0.5, 1),
            height=f"{self.height:.0f}",
        )


_EMPTY = IncomingVisit(source_id="", patient="", visit_date=datetime(2000, 1, 1, tzinfo=UTC))


def _told(**fields: object) -> Told:
    return replace(_EMPTY, **fields)  # type: ignore[arg-type]  # names of IncomingVisit's fields


def _progress(count: int) -> Iterator[float]:
    return (n / max(1, count - 1) for n in range(count))


def hypertension(teller: Teller, count: int) -> Iterator[Told]:
    """Pressure comes down as the treatment is stepped up."""
    for n, progress in enumerate(_progress(count)):
        high, low = 170 - 36 * progress, 101 - 19 * progress
        amlodipine = "Amlodipine 5 mg tablet" if progress < 0.4 else "Amlodipine 10 mg tablet"
        drugs = [f"{amlodipine} | 1 tablet in the morning | 30 tablets | 2 repeats"]
        if progress > 0.6:
            drugs.append("Losartan 50 mg tablet | 1 tablet in the morning | 30 tablets | 2 repeats")
        labs = resulted(
            ("Creatinine", teller.about(82, 6), "µmol/L"),
            ("Potassium", teller.about(4.2, 0.2, 1), "mmol/L"),
        )
        yield _told(
            complaint="Headaches, high reading at the pharmacy" if n == 0 else "Blood pressure check",
            vitals=teller.vitals(pressure=(high, low)),
            diagnoses=coded(
                *(("I10", "E78.5") if n % 3 == 2 else ("I10",)),
                note="new" if n == 0 else ("at target" if high < 140 else "above target"),
            ),
            plan="Keep the home diary. Salt advice given." if high < 140 else "Step up treatment; diary twice daily for 2 weeks.",
            prescriptions=medicines(*drugs),
            labs=labs if n % 4 == 1 else (ordered("Creatinine, eGFR", "Potassium") if n % 4 == 0 else ()),
            notes="Heart sounds normal, no oedema." if n % 2 else "Takes the tablets daily, no side effects.",
            follow_up="1 month" if high >= 140 else "3 months",
        )  # fmt: skip


def diabetes(teller: Teller, count: int) -> Iterator[Told]:
    """HbA1c falls, and so does the weight."""
    for n, progress in enumerate(_progress(count)):
        hba1c = 9.1 - 2.2 * progress
        poor = hba1c > 7.6
        dose = "Metformin 500 mg tablet" if progress < 0.3 else "Metformin 1000 mg tablet"
        drugs = [f"{dose} | 1 tablet twice a day with food | 60 tablets | 2 repeats"]
        if progress > 0.5:
            drugs.append("Atorvastatin 20 mg tablet | 1 tablet at night | 30 tablets | 2 repeats")
        yield _told(
            complaint="Thirst and tiredness for 2 months" if n == 0 else "Diabetes review",
            vitals=teller.vitals(pressure=(134, 82), weight=teller.weight + 7 - 7 * progress),
            diagnoses=coded("E11.65" if poor else "E11.9", *(("E78.5",) if progress > 0.5 else ())),
            plan="Diet sheet discussed, walk 30 minutes a day." if poor else "Carry on. Eyes and feet once a year.",
            prescriptions=medicines(*drugs),
            labs=resulted(
                ("HbA1c", f"{hba1c:.1f}", "%"),
                ("Glucose, fasting", teller.about(5.2 + (hba1c - 5.5), 0.4, 1), "mmol/L"),
            ),
            notes="Feet: pulses present, sensation normal." if n % 2 else "No hypoglycaemia.",
            follow_up="3 months",
        )  # fmt: skip


def asthma(teller: Teller, count: int) -> Iterator[Told]:
    """Reviews, with an attack now and then."""
    for n, _ in enumerate(_progress(count)):
        attack = n % 4 == 2
        vitals = teller.vitals(pressure=(116, 74))
        if attack:
            vitals = replace(vitals, pulse="112", respiration="26", spo2="93")
        if teller.age < 16:
            vitals = replace(vitals, blood_pressure="")
        yield _told(
            complaint="Wheeze and cough at night" if attack else "Asthma review",
            vitals=vitals,
            diagnoses=coded("J45.21" if attack else "J45.20"),
            plan="Spacer technique checked. Back at once if the inhaler is needed every 4 hours."
            if attack
            else "Inhaler technique good. Action plan renewed.",
            prescriptions=medicines(
                "Salbutamol 100 mcg inhaler | 2 puffs when needed, up to 4 times a day | 1 inhaler | 1 repeat",
                *(("Prednisolone 20 mg tablet | 2 tablets in the morning for 5 days | 10 tablets",) if attack else ()),
            ),
            notes="Polyphonic wheeze both sides, no distress." if attack else "Chest clear.",
            follow_up="1 week" if attack else "3 months",
        )  # fmt: skip


def antenatal(teller: Teller, count: int) -> Iterator[Told]:
    """One pregnancy, week by week; earlier visits are the usual small things."""
    weeks = [10, 16, 20, 25, 28, 31, 34, 36, 38][-max(1, count - 2) :]
    yield from minor(teller, max(0, count - len(weeks)))
    for week in weeks:
        trimester = "Z34.91" if week < 14 else ("Z34.92" if week < 28 else "Z34.93")
        yield _told(
            complaint=f"Antenatal, {week} weeks",
            vitals=teller.vitals(pressure=(112, 70), weight=teller.weight + week * 0.3),
            diagnoses=coded(trimester, *(("D50.9",) if week == 28 else ())),
            plan="Movements, warning signs and place of birth discussed.",
            prescriptions=medicines("Ferrous sulfate 200 mg tablet | 1 tablet a day | 30 tablets | 1 repeat")
            if week >= 28
            else medicines("Folic acid 400 mcg tablet | 1 tablet a day | 30 tablets | 1 repeat"),
            labs=resulted(("Haemoglobin", teller.about(10.4 if week >= 28 else 11.8, 0.3, 1), "g/dL"), ("Urine protein", "negative", "")),
            notes=f"Fundal height {max(week - 1, 12)} cm, heart beat {teller.about(144, 5)}/min, head down."
            if week > 30
            else f"Heart beat heard, {teller.about(148, 4)}/min.",
            follow_up="2 weeks" if week > 30 else "1 month",
        )  # fmt: skip


_CHILD: Sequence[tuple[str, str, str, str, str]] = (
    ("Fever, 2 days", "B34.9", "38.9", "Fluids, paracetamol. Back if not drinking.", "Paracetamol 120 mg/5 mL syrup | by weight, every 6 hours when needed | 1 bottle"),
    ("Earache since last night", "H66.90", "38.4", "Watch for 48 hours, pain relief.", "Ibuprofen 100 mg/5 mL syrup | by weight, 3 times a day with food | 1 bottle"),
    ("Growth and vaccines", "Z00.129", "36.7", "Growing along the line. Next vaccines as the card says.", ""),
    ("Runny nose and cough", "J06.9", "37.6", "Home care explained.", ""),
    ("Vomiting and loose stools", "A09", "37.9", "Oral rehydration, small sips. Signs of dehydration explained.", "Oral rehydration salts | 1 sachet in 200 mL after each loose stool | 10 sachets"),
    ("Itchy rash in the elbows", "L30.9", "36.6", "Emollient twice a day.", "Hydrocortisone 1% cream | thinly twice a day for 7 days | 1 tube"),
    ("Vaccination", "Z23", "36.6", "Given in the left thigh, 20 minutes observed.", ""),
)  # fmt: skip


def child(teller: Teller, count: int) -> Iterator[Told]:
    """Fevers, ears and vaccines; weight and height follow the age."""
    for n, progress in enumerate(_progress(count)):
        complaint, code, temperature, plan, drug = _CHILD[n % len(_CHILD)]
        age = max(0.2, teller.age - 2.6 * (1 - progress))
        vitals = Vitals(
            pulse=teller.about(132 - 5 * min(age, 9), 6),
            temperature=temperature,
            spo2=teller.about(98, 0.5),
            respiration=teller.about(32 - 1.4 * min(age, 9), 2),
            weight=teller.about(4 + 5 * min(age, 1) + 2.3 * max(0, age - 1), 0.2, 1),
            height=teller.about(52 + 24 * min(age, 1) + 6.6 * max(0, age - 1), 0.6),
        )
        yield _told(
            complaint=complaint,
            vitals=vitals,
            diagnoses=coded(code),
            plan=plan,
            prescriptions=medicines(drug) if drug else (),
            notes="Alert, drinks well. Came with mother." if n % 2 else "Ears, throat and chest examined.",
            follow_up="" if n % 3 else "if not better in 3 days",
        )  # fmt: skip


def knee(teller: Teller, count: int) -> Iterator[Told]:
    """Pain that slowly answers to exercise and weight loss."""
    for n, progress in enumerate(_progress(count)):
        pain = max(2, round(8 - 5 * progress))
        vitals = teller.vitals(weight=teller.weight + 4 - 4 * progress)
        yield _told(
            complaint="Right knee pain, worse on stairs" if n == 0 else "Knee pain",
            vitals=replace(vitals, pain=str(pain)),
            diagnoses=coded("M25.561" if n == 0 else "M17.11"),
            plan="Quadriceps exercises shown, sheet given." if n % 2 == 0 else "Carry on with exercises.",
            prescriptions=medicines("Diclofenac 1% gel | on the knee 3 times a day | 1 tube")
            if n % 2
            else medicines("Paracetamol 500 mg tablet | 2 tablets up to 4 times a day | 50 tablets"),
            labs=(),
            notes="X-ray: narrowed medial joint space." if n == 1 else "Crepitus, no effusion, ligaments firm.",
            follow_up="1 month",
        )  # fmt: skip


def copd(teller: Teller, count: int) -> Iterator[Told]:
    """Reviews with winter exacerbations, and a smoker who is trying."""
    for n, progress in enumerate(_progress(count)):
        worse = n % 4 == 1
        vitals = replace(
            teller.vitals(pressure=(134, 80)),
            spo2="90" if worse else teller.about(94, 0.6),
            respiration="24" if worse else "18",
        )
        yield _told(
            complaint="More breathless, green sputum" if worse else "COPD review",
            vitals=vitals,
            diagnoses=coded("J44.1" if worse else "J44.9", *(("F17.210",) if progress < 0.6 else ())),
            plan="Rescue pack explained; admit if SpO2 below 88 %." if worse else "Flu vaccine given. Walking group.",
            prescriptions=medicines(
                "Tiotropium 18 mcg capsule | inhale 1 capsule in the morning | 30 capsules | 2 repeats",
                *(("Doxycycline 100 mg capsule | 2 the first day, then 1 a day for 5 days | 7 capsules",) if worse else ()),
            ),
            notes="Scattered wheeze." if worse else f"Smokes {round(15 * (1 - progress))} a day.",
            follow_up="1 week" if worse else "3 months",
        )  # fmt: skip


def thyroid(teller: Teller, count: int) -> Iterator[Told]:
    """TSH comes back to normal with the dose."""
    for n, progress in enumerate(_progress(count)):
        tsh = 14 - 11.5 * progress
        dose = 50 if progress < 0.3 else (75 if progress < 0.6 else 100)
        yield _told(
            complaint="Tired, cold, weight gain" if n == 0 else "Thyroid results",
            vitals=teller.vitals(weight=teller.weight + 5 - 5 * progress),
            diagnoses=coded("E03.9", *(("Z71.2",) if n % 3 == 2 else ())),
            plan="Recheck TSH in 8 weeks." if tsh > 4.5 else "Stable: TSH once a year.",
            prescriptions=medicines(f"Levothyroxine {dose} mcg tablet | 1 tablet in the morning, empty stomach | 30 tablets | 2 repeats"),
            labs=resulted(("TSH", f"{tsh:.1f}", "mIU/L"), ("Free T4", teller.about(9 + 6 * progress, 0.6, 1), "pmol/L")),
            notes="Thyroid not enlarged.",
            follow_up="8 weeks" if tsh > 4.5 else "1 year",
        )  # fmt: skip


def ulcer(teller: Teller, count: int) -> Iterator[Told]:
    """A leg ulcer that closes under compression, with one infection on the way."""
    for n, progress in enumerate(_progress(count)):
        size = 5.0 - 4.3 * progress
        infected = n == count // 3
        yield _told(
            complaint="Redness and pain around the ulcer" if infected else "Dressing change",
            vitals=replace(teller.vitals(pressure=(138, 82)), temperature="38.1" if infected else "36.7"),
            diagnoses=coded("L03.115" if infected else "Z48.00", "L97.919", "I87.2"),
            plan="Compression bandage, leg up. Dressing twice a week.",
            prescriptions=medicines("Flucloxacillin 500 mg capsule | 1 capsule 4 times a day for 7 days | 28 capsules") if infected else (),
            notes=f"Ulcer {size:.1f} x {size * 0.7:.1f} cm, base {'sloughy' if progress < 0.4 else 'red and clean'}.",
            follow_up="1 week",
        )  # fmt: skip


_MINOR: Sequence[tuple[str, str, str, str]] = (
    ("Sore throat", "J02.9", "Rest, fluids, pain relief. No antibiotic needed.", "Paracetamol 500 mg tablet | 2 tablets up to 4 times a day | 20 tablets"),
    ("Burning when passing water", "N39.0", "Drink well. Back if fever or flank pain.", "Nitrofurantoin 100 mg capsule | 1 capsule twice a day for 5 days | 10 capsules"),
    ("Check-up", "Z00.00", "No concerns. Exercise and sleep discussed.", ""),
    ("Cough for 10 days", "J20.9", "Explained: may last 3 weeks.", ""),
    ("Twisted right ankle", "S93.401A", "Weight bearing as able, elastic support.", "Ibuprofen 400 mg tablet | 1 tablet 3 times a day with food | 20 tablets"),
    ("Red sticky eye", "H10.9", "Hygiene explained, no contact lenses.", "Chloramphenicol 0.5% eye drops | 1 drop every 4 hours for 5 days | 1 bottle"),
    ("Cold, wants a sick note", "J06.9", "Note for 2 days.", ""),
    ("Diarrhoea since yesterday", "A09", "Fluids. Back if blood or fever.", "Oral rehydration salts | 1 sachet after each loose stool | 10 sachets"),
    ("Itchy patch on the hand", "L30.9", "Avoid detergents, emollient often.", "Hydrocortisone 1% cream | thinly twice a day for 7 days | 1 tube"),
    ("Blocked right ear", "H61.21", "Olive oil drops for a week, then syringing.", ""),
)  # fmt: skip


def minor(teller: Teller, count: int) -> Iterator[Told]:
    """The usual small things, in another order for each patient."""
    start = teller.chance.randrange(len(_MINOR))
    for n in range(count):
        complaint, code, plan, drug = _MINOR[(start + n * 3) % len(_MINOR)]
        yield _told(
            complaint=complaint,
            vitals=replace(teller.vitals(), temperature=teller.about(37.2, 0.4, 1)),
            diagnoses=coded(code),
            plan=plan,
            prescriptions=medicines(drug) if drug else (),
            notes="Looks well." if n % 2 else "No red flags on questioning.",
        )


def _talk(code: str, first: str, later: str, drug: str, plan: str) -> "Story":
    """Stories in which the same problem is followed up."""

    def story(teller: Teller, count: int) -> Iterator[Told]:
        for n, progress in enumerate(_progress(count)):
            yield _told(
                complaint=first if n == 0 else later,
                vitals=replace(teller.vitals(), pain=str(round(7 - 4 * progress))),
                diagnoses=coded(code),
                plan=plan,
                prescriptions=medicines(drug) if n % 2 == 0 else (),
                notes="Better than last time." if n else "Examination without findings.",
                follow_up="1 month" if n % 2 == 0 else "",
            )

    return story


Story = Callable[[Teller, int], Iterator[Told]]

STORIES: Mapping[str, Story] = {
    "antenatal": antenatal,
    "anxiety": _talk("F41.1", "Cannot sleep, worries all day", "Anxiety follow-up", "Sertraline 50 mg tablet | 1 tablet in the morning | 30 tablets | 1 repeat", "Breathing exercise shown, counselling booked."),
    "asthma": asthma,
    "back": _talk("M54.50", "Low back pain after lifting", "Back pain follow-up", "Naproxen 500 mg tablet | 1 tablet twice a day with food | 20 tablets", "Stay active, no bed rest. Exercises shown."),
    "child": child,
    "copd": copd,
    "diabetes": diabetes,
    "hypertension": hypertension,
    "knee": knee,
    "migraine": _talk("G43.909", "One-sided headache with vomiting", "Migraine follow-up", "Sumatriptan 50 mg tablet | 1 tablet at the onset, once more after 2 hours | 6 tablets | 1 repeat", "Headache diary, regular meals and sleep."),
    "minor": minor,
    "reflux": _talk("K21.9", "Heartburn at night", "Heartburn", "Omeprazole 20 mg capsule | 1 capsule before breakfast | 30 capsules | 1 repeat", "Smaller meals, head of bed up, less coffee."),
    "thyroid": thyroid,
    "ulcer": ulcer,
}  # fmt: skip
