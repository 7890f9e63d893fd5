"""A lock opens by its password with its half, in its place, and in no other way."""

from dataclasses import replace
from typing import Any

import pytest

from medrec_desktop.domain.errors import Corrupt, WrongPassphrase
from medrec_desktop.security.user_locks import (
    PASSES_ALONE,
    Lock,
    is_marked,
    lock_from,
    make_lock,
    open_lock,
    settled,
    under_password,
    unseal,
    with_next,
)

KEY, HALF, ABOUT = bytes(range(32)), b"h" * 32, b"clinic|computer|folder|user"
PASSWORD = "four plain words here"


@pytest.fixture(scope="module")
def lock() -> Lock:
    """With the price of a guess that the program asks."""
    return make_lock(KEY, PASSWORD, ABOUT, secret=HALF, service="kept under this")


def key_of(lock: Lock, *, password: str = PASSWORD, about: bytes = ABOUT, half: bytes = HALF) -> bytes:  # fmt: skip
    return unseal(lock.sealed, open_lock(lock, password, about, half), about)


def test_password_and_half_open_it_and_nothing_else_does(lock: Lock) -> None:
    assert key_of(lock_from(lock.to_json())) == KEY
    others: tuple[dict[str, Any], ...] = (
        {"password": PASSWORD + " "},
        {"half": b"i" * 32},
        {"half": b""},
        {"about": ABOUT + b"2"},
    )
    for other in others:
        with pytest.raises(WrongPassphrase):
            key_of(lock, **other)


@pytest.mark.parametrize("change", [{"time": 1}, {"memory_kib": 1024}, {"lanes": 1}])
def test_nobody_makes_a_guess_cheaper(lock: Lock, change: dict[str, int]) -> None:
    with pytest.raises(WrongPassphrase):
        key_of(replace(lock, kdf=lock.kdf | change))


@pytest.mark.parametrize("part", ["private", "sealed"])
def test_a_changed_byte_is_found(lock: Lock, part: str) -> None:
    content = bytearray(getattr(lock, part))
    content[-1] ^= 1
    with pytest.raises((WrongPassphrase, Corrupt)):
        key_of(replace(lock, **{part: bytes(content)}))  # type: ignore[arg-type]  # both are bytes


def test_a_lock_holds_no_secret(lock: Lock) -> None:
    text = repr(lock.to_json())
    for secret in (KEY, HALF, PASSWORD.encode()):
        assert secret.hex() not in text
        assert repr(secret)[2:-1] not in text


def test_without_a_keyring_a_guess_costs_more() -> None:
    alone = make_lock(KEY, PASSWORD, ABOUT, secret=b"", service="")
    assert alone.kdf["time"] == PASSES_ALONE
    assert key_of(alone, half=b"") == KEY


def test_another_password_leaves_the_clinics_key_where_it_is(lock: Lock) -> None:
    private = open_lock(lock, PASSWORD, ABOUT, HALF)
    other = under_password(lock, private, "another one", ABOUT, secret=HALF, service="x")
    assert (other.sealed, other.public, other.mark) == (lock.sealed, lock.public, lock.mark)
    assert key_of(other, password="another one") == KEY
    with pytest.raises(WrongPassphrase):
        key_of(other)


def test_another_key_is_sealed_without_the_password(lock: Lock) -> None:
    new = bytes(32)
    both = with_next(lock, new, ABOUT)
    private = open_lock(both, PASSWORD, ABOUT, HALF)
    assert (unseal(both.sealed, private, ABOUT), unseal(both.next, private, ABOUT)) == (KEY, new)
    assert key_of(settled(both, new, ABOUT, changed=True)) == new
    assert settled(both, KEY, ABOUT, changed=False) == lock
    assert is_marked(settled(both, new, ABOUT, changed=True), new, ABOUT)


def test_only_a_key_of_the_clinic_marks_a_public_key(lock: Lock) -> None:
    assert is_marked(lock, KEY, ABOUT)
    assert not is_marked(lock, bytes(32), ABOUT)
    assert not is_marked(lock, KEY, ABOUT + b"2")
    assert not is_marked(replace(lock, public=bytes(32)), KEY, ABOUT)


@pytest.mark.parametrize(
    "change",
    [
        {"salt": ""},
        {"salt": "not base64"},
        {"private": "AAAA"},
        {"public": None},
        {"kdf": {"name": "argon2id", "memory_kib": 2**40, "time": 3, "lanes": 4}},
        {"kdf": {"name": "md5"}},
        {"kdf": None},
        {"service": 3},
        {"next": "AAAA"},
    ],
)
def test_what_is_no_lock_is_damaged(lock: Lock, change: dict[str, object]) -> None:
    with pytest.raises(Corrupt):
        lock_from(lock.to_json() | change)
