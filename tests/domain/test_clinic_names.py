"""Names of clinics on one server are shown as they are and never taken for one another."""

import pytest

from medrec_desktop.domain.clinic_names import clean_name, likeness
from medrec_desktop.domain.errors import Invalid


@pytest.mark.parametrize(
    "typed", ["", "  ", "x" * 256, "a\x1b[2Jb", "a\u202eb", "a\u200bb", "a\x00b\x07"]
)
def test_a_name_that_cannot_be_shown_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        clean_name(typed)


def test_blanks_and_accents_are_put_in_order() -> None:
    assert clean_name("  Clínica\n  Rio ") == "Clínica Rio"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Riverside", "riverside"),
        ("River Side", "Riverside."),
        ("Riverside", "Rivеrsidе"),  # Cyrillic е
        ("Clinic O", "Clinic 0"),
        ("Straße", "STRASSE"),
        ("Clínica", "Clinica"),
        ("Riverside", "Ｒｉｖｅｒｓｉｄｅ"),
    ],
)
def test_names_that_look_alike_are_alike(one: str, other: str) -> None:
    assert likeness(one) == likeness(other)


def test_different_names_are_not_alike() -> None:
    assert likeness("Riverside North") != likeness("Riverside South")
    assert likeness("Клиника Север") != likeness("Клиника Юг")
