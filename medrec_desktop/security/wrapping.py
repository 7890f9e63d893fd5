"""A key under a passphrase, as text that may lie on a disk: argon2id, then AES-256-GCM.

Opening it is the check of the passphrase: there is no second hash to attack.
"""

import base64
import binascii
import json
import secrets
import unicodedata
from typing import Any, Final

from medrec_desktop.domain.errors import Corrupt, Denied, WrongPassphrase

_VERSION: Final = 1
_MEMORY_KIB: Final = 64 * 1024
_LANES: Final = 4
_PASSES: Final = 3
# A file somebody else wrote must not make this computer work for an hour.
_MOST: Final = {"memory_kib": 1024 * 1024, "time": 64, "lanes": 16}


def wrap(key: bytes, passphrase: str, *, passes: int = _PASSES) -> str:
    """JSON without secrets to whoever lacks the passphrase. `passes`: what a guess costs."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kdf = new_kdf(passes)
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(stretched(passphrase, salt, kdf)).encrypt(nonce, key, _header(kdf))
    fields = {"salt": salt, "nonce": nonce, "ciphertext": sealed}
    text = {name: base64.b64encode(value).decode("ascii") for name, value in fields.items()}
    return json.dumps({"version": _VERSION, "kdf": kdf, **text}, indent=1)


def unwrap(text: str, passphrase: str) -> bytes:
    """The key; `WrongPassphrase`, or `Corrupt` for text that `wrap` did not write."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    kdf, salt, nonce, sealed = _parsed(text)
    try:
        return AESGCM(stretched(passphrase, salt, kdf)).decrypt(nonce, sealed, _header(kdf))
    except InvalidTag as error:
        raise WrongPassphrase(
            "This passphrase does not open the clinic. Nothing was changed. "
            "Check capital letters and the keyboard's language, then try again."
        ) from error


def _parsed(text: str) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    try:
        stored = json.loads(text)
        version, kdf = stored["version"], dict(stored["kdf"])
        salt, nonce, sealed = (
            base64.b64decode(stored[name], validate=True)
            for name in ("salt", "nonce", "ciphertext")
        )
        fits = kdf_fits(kdf)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _damaged() from error
    if type(version) is int and version > _VERSION:
        raise Denied(
            "The key of this clinic was made by a newer version of the program. Nothing was "
            "changed. Install the newest version on this computer."
        )
    whole = len(salt) >= 8 and len(nonce) == 12 and len(sealed) > 16
    if version != _VERSION or not (fits and whole):
        raise _damaged()
    return kdf, salt, nonce, sealed


def new_kdf(passes: int = _PASSES) -> dict[str, Any]:
    """What a guess shall cost."""
    return {"name": "argon2id", "memory_kib": _MEMORY_KIB, "time": passes, "lanes": _LANES}


def kdf_fits(kdf: dict[str, Any]) -> bool:
    """Whether it is one of ours and within bounds."""
    return (
        kdf.get("name") == "argon2id"
        and set(kdf) == {"name", *_MOST}
        and all(type(kdf[name]) is int and 1 <= kdf[name] <= most for name, most in _MOST.items())
    )


def stretched(passphrase: str, salt: bytes, kdf: dict[str, Any]) -> bytes:
    """A key from a passphrase, slowly."""
    from argon2.low_level import Type, hash_secret_raw

    # One passphrase may reach us composed or decomposed, by keyboard and system.
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    return hash_secret_raw(
        secret,
        salt,
        time_cost=kdf["time"],
        memory_cost=max(kdf["memory_kib"], 8 * kdf["lanes"]),
        parallelism=kdf["lanes"],
        hash_len=32,
        type=Type.ID,
    )


def _header(kdf: dict[str, Any]) -> bytes:
    """What is sealed along with the key, so that nobody can lower the price of a guess."""
    return json.dumps({"version": _VERSION, "kdf": kdf}, sort_keys=True).encode("ascii")


def _damaged() -> Corrupt:
    return Corrupt(
        "The file with the clinic's locked key is damaged. The clinic's other files are unchanged. "
        "Restore a backup."
    )
