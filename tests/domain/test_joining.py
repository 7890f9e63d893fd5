"""Join codes: read aloud, typed in any case, and a slip is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.joining import JoinCode

TENANT = "tenant_1762083064503"


def test_a_code_says_clinic_and_secret_again() -> None:
    code = JoinCode.new(TENANT)
    assert JoinCode.parse(code.text) == code
    assert JoinCode.parse(code.text.lower().replace("-", " ")) == code
    assert len(code.secret) == 26


def test_letters_that_look_alike_are_taken_for_what_was_meant() -> None:
    code = JoinCode(TENANT, "0" * 13 + "1" * 13)
    assert JoinCode.parse(code.text.replace("0", "O").replace("1", "l")) == code


def test_no_two_codes_are_the_same() -> None:
    assert len({JoinCode.new(TENANT).secret for _ in range(100)}) == 100


@given(place=st.integers(0, 46), letter=st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_mistyped_character_is_noticed(place: int, letter: str) -> None:
    code = JoinCode(TENANT, "7Q" * 13)
    typed = code.text[:place] + letter + code.text[place + 1 :]
    if typed.replace("-", "") == code.text.replace("-", ""):
        assert JoinCode.parse(typed) == code
    else:
        with pytest.raises(Invalid, match="not a join code"):
            JoinCode.parse(typed)


@given(st.text(max_size=60))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        JoinCode.parse(text)


def test_the_secret_is_not_in_what_a_log_would_show() -> None:
    code = JoinCode.new(TENANT)
    assert code.secret not in repr(code)
