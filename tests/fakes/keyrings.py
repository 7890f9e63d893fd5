"""A keyring in memory, and one that is locked: real back ends of the keyring library."""

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps secrets for one test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library has no types here
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        """The secret, None when there is none."""
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Forget it; an error when there is none, as the real ones do."""
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class LockedKeyring(MemoryKeyring):
    """The user closed the question for the keyring's password."""

    def get_password(self, *_: str) -> str | None:
        """Nobody unlocked it."""
        raise KeyringLocked("dismissed")

    def set_password(self, *_: str) -> None:
        """Nobody unlocked it."""
        raise KeyringLocked("dismissed")


class ForgetfulKeyring(MemoryKeyring):
    """Takes a secret and does not keep it."""

    def set_password(self, *_: str) -> None:
        """Say nothing."""
