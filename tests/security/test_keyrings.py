from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import SecretService
from keyring.backends.chainer import ChainerBackend
from keyring.backends.fail import Keyring as FailKeyring
from keyring.backends.null import Keyring as NullKeyring

from medrec_desktop.domain.errors import Corrupt, Denied, NotFound, Unavailable
from medrec_desktop.security.keyrings import KeyringStore, system_keyring
from medrec_desktop.security.keys import has_keyring, new_key
from tests.fakes.keyrings import ForgetfulKeyring, LockedKeyring, MemoryKeyring


class PlaintextKeyring(MemoryKeyring):
    """Named as keyrings.alt names its file of plain text."""


_NULL = NullKeyring()  # type: ignore[no-untyped-call]  # the library has no types here
_FAIL = FailKeyring()  # type: ignore[no-untyped-call]  # as above


@pytest.fixture
def chosen() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def _choose(backend: KeyringBackend) -> None:
    keyring.set_keyring(backend)


def _chain(*members: KeyringBackend) -> ChainerBackend:
    class Chain(ChainerBackend):
        backends = members

    return Chain()  # type: ignore[no-untyped-call]  # the library has no types here


def test_what_was_saved_is_loaded() -> None:
    backend, key = MemoryKeyring(), new_key()
    KeyringStore("one", backend).save(key)
    assert KeyringStore("one", backend).load() == key


def test_each_clinic_has_its_own_key() -> None:
    backend, key = MemoryKeyring(), new_key()
    KeyringStore("one", backend).save(key)
    KeyringStore("two", backend).save(new_key())
    assert KeyringStore("one", backend).load() == key


def test_a_key_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound):
        KeyringStore("one", MemoryKeyring()).load()


def test_a_deleted_key_is_gone_and_deleting_twice_is_fine() -> None:
    store = KeyringStore("one", MemoryKeyring())
    store.save(new_key())
    store.delete()
    store.delete()
    with pytest.raises(NotFound):
        store.load()


def test_something_else_under_our_name_is_corrupt() -> None:
    backend = MemoryKeyring()
    backend.set_password("one", "clinic key", "not a key!")
    with pytest.raises(Corrupt):
        KeyringStore("one", backend).load()


def test_a_locked_keyring_may_be_tried_again() -> None:
    store = KeyringStore("one", LockedKeyring())
    with pytest.raises(Unavailable):
        store.load()
    with pytest.raises(Unavailable):
        store.save(new_key())


def test_a_keyring_that_does_not_keep_is_refused() -> None:
    with pytest.raises(Denied):
        KeyringStore("one", ForgetfulKeyring()).save(new_key())


@pytest.mark.usefixtures("chosen")
@pytest.mark.parametrize(
    "backend",
    [_NULL, _FAIL, PlaintextKeyring(), _chain(PlaintextKeyring(), _NULL)],
    ids=["null", "fail", "plain text", "chain of plain text"],
)
def test_a_keyring_that_does_not_encrypt_is_no_keyring(backend: KeyringBackend) -> None:
    _choose(backend)
    assert not has_keyring()
    with pytest.raises(Denied, match="passphrase"):
        KeyringStore("one")


@pytest.mark.usefixtures("chosen")
def test_of_a_chain_only_the_encrypting_member_is_asked() -> None:
    real = SecretService.Keyring()  # type: ignore[no-untyped-call]  # as above
    _choose(_chain(PlaintextKeyring(), real))
    assert system_keyring() is real
