"""Reads age files (age-encryption.org/v1) that pyrage wrote: the published format, standard pieces.

pyrage reads them in steps of 8 KiB while it holds the interpreter: five times the processor time,
and everything else stands meanwhile. Writing is left to it. Every chunk is authenticated before it
is handed on, and an end that is missing is found. Nothing here knows where files lie.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterator
from io import BufferedIOBase

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK = 1 << 16
_TAG = 16
_SEALED = CHUNK + _TAG
_VERSION = b"age-encryption.org/v1\n"
_LONGEST_LINE = 4096
_MOST_LINES = 200
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_CHECK = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_PREFIX = "age-secret-key-"
_DAMAGED = "a chunk is damaged, or the end is missing"


class NotAgeError(Exception):
    """Not such a file, not for this identity, or not as it was written."""


class Identity:
    """The private half of a vault's key."""

    def __init__(self, text: str) -> None:
        """`text` begins with "AGE-SECRET-KEY-1". ValueError for anything else."""
        self._key = X25519PrivateKey.from_private_bytes(_secret_of(text))
        self._public = self._key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )

    def file_key(self, share: bytes, wrapped: bytes) -> bytes:
        """What the file's own keys are made of. `InvalidTag` when it is for somebody else."""
        shared = self._key.exchange(X25519PublicKey.from_public_bytes(share))
        wrap = _derived(shared, share + self._public, b"age-encryption.org/v1/X25519")
        return ChaCha20Poly1305(wrap).decrypt(bytes(12), wrapped, None)


class Chunks:
    """The plain bytes of one file, chunk by chunk. `NotAgeError` for what is not as it was
    written; nothing of a chunk that is not is ever handed on."""

    def __init__(self, source: BufferedIOBase, identity: Identity, *, ahead: int = 1) -> None:
        """`ahead`: so many chunks are read from `source` at a time."""
        self._source = source
        self._opened = ChaCha20Poly1305(_payload_key(source, identity))
        # One more than is asked for: only the last is sealed as the last.
        self._sealed = memoryview(bytearray((ahead + 1) * _SEALED))
        self._at = 0
        self._held = source.readinto(self._sealed)
        self._all_read = self._held < len(self._sealed)
        self._number = 0
        self._ended = False

    def read(self) -> bytes:
        """The next at most 64 KiB; none at the end."""
        if self._ended:
            return b""
        nonce, sealed = self._next()
        try:
            plain = self._opened.decrypt(nonce, sealed, None)
        except InvalidTag:
            raise NotAgeError(_DAMAGED) from None
        return plain

    def read_into(self, target: memoryview) -> int:
        """The same into memory of the caller's, a multiple of 64 KiB: as many chunks as fit; how
        many bytes it was."""
        done = 0
        try:
            while not self._ended and done < len(target):
                nonce, sealed = self._next()
                following = done + len(sealed) - _TAG
                self._opened.decrypt_into(nonce, sealed, None, target[done:following])
                done = following
        except InvalidTag:
            raise NotAgeError(_DAMAGED) from None
        return done

    def _next(self) -> tuple[bytes, memoryview]:
        """What the next chunk was sealed with, and the chunk."""
        if self._held - self._at <= _SEALED and not self._all_read:
            self._read_on()
        left = self._held - self._at
        self._ended = left <= _SEALED
        sealed = self._sealed[self._at : self._at + min(left, _SEALED)]
        if len(sealed) < _TAG:
            raise NotAgeError(_DAMAGED)
        if len(sealed) == _TAG and self._number:
            raise NotAgeError("a chunk is empty")
        nonce = self._number.to_bytes(11, "big") + (b"\x01" if self._ended else b"\x00")
        self._number += 1
        self._at += len(sealed)
        return nonce, sealed

    def _read_on(self) -> None:
        left = self._held - self._at
        self._sealed[:left] = self._sealed[self._at : self._held]
        room = self._sealed[left:]
        more = self._source.readinto(room)
        self._at, self._held = 0, left + more
        self._all_read = more < len(room)


def decrypt(source: BufferedIOBase, write: Callable[[bytes], object], identity: Identity) -> None:
    """Hand the plain bytes to `write`, in chunks of 64 KiB. `NotAgeError` for what is not as it
    was written, after the chunks before it; `write`'s own errors pass through."""
    chunks = Chunks(source, identity)
    while plain := chunks.read():
        write(plain)


def _payload_key(source: BufferedIOBase, identity: Identity) -> bytes:
    said, stanzas, mac = _header(source)
    for share, wrapped in stanzas:
        try:
            key = identity.file_key(share, wrapped)
        except (InvalidTag, ValueError):
            continue
        break
    else:
        raise NotAgeError("for another identity")
    if not hmac.compare_digest(hmac.digest(_derived(key, b"", b"header"), said, "sha256"), mac):
        raise NotAgeError("the header is damaged")
    nonce = source.read(16)
    if len(nonce) != 16:
        raise NotAgeError("the end is missing")
    return _derived(key, nonce, b"payload")


def _header(source: BufferedIOBase) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    """What the MAC covers, (share, wrapped key) of each X25519 recipient, the MAC."""
    lines = _lines(source)
    said = next(lines)
    if said != _VERSION:
        raise NotAgeError("another format")
    stanzas: list[tuple[bytes, bytes]] = []
    kind: list[bytes] = []
    body = b""
    for line in lines:
        if line.startswith(b"--- "):
            return said + b"---", stanzas, _base64(line[4:-1], 32)
        said += line
        if line.startswith(b"-> "):
            kind, body = line[3:-1].split(b" "), b""
            continue
        body += line[:-1]
        if len(line) <= 64 and len(kind) == 2 and kind[0] == b"X25519":  # a short line is the last
            stanzas.append((_base64(kind[1], 32), _base64(body, 32)))
    raise NotAgeError("the end is missing")


def _lines(source: BufferedIOBase) -> Iterator[bytes]:
    for _ in range(_MOST_LINES):
        line = source.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise NotAgeError("no header")
        yield line
    raise NotAgeError("no header")


def _base64(text: bytes, size: int) -> bytes:
    try:
        made = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise NotAgeError("the header is damaged") from None
    # Only one way to write it is allowed.
    if len(made) != size or base64.b64encode(made).rstrip(b"=") != text:
        raise NotAgeError("the header is damaged")
    return made


def _derived(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, purpose).derive(key)


def _secret_of(text: str) -> bytes:
    """The 32 bytes that the Bech32 text stands for."""
    lower = text.lower()
    prefix, _, digits = lower.rpartition("1")
    if text != text.upper() or prefix != _PREFIX or not set(digits) <= set(_BECH32):
        raise ValueError("not an age identity")
    values = [_BECH32.index(digit) for digit in digits]
    spread = [ord(sign) >> 5 for sign in prefix] + [0] + [ord(sign) & 31 for sign in prefix]
    if _checksum([*spread, *values]) != 1:
        raise ValueError("not an age identity")
    number = 0
    for value in values[:-6]:
        number = number << 5 | value
    spare = len(values[:-6]) * 5 - 256
    if spare != 4 or number & 15:
        raise ValueError("not an age identity")
    return (number >> spare).to_bytes(32, "big")


def _checksum(values: list[int]) -> int:
    made = 1
    for value in values:
        top = made >> 25
        made = (made & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_BECH32_CHECK):
            made ^= generator if top >> bit & 1 else 0
    return made
