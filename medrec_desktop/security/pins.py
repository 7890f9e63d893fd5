"""A PIN that unlocks a program whose keys are in memory: kept stretched, in the encrypted database
alone. It opens nothing by itself, so it may cost less than a password.
"""

import base64
import binascii
import hmac
import secrets
from typing import Any, Final

from medrec_desktop.security.wrapping import kdf_fits, stretched

_KDF: Final = {"name": "argon2id", "memory_kib": 32 * 1024, "time": 2, "lanes": 2}


def kept_pin(pin: str) -> dict[str, Any]:
    """What is kept instead of the PIN, as JSON."""
    salt = secrets.token_bytes(16)
    hashed = stretched(pin, salt, _KDF)
    coded = {"salt": salt, "hash": hashed}
    return {"kdf": _KDF} | {n: base64.b64encode(v).decode("ascii") for n, v in coded.items()}


def pin_fits(pin: str, kept: Any) -> bool:
    """Whether it is the one that was kept; nothing fits what makes no sense."""
    try:
        kdf = dict(kept["kdf"])
        salt, hashed = (base64.b64decode(kept[name], validate=True) for name in ("salt", "hash"))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    if not kdf_fits(kdf) or len(salt) < 8:
        return False
    return hmac.compare_digest(stretched(pin, salt, kdf), hashed)
