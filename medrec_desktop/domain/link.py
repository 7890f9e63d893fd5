"""How this computer stands to its clinic's server, as every screen says it.

Only what is so: connected means that the server has answered a whole round since the last failure.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

LinkState = Literal["connecting", "connected", "offline", "refused", "update", "full", "stopped"]
"""`connecting` no round is over yet; `offline` the last try failed and there will be another;
`refused` the server ended this computer's access, a retry is useless; `update` the server wants a
newer program before it takes anything, reading goes on; `full` this computer's disk has too little
room for what others write, sending goes on; `stopped` something is wrong that a person
must look at."""


@dataclass(frozen=True, slots=True)
class Link:
    """Published by the loop after each change. `since` when this state began, `because` the
    sentence of the last failure, `clock_ahead` this computer's clock minus the server's, in
    seconds. `said` is news that must be read once: a server or a computer restored from a
    backup. `signed_out`: refused because an administrator signed this computer out, which no join
    code undoes."""

    state: LinkState = "connecting"
    since: datetime | None = None
    because: str = ""
    last_full: datetime | None = None
    next_try: datetime | None = None
    busy: bool = False
    clock_ahead: float = 0.0
    said: tuple[str, ...] = ()
    signed_out: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What one round with the server did: pulled and pushed changes, whether more wait that a
    next round may take at once, whether the server no longer takes changes from this version of
    the program, whether this computer's disk had no room for what others wrote, and news to be said."""

    pulled: int = 0
    pushed: int = 0
    more: bool = False
    update_needed: bool = False
    no_room: bool = False
    clock_ahead: float = 0.0
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedChange:
    """A change that the server did not take: what it is, why, and what to do. All plain words
    without anything of the patient; `record` opens the visit."""

    what: str
    why: str
    todo: str
    at: datetime | None = None
    record: object | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not on the server yet."""

    visits: int = 0
    patients: int = 0
    other: int = 0
    oldest: datetime | None = None
    failed: tuple[FailedChange, ...] = ()

    @property
    def changes(self) -> int:
        """Everything together."""
        return self.visits + self.patients + self.other


@dataclass(frozen=True, slots=True)
class Download:
    """The first download: how many rows are here and how many there are to be. `usable`: the
    newest are here, so that one can work."""

    done: int = 0
    total: int = 0
    usable: bool = False
    finished: bool = False


CLOCK_TOLERATED = 120.0
"""Seconds a clock may be off before somebody is told."""
