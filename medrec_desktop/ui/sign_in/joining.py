"""How this computer joins a clinic's server; built by bootstrap, asked by the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from medrec_desktop.domain.ids import UserId
    from medrec_desktop.domain.joining import FoundClinic, Seen
    from medrec_desktop.domain.link import Download


@dataclass(frozen=True)
class Joining:
    """All of it may block for seconds."""

    look: Callable[[str, Path | None], Seen]
    """look(address, authority): what the server shows of itself; nothing is sent to it. `authority`
    is the file of one that vouches for it, or None."""
    find: Callable[[Seen, str], FoundClinic]
    """find(server, join code): the clinic the code belongs to."""
    join: Callable[[Seen, str, UserId, str, Callable[[Download], None], threading.Event], str]
    """join(server, code, user, password, progress, stop): makes the clinic on this computer and
    fetches its newest visits; the recovery code to be shown once."""
