"""Which medicines an allergy speaks against: by the words of its substance, and by class.

A small table from general clinical knowledge (names as in the BNF and USAN), meant to remind, not
to decide. It is no interaction database, and a medicine it does not know is not thereby safe.
"""

import re
from collections.abc import Iterable

from medrec_desktop.domain.patients import Allergy, folded

# Per class: words that name an allergy to it, and words of medicines that contain it. The second
# may be wider than the first: cephalosporins with the side chain of ampicillin or amoxicillin
# count for penicillins, but a penicillin does not count for them.
_PENICILLINS = (
    r"\w*penicil\w*|\w*peniz\w*|\w+cil+in[ae]?s?|\w+zillin|\w*amoxiclav\w*|fluampicil"
    r"|augmentin\w*|amoxil|tazocin|zosyn|timentin|unasyn|magnapen|bicillin|tazobactam|pivmecilinam"
)
_CEPHALOSPORINS = r"cef\w+|ceph\w+|keflex|rocephin|zinacef|zinnat|suprax|fortum"
_NSAIDS = (
    r"nsaids?|steroidal|aspirin\w*|asa|acetylsalicyl\w*|salicylates?|\w+profen|advil|motrin"
    r"|nurofen|brufen|naproxen|naprosyn|aleve|diclofenac|voltaren|voltarol|aceclofenac|indomet\w+"
    r"|ketorolac|etodolac|sulindac|\w*mefenamic|ponstan|tolfenamic|\w+oxicam|nabumetone"
    r"|phenylbutazone|metamizole|dipyrone|\w+coxib|celebrex"
)
_SULFONAMIDES = (
    r"sul(?:f|ph)as?|sul(?:f|ph)onamides?|sul(?:f|ph)a(?!te)\w+|\w*trimoxazole|bactrim|septrin"
    r"|septra|fansidar|silvadene|flamazine"
)
_TRIMETHOPRIM = r"trimethoprim|\w*trimoxazole|bactrim|septrin|septra"
_MACROLIDES = r"macrolides?|\w+thromycin|zithromax|klacid|biaxin"
_TETRACYCLINES = r"\w*tetracyclin\w*|\w+cycline"
_QUINOLONES = r"\w*quinolones?|\w+floxacin|cipro|avelox"
_AMINOGLYCOSIDES = r"aminoglycosides?|gentami[cs]in|tobramycin|amikacin|neomycin|streptomycin"
_NITROIMIDAZOLES = r"nitroimidazoles?|(?:metro|ti|or|sec)nidazole|flagyl"
_OPIOIDS = (
    r"opioids?|opiates?|\w*codeine|\w*codamol|dydramol|\w*morph(?:ine|one)|\w+codone|tramadol"
    r"|tapentadol|fentanyl|pethidine|meperidine|methadone|buprenorphine|diamorphine|ultram"
)
_ACE_INHIBITORS = (
    r"(?:capto|enala|lisino|rami|perindo|quina|fosino|trandola|benaze|cilaza|imida)pril"
)
_STATINS = r"statins?|\w+vastatin"
_LOCAL_ANAESTHETICS = r"(?:ligno|lido|bupi\w*|ropi\w*|prilo|mepiva|arti|pro|tetra|benzo)caine"
_PARACETAMOL = r"paracetamol|acetaminophen|tylenol|panadol|calpol|\w*codamol|dydramol"
_INSULINS = r"\w*insulin\w*|humalog|novorapid|lantus|levemir|tresiba"
_CARBAMAZEPINES = r"\w*carbazepine|carbamazepine|phenytoin|fosphenytoin|tegretol|dilantin"

_CLASSES: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(allergy), re.compile(medicine))
    for allergy, medicine in (
        (
            _PENICILLINS,
            rf"{_PENICILLINS}|cef(?:alexin|aclor|adroxil|radine|prozil)|cephalexin|keflex",
        ),
        (_CEPHALOSPORINS, _CEPHALOSPORINS),
        (r"lactams?", rf"{_PENICILLINS}|{_CEPHALOSPORINS}|\w+penem|aztreonam"),
        (_NSAIDS, _NSAIDS),
        (_SULFONAMIDES, _SULFONAMIDES),
        (_TRIMETHOPRIM, _TRIMETHOPRIM),
        (_MACROLIDES, _MACROLIDES),
        (_TETRACYCLINES, _TETRACYCLINES),
        (_QUINOLONES, _QUINOLONES),
        (_AMINOGLYCOSIDES, _AMINOGLYCOSIDES),
        (_NITROIMIDAZOLES, _NITROIMIDAZOLES),
        (_OPIOIDS, _OPIOIDS),
        (rf"ace|{_ACE_INHIBITORS}", _ACE_INHIBITORS),
        (_STATINS, _STATINS),
        (_LOCAL_ANAESTHETICS, _LOCAL_ANAESTHETICS),
        (_PARACETAMOL, _PARACETAMOL),
        (_INSULINS, _INSULINS),
        (_CARBAMAZEPINES, _CARBAMAZEPINES),
    )
)

# Words that stand in many names and identify none: salts, forms, and how an allergy is said.
_COMMON = frozenset(
    """
    acetate acid and allergic allergy beta bromide calcium capsule capsules chloride citrate
    containing cream drops drug drugs from fumarate gel hcl hydrobromide hydrochloride inhaler
    injection intolerance known magnesium maleate medication medicine medicines mesylate nitrate
    none not ointment oral other patch phosphate potassium preparation product products
    propensity adverse reaction reactions sodium solution spray substance succinate sulfate
    sulphate suspension syrup tablet tablets tartrate the with for daily once twice
    """.split()  # noqa: SIM905 - as quoted words, one a line, nobody would read the list
)
_MOST_WORDS = 40
_LONGEST = 2000


def allergy_matches(medicine: str, allergies: Iterable[Allergy]) -> tuple[Allergy, ...]:
    """Those of `allergies` whose substance, or its class, is in the medicine's name."""
    words = _words(medicine)
    return tuple(a for a in allergies if words and _speaks_against(_words(a.substance), words))


def _words(text: str) -> tuple[str, ...]:
    return tuple(folded(text[:_LONGEST]).split()[:_MOST_WORDS])


def _speaks_against(substance: tuple[str, ...], medicine: tuple[str, ...]) -> bool:
    telling = {_singular(w) for w in substance if w not in _COMMON and len(w) > 2}
    names = {_singular(w) for w in medicine}
    if telling & {name for name in names if not name.isdigit()}:
        return True
    if not telling and substance and {_singular(w) for w in substance} <= names:
        return True  # "Potassium chloride" is made of common words alone
    return any(
        any(allergy.fullmatch(w) for w in substance) and any(drug.fullmatch(w) for w in medicine)
        for allergy, drug in _CLASSES
    )


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 4 else word
