"""Joining a clinic's server: the join code a computer is told once, where the server is, and what it
shows of itself before anything is sent to it.

A code holds the clinic's number and the secret that is its password, with a checksum, so that a
slip of the finger is told from a code that is no longer good. It is shown once and never stored.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import ClinicId
from medrec_desktop.domain.people import User

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


DATABASE = "medrec"
PORT = 5432
_PLACE = re.compile(
    r"(?:postgres(?:ql)?://)?(?P<host>\[[0-9a-fA-F:.]+\]|[^\s/:@?#\[\]]+)"
    r"(?::(?P<port>\d{1,5}))?(?:/(?P<database>[^\s/?#]*))?/?"
)


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Where a clinics' server is, as its administrator says it to a clinic."""

    host: str
    port: int = PORT
    database: str = DATABASE

    @classmethod
    def parse(cls, typed: str) -> Self:
        """`db.example.org`, `db.example.org:5433` or `db.example.org/clinics`; Invalid else."""
        found = _PLACE.fullmatch(typed.strip())
        port = int(found["port"] or PORT) if found else 0
        if found is None or not 0 < port < 65536:
            raise Invalid(
                {
                    "address": "This is no server’s address. Type it as your administrator gave "
                    "it, for example db.example.org or db.example.org:5433/medrec."
                }
            )
        return cls(found["host"].strip("[]"), port, found["database"] or DATABASE)

    @property
    def text(self) -> str:
        """As short as it can be typed."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORT else f":{self.port}"
        return host + port + ("" if self.database == DATABASE else f"/{self.database}")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows of itself. `trusted`: this computer's own list of authorities vouches for
    it and for the host's name; else a person compares the fingerprint. `own`: it vouches for
    itself."""

    fingerprint: str
    subject: str
    issuer: str
    ends: datetime
    pem: str = field(repr=False)
    trusted: bool = False
    own: bool = False

    @property
    def groups(self) -> str:
        """The fingerprint as it is read out: sixteen groups of four."""
        text = self.fingerprint.upper()
        return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


@dataclass(frozen=True, slots=True)
class Seen:
    """A server that answered. `certificate` None: it is on this computer, or nothing protects the
    way to it (`protected` tells)."""

    place: ServerPlace
    certificate: Certificate | None
    protected: bool
    authority: str = field(default="", repr=False)
    """The certificate of an authority that was handed in as a file, and vouches for the server."""

    @property
    def root(self) -> str:
        """What later connections believe in beside this computer's own list, as PEM."""
        if self.authority:
            return self.authority
        shown = self.certificate
        return shown.pem if shown is not None and not shown.trusted else ""

    @property
    def stranger(self) -> bool:
        """An authority this computer does not know vouches for it: its file is needed, for to
        believe in this certificate alone would end when it is renewed."""
        shown = self.certificate
        return shown is not None and not shown.trusted and not shown.own


@dataclass(frozen=True, slots=True)
class FoundClinic:
    """The clinic a join code belongs to: its name, who works there, how much is to be fetched."""

    id: ClinicId
    name: str
    tenant: str
    users: tuple[User, ...]
    patients: int
    visits: int
