"""What a password, a PIN and a recovery code must be like. Pure.

Length counts, not kinds of characters: what people add to satisfy such rules is what is guessed
first.
"""

from typing import Final

SHORTEST_PASSWORD: Final = 8
LONGEST_PASSWORD: Final = 1024
SHORTEST_PIN: Final = 4
LONGEST_PIN: Final = 12

# The head of every list of stolen passwords, as far as it is long enough to be typed here.
_COMMON: Final = frozenset(
    {
        "12345678",
        "123456789",
        "1234567890",
        "0123456789",
        "password",
        "passwort",
        "password1",
        "password12",
        "password123",
        "passw0rd",
        "qwertyui",
        "qwerty123",
        "qwertyuiop",
        "qwertzui",
        "qwertzuiop",
        "azertyuiop",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "abcd1234",
        "abcdefgh",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "trustno1",
        "starwars",
        "whatever",
        "letmein1",
        "welcome1",
        "welcome123",
        "admin123",
        "administrator",
        "changeme",
        "changeme1",
        "q1w2e3r4",
        "87654321",
        "11223344",
        "12341234",
        "asdfghjk",
        "asdfghjkl",
        "zxcvbnm1",
        "computer",
        "internet",
        "hospital",
        "doctor123",
        "medrec123",
        "clinic123",
    }
)

CODE_GROUPS: Final = 8
CODE_GROUP: Final = 4
_SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHECKS: Final = 2
CODE_BYTES: Final = 19
"""Random bytes in a recovery code: 30 of its symbols; the last two find slips."""
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})


def password_problem(password: str, name: str = "") -> str:
    """Why this may not be the password of `name`; "" when it may."""
    if len(password) < SHORTEST_PASSWORD:
        return f"Use at least {SHORTEST_PASSWORD} characters. A few plain words are good."
    if len(password) > LONGEST_PASSWORD:
        return f"Use at most {LONGEST_PASSWORD} characters."
    plain = password.strip().casefold()
    if plain in _COMMON or len(set(plain)) < 3:
        return "This is among the first that are tried. Use a few plain words."
    if plain == name.strip().casefold():
        return "This is your name, which everybody knows. Use a few plain words."
    return ""


def pin_problem(pin: str) -> str:
    """Why this may not be a PIN; "" when it may."""
    if not (pin.isascii() and pin.isdigit()):
        return "A PIN has digits only."
    if not SHORTEST_PIN <= len(pin) <= LONGEST_PIN:
        return f"A PIN has {SHORTEST_PIN} to {LONGEST_PIN} digits."
    if len(set(pin)) == 1 or pin in "01234567890" or pin in "09876543210":
        return "This PIN is among the first that are tried. Choose another."
    return ""


def code_of(random: bytes) -> str:
    """The recovery code that stands for these bytes: `ABCD-EFGH-…`, without letters that look
    like digits."""
    number = int.from_bytes(random, "big")
    symbols = "".join(
        _SYMBOLS[(number >> (5 * place)) & 31] for place in range(CODE_GROUPS * CODE_GROUP - 2)
    )
    whole = symbols + _check_symbols(symbols)
    return "-".join(whole[n : n + CODE_GROUP] for n in range(0, len(whole), CODE_GROUP))


def code_symbols(typed: str) -> str:
    """What was typed, without spaces and hyphens, with O and I read as they are printed."""
    return "".join(c for c in typed.upper() if c.isalnum()).translate(_MISREAD)


def code_problem(typed: str) -> str:
    """Why this cannot be a recovery code; "" when it can."""
    symbols = code_symbols(typed)
    if len(symbols) != CODE_GROUPS * CODE_GROUP:
        return f"A recovery code has {CODE_GROUPS} groups of {CODE_GROUP} letters and digits."
    if (
        not set(symbols) <= set(_SYMBOLS)
        or _check_symbols(symbols[:-_CHECKS]) != symbols[-_CHECKS:]
    ):
        return "There is a slip in the code. Compare it with the printed page, group by group."
    return ""


def _check_symbols(symbols: str) -> str:
    # Weighted by place, so that exchanged symbols show too.
    total = (
        sum((place + 1) * (_SYMBOLS.find(symbol) + 1) for place, symbol in enumerate(symbols))
        % 1021
    )
    return _SYMBOLS[total >> 5] + _SYMBOLS[total & 31]
