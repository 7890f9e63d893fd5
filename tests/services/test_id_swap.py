"""Every id that a service or a query takes, exchanged: for another patient's, another clinic's,
another kind of thing's, or nobody's. Nothing is told and nothing is changed but what the right id
means. Reflection finds a new method before anybody else.
"""

import inspect
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.sources import opened_bytes
from medrec_desktop.attachments.taking import Asked, Taker
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data import attachments as files
from medrec_desktop.data import patients as people
from medrec_desktop.data import records, schema
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import MedrecError, NotFound
from medrec_desktop.domain.ids import AttachmentId, PatientId, RecordId
from medrec_desktop.domain.patients import Allergy
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from tests.factories import (
    KEY,
    FakeClock,
    a_clinic,
    a_diagnosis,
    a_finalized_visit,
    a_patient,
    a_visit,
    context_of,
)
from tests.services.test_roles import classes, methods
from tests.services.test_roles import services as services  # noqa: PLC0414 - a fixture

# Who acts, what was asked of this computer and what is derived say nothing of a patient.
_ASIDE = {"audit_entries", "local_settings", "outbox"}
_OF_PATIENTS = {"patient_id", "record_id", "before", "attachment_id", "draft"}
_OTHERS = {"user_id", "doctor_id", "review_id", "job", "device", "window"}


@dataclass(frozen=True)
class Person:
    """One patient with something of everything, each text marked with their word."""

    word: str
    patient: PatientId
    draft: RecordId
    final: RecordId
    file: AttachmentId


@dataclass(frozen=True)
class Two:
    """Two patients of one clinic, and one of another."""

    ada: Person
    bo: Person
    stranger: Person


def a_person(context: Context, folder: Path, word: str) -> Person:
    patients, visits = Patients(context), Visits(context)
    patient = patients.register(a_patient(word, word, address=word))
    patients.set_allergies(patient, "has", (Allergy(uuid4(), word),))
    texts: dict[str, Any] = {"complaint": word, "plan": word, "notes": word}

    def diagnoses() -> tuple[Diagnosis, ...]:
        return (replace(a_diagnosis(), note=word),)

    texts["prescriptions"] = (Prescription(f"p{word}", word, word),)
    texts["labs"] = (LabTest(f"l{word}", word),)
    texts["vitals"] = Vitals(pulse=str(60 + len(word)), pain=str(ord(word[0]) % 10))
    final = a_finalized_visit(context, patient, **texts, diagnoses=diagnoses())
    visits.add_addendum(final, "plan", word)
    context.clock.now += _HOUR  # type: ignore[attr-defined]  # a clock of the tests
    draft = a_visit(context, patient, **texts, diagnoses=diagnoses())
    assert draft != final
    taker = Taker(context.db, open_vault(context.db, folder / "vault"), context.clock)
    asked = Asked(draft, f"{word}.txt", context.actor.id)
    with opened_bytes(word.encode()) as source:
        taker.take(asked, source, progress=lambda _: None, stop=threading.Event())
    with context.db.read() as session:
        [kept] = files.list_attachments(session, draft)
    return Person(word, patient, draft, final, kept.id)


_HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Two]:
    """Both clinics, written once."""
    home, other = (tmp_path_factory.mktemp(name) for name in ("swap", "stranger"))
    with closing(a_clinic(other).db) as db:
        stranger = a_person(context_of(db, clock=FakeClock()), other, "CHARLIE")
    with closing(a_clinic(home).db) as db:
        context = context_of(db, clock=FakeClock())
        ada, bo = (a_person(context, home, word) for word in ("ALPHA", "BRAVO"))
    return home, Two(ada, bo, stranger)


@pytest.fixture
def two(made: tuple[Path, Two]) -> Two:
    return made[1]


@pytest.fixture
def clinic(made: tuple[Path, Two], tmp_path: Path) -> Iterator[Context]:
    """A copy of the clinic of the two."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    db = LocalDb.open(tmp_path / "clinic" / "medrec.db", KEY)
    yield context_of(db, clock=FakeClock())
    db.close()


def taking_ids() -> list[tuple[str, str]]:
    """Every method of a service that takes an id of a patient or of something of theirs."""
    found = []
    for name, method in methods():
        names = set(parameters(getattr(classes()[name], method)))
        if names & _OF_PATIENTS:
            found.append((name, method))
    return found


def parameters(method: Any) -> dict[str, inspect.Parameter]:
    """What it takes; a property takes nothing."""
    if not callable(method):
        return {}
    return {n: p for n, p in inspect.signature(method).parameters.items() if n != "self"}


def test_every_id_that_a_method_takes_is_known_here() -> None:
    unknown = [
        f"{name}.{method}({parameter})"
        for name, method in methods()
        for parameter, one in parameters(getattr(classes()[name], method)).items()
        if re.search(r"\b(\w+Id|UUID)\b", str(one.annotation))
        and parameter not in _OF_PATIENTS | _OTHERS
        # Ids inside a value are given by the test of what takes the value.
        and parameter not in {"records", "decisions", "place"}
    ]
    assert unknown == []
    assert len(taking_ids()) > 30


def arguments(clinic: Context, method: Any, person: Person, tmp_path: Path) -> dict[str, Any]:
    """What the method needs, all of it of this person."""
    wanted = {n: p for n, p in parameters(method).items() if p.default is p.empty or n in _GIVEN}
    found: dict[str, Any] = {}
    for name, one in wanted.items():
        if one.kind in {one.VAR_KEYWORD, one.VAR_POSITIONAL}:
            continue
        found[name] = {
            "patient_id": person.patient,
            "record_id": person.final if method.__name__ in _OF_FINAL else person.draft,
            "before": person.draft,
            "attachment_id": person.file,
            "draft": _draft(clinic, person),
            "form": Patients(clinic).form(person.patient),
            "allergies": (),
            "state": "none_known",
            "version": _draft(clinic, person).version,
            "section": "plan",
            "name": "new name.txt",
            "folder_or_path": tmp_path / "out",
            "paths": (),
            "content": b"words",
            "window": uuid4(),
            "why": "conflict",
        }.get(name, "words")
    return found


def _asked(method: Any) -> set[str]:
    return {n for n, p in parameters(method).items() if p.default is p.empty}


_GIVEN = {"before", "patient_id"}
_OF_FINAL = {"add_addendum", "verify_seal", "check_seal", "check", "printing"}


def _draft(clinic: Context, person: Person) -> Any:
    with clinic.db.read() as session:
        return records.get_visit(session, person.draft).draft


def contents(clinic: Context, word: str = "") -> dict[str, list[str]]:
    """Every row, or every row with this word in it, of every table that tells of patients."""
    found = {}
    with clinic.db.read() as session:
        for table in schema.tables("local"):
            if table.name not in _ASIDE:
                rows = [repr(tuple(row)) for row in session.execute(sa.select(table))]
                found[table.name] = sorted(row for row in rows if word in row)
    return found


def attempted(act: Callable[[], Any]) -> str:
    """What it said; only the errors that the program expects."""
    try:
        said = act()
    except MedrecError as error:
        return str(error)
    return repr(said.read_bytes() if isinstance(said, Path) and said.is_file() else said)


@pytest.mark.parametrize(("name", "method"), taking_ids())
def test_an_id_that_means_nothing_here_tells_and_changes_nothing(
    clinic: Context,
    two: Two,
    services: dict[str, Callable[[Context], Any]],
    tmp_path: Path,
    name: str,
    method: str,
) -> None:
    bound = getattr(services[name](clinic), method)
    before = contents(clinic)
    right = arguments(clinic, bound, two.ada, tmp_path)
    kinds = {
        "patient_id": two.bo.draft,
        "record_id": two.bo.patient,
        "before": two.bo.file,
        "attachment_id": two.bo.final,
    }
    strangers = {
        "patient_id": two.stranger.patient,
        "record_id": two.stranger.draft,
        "before": two.stranger.draft,
        "attachment_id": two.stranger.file,
    }
    for parameter in right.keys() & kinds.keys():
        for wrong in (kinds[parameter], strangers[parameter], uuid4()):
            said = attempted(lambda wrong=wrong, p=parameter: bound(**right | {p: wrong}))  # type: ignore[misc]  # bound at once
            assert "BRAVO" not in said
            assert "CHARLIE" not in said
            if parameter != "before":
                assert "ALPHA" not in said
            assert contents(clinic) == before, f"{name}.{method}({parameter})"
    if "draft" in right:
        for wrong in (two.stranger.draft, two.bo.patient, uuid4()):
            draft = replace(right["draft"], record_id=RecordId(wrong), complaint="written")
            attempted(lambda draft=draft: bound(**right | {"draft": draft}))  # type: ignore[misc]  # as above
            if name != "Aside":  # keeps words for whatever record they were typed in
                assert contents(clinic) == before


@pytest.mark.parametrize(("name", "method"), taking_ids())
def test_the_right_id_tells_and_changes_nothing_of_another_patient(
    clinic: Context,
    two: Two,
    services: dict[str, Callable[[Context], Any]],
    tmp_path: Path,
    name: str,
    method: str,
) -> None:
    bound = getattr(services[name](clinic), method)
    before = contents(clinic, "BRAVO")
    assert len([table for table, rows in before.items() if rows]) >= 5
    given = arguments(clinic, bound, two.ada, tmp_path)
    without = {n: v for n, v in given.items() if n not in _GIVEN or n in _asked(bound)}
    for each in (given, without):
        assert "BRAVO" not in attempted(lambda each=each: bound(**each))  # type: ignore[misc]  # bound at once
    assert contents(clinic, "BRAVO") == before


def test_two_ids_of_two_patients_do_not_meet(clinic: Context, two: Two) -> None:
    from medrec_desktop.services.diagnoses import Diagnoses

    visits, diagnoses = Visits(clinic), Diagnoses(clinic, None)
    for act in (
        lambda: visits.last_seen(two.ada.patient, two.bo.draft),
        lambda: visits.last_seen(two.bo.patient, two.ada.draft),
        lambda: diagnoses.last_visit(two.ada.patient, before=two.bo.draft),
        lambda: diagnoses.last_visit(two.bo.patient, before=two.ada.draft),
    ):
        said = attempted(act)
        assert not ("ALPHA" in said and "BRAVO" in said)
    with clinic.db.read() as session:
        assert records.record_row(session, two.ada.draft, two.ada.patient)
        for record, patient in ((two.ada.draft, two.bo.patient), (two.bo.draft, two.ada.patient)):
            with pytest.raises(NotFound):
                records.record_row(session, record, patient)


def test_a_visit_is_not_saved_into_another_patients_chart(clinic: Context, two: Two) -> None:
    visits = Visits(clinic)
    ada, bo = _draft(clinic, two.ada), _draft(clinic, two.bo)
    before = contents(clinic)
    for draft in (
        replace(ada, patient_id=two.bo.patient),
        replace(ada, record_id=two.bo.draft),
        replace(bo, patient_id=two.ada.patient),
    ):
        with pytest.raises(NotFound):
            visits.save_draft(draft)
    assert contents(clinic) == before


def test_queries_answer_to_the_right_kind_of_id_alone(clinic: Context, two: Two) -> None:
    queries: list[tuple[Callable[..., Any], UUID, set[UUID]]] = [
        (people.get_patient, two.ada.patient, {two.ada.draft, two.ada.file, two.stranger.patient}),
        (people.patient_key, two.ada.patient, {two.ada.draft, two.ada.file, two.stranger.patient}),
        (records.record_row, two.ada.draft, {two.ada.patient, two.ada.file, two.stranger.draft}),
        (records.get_visit, two.ada.draft, {two.ada.patient, two.ada.file, two.stranger.draft}),
        (files.record_place, two.ada.draft, {two.ada.patient, two.ada.file, two.stranger.draft}),
        (files.get_attachment, two.ada.file, {two.ada.patient, two.ada.draft, two.stranger.file}),
        (files.attachment_row, two.ada.file, {two.ada.patient, two.ada.draft, two.stranger.file}),
    ]
    with clinic.db.read() as session:
        for query, right, wrong in queries:
            assert query(session, right)
            for one in wrong:
                with pytest.raises(NotFound):
                    query(session, one)
        for one in (two.ada.patient, two.stranger.draft, two.ada.file):
            assert not files.list_attachments(session, RecordId(one))


def taking_others() -> list[tuple[str, str, str]]:
    """Every method of a service that takes an id of a user, a computer, a review or a job."""
    return [
        (name, method, parameter)
        for name, method in methods()
        for parameter in parameters(getattr(classes()[name], method))
        if parameter in _OTHERS - {"window"}
    ]


@pytest.mark.parametrize(("name", "method", "parameter"), taking_others())
def test_an_id_of_nobody_or_of_another_kind_changes_nothing(
    clinic: Context,
    two: Two,
    services: dict[str, Callable[[Context], Any]],
    tmp_path: Path,
    name: str,
    method: str,
    parameter: str,
) -> None:
    bound = getattr(services[name](clinic), method)
    before = contents(clinic)
    right = arguments(clinic, bound, two.ada, tmp_path) | {"decisions": ()}
    given = {n: v for n, v in right.items() if n in _asked(bound)} | {"role": "doctor"}
    given = {n: v for n, v in given.items() if n in parameters(bound)}
    for wrong in (uuid4(), two.ada.patient, two.bo.file, two.stranger.draft):
        said = attempted(lambda wrong=wrong: bound(**given | {parameter: wrong}))  # type: ignore[misc]  # bound at once
        assert "BRAVO" not in said
        assert "CHARLIE" not in said
        assert contents(clinic) == before
