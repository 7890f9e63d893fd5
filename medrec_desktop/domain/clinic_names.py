"""Names of clinics on one server: fit to be shown in a list, and not to be mistaken for another."""

import unicodedata

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.text import storable

_LONGEST = 255
# Controls, invisible marks and line ends: in a terminal they forge lines and hide what follows.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Letters of other scripts (and digits) that look like these in most fonts.
_ALIKE = str.maketrans(
    "аеорсухіјѕкмнтвԁԛԝαορνικτυχη01",
    "aeopcyxijskmhtbdqwaopviktuxnol",
)


def clean_name(typed: str, field: str = "name") -> str:
    """`typed` without outer and doubled blanks; Invalid unless it can be shown as it is."""
    name = " ".join(storable(unicodedata.normalize("NFC", typed)).split())
    if not name:
        raise Invalid({field: "The name is empty. Nothing was made."})
    if len(name) > _LONGEST:
        raise Invalid({field: "Use at most 255 characters for a name. Nothing was made."})
    if any(unicodedata.category(sign) in _UNSHOWABLE for sign in name):
        raise Invalid(
            {field: "A name must not hold invisible or control characters. Nothing was made."}
        )
    return name


def likeness(name: str) -> str:
    """Equal for names that a person may take for each other: case, blanks, marks, look-alikes."""
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_ALIKE)
    return "".join(sign for sign in plain if sign.isalnum())
