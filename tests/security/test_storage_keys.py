import pytest

from medrec_desktop.data.ids import new_uid
from medrec_desktop.domain.errors import Corrupt, Denied, NotFound, Unavailable
from medrec_desktop.domain.storage import Secret
from medrec_desktop.security.storage_keys import StorageKeys
from tests.fakes.keyrings import ForgetfulKeyring, LockedKeyring, MemoryKeyring

SECRET = Secret("AKIA1", "a secret", "a token")


def test_keys_come_back_for_their_clinic_alone() -> None:
    ring = MemoryKeyring()
    clinic = new_uid()
    StorageKeys(clinic, ring).save(SECRET)
    assert StorageKeys(clinic, ring).load() == SECRET
    with pytest.raises(NotFound):
        StorageKeys(new_uid(), ring).load()


def test_forgotten_keys_are_gone() -> None:
    keys = StorageKeys(new_uid(), MemoryKeyring())
    keys.save(SECRET)
    keys.delete()
    keys.delete()
    with pytest.raises(NotFound):
        keys.load()


def test_a_locked_keyring_says_so() -> None:
    keys = StorageKeys(new_uid(), LockedKeyring())
    for call in (keys.load, lambda: keys.save(SECRET)):
        with pytest.raises(Unavailable):
            call()


def test_a_keyring_that_keeps_nothing_is_noticed() -> None:
    with pytest.raises(Denied):
        StorageKeys(new_uid(), ForgetfulKeyring()).save(SECRET)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"access": "a"}', "null"])
def test_something_else_in_the_keyring_is_no_secret(text: str) -> None:
    ring = MemoryKeyring()
    clinic = new_uid()
    ring.set_password(f"MedRec Desktop storage {clinic}", "storage keys", text)
    with pytest.raises(Corrupt):
        StorageKeys(clinic, ring).load()


def test_a_secret_is_never_printed() -> None:
    assert "secret" not in repr(SECRET).replace("Secret", "")
    assert "AKIA" not in repr(SECRET)
    assert "token" not in repr(SECRET)
