"""Users of the clinic and what their role is called."""

from dataclasses import dataclass
from typing import Literal

from medrec_desktop.domain.ids import ClinicId, UserId

Role = Literal["doctor", "front_desk", "admin"]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who works at the clinic, as records name them."""

    id: UserId
    name: str
    role: Role
    active: bool = True


@dataclass(frozen=True, slots=True)
class Clinic:
    """The tenant: its display name and its prefix in the bucket (`tenant_<digits>`)."""

    id: ClinicId
    name: str
    tenant: str
    demo: bool = False
