import base64
import json

import pytest

from medrec_desktop.domain.errors import Corrupt, Denied
from medrec_desktop.security.keys import new_key, unwrap, wrap

PASSPHRASE = "Zwölf Äpfel im Korb"


@pytest.fixture(scope="module")
def key() -> bytes:
    return new_key()


@pytest.fixture(scope="module")
def wrapped(key: bytes) -> str:
    return wrap(key, PASSPHRASE)


def test_the_passphrase_opens_what_it_closed(key: bytes, wrapped: str) -> None:
    assert unwrap(wrapped, PASSPHRASE) == key


def test_a_passphrase_typed_with_combining_accents_is_the_same(key: bytes, wrapped: str) -> None:
    assert unwrap(wrapped, "Zwo\u0308lf A\u0308pfel im Korb") == key


def test_another_passphrase_is_denied(wrapped: str) -> None:
    with pytest.raises(Denied):
        unwrap(wrapped, PASSPHRASE.lower())


def test_each_wrap_differs(key: bytes, wrapped: str) -> None:
    assert json.loads(wrap(key, PASSPHRASE))["ciphertext"] != json.loads(wrapped)["ciphertext"]


def test_the_text_holds_neither_key_nor_passphrase(key: bytes, wrapped: str) -> None:
    for secret in (key.hex(), base64.b64encode(key).decode(), PASSPHRASE):
        assert secret not in wrapped


def test_a_guess_costs_64_mib_and_three_passes(wrapped: str) -> None:
    kdf = json.loads(wrapped)["kdf"]
    assert kdf == {"name": "argon2id", "memory_kib": 65536, "time": 3, "lanes": 4}


@pytest.mark.parametrize("field", ["salt", "nonce", "ciphertext"])
def test_a_changed_byte_does_not_open(wrapped: str, field: str) -> None:
    stored = json.loads(wrapped)
    changed = bytearray(base64.b64decode(stored[field]))
    changed[0] ^= 1
    stored[field] = base64.b64encode(changed).decode()
    with pytest.raises(Denied):
        unwrap(json.dumps(stored), PASSPHRASE)


def test_a_lowered_cost_does_not_open(wrapped: str) -> None:
    stored = json.loads(wrapped)
    stored["kdf"]["time"] = 1
    with pytest.raises(Denied):
        unwrap(json.dumps(stored), PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        {"kdf": {"name": "argon2id", "memory_kib": 2**40, "time": 3, "lanes": 4}},
        {"kdf": {"name": "argon2id", "memory_kib": 65536, "time": 10**9, "lanes": 4}},
        {"kdf": {"name": "md5", "memory_kib": 65536, "time": 3, "lanes": 4}},
        {"kdf": []},
        {"salt": "%%%"},
        {"salt": 5},
        {"nonce": ""},
        {"version": 0},
        {"version": "1"},
    ],
)
def test_text_that_wrap_did_not_write_is_corrupt(wrapped: str, change: dict[str, object]) -> None:
    with pytest.raises(Corrupt):
        unwrap(json.dumps(json.loads(wrapped) | change), PASSPHRASE)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"version": 1}'])
def test_no_wrapped_key_at_all_is_corrupt(text: str) -> None:
    with pytest.raises(Corrupt):
        unwrap(text, PASSPHRASE)


def test_a_key_of_a_newer_program_says_so(wrapped: str) -> None:
    with pytest.raises(Denied, match="newer version"):
        unwrap(json.dumps(json.loads(wrapped) | {"version": 2}), PASSPHRASE)
