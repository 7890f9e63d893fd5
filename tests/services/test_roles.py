"""Role by service method, all of them: reflection finds a new public method before anybody else."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

import medrec_desktop.services
from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data.schema import audit_entries
from medrec_desktop.domain.errors import Invalid, NotFound
from medrec_desktop.domain.joining import ServerPlace
from medrec_desktop.domain.people import Role
from medrec_desktop.domain.roles import CLINICAL, OTHERS_VISIT, RULES, Action
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services import authorize as asking
from medrec_desktop.services.accounts import Accounts
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.authorize import NotAllowed, allowed, authorize
from medrec_desktop.services.backups import Backups
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context
from medrec_desktop.services.diagnoses import Diagnoses
from medrec_desktop.services.emergency import Emergency
from medrec_desktop.services.export import export_patient
from medrec_desktop.services.file_room import FileRoom
from medrec_desktop.services.history import History
from medrec_desktop.services.linked import ServerLink
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.ready import Ready
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.server_move import ServerMove
from medrec_desktop.services.storage import Storage
from medrec_desktop.services.storage_check import verify_storage
from medrec_desktop.services.storage_set_up import StorageSetUp
from medrec_desktop.services.stored_files import StoredFiles
from medrec_desktop.services.sync import Sync
from medrec_desktop.services.uploads import Uploads
from medrec_desktop.services.visits import Visits
from medrec_desktop.sync.account import ServerAccount
from tests.factories import (
    FakeClock,
    a_diagnosis,
    a_finalized_visit,
    a_patient,
    a_visit,
    another_user,
)

ROLES: tuple[Role, ...] = ("doctor", "front_desk", "admin")

# What the program itself asks, in nobody's name; a method that a screen calls has no place here.
UNASKED = {
    "Uploads.start": "begins with the clinic",
    "Uploads.close": "ends with the clinic",
    "Uploads.busy": "a property, without names",
    "Storage.bucket": "the uploader's way to the storage",
    "StorageSetUp.bucket": "the uploader's way to the storage",
    "FileRoom.quota": "asked by the thread that makes room",
    "ServerLink.begin": "starts the threads of an opened clinic",
    "ServerLink.close": "ends them",
    "ServerLink.work_here": "says in whose name is sent",
    "ServerLink.link": "how the link stands, from memory",
    "ServerLink.download": "how far it is, from memory",
    "ServerLink.try_now": "wakes the thread",
    "ServerLink.set_foreground": "wakes the thread",
    "ServerLink.set_editing": "says which forms are open",
    "ServerLink.heard": "these were read",
}
# Modules' public functions that act on a clinic; everything else there is pure.
FUNCTIONS = {
    "export_patient": Action.EXPORT_PATIENT,
    "verify_storage": Action.CHECK_FILES,
    "move_to_server": Action.CHANGE_CLINIC,
    "send_everything": Action.CHANGE_CLINIC,
}
NOT_SERVICES = {
    "Aside": "a part of Visits, and asked there",
    "Context": "what services are made with",
    "Fetching": "a part of Uploads, and asked there",
    "Rounds": "a part of ServerLink, and asked there",
}
NOT_ASKED = {
    "open_context": "says who acts",
    "require_access": "says whether somebody may sign in",
    "note_contact": "what the server's answer allows",
    "follow_users": "takes access away",
    "note_signed_out": "takes access away",
    "let_in": "says who acts",
    "switched": "says who acts",
    "seen_by": "the same service, asked by another user",
    "acting_as": "says who acts in the demo",
    "check_password": "says whether somebody is who acts",
    "write_failed": "writes the trail",
    "change_key": "asked by Accounts",
    "seal_visit": "asked by Visits",
    "back_up": "asked by Backups",
    "open_link": "begins what goes on whoever is signed in",
    "write_bundle": "asked by ServerLink",
    "looks_elsewhere": "asked by ServerLink",
    "ask_heads": "brings only what the trail is compared with",
    "heard_heads": "brings only what the trail is compared with",
    "rounds_of": "asked by send_everything",
}


@pytest.fixture
def services(clinic: Context, tmp_path: Path) -> dict[str, Callable[[Context], Any]]:
    """Class name -> how it is made for a user."""
    vault = open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    return {
        "Accounts": Accounts,
        "Attachments": lambda context: Attachments(context, vault, intake),
        "Backups": lambda context: Backups(context, tmp_path / "vault"),
        "Clinic": Clinic,
        "Diagnoses": lambda context: Diagnoses(context, None),
        "Emergency": Emergency,
        "FileRoom": lambda context: FileRoom(context, vault),
        "History": History,
        "Patients": Patients,
        "Ready": Ready,
        "Seals": Seals,
        "Storage": Storage,
        "StorageSetUp": lambda context: StorageSetUp(context, vault),
        "StoredFiles": lambda context: StoredFiles(context, Storage(context)),
        "ServerLink": lambda context: ServerLink(
            context, tmp_path, ServerAccount(ServerPlace("localhost"), "tenant_1"), logs=tmp_path
        ),
        "ServerMove": lambda context: ServerMove(context, tmp_path),
        "Sync": Sync,
        "Uploads": lambda context: Uploads(context, vault),
        "Visits": Visits,
    }


def modules() -> Iterator[Any]:
    for found in pkgutil.iter_modules(medrec_desktop.services.__path__):
        yield importlib.import_module(f"medrec_desktop.services.{found.name}")


def acts_on_a_clinic(one: Any) -> bool:
    """Whether it is made with, or called with, an open clinic."""
    try:
        found = inspect.signature(one).parameters.values()
    except ValueError:
        return False
    return any(re.search(r"\b(Context|LocalDb)\b", str(each.annotation)) for each in found)


def public(kind: Callable[[Any], bool]) -> dict[str, Any]:
    """What is defined among the services, is of this kind and acts on an open clinic."""
    return {
        name: one
        for module in modules()
        for name, one in vars(module).items()
        if kind(one)
        and one.__module__ == module.__name__
        and not name.startswith("_")
        and acts_on_a_clinic(one)
    }


def classes() -> dict[str, Any]:
    return public(inspect.isclass)


def methods() -> list[tuple[str, str]]:
    return [
        (name, method)
        for name, one in sorted(classes().items())
        if name not in NOT_SERVICES
        for method in dir(one)
        if not method.startswith("_") and f"{name}.{method}" not in UNASKED
    ]


def test_every_class_among_the_services_is_known_here(
    services: dict[str, Callable[[Context], Any]],
) -> None:
    assert set(classes()) == {*services, *NOT_SERVICES}


@pytest.mark.parametrize(("name", "method"), methods())
def test_every_public_method_asks_who_may(name: str, method: str) -> None:
    found = getattr(classes()[name], method)
    assert isinstance(getattr(found, "action", None), Action), (
        f"{name}.{method} asks nobody: mark it with @needs(Action…), or say in UNASKED why not"
    )


def test_functions_that_act_on_a_clinic_are_known_here() -> None:
    # What authorizes and what writes the trail cannot ask itself.
    below = {"medrec_desktop.services.authorize", "medrec_desktop.services.trail"}
    found = {
        name for name, one in public(inspect.isfunction).items() if one.__module__ not in below
    }
    assert found == {*FUNCTIONS, *NOT_ASKED}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("name", "method"), methods())
def test_whoever_may_not_is_refused_before_anything_happens(
    clinic: Context,
    services: dict[str, Callable[[Context], Any]],
    name: str,
    method: str,
    role: Role,
) -> None:
    actor = another_user(clinic, "Somebody", role)
    service = services[name](actor)
    bound = getattr(service, method)
    rule = RULES[bound.action]
    if role in rule.roles:
        authorize(actor, bound.action)
        return
    wanted = [
        uuid4()
        for one in inspect.signature(bound).parameters.values()
        if one.default is one.empty and one.kind is not one.VAR_KEYWORD
    ]
    with pytest.raises(NotAllowed) as refused:
        bound(*wanted)
    assert str(refused.value) == rule.refusal
    with clinic.db.read() as session:
        last = session.execute(sa.select(audit_entries).order_by(audit_entries.c.id.desc())).first()
    assert last is not None
    assert (last.what, last.outcome, last.actor) == ("refused", "denied", actor.actor.id)
    assert last.detail == bound.action.value


@pytest.mark.parametrize("role", ROLES)
def test_functions_refuse_as_methods_do(clinic: Context, tmp_path: Path, role: Role) -> None:
    actor = another_user(clinic, "Somebody", role)
    if role not in RULES[Action.EXPORT_PATIENT].roles:
        with pytest.raises(NotAllowed):
            export_patient(actor, Patients(clinic).register(a_patient()), tmp_path / "out.json")
        assert not (tmp_path / "out.json").exists()
    if role not in RULES[Action.CHECK_FILES].roles:
        with pytest.raises(NotAllowed):
            verify_storage(actor, tmp_path / "vault")


def test_the_doctor_who_made_the_clinic_may_everything_but_break_glass_needlessly(
    clinic: Context,
) -> None:
    assert clinic.actor.admin
    assert all(allowed(clinic, action) for action in Action)


def test_somebody_who_left_may_nothing(clinic: Context) -> None:
    left = replace(clinic, actor=replace(clinic.actor, active=False))
    assert not any(allowed(left, action) for action in Action)
    with pytest.raises(NotAllowed, match="no longer have access"):
        Visits(left).my_drafts()


# --- whose visit, and what of it ---------------------------------------------------------------


def test_the_front_desk_writes_complaint_and_vitals_of_any_draft_and_nothing_else(
    clinic: Context,
) -> None:
    record = a_visit(clinic, complaint="Cough", plan="Rest")
    desk = Visits(another_user(clinic, "Ines", "front_desk"))
    draft = desk.open(record).draft
    saved = desk.save_draft(replace(draft, complaint="Fever", vitals=Vitals(pulse="84")))
    draft = replace(draft, version=saved.version, complaint="Fever", vitals=Vitals(pulse="84"))
    for beyond in (
        replace(draft, plan=""),
        replace(draft, diagnoses=(a_diagnosis(),)),
        replace(draft, notes="x"),
    ):
        with pytest.raises(NotAllowed) as refused:
            desk.save_draft(beyond)
        assert str(refused.value) == CLINICAL
    assert desk.open(record).draft == draft


def test_another_doctors_visit_is_read_but_neither_written_nor_signed(clinic: Context) -> None:
    owner = another_user(clinic, "Dr A")
    record = a_visit(owner, complaint="Cough", diagnoses=(a_diagnosis(),))
    other = Visits(another_user(clinic, "Dr B"))
    draft = other.open(record).draft
    for act in (
        lambda: other.save_draft(replace(draft, plan="Mine")),
        lambda: other.finalize(record, draft.version),
        lambda: other.void(record, "not mine"),
    ):
        with pytest.raises(NotAllowed) as refused:
            act()
        assert str(refused.value) == OTHERS_VISIT
    assert other.open(record).draft == draft
    other_addendum = a_finalized_visit(owner)
    assert other.add_addendum(other_addendum, "plan", "Seen again.").addenda


def test_who_leads_the_clinic_and_who_follows_somebody_who_left_take_over(clinic: Context) -> None:
    owner = another_user(clinic, "Dr A")
    record = a_visit(owner, complaint="Cough", diagnoses=(a_diagnosis(),))
    leading = Visits(clinic)
    leading.save_draft(replace(leading.open(record).draft, plan="Taken over"))
    other = Visits(another_user(clinic, "Dr B"))
    with clinic.db.begin() as session:
        session.execute(
            sa.text("UPDATE users SET active = 0 WHERE uid = :uid"), {"uid": owner.actor.id.hex}
        )
    draft = other.open(record).draft
    other.save_draft(replace(draft, plan="Mine now"))


def test_the_front_desk_opens_a_visit_for_a_doctor(clinic: Context) -> None:
    desk = another_user(clinic, "Ines", "front_desk")
    patient = Patients(desk).register(a_patient())
    assert Visits(desk).open(Visits(desk).start(patient)).doctor == clinic.actor.name
    second = another_user(clinic, "Dr B")
    with pytest.raises(Invalid, match="Choose the doctor"):
        Visits(desk).start(patient)
    record = Visits(desk).start(patient, second.actor.id)
    assert Visits(desk).open(record).doctor == "Dr B"
    with pytest.raises(NotFound):
        Visits(desk).start(patient, uuid4())  # type: ignore[arg-type]  # nobody's id


def test_everybody_renames_themselves_and_administrators_everybody(clinic: Context) -> None:
    desk = another_user(clinic, "Ines", "front_desk")
    Clinic(desk).rename_user(desk.actor.id, "Ines Duarte")
    with pytest.raises(NotAllowed):
        Clinic(desk).rename_user(clinic.actor.id, "Dr. Evil")
    Clinic(clinic).rename_user(desk.actor.id, "Ines D.")
    assert {user.name for user in Clinic(clinic).users()} == {"Ines D.", clinic.actor.name}


# --- emergency access --------------------------------------------------------------------------


def test_emergency_access_reads_for_an_hour_and_is_written_down_first(
    clinic: Context, clock: FakeClock
) -> None:
    record = a_finalized_visit(clinic)
    admin = another_user(clinic, "IT", "admin")
    with pytest.raises(NotAllowed, match="emergency"):
        Visits(admin).open(record)
    with pytest.raises(Invalid, match="Say why"):
        Emergency(admin).open("  ")
    until = Emergency(admin).open("Dr Mensah is ill, patient in the waiting room")
    assert until == clock.now + timedelta(minutes=60)
    visit = Visits(admin).open(record)
    Patients(admin).chart(visit.draft.patient_id)
    for act in (
        lambda: Visits(admin).add_addendum(record, "plan", "x"),
        lambda: Visits(admin).start(visit.draft.patient_id),
        lambda: Visits(admin).printing(record),
        lambda: export_patient(admin, visit.draft.patient_id, Path("nowhere")),
    ):
        with pytest.raises(NotAllowed):
            act()
    with clinic.db.read() as session:
        entries = session.execute(
            sa.select(audit_entries.c.what, audit_entries.c.detail)
            .where(audit_entries.c.actor == admin.actor.id, audit_entries.c.outcome == "done")
            .order_by(audit_entries.c.id)
        ).all()
    assert [tuple(entry) for entry in entries] == [
        ("glass.break", "Dr Mensah is ill, patient in the waiting room"),
        ("visit.open", "emergency access"),
        ("chart.open", "emergency access"),
    ]
    # It is this user's alone, and ends by itself or when the clock was set back.
    with pytest.raises(NotAllowed):
        Visits(another_user(clinic, "IT 2", "admin")).open(record)
    clock.now += timedelta(minutes=60)
    with pytest.raises(NotAllowed):
        Visits(admin).open(record)
    Emergency(admin).open("again")
    clock.now -= timedelta(minutes=1)
    with pytest.raises(NotAllowed):
        Visits(admin).open(record)


def test_emergency_access_can_be_closed(clinic: Context) -> None:
    record = a_visit(clinic)
    admin = another_user(clinic, "IT", "admin")
    Emergency(admin).open("needed")
    Visits(admin).open(record)
    Emergency(admin).close()
    assert Emergency(admin).until() is None
    with pytest.raises(NotAllowed):
        Visits(admin).open(record)


def test_the_question_takes_no_time(clinic: Context) -> None:
    import timeit

    runs = 5000
    best = min(timeit.repeat(lambda: authorize(clinic, Action.WRITE_VISIT), number=runs, repeat=5))
    assert best / runs < 20e-6


def test_a_refusal_is_noted_once_through_two_services(clinic: Context) -> None:
    admin = another_user(clinic, "IT", "admin")
    with pytest.raises(NotAllowed):
        Patients(admin).form(uuid4())  # type: ignore[arg-type]  # nobody's id
    with clinic.db.read() as session:
        counted = session.scalar(
            sa.select(sa.func.count()).where(audit_entries.c.what == "refused")
        )
    assert counted == 1
    assert asking.LEFT
