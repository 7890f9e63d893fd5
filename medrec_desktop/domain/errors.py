"""Every failure the program expects. Code decides by type, never by message text.

Messages are sentences a user may read: what happened, what is safe, what to do. They hold no
patient data, because they reach logs and dialogs alike.
"""

from collections.abc import Mapping


class MedrecError(Exception):
    """An expected failure; anything else that is raised is a bug and is loud."""


class Invalid(MedrecError):  # noqa: N818 - named for what is true, as style.md asks
    """Input breaks a rule; `fields` maps a field's name to a sentence about it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)


class NotFound(MedrecError):  # noqa: N818 - as above
    """What was asked for is not there (or is another clinic's)."""


class Conflict(MedrecError):  # noqa: N818 - as above
    """The stored thing is newer than what the caller saw, or no longer allows the change."""


class Unavailable(MedrecError):  # noqa: N818 - as above
    """Cannot be done now; a retry later may work (busy database, full disk, no network)."""


class DiskFull(Unavailable):
    """There was no room for it: what was kept free for typing gives way."""


class Denied(MedrecError):  # noqa: N818 - as above
    """Not allowed; a retry is useless until somebody changes a permission or a secret."""


class WrongPassphrase(Denied):
    """Another passphrase may open it: the one refusal after which asking again makes sense."""


class Corrupt(MedrecError):  # noqa: N818 - as above
    """Stored bytes are not what was stored: wrong key, bad checksum, truncated file."""


class Cancelled(MedrecError):  # noqa: N818 - as above
    """The user or a shutdown stopped long work."""
