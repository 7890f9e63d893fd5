"""pyrage writes and reads the same format: what it takes we take, what it refuses we refuse."""

import io
import random
from collections.abc import Callable

import pyrage
import pytest
from pyrage import x25519

from medrec_desktop.attachments.age_reading import CHUNK, Chunks, Identity, NotAgeError, decrypt

RNG = random.Random(11)
OURS = x25519.Identity.generate()
IDENTITY = Identity(str(OURS))


def written(content: bytes, *recipients: x25519.Recipient) -> bytes:
    out = io.BytesIO()
    pyrage.encrypt_io(io.BytesIO(content), out, list(recipients) or [OURS.to_public()])
    return out.getvalue()


def read(content: bytes) -> bytes:
    """Read in both ways, which agree on what is right and on what is not."""
    out = io.BytesIO()
    try:
        decrypt(io.BytesIO(content), out.write, IDENTITY)
    except NotAgeError:
        with pytest.raises(NotAgeError):
            read_in_place(content)
        raise
    assert read_in_place(content) == out.getvalue()
    return out.getvalue()


def read_in_place(content: bytes) -> bytes:
    chunks, memory, done = Chunks(io.BytesIO(content), IDENTITY), bytearray(len(content) + CHUNK), 0
    while count := chunks.read_into(memoryview(memory)[done:]):
        done += count
    assert chunks.read_into(memoryview(memory)[done:]) == 0  # the end stays the end
    return bytes(memory[:done])


@pytest.mark.parametrize(
    "size", [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7, 1 << 20]
)
def test_what_pyrage_wrote_comes_back(size: int) -> None:
    content = RNG.randbytes(size)
    assert read(written(content)) == content


def test_every_header_that_pyrage_writes_is_understood() -> None:
    # It adds stanzas that mean nothing, at random, so that readers skip what they do not know.
    for number in range(200):
        content = str(number).encode()
        assert read(written(content)) == content


def test_one_of_several_recipients_is_enough() -> None:
    others = [x25519.Identity.generate().to_public() for _ in range(3)]
    assert read(written(b"shared", *others, OURS.to_public())) == b"shared"


def test_a_file_for_somebody_else_is_refused() -> None:
    with pytest.raises(NotAgeError, match="another identity"):
        read(written(b"theirs", x25519.Identity.generate().to_public()))


def test_any_byte_that_differs_is_found() -> None:
    content = written(RNG.randbytes(300))
    for at in range(len(content)):
        for bit in (1, 128):
            changed = bytearray(content)
            changed[at] ^= bit
            with pytest.raises(NotAgeError):
                read(bytes(changed))


@pytest.mark.parametrize("size", [300, CHUNK, 2 * CHUNK, 2 * CHUNK + 50])
def test_an_end_that_is_missing_or_added_is_found(size: int) -> None:
    content = written(RNG.randbytes(size))
    body = len(content) - size - 16 * (-(-size // CHUNK))
    cuts = {0, 1, 20, body - 17, body - 1, body, body + 1, len(content) - 1}
    cuts |= {body + n * (CHUNK + 16) for n in range(size // CHUNK)}
    for cut in cuts:
        with pytest.raises(NotAgeError):
            read(content[:cut])
    for more in (b"\x00", bytes(16), content[body:], content):
        with pytest.raises(NotAgeError):
            read(content + more)


def test_chunks_in_another_order_are_found() -> None:
    content = written(RNG.randbytes(3 * CHUNK))
    body, step = len(content) - 3 * (CHUNK + 16), CHUNK + 16
    head, *chunks = content[:body], *(content[body + n * step :][:step] for n in range(3))
    for order in ((1, 0, 2), (0, 2, 1), (0, 0, 2), (0, 2), (1, 2)):
        with pytest.raises(NotAgeError):
            read(head + b"".join(chunks[n] for n in order))


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"age-encryption.org/v2\n", b"\n" * 999, b"-> " * 99_999]
)
def test_what_is_no_such_file_is_refused_in_bounded_memory(content: bytes) -> None:
    with pytest.raises(NotAgeError):
        read(content)


def test_what_the_reader_of_the_bytes_raises_passes_through() -> None:
    def full(_piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        decrypt(io.BytesIO(written(b"x")), full, IDENTITY)


@pytest.mark.parametrize(
    "change",
    [
        str.lower,
        lambda text: text[:-1],
        lambda text: text[:-1] + ("Q" if text[-1] != "Q" else "P"),
        lambda text: text.replace("AGE-SECRET-KEY-", "AGE-PUBLIC-KEY-"),
        lambda text: text.replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1I"),
        lambda _text: "",
        lambda _text: "AGE-SECRET-KEY-1",
    ],
)
def test_only_an_identity_is_taken_for_one(change: Callable[[str], str]) -> None:
    with pytest.raises(ValueError, match="not an age identity"):
        Identity(change(str(OURS)))
