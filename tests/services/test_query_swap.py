"""Every query function, asked with the ids of one patient, before and after another one came: the
answer is the same, and what is written is written to the first one's rows alone. Reflection finds
a new function before anybody else.
"""

import importlib
import inspect
import pkgutil
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

import medrec_desktop.data
from medrec_desktop.data import (
    attachments,
    combined,
    documents,
    records,
    retractions,
    schema,
    set_aside,
    upload_parts,
    uploads,
)
from medrec_desktop.data.clinic import user_key
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.services.patients import Patients
from tests.factories import KEY, NOON, FakeClock, a_clinic, a_finalized_visit, context_of
from tests.services.queries_by_id import (
    ASKED,
    SHA,
    SILENT,
    WIDE,
    WIDE_MODULES,
    WRITTEN,
    Ids,
    same_bytes,
)
from tests.services.test_id_swap import Person, a_person


def queries() -> set[str]:
    """Every public function of the queries that takes a session, and every method of what is made
    with one."""
    found = set()
    for each in pkgutil.iter_modules(medrec_desktop.data.__path__):
        if each.ispkg:
            continue
        module = importlib.import_module(f"medrec_desktop.data.{each.name}")
        for name, one in vars(module).items():
            own = getattr(one, "__module__", None) == module.__name__
            if not own or name.startswith("_"):
                continue
            if inspect.isfunction(one) and _takes_session(one):
                found.add(f"{each.name}.{name}")
            if inspect.isclass(one) and _takes_session(one):
                methods = (m for m in vars(one) if not m.startswith("_"))
                found |= {f"{each.name}.{name}.{m}" for m in methods if callable(vars(one)[m])}
    return found


def _takes_session(one: Any) -> bool:
    try:
        taken = inspect.signature(one).parameters.values()
    except ValueError:
        return False
    return any(p.name == "session" or "Rows'" in f"{p.annotation}" for p in taken) or any(
        p.annotation is documents.Rows for p in taken
    )


def test_every_query_that_takes_a_session_is_known_here() -> None:
    known = {*ASKED, *WRITTEN, *WIDE}
    found = {name for name in queries() if name.split(".")[0] not in WIDE_MODULES} | {
        name for name in queries() if name in known
    }
    # The place where a session comes from is no query.
    found = {name for name in found if name.split(".")[0] not in {"migrate", "local", "tenant"}}
    assert found - known == set()
    assert known - found == set()


@dataclass(frozen=True)
class Stages:
    """The same clinic before and after Bo came, and the ids of both and of a stranger."""

    before: Path
    after: Path
    ada: Ids
    bo: Ids
    stranger: Ids


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    home, before, other = (tmp_path_factory.mktemp(n) for n in ("whole", "before", "other"))
    with closing(a_clinic(other).db) as db:
        stranger = furnished(db, other, "CHARLIE", NOON)
    with closing(a_clinic(home).db) as db:
        ada = furnished(db, home, "ALPHA", NOON)
    shutil.copytree(home, before, dirs_exist_ok=True)
    with closing(_open(home)) as db:
        # Later, so that "the newest" would be Bo's for whoever forgets to say whose.
        bo = furnished(db, home, "BRAVO", NOON + timedelta(days=3))
    return Stages(before, home, ada, bo, stranger)


def _open(home: Path) -> LocalDb:
    return LocalDb.open(home / "clinic" / "medrec.db", KEY)


def furnished(db: LocalDb, home: Path, word: str, now: datetime) -> Ids:
    """Somebody with something in every table."""
    context = context_of(db, clock=FakeClock(now))
    person: Person = a_person(context, home, word)
    a_finalized_visit(context, person.patient)
    Patients(context).chart(person.patient)
    with db.begin() as session:
        place = attachments.record_place(session, person.draft)
        file = attachments.attachment_row(session, person.file)
        numbers = sa.select(schema.record_attachments.c.id)
        file_key = session.scalars(
            numbers.where(schema.record_attachments.c.uid == person.file)
        ).one()
        assert file.uid == person.file
        ids = Ids(
            person.patient,
            person.draft,
            person.final,
            person.file,
            place.patient_key,
            place.key,
            attachments.record_place(session, person.final).key,
            file_key,
        )
        set_aside.put_aside(
            session,
            ids.draft,
            uuid4(),
            {"plan": word},
            why="conflict",
            by=context.actor.id,
            now=NOON,
        )
        if uploads.get_upload(session, ids.file) is None:
            attachments.queue_upload(session, file_key, now=NOON)
            attachments.change_attachment(session, file_key, s3_key=f"tenant/{word}.txt")
        upload_parts.begin_parts(session, file_key, upload_id=word, part_size=5)
        part = upload_parts.SentPart(1, 5, SHA, word, "etag")
        upload_parts.put_part(session, file_key, part)
        retractions.plan_retraction(session, ids.file, due_at=NOON)
        combined.note_combined(session, ids.draft, ids.draft)
        # What both have alike: whose it is must be asked.
        same_bytes(session, ids.draft)
        doctor = user_key(session, context.actor.id)
        records.insert_draft(session, patient=ids.patient_key, doctor=doctor, now=now)
    return ids


@contextmanager
def transaction(db: LocalDb) -> Iterator[Any]:
    """One that leaves nothing."""
    with db.begin() as session:
        inner = session.begin_nested()
        try:
            yield session
        finally:
            inner.rollback()


@pytest.fixture(scope="module")
def both(stages: Stages) -> Iterator[tuple[LocalDb, LocalDb]]:
    before, after = _open(stages.before), _open(stages.after)
    yield before, after
    before.close()
    after.close()


@pytest.mark.parametrize("name", ASKED)
def test_an_answer_about_one_patient_is_the_same_when_another_came(
    stages: Stages, both: tuple[LocalDb, LocalDb], name: str
) -> None:
    said = []
    for db in both:
        with transaction(db) as session:
            said.append(repr(ASKED[name](session, stages.ada)))
    assert said[0] == said[1]
    with transaction(both[1]) as session:
        of_bo = ASKED[name](session, stages.bo)
        assert "ALPHA" not in repr(of_bo)
        if name not in SILENT:
            assert of_bo
            assert repr(of_bo) != said[1] or isinstance(of_bo, bool | int | str)


@pytest.mark.parametrize("name", ASKED)
def test_ids_of_another_clinic_of_nobody_and_of_other_things_tell_nothing(
    stages: Stages, both: tuple[LocalDb, LocalDb], name: str
) -> None:
    db, ada, bo = both[1], stages.ada, stages.bo
    far: dict[str, Any] = {
        "patient_key": 10**6,
        "draft_key": 10**6,
        "final_key": 10**6,
        "file_key": 10**6,
    }
    nobody = {"patient": uuid4(), "draft": uuid4(), "final": uuid4(), "file": uuid4()}
    other = stages.stranger
    strange = {one: getattr(other, one) for one in nobody}
    mixed = {"patient": ada.draft, "draft": ada.file, "final": ada.patient, "file": ada.final}
    swapped = {"patient": ada.patient, "draft": bo.draft, "final": bo.final, "file": bo.file}
    for wrong in (nobody, strange, mixed):
        ids = Ids(**wrong, **far)
        with transaction(db) as session:
            try:
                said = repr(ASKED[name](session, ids))
            except MedrecError as error:
                said = str(error)
            except (AssertionError, sa.exc.NoResultFound):
                said = ""  # the right row number was needed to ask at all
        for word in ("ALPHA", "BRAVO", "CHARLIE"):
            assert word not in said
        known = {str(v) for who in (ada, bo) for v in vars_of(who)} - {str(v) for v in vars_of(ids)}
        assert not {one for one in known if len(one) > 20 and one in said}
    # Two ids at once: of two patients, they do not meet.
    if name == "records.record_row":
        with transaction(db) as session, pytest.raises(MedrecError):
            ASKED[name](session, Ids(**swapped, **far))  # type: ignore[arg-type]  # uuids


def vars_of(ids: Ids) -> list[Any]:
    return [getattr(ids, one.name) for one in fields(ids)]


def everything(session: Any) -> dict[tuple[str, str], str]:
    """(table, key) -> row, of every table."""
    found = {}
    for table in schema.tables("local"):
        keys = [column.name for column in table.primary_key] or [c.name for c in table.c]
        for one in session.execute(sa.select(table)):
            mapped = one._mapping
            found[table.name, repr([mapped[name] for name in keys])] = repr(tuple(one))
    for text in ("SELECT rowid, * FROM patient_search",):
        try:
            rows = session.execute(sa.text(text)).all()
        except sa.exc.OperationalError:
            rows = []
        found |= {("patient_search", repr(one[0])): repr(tuple(one)) for one in rows}
    return found


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_for_one_patient_leaves_the_rows_of_another(
    stages: Stages, both: tuple[LocalDb, LocalDb], name: str
) -> None:
    with transaction(both[0]) as session:
        without_bo = everything(session)
    with transaction(both[1]) as session:
        whole = everything(session)
        of_bo = {key: value for key, value in whole.items() if without_bo.get(key) != value}
        tables = {table for table, _ in of_bo}
        assert {"patients", "medical_records", "record_attachments", "upload_queue"} <= tables
        WRITTEN[name](session, stages.ada)
        after = everything(session)
    assert {key: after.get(key) for key in of_bo} == of_bo
    assert after != whole, "it wrote nothing, so nothing was tried"
