"""The made-up patients of the demo clinic: names, what is the matter with each, allergies.

Nobody here exists. Names come from many places, two pairs are easily confused on purpose.
"""

from dataclasses import dataclass

from medrec_desktop.domain.patients import Sex
from medrec_desktop.exchange.incoming import IncomingAllergy

NO_ALLERGY = "none"


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up person: `age` in years today (`months` for infants), the story told of them, and
    allergies: "" not asked, "none" none known, else `substance - reaction - severity; ...`."""

    family: str
    given: str
    sex: Sex
    age: float
    story: str
    allergies: str = NO_ALLERGY


def allergies_of(made: Made) -> tuple[IncomingAllergy, ...]:
    """The allergies of a person; none for "none" and for "not asked"."""
    if made.allergies in {"", NO_ALLERGY}:
        return ()
    rows = [[part.strip() for part in row.split(" - ")] for row in made.allergies.split(";")]
    severities = {"mild": "mild", "moderate": "moderate", "severe": "severe"}
    return tuple(
        IncomingAllergy(substance, reaction, severities.get(severity, ""))  # type: ignore[arg-type]  # one of the three, as written below
        for substance, reaction, severity in rows
    )


# The day's list, in the order of its appointments (see demo_today), comes first.
PEOPLE: tuple[Made, ...] = (
    Made("Mendes", "Rui", "male", 61, "copd", "Aspirin - wheeze - moderate"),
    Made("Kapoor", "Anjali", "female", 28, "minor"),
    Made("Hassan", "Yusuf", "male", 7, "child", "Amoxicillin - rash - mild"),
    Made("Okafor", "Amara", "female", 39, "diabetes", "Penicillin - anaphylaxis - severe"),
    Made("Lindqvist", "Per", "male", 54, "knee"),
    Made("Okafor", "Amarachi", "female", 36, "antenatal", "Latex - contact rash - mild"),
    Made("Tanaka", "Emi", "female", 45, "thyroid", ""),
    Made("Novak", "Petra", "female", 67, "ulcer", "Iodine - skin blisters - moderate"),
    Made("Abebe", "Selam", "female", 33, "asthma"),
    Made("Adeyemi", "Tunde", "male", 58, "diabetes"),
    Made("Ahmadi", "Farid", "male", 47, "back"),
    Made("Alvarez", "Lucía", "female", 24, "anxiety", ""),
    Made("Andersen", "Ingrid", "female", 71, "hypertension", "Sulfonamides - rash - mild"),
    Made("Asante", "Kofi", "male", 66, "diabetes"),
    Made("Bakker", "Joost", "male", 39, "minor"),
    Made("Banerjee", "Rohan", "male", 12, "asthma", "Peanut - hives - moderate"),
    Made("Bianchi", "Giulia", "female", 52, "hypertension"),
    Made("Boateng", "Ama", "female", 30, "antenatal"),
    Made("Castillo", "Diego", "male", 44, "hypertension", ""),
    Made("Chen", "Wei", "male", 63, "copd"),
    Made("Chukwu", "Ngozi", "female", 57, "diabetes", "Codeine - vomiting - mild"),
    Made("Cohen", "Miriam", "female", 79, "hypertension"),
    Made("Da Silva", "Beatriz", "female", 5, "child"),
    Made("Diallo", "Mariam", "female", 3, "child", ""),
    Made("Dubois", "Élodie", "female", 41, "migraine"),
    Made("El-Sayed", "Omar", "male", 55, "diabetes", "Penicillin - rash - mild"),
    Made("Eriksson", "Björn", "male", 68, "hypertension"),
    Made("Fernández", "Inés", "female", 37, "thyroid"),
    Made("Fitzgerald", "Sean", "male", 49, "reflux"),
    Made("García", "Tomás", "male", 9, "asthma"),
    Made("Goldberg", "Ruth", "female", 74, "knee", "Ibuprofen - stomach bleeding - severe"),
    Made("Haile", "Dawit", "male", 26, "minor", ""),
    Made("Hansen", "Freja", "female", 0.8, "child"),
    Made("Hoang", "Linh", "female", 34, "anxiety"),
    Made("Ibrahim", "Zainab", "female", 29, "antenatal"),
    Made("Ivanova", "Daria", "female", 62, "hypertension"),
    Made("Jansen", "Daan", "male", 2, "child"),
    Made("Jimenez", "Carmen", "female", 70, "diabetes", "Trimethoprim - rash - moderate"),
    Made("Johansson", "Elin", "female", 23, "minor"),
    Made("Kamau", "Wanjiru", "female", 48, "hypertension"),
    Made("Kaya", "Elif", "female", 31, "migraine", ""),
    Made("Khan", "Bilal", "male", 53, "diabetes"),
    Made("Kim", "Min-jun", "male", 42, "back"),
    Made("Kowalski", "Łukasz", "male", 36, "minor"),
    Made("Kowalska", "Łucja", "female", 64, "knee"),
    Made("Le", "Thi Mai", "female", 59, "hypertension"),
    Made("MacLeod", "Fiona", "female", 46, "asthma", "Aspirin - wheeze - moderate"),
    Made("Mbeki", "Thabo", "male", 72, "copd"),
    Made("Mukherjee", "Priya", "female", 27, "minor"),
    Made("Nguyen", "Van An", "male", 38, "reflux"),
    Made("O'Brien", "Aoife", "female", 19, "minor", ""),
    Made("Ødegård", "Sigrid", "female", 77, "hypertension", "Bee venom - swelling - severe"),
    Made("Osei", "Akosua", "female", 6, "child"),
    Made("Papadopoulos", "Eleni", "female", 65, "diabetes"),
    Made("Petrov", "Nikolai", "male", 51, "back"),
    Made("Rahman", "Ayesha", "female", 35, "anxiety"),
    Made("Rossi", "Matteo", "male", 4, "child"),
    Made("Santos", "Ana", "female", 43, "minor"),
    Made("Santos", "Anabela", "female", 43, "hypertension"),
    Made("Wójcik", "Zofia", "female", 56, "thyroid"),
    Made("Yamamoto", "Kenji", "male", 69, "hypertension", "Ramipril - cough - mild"),
    Made("Zhang", "Li Na", "female", 32, "minor"),
)
