"""How somebody gets into a clinic; built by bootstrap, asked by the sign-in page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medrec_desktop.domain.ids import UserId
    from medrec_desktop.ui.screen import OpenClinic


@dataclass(frozen=True)
class Entry:
    """All of it may block for seconds."""

    people: Callable[[], Sequence[tuple[UserId, str]]]
    """Id and name of everybody who may sign in here."""
    sign_in: Callable[[UserId, str], OpenClinic | None]
    """sign_in(user, password); None: a password of their own must be chosen first."""
    choose_password: Callable[[UserId, str, str], OpenClinic]
    """choose_password(user, first password, own password)"""
    recover: Callable[[str, UserId, str], OpenClinic]
    """recover(code, user, new password)"""
    without_password: bool = False
    """Nothing is secret here: the demo."""
