"""A clinic's key for one user: behind a password, and half of it in the system's keyring.

Each user has a pair of keys. The private one is sealed under the password and the keyring's half;
the clinic's key is sealed to the public one. So a password changes without touching the clinic's
key, and the clinic's key changes without anybody's password. Opening is the check of a password:
there is no second hash to attack. Knows no file and no keyring: secrets come in as bytes.
"""

import base64
import binascii
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import Any, Final

from medrec_desktop.domain.errors import Corrupt, WrongPassphrase
from medrec_desktop.security.wrapping import kdf_fits, new_kdf, stretched

SECRET_BYTES: Final = 32
# Without a keyring the password stands alone, so a guess costs more.
PASSES_ALONE: Final = 8
_KEY_BYTES: Final = 32
_NONCE: Final = 12
_TAG: Final = 16


@dataclass(frozen=True, slots=True)
class Lock:
    """What lies on the disk for one user. `service` names the keyring's half, "" when there is
    none; `next` is the key that the clinic is about to have."""

    kdf: dict[str, Any]
    salt: bytes
    private: bytes
    public: bytes
    sealed: bytes
    mark: bytes
    service: str = ""
    next: bytes = b""

    def to_json(self) -> dict[str, Any]:
        """As text that a file can hold."""
        named = {name: getattr(self, name) for name in _BYTES}
        coded = {name: base64.b64encode(value).decode("ascii") for name, value in named.items()}
        return {"kdf": self.kdf, "service": self.service, **coded}


_BYTES: Final = ("salt", "private", "public", "sealed", "mark", "next")


def lock_from(stored: Any) -> Lock:
    """What `to_json` made; `Corrupt` for anything else."""
    try:
        parts = {name: base64.b64decode(stored[name], validate=True) for name in _BYTES}
        kdf, service = dict(stored["kdf"]), stored["service"]
        fits = kdf_fits(kdf) and isinstance(service, str)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise damaged() from error
    sizes = (
        len(parts["salt"]) == 16
        and len(parts["private"]) == _NONCE + _KEY_BYTES + _TAG
        and len(parts["public"]) == _KEY_BYTES
        and len(parts["sealed"]) == _SEALED
        and len(parts["next"]) in {0, _SEALED}
    )
    if not fits or not sizes:
        raise damaged()
    return Lock(kdf=kdf, service=service, **parts)


_SEALED: Final = _KEY_BYTES + _NONCE + _KEY_BYTES + _TAG


def make_lock(key: bytes, password: str, about: bytes, *, secret: bytes, service: str) -> Lock:
    """A new pair, and the clinic's key sealed to it. `about` says whose and where: a lock that is
    carried elsewhere does not open. Without a `service`, `secret` is empty."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    pair = X25519PrivateKey.generate()
    public = pair.public_key().public_bytes_raw()
    lock = Lock(
        kdf={},
        salt=b"",
        private=b"",
        public=public,
        sealed=seal(key, public, about),
        mark=_mark(key, public, about),
    )
    private = pair.private_bytes_raw()
    return under_password(lock, private, password, about, secret=secret, service=service)


def under_password(lock: Lock, private: bytes, password: str, about: bytes, *, secret: bytes, service: str) -> Lock:  # fmt: skip
    """The same pair under another password; the clinic's key is not touched."""
    kdf = new_kdf(PASSES_ALONE) if not service else new_kdf()
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE)
    cipher = _cipher(password, salt, kdf, secret)
    sealed = nonce + cipher.encrypt(nonce, private, _header(kdf, about))
    return replace(lock, kdf=kdf, salt=salt, private=sealed, service=service)


def open_lock(lock: Lock, password: str, about: bytes, secret: bytes) -> bytes:
    """The private key; `WrongPassphrase`."""
    from cryptography.exceptions import InvalidTag

    cipher = _cipher(password, lock.salt, lock.kdf, secret)
    nonce, sealed = lock.private[:_NONCE], lock.private[_NONCE:]
    try:
        return bytes(cipher.decrypt(nonce, sealed, _header(lock.kdf, about)))
    except InvalidTag as error:
        raise WrongPassphrase("This password does not fit. Nothing was changed.") from error


def seal(key: bytes, public: bytes, about: bytes) -> bytes:
    """The clinic's key for whoever has the private half of `public`."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    once = X25519PrivateKey.generate()
    shown = once.public_key().public_bytes_raw()
    shared = once.exchange(X25519PublicKey.from_public_bytes(public))
    nonce = secrets.token_bytes(_NONCE)
    cipher = _cipher_of(_derived(shared, shown + public, b"medrec clinic key"))
    return bytes(shown + nonce + cipher.encrypt(nonce, key, about))


def unseal(sealed: bytes, private: bytes, about: bytes) -> bytes:
    """The clinic's key; `Corrupt` when it was sealed for somebody else."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

    shown, nonce = sealed[:_KEY_BYTES], sealed[_KEY_BYTES : _KEY_BYTES + _NONCE]
    own = X25519PrivateKey.from_private_bytes(private)
    public = own.public_key().public_bytes_raw()
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(shown))
        cipher = _cipher_of(_derived(shared, shown + public, b"medrec clinic key"))
        return bytes(cipher.decrypt(nonce, sealed[_KEY_BYTES + _NONCE :], about))
    except (InvalidTag, ValueError) as error:
        raise damaged() from error


def is_marked(lock: Lock, key: bytes, about: bytes) -> bool:
    """Whether somebody who had the clinic's key put this public key there: a new key is sealed
    for nobody else."""
    return hmac.compare_digest(lock.mark, _mark(key, lock.public, about))


def with_next(lock: Lock, key: bytes, about: bytes) -> Lock:
    """Both the key the clinic has and the one it is about to have."""
    return replace(lock, next=seal(key, lock.public, about))


def settled(lock: Lock, key: bytes, about: bytes, *, changed: bool) -> Lock:
    """Only the key that the clinic has now; `changed`: that is the one which was next."""
    if not changed:
        return replace(lock, next=b"")
    return replace(lock, sealed=lock.next, next=b"", mark=_mark(key, lock.public, about))


def damaged() -> Corrupt:
    """For a file of accounts that makes no sense."""
    return Corrupt(
        "The file with the clinic's accounts is damaged. The clinic's other files are unchanged. "
        "Restore a backup."
    )


def _mark(key: bytes, public: bytes, about: bytes) -> bytes:
    return hmac.digest(_derived(key, b"", b"medrec accounts"), about + b"\0" + public, "sha256")


def _cipher(password: str, salt: bytes, kdf: dict[str, Any], secret: bytes) -> Any:
    return _cipher_of(_derived(stretched(password, salt, kdf) + secret, salt, b"medrec account"))


def _cipher_of(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=salt, info=purpose).derive(secret)


def _header(kdf: dict[str, Any], about: bytes) -> bytes:
    """Sealed along, so that nobody can lower the price of a guess or exchange two users."""
    return json.dumps(kdf, sort_keys=True).encode("ascii") + b"\0" + about
