"""Who may do what: one table, role by action. Pure; `services/authorize.py` asks it.

A role allows, nothing forbids: whoever has two roles may do what either may. What is not in a
row is refused. Conditions that depend on the thing itself (whose visit it is, what of it changes)
are the functions below the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum

from medrec_desktop.domain.people import Role
from medrec_desktop.domain.records import VisitDraft


class Action(Enum):
    """What somebody wants to do; the value is what the audit trail calls a refused one."""

    # Patients and their records.
    FIND_PATIENTS = "find patients"
    READ_CHART = "read chart"
    REGISTER = "register patient"
    WRITE_ALLERGIES = "write allergies"
    START_VISIT = "start visit"
    WRITE_VISIT = "write visit"
    FINALIZE = "finalize visit"
    FINALIZE_READY = "finalize visit marked as ready"
    MARK_READY = "mark visit as ready"
    ADD_ADDENDUM = "add addendum"
    VOID_VISIT = "mark visit as error"
    STAR_CODES = "star codes"
    # Files of visits.
    ATTACH = "attach files"
    READ_FILES = "read files"
    SAVE_COPY = "save copy of file"
    SHARE_FILE = "share file"
    # Out of the program.
    PRINT = "print visit"
    EXPORT_PATIENT = "export patient"
    # The clinic and its computers.
    SEE_CLINIC = "see clinic"
    USE_COMPUTER = "change computer settings"
    RENAME_USER = "rename user"
    OWN_ACCOUNT = "own account"
    MANAGE_USERS = "manage users"
    MANAGE_KEYS = "manage keys"
    MANAGE_COMPUTERS = "manage computers"
    CHANGE_CLINIC = "change clinic settings"
    SET_UP_STORAGE = "set up storage"
    MIND_UPLOADS = "mind uploads"
    BACK_UP = "back up"
    CHECK_FILES = "check files in storage"
    # What is written down about all this.
    CHECK_SEALS = "check seals"
    READ_TRAIL = "read audit trail"
    BREAK_GLASS = "break glass"


@dataclass(frozen=True, slots=True)
class Rule:
    """Which roles may, and the sentence for the others. `glass`: an admin may while emergency
    access is open; then it only reads."""

    roles: frozenset[Role]
    refusal: str
    glass: bool = False


_DOCTOR: frozenset[Role] = frozenset({"doctor"})
_CARE: frozenset[Role] = frozenset({"doctor", "front_desk"})
_ADMIN: frozenset[Role] = frozenset({"admin"})
_ALL: frozenset[Role] = frozenset({"doctor", "front_desk", "admin"})

_RECORDS = (
    "Only doctors and the front desk see patients’ records. An administrator who must see them "
    "in an emergency opens emergency access first and says why."
)
_DOCTORS = "Only a doctor may {}. Nothing was changed."
_DESK = "Only doctors and the front desk may {}. Nothing was changed."
_ADMINS = "Only an administrator of the clinic may {}. Nothing was changed."

RULES: Mapping[Action, Rule] = {
    Action.FIND_PATIENTS: Rule(_CARE, _RECORDS, glass=True),
    Action.READ_CHART: Rule(_CARE, _RECORDS, glass=True),
    Action.READ_FILES: Rule(_CARE, _RECORDS, glass=True),
    Action.REGISTER: Rule(_CARE, _DESK.format("register patients and change their details")),
    Action.START_VISIT: Rule(_CARE, _DESK.format("open a visit")),
    Action.WRITE_VISIT: Rule(_CARE, _DESK.format("write in a visit")),
    Action.ATTACH: Rule(_CARE, _DESK.format("attach files and take them back")),
    Action.SAVE_COPY: Rule(_CARE, _DESK.format("save a copy of a file")),
    Action.PRINT: Rule(_CARE, _DESK.format("print a visit")),
    Action.WRITE_ALLERGIES: Rule(_DOCTOR, _DOCTORS.format("change what is known of allergies")),
    Action.FINALIZE_READY: Rule(_CARE, _DESK.format("finalize a visit that is marked as ready")),
    Action.MARK_READY: Rule(_DOCTOR, _DOCTORS.format("mark a visit as ready to be finalized")),
    Action.FINALIZE: Rule(_DOCTOR, _DOCTORS.format("finalize a visit")),
    Action.ADD_ADDENDUM: Rule(_DOCTOR, _DOCTORS.format("add an addendum")),
    Action.VOID_VISIT: Rule(_DOCTOR, _DOCTORS.format("mark a visit as entered in error")),
    Action.STAR_CODES: Rule(_DOCTOR, _DOCTORS.format("star a diagnosis code")),
    Action.SHARE_FILE: Rule(_DOCTOR, "Only a doctor may share a file. Nothing was shared."),
    Action.EXPORT_PATIENT: Rule(
        _DOCTOR, "Only a doctor may export a patient’s records. Nothing was written."
    ),
    Action.SEE_CLINIC: Rule(_ALL, "Only users of this clinic may see it."),
    Action.USE_COMPUTER: Rule(
        _ALL, "Only users of this clinic may change this computer’s choices."
    ),
    Action.MIND_UPLOADS: Rule(_ALL, "Only users of this clinic may look after its uploads."),
    Action.CHECK_SEALS: Rule(_ALL, "Only users of this clinic may check its seals."),
    Action.RENAME_USER: Rule(_ALL, _ADMINS.format("give somebody else another name")),
    Action.OWN_ACCOUNT: Rule(_ALL, "Only users of this clinic have an account in it."),
    Action.MANAGE_USERS: Rule(_ADMIN, _ADMINS.format("manage its users")),
    Action.MANAGE_KEYS: Rule(_ADMIN, _ADMINS.format("change its key or its recovery code")),
    Action.MANAGE_COMPUTERS: Rule(_ADMIN, _ADMINS.format("manage its computers")),
    Action.CHANGE_CLINIC: Rule(_ADMIN, _ADMINS.format("change the clinic’s settings")),
    Action.SET_UP_STORAGE: Rule(_ADMIN, _ADMINS.format("set up where files are stored")),
    Action.CHECK_FILES: Rule(_ADMIN, _ADMINS.format("compare the records with the storage")),
    Action.BACK_UP: Rule(
        _ADMIN, "Only an administrator of the clinic may back it up. Nothing was written."
    ),
    Action.READ_TRAIL: Rule(
        _ADMIN, "Only an administrator of the clinic may read who did what. Nothing was shown."
    ),
    Action.BREAK_GLASS: Rule(
        _ADMIN,
        "Emergency access is for administrators. Doctors and the front desk see records anyway.",
    ),
}

OTHERS_VISIT = (
    "This visit is another doctor’s. Only they and the clinic’s leading doctor may write in it or "
    "sign it. Nothing was changed. You can read it, attach files, and start a visit of your own."
)
CLINICAL = (
    "The front desk writes the complaint and the vitals. Everything else in a visit is the "
    "doctor’s to write. Nothing was changed."
)
NOT_READY = (
    "The doctor has not marked this visit as ready, or it was changed since. Nothing was changed. "
    "Ask the doctor to look at it and to mark it."
)

_FRONT_DESK_WRITES = frozenset({"complaint", "vitals", "version"})


def may_write_clinical(roles: frozenset[Role], *, own: bool, owner_active: bool) -> bool:
    """Whether a doctor's part of this visit is theirs to write and sign: their own visit, one of
    somebody who is no longer here (imported ones too), or any, for the doctor who leads the
    clinic."""
    return "doctor" in roles and (own or not owner_active or "admin" in roles)


def beyond_front_desk(stored: VisitDraft, typed: VisitDraft) -> bool:
    """Whether more than complaint and vitals differs."""
    return any(
        getattr(stored, field.name) != getattr(typed, field.name)
        for field in fields(VisitDraft)
        if field.name not in _FRONT_DESK_WRITES
    )
