"""The ICD-10-CM codes of the demo clinic's stories with their titles, and its usual medicines.

A copy of a few rows of the release named below; a test compares them with the search index.
"""

from collections.abc import Mapping
from uuid import UUID, uuid5

from medrec_desktop.domain.ids import DiagnosisId
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription

RELEASE = "2026-04"
_ROWS = UUID("0b6f2a52-43c0-4a52-9d0e-2f5d54b7a001")

TITLES: Mapping[str, str] = {
    "A09": "Infectious gastroenteritis and colitis, unspecified",
    "B34.9": "Viral infection, unspecified",
    "D50.9": "Iron deficiency anemia, unspecified",
    "E03.9": "Hypothyroidism, unspecified",
    "E11.65": "Type 2 diabetes mellitus with hyperglycemia",
    "E11.9": "Type 2 diabetes mellitus without complications",
    "E78.5": "Hyperlipidemia, unspecified",
    "F17.210": "Nicotine dependence, cigarettes, uncomplicated",
    "F41.1": "Generalized anxiety disorder",
    "G43.909": "Migraine, unspecified, not intractable, without status migrainosus",
    "H10.9": "Unspecified conjunctivitis",
    "H61.21": "Impacted cerumen, right ear",
    "H66.90": "Otitis media, unspecified, unspecified ear",
    "I10": "Essential (primary) hypertension",
    "I87.2": "Venous insufficiency (chronic) (peripheral)",
    "J02.9": "Acute pharyngitis, unspecified",
    "J06.9": "Acute upper respiratory infection, unspecified",
    "J20.9": "Acute bronchitis, unspecified",
    "J44.1": "Chronic obstructive pulmonary disease with (acute) exacerbation",
    "J44.9": "Chronic obstructive pulmonary disease, unspecified",
    "J45.20": "Mild intermittent asthma, uncomplicated",
    "J45.21": "Mild intermittent asthma with (acute) exacerbation",
    "K21.9": "Gastro-esophageal reflux disease without esophagitis",
    "L03.115": "Cellulitis of right lower limb",
    "L30.9": "Dermatitis, unspecified",
    "L97.919": (
        "Non-pressure chronic ulcer of unspecified part of right lower leg with unspecified severity"
    ),
    "M17.11": "Unilateral primary osteoarthritis, right knee",
    "M25.561": "Pain in right knee",
    "M54.50": "Low back pain, unspecified",
    "N39.0": "Urinary tract infection, site not specified",
    "R50.9": "Fever, unspecified",
    "R51.9": "Headache, unspecified",
    "S93.401A": "Sprain of unspecified ligament of right ankle, initial encounter",
    "Z00.00": "Encounter for general adult medical examination without abnormal findings",
    "Z00.129": "Encounter for routine child health examination without abnormal findings",
    "Z23": "Encounter for immunization",
    "Z34.91": "Encounter for supervision of normal pregnancy, unspecified, first trimester",
    "Z34.92": "Encounter for supervision of normal pregnancy, unspecified, second trimester",
    "Z34.93": "Encounter for supervision of normal pregnancy, unspecified, third trimester",
    "Z39.2": "Encounter for routine postpartum follow-up",
    "Z48.00": "Encounter for change or removal of nonsurgical wound dressing",
    "Z71.2": "Person consulting for explanation of examination or test findings",
}


def coded(*codes: str, note: str = "") -> tuple[Diagnosis, ...]:
    """These codes as diagnoses, the first one primary and with the note."""
    return tuple(
        Diagnosis(
            id=DiagnosisId(uuid5(_ROWS, code)),  # replaced by the record's own when stored
            name=TITLES[code],
            code=code,
            kind="secondary" if n else "primary",
            note="" if n else note,
            system="ICD-10-CM",
            release=RELEASE,
        )
        for n, code in enumerate(codes)
    )


def medicine(written: str, n: int = 0) -> Prescription:
    """`name | directions | quantity | repeats`, the last ones may be missing."""
    parts = [part.strip() for part in written.split("|")]
    name, directions, quantity, repeats = (*parts, "", "", "")[:4]
    uid = str(uuid5(_ROWS, f"{n} {written}"))
    return Prescription(uid, name, directions=directions, quantity=quantity, repeats=repeats)


def medicines(*written: str) -> tuple[Prescription, ...]:
    """Several of them."""
    return tuple(medicine(one, n) for n, one in enumerate(written))


def ordered(*names: str) -> tuple[LabTest, ...]:
    """Tests that were asked for."""
    return tuple(LabTest(str(uuid5(_ROWS, f"{n} {name}")), name) for n, name in enumerate(names))


def resulted(*written: tuple[str, str, str]) -> tuple[LabTest, ...]:
    """Results as (name, value, unit)."""
    return tuple(
        LabTest(
            str(uuid5(_ROWS, f"{n} {name} {value}")),
            name,
            status="resulted",
            value=value,
            unit=unit,
        )
        for n, (name, value, unit) in enumerate(written)
    )
