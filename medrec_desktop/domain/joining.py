"""Join codes: what a computer is told once so that it can log in to its clinic on a server.

A code holds the clinic's number and the secret that is its password, with a checksum, so that a
slip of the finger is told from a code that is no longer good. It is shown once and never stored.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Self

from medrec_desktop.domain.errors import Invalid

# Crockford's: no I, L, O and U, so that what is read out or typed off paper is what was meant.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT = str.maketrans({"O": "0", "I": "1", "L": "1"})
_NUMBER, _SECRET, _CHECK = 9, 26, 5
_GROUP = 5
_TENANT = re.compile(r"tenant_(\d{1,13})")


@dataclass(frozen=True, slots=True)
class JoinCode:
    """`tenant` names the clinic's schema and its login role; `secret` is that role's password."""

    tenant: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls, tenant: str) -> Self:
        """A code with a fresh secret of 130 bits."""
        return cls(tenant, "".join(secrets.choice(_LETTERS) for _ in range(_SECRET)))

    @classmethod
    def parse(cls, typed: str) -> Self:
        """What somebody typed or pasted; Invalid when it is no join code."""
        text = re.sub(r"[\s-]", "", typed).upper().translate(_MEANT)
        body, check = text[:-_CHECK], text[-_CHECK:]
        if (
            len(text) != _NUMBER + _SECRET + _CHECK
            or not set(text) <= set(_LETTERS)
            or check != _checksum(body)
        ):
            raise Invalid(
                {
                    "join_code": "This is not a join code: a character is missing or mistyped. "
                    "Type it again as it was printed; capital and small letters are the same."
                }
            )
        number = 0
        for letter in body[:_NUMBER]:
            number = number * 32 + _LETTERS.index(letter)
        return cls(f"tenant_{number}", body[_NUMBER:])

    @property
    def text(self) -> str:
        """The code as it is shown: eight groups of five."""
        found = _TENANT.fullmatch(self.tenant)
        if found is None:
            raise ValueError("not the name of a clinic on a server")
        body = _letters(int(found[1]), _NUMBER) + self.secret
        whole = body + _checksum(body)
        return "-".join(whole[i : i + _GROUP] for i in range(0, len(whole), _GROUP))


def _checksum(body: str) -> str:
    return _letters(int.from_bytes(hashlib.sha256(body.encode()).digest()[:4]), _CHECK)


def _letters(number: int, length: int) -> str:
    """The lowest `length` digits of `number`, to the base of 32."""
    return "".join(_LETTERS[number >> 5 * place & 31] for place in reversed(range(length)))
