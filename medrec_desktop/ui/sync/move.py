"""How this computer's clinic moves to a server; built by bootstrap, asked by the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from medrec_desktop.domain.joining import JoinCode, Seen
    from medrec_desktop.ui.screen import OpenClinic


@dataclass(frozen=True)
class Move:
    """All of it may block, sending for as long as there is something to send."""

    look: Callable[[str, Path | None], Seen]
    """look(address, authority): what the server shows of itself; nothing is sent to it."""
    begin: Callable[[Seen, str, str], JoinCode | None]
    """begin(server, account, password): makes the clinic's place there. None when it was made
    before."""
    send: Callable[[Callable[[int, int], object], threading.Event], int]
    """send(progress, stop): everything that waits; how many changes."""
    link: Callable[[], OpenClinic]
    """The same clinic, in step with its server from now on."""
