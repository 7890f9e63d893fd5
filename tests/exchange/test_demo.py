"""The demo clinic: the same from one seed, coherent, sealed, and like the pictures of the design."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.vitals import DEFAULT_LIMITS, read
from medrec_desktop.exchange.demo import CLINIC, fill
from medrec_desktop.exchange.demo_codes import RELEASE, TITLES
from medrec_desktop.exchange.demo_papers import papers
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import Context, open_context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.terminology.search import INDEX, Icd10

NOW = datetime(2026, 11, 22, 10, 52, tzinfo=UTC)
KEY = bytes(range(32))


def made(folder: Path, *, seed: int = 1, now: datetime = NOW) -> Context:
    folder.mkdir()
    db = LocalDb.create(folder / "medrec.db", KEY)
    fill(db, seed=seed, now=now)
    return open_context(db, changes=Changes(), clock=lambda: now)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    context = made(tmp_path_factory.mktemp("demo") / "clinic")
    yield context
    context.db.close()


def every_visit(context: Context) -> list[VisitDraft]:
    with context.db.read() as session:
        uids = session.scalars(sa.select(medical_records.c.uid).order_by(medical_records.c.id))
        found = list(uids)
    return [Visits(context).open(RecordId(uid)).draft for uid in found]


def shape(context: Context) -> list[tuple[object, ...]]:
    return [
        (v.visit_date, v.complaint, v.vitals, v.plan, v.notes, [d.code for d in v.diagnoses])
        for v in every_visit(context)
    ]


def test_the_same_seed_makes_the_same_clinic_and_another_another(
    demo: Context, tmp_path: Path
) -> None:
    same, other = made(tmp_path / "same"), made(tmp_path / "other", seed=2)
    try:
        assert shape(same) == shape(demo)
        assert shape(other) != shape(demo)
    finally:
        same.db.close()
        other.db.close()


def test_todays_list_is_the_one_of_the_pictures(demo: Context) -> None:
    rows = Visits(demo).today(NOW.astimezone().date())
    assert [(row.family, row.given, row.reason, row.status) for row in rows] == [
        ("Mendes", "Rui", "COPD review", "finalized"),
        ("Kapoor", "Anjali", "Sore throat", "finalized"),
        ("Hassan", "Yusuf", "Fever, 2 days", "finalized"),
        ("Okafor", "Amara", "Blood pressure check; morning headaches for 2 weeks", "draft"),
        ("Lindqvist", "Per", "Knee pain", "draft"),
        ("Okafor", "Amarachi", "Antenatal", "draft"),
        ("Tanaka", "Emi", "Results", "draft"),
        ("Novak", "Petra", "Dressing change", "draft"),
    ]
    assert [f"{row.visit_date.astimezone():%H:%M}" for row in rows] == [
        "09:10",
        "09:30",
        "09:50",
        "10:20",
        "10:40",
        "11:00",
        "11:20",
        "11:40",
    ]
    assert [row.given for row in rows if row.similar] == ["Amara", "Amarachi"]
    counts = Visits(demo).counts(NOW.astimezone().date())
    assert (counts.today, counts.waiting, counts.drafts) == (8, 5, 3)


@pytest.mark.parametrize("clock", ["00:00", "00:07", "05:30", "08:55", "10:21", "19:40"])
def test_at_any_hour_what_is_done_lies_in_the_past_of_the_same_day(
    tmp_path: Path, clock: str
) -> None:
    hour, minute = (int(part) for part in clock.split(":"))
    now = NOW.astimezone().replace(hour=hour, minute=minute).astimezone(UTC)
    context = made(tmp_path / "clinic", now=now)
    rows = Visits(context).today(now.astimezone().date())
    context.db.close()
    assert [row.given for row in rows][:5] == ["Rui", "Anjali", "Yusuf", "Amara", "Per"]
    assert len(rows) == 8
    assert all(row.visit_date <= now for row in rows if row.status == "finalized")
    begun = next(row for row in rows if row.given == "Amara")
    assert begun.visit_date <= now


def test_the_half_written_visit_is_the_one_of_the_pictures(demo: Context) -> None:
    row = next(r for r in Visits(demo).today(NOW.astimezone().date()) if r.given == "Amara")
    visit = Visits(demo).open(row.record_id)
    assert visit.patient.record_no == "RC-004 218"
    assert visit.patient.allergies[0].substance == "Penicillin"
    assert visit.draft.vitals.blood_pressure == "162/98"
    assert [d.code for d in visit.draft.diagnoses] == ["I10", "E11.9"]
    assert [lab.status for lab in visit.draft.labs] == ["ordered"] * 3
    assert visit.draft.follow_up == "06-Dec-2026"
    last = Visits(demo).last_seen(row.patient_id, row.record_id)
    assert (last.vitals["blood_pressure"], last.vitals["weight"]) == ("146/90", "76.9")
    assert last.prescriptions[0].medicine == "Amlodipine 5 mg tablet"


def test_it_is_a_demo_of_three_years_with_sixty_patients(demo: Context) -> None:
    clinic = Clinic(demo)
    assert (clinic.clinic().name, clinic.clinic().demo) == (CLINIC, True)
    assert [user.name for user in clinic.users()] == [
        "Dr M. Haddad",
        "Dr S. Lindgren",
        "Ines Duarte",
    ]
    visits = every_visit(demo)
    assert 550 <= len(visits) <= 700
    assert (
        NOW - timedelta(days=1150) < min(v.visit_date for v in visits) < NOW - timedelta(days=900)
    )
    with demo.db.read() as session:
        states = session.scalars(sa.select(patients.c.allergy_state)).all()
    assert len(states) >= 60
    assert set(states) == {"has", "none_known", "not_asked"}


def test_every_seal_of_the_demo_holds(demo: Context) -> None:
    visits = Visits(demo)
    for draft in every_visit(demo):
        visit = visits.open(draft.record_id)
        if visit.status == "finalized":
            assert visits.verify_seal(draft.record_id)
            assert draft.visit_date < (visit.finalized_at or NOW)
            assert draft.diagnoses[0].kind == "primary"


def test_no_vital_sign_of_the_demo_is_impossible(demo: Context) -> None:
    for draft in every_visit(demo):
        for name in draft.vitals.__dataclass_fields__:
            typed = getattr(draft.vitals, name)
            reading = read(name, typed, limits=DEFAULT_LIMITS, age_years=None)
            assert reading.verdict in {"", "amber"}, (name, typed, draft.complaint)


def test_nobody_was_seen_before_they_were_born(demo: Context) -> None:
    people = Patients(demo)
    born: dict[object, date | None] = {}
    for draft in every_visit(demo):
        birth = born.setdefault(draft.patient_id, people.get(draft.patient_id).birth_date)
        assert birth is not None
        assert birth < draft.visit_date.date()


def test_the_codes_are_those_of_the_search_index() -> None:
    if not INDEX.exists():
        pytest.skip("the index of diagnosis codes is not built")
    with Icd10() as index:
        assert index.release == RELEASE
        for code, title in TITLES.items():
            found = index.get(code)
            assert found is not None
            assert (found.title, found.billable) == (title, True), code


def test_the_papers_open_in_other_peoples_readers() -> None:
    import io

    import pypdfium2
    from PIL import Image

    for paper in papers():
        if paper.name.endswith(".pdf"):
            with pypdfium2.PdfDocument(paper.content) as document:
                assert len(document) >= 1
                text = document[0].get_textpage().get_text_bounded()
                assert "demo" in text
        elif paper.name.endswith(".png"):
            with Image.open(io.BytesIO(paper.content)) as image:
                image.load()
                assert image.size == (640, 400)
