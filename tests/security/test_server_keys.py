import pytest

from medrec_desktop.domain.errors import Denied, Unavailable
from medrec_desktop.security.server_keys import ServerKeys
from tests.fakes.keyrings import ForgetfulKeyring, LockedKeyring, MemoryKeyring


def test_a_clinics_password_comes_back_for_that_clinic_alone() -> None:
    ring = MemoryKeyring()
    ServerKeys("tenant_1", ring).save("secret")
    assert ServerKeys("tenant_1", ring).load() == "secret"
    assert ServerKeys("tenant_2", ring).load() is None


def test_a_forgotten_one_is_gone() -> None:
    keys = ServerKeys("tenant_1", MemoryKeyring())
    keys.save("secret")
    keys.delete()
    keys.delete()
    assert keys.load() is None


def test_a_locked_keyring_may_be_tried_again() -> None:
    keys = ServerKeys("tenant_1", LockedKeyring())
    for call in (keys.load, lambda: keys.save("secret")):
        with pytest.raises(Unavailable, match="Everything is saved on this computer"):
            call()


def test_a_keyring_that_keeps_nothing_is_noticed() -> None:
    with pytest.raises(Denied):
        ServerKeys("tenant_1", ForgetfulKeyring()).save("secret")
