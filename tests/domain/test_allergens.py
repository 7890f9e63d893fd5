"""Which medicines meet which allergies."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.allergens import allergy_matches
from medrec_desktop.domain.patients import Allergy


def meets(medicine: str, substance: str) -> bool:
    return bool(allergy_matches(medicine, [Allergy(uuid4(), substance)]))


@pytest.mark.parametrize(
    ("medicine", "substance"),
    [
        ("Penicillin V 250 mg", "Penicillin"),
        ("Amoxicillin 500 mg capsule", "Penicillin"),
        ("AMOXYCILLIN", "penicillins"),
        ("Co-amoxiclav 625", "Allergy to penicillin"),
        ("Augmentin", "Pénicilline"),
        ("flucloxacillin", "Amoxicilina"),
        ("Cefalexin 500 mg", "Penicillin"),
        ("cefuroxime", "Cephalosporins"),
        ("Amoxicillin", "beta-lactams"),
        ("Ibuprofen 400 mg", "Aspirin"),
        ("diclofenac gel", "NSAIDs"),
        ("Naproxen", "Non-steroidal anti-inflammatory drugs"),
        ("Co-trimoxazole 960 mg", "Sulfa drugs"),
        ("Bactrim", "Sulphonamides"),
        ("Septrin", "Trimethoprim"),
        ("Clarithromycin", "Erythromycin"),
        ("Doxycycline", "tetracyclines"),
        ("ciprofloxacin 500", "Quinolones"),
        ("Codeine phosphate 30 mg", "morphine"),
        ("Co-codamol 30/500", "Paracetamol"),
        ("Tylenol", "paracetamol"),
        ("Ramipril 5 mg", "ACE inhibitor"),
        ("Lisinopril", "Enalapril"),
        ("Gelofusine", "gelofusine"),
        ("Potassium chloride 600 mg", "Potassium chloride"),
    ],
)
def test_a_medicine_meets_the_allergy(medicine: str, substance: str) -> None:
    assert meets(medicine, substance)


@pytest.mark.parametrize(
    ("medicine", "substance"),
    [
        ("Amlodipine 10 mg tablet", "Penicillin"),
        ("Ceftriaxone 1 g", "Penicillin"),
        ("Amoxicillin", "Cephalosporins"),
        ("Ferrous sulfate 200 mg", "Sulfa drugs"),
        ("Ferrous sulfate 200 mg", "Morphine sulfate"),
        ("Nystatin", "Statins"),
        ("Bisoprolol (beta blocker)", "beta-lactams"),
        ("Trimethoprim 200 mg", "Sulfonamides"),
        ("Clindamycin", "Erythromycin"),
        ("Penicillamine 250 mg", "Gold"),
        ("Metformin 500 mg", "500"),
        ("Metformin", ""),
        ("Metformin", "None known"),
        ("", "Penicillin"),
        ("Folic acid", "Acetylsalicylic acid"),
        ("Prednisolone", "House dust mite allergy"),
    ],
)
def test_a_medicine_does_not_meet_the_allergy(medicine: str, substance: str) -> None:
    assert not meets(medicine, substance)


def test_only_the_allergies_met_are_told() -> None:
    latex, penicillin = Allergy(uuid4(), "Latex"), Allergy(uuid4(), "Penicillin", "anaphylaxis")
    assert allergy_matches("Amoxicillin", (latex, penicillin)) == (penicillin,)


@given(st.text(), st.text())
def test_no_text_breaks_the_match(medicine: str, substance: str) -> None:
    meets(medicine, substance)


def test_a_megabyte_is_matched_at_once() -> None:
    assert not meets("a" * 1_000_000, "b" * 1_000_000)
