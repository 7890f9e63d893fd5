"""Users of the clinic and what their role is called."""

from dataclasses import dataclass
from typing import Literal

from medrec_desktop.domain.ids import ClinicId, UserId

Role = Literal["doctor", "front_desk", "admin"]
_ROLES: tuple[Role, ...] = ("doctor", "front_desk", "admin")
_ALONE: dict[Role, frozenset[Role]] = {role: frozenset({role}) for role in _ROLES}
_WITH_ADMIN: dict[Role, frozenset[Role]] = {role: frozenset({role, "admin"}) for role in _ROLES}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who works at the clinic, as records name them. `admin`: also looks after the
    clinic, beside what `role` says; the doctor who founded it does."""

    id: UserId
    name: str
    role: Role
    active: bool = True
    admin: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Everything they are here."""
        return _WITH_ADMIN[self.role] if self.admin else _ALONE[self.role]


@dataclass(frozen=True, slots=True)
class Clinic:
    """The tenant: its display name and its prefix in the bucket (`tenant_<digits>`)."""

    id: ClinicId
    name: str
    tenant: str
    demo: bool = False
