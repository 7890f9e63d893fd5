import base64
import hashlib
import io
import random
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from medrec_desktop.attachments.kept_hash import IN_ONE, LEAF, KeptHash, known_by_parts
from medrec_desktop.attachments.vault import Vault, new_identity
from medrec_desktop.domain.errors import Corrupt
from tests.attachments.conftest import PLENTY

NOISE = random.Random(3).randbytes(3 * LEAF + 5)
# Known by its bytes up to 16 MiB, above it by its parts: the numbers are those of before and of S3.
SIZES = [0, 1, LEAF - 1, LEAF, LEAF + 1, IN_ONE - 1, IN_ONE, IN_ONE + 1, 3 * LEAF, 3 * LEAF + 5]


def as_s3_says(content: bytes) -> str:
    parts = [content[at : at + LEAF] for at in range(0, len(content), LEAF)]
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return f"{base64.b64encode(hashlib.sha256(digests).digest()).decode()}-{len(parts)}"


def hashed(content: bytes, step: int, known: str = "") -> str:
    made = KeptHash(known)
    for at in range(0, len(content), step):
        made.update(content[at : at + step])
    return made.text()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1 << 18, LEAF - 3, LEAF + 3, 5 * LEAF])
def test_a_stream_is_known_by_its_bytes_or_by_its_parts(size: int, step: int) -> None:
    content = NOISE[:size]
    by_bytes = hashlib.sha256(content).hexdigest()
    wanted = as_s3_says(content) if size > IN_ONE else by_bytes
    assert hashed(content, step) == wanted
    assert hashed(content, step, known=wanted) == wanted
    # A row of before is asked for what it says, whatever the length.
    assert hashed(content, step, known=by_bytes) == by_bytes
    assert known_by_parts(wanted) == (size > IN_ONE)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "vault", new_identity(), free=lambda _: PLENTY)


@pytest.mark.parametrize("room", [LEAF, 2 * LEAF, 10 << 20], ids=["its part", "two", "another"])
@pytest.mark.parametrize("row", ["of today", "of before"])
def test_a_large_file_leaves_by_either_hash_and_never_by_a_wrong_one(
    vault: Vault, room: int, row: str
) -> None:
    uid = uuid4()
    staged = vault.stage(uid, io.BytesIO(NOISE), size=len(NOISE))
    vault.place(staged)
    kept = staged.kept
    stream: list[bytes] = []
    vault.read_kept(uid, kept, stream.append)
    content = b"".join(stream)
    assert kept.kept_sha256 == as_s3_says(content)
    if row == "of before":
        kept = replace(kept, kept_sha256=hashlib.sha256(content).hexdigest())
        vault.read_kept(uid, kept, lambda _: None)

    sent: list[bytes] = []

    def full(piece: memoryview, sha256: bytes) -> None:
        assert hashlib.sha256(piece).digest() == sha256
        sent.append(bytes(piece))

    vault.pour_kept(uid, kept, lambda: memoryview(bytearray(room)), full)
    assert b"".join(sent) == content

    # The same bytes with one digit of the hash changed: all but the last part, and no more.
    first = "A" if kept.kept_sha256[0] != "A" else "B"
    wrong = replace(kept, kept_sha256=first + kept.kept_sha256[1:])
    del sent[:]
    with pytest.raises(Corrupt):
        vault.pour_kept(uid, wrong, lambda: memoryview(bytearray(room)), full)
    assert len(b"".join(sent)) == len(content) // room * room
    with pytest.raises(Corrupt):
        vault.read_kept(uid, wrong, lambda _: None)
