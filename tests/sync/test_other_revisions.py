"""A program newer than the clinic's server, and ops that an older program sealed."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from medrec_desktop.data.schema_sync import sync_journal, sync_reviews
from medrec_desktop.domain import op_upgrades
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.op_upgrades import Added, Changed
from medrec_desktop.services.sync import Sync
from medrec_desktop.sync import cycle
from medrec_desktop.sync.sealing import seal_marked
from tests.factories import a_patient
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import Desktop
from tests.simulation.world import _NEVER
from tests.sync.test_together import both as both  # noqa: PLC0414 - a fixture
from tests.sync.test_together import new as new  # noqa: PLC0414 - a fixture
from tests.sync.test_together import server as server  # noqa: PLC0414 - a fixture
from tests.sync.test_together import together, write

# A column that the server has in truth, taken out of what it knows: it is one revision behind.
COLUMN = "no_diagnosis"
NEWER = "9999"


def definitions(server: SimulatedServer) -> list[str]:
    """How the server makes documents of visits, and takes their ops."""
    view = server.rows("SELECT pg_get_viewdef('{t}.record_docs'::regclass)")[0][0]
    apply = server.rows("SELECT pg_get_functiondef('{t}.apply_record'::regproc)")[0][0]
    return [f"CREATE OR REPLACE VIEW {{t}}.record_docs AS {view}", apply]


@pytest.fixture
def behind(
    both: tuple[Desktop, Desktop, RecordId], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """The server is; what brings it up to date."""
    server = both[0].server
    newest = definitions(server)
    ((at,),) = server.rows("SELECT version_num FROM {t}.alembic_version")
    older = [
        newest[0].replace(f"'{COLUMN}', r.{COLUMN}, ", ""),
        newest[1].replace(f",{COLUMN},", ","),
    ]
    assert [len(one) < len(two) for one, two in zip(older, newest, strict=True)] == [True, True]
    monkeypatch.setattr(op_upgrades, "ADDED", (Added(NEWER, "record", COLUMN, default=False),))
    monkeypatch.setattr(cycle, "newest_schema", lambda: NEWER)
    for statement in older:
        server.server.run(server.named(statement))
    yield [*newest, f"UPDATE {{t}}.alembic_version SET version_num = '{NEWER}'"]
    for statement in (*newest, f"UPDATE {{t}}.alembic_version SET version_num = '{at}'"):
        server.server.run(server.named(statement))


def renamed(values: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if name == old else name: value for name, value in values.items()}


def on_server(desktop: Desktop, columns: str) -> list[tuple[object, ...]]:
    return desktop.server.rows(f"SELECT {columns} FROM {{t}}.medical_records ORDER BY id")


def parked(desktop: Desktop) -> list[str]:
    return [one for (one,) in desktop.server.rows("SELECT reason FROM {t}.sync_parked")]


def test_an_older_server_takes_what_it_knows_and_the_rest_waits_for_it_to_be_upgraded(
    both: tuple[Desktop, Desktop, RecordId], behind: list[str]
) -> None:
    one, other, record = both
    new = one.visits.start(one.patients.register(a_patient()))
    write(one, new, complaint="Fever")
    write(one, record, notes="smokes")
    together(one, other)
    assert parked(one) == []
    assert other.visits.open(new).draft.complaint == "Fever"
    # Words in what the server does not know: said, kept, and no quarrel with words of others.
    write(one, new, no_diagnosis=True)
    one.cycle.run(_NEVER)
    (failed,) = Sync(one.context).waiting().failed
    assert "The server is older than this program" in failed.why
    write(other, new, notes="since Monday")
    together(one, other)
    assert [(review.kind, review.clashes) for review in Sync(one.context).reviews()] == [
        ("other", ())
    ]
    for desktop, there in ((one, True), (other, False)):
        draft = desktop.visits.open(new).draft
        assert (draft.no_diagnosis, draft.notes) == (there, "since Monday")
    for statement in behind:
        one.server.server.run(one.server.named(statement))
    together(one, other)
    assert on_server(one, "chief_complaint, no_diagnosis") == [("Cough", False), ("Fever", True)]
    assert other.visits.open(new).draft.no_diagnosis
    assert Sync(one.context).waiting().failed == ()
    assert Sync(one.context).reviews() == ()


@pytest.fixture
def renaming(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if notes had been called remarks before revision 0009."""

    def today(op: dict[str, Any]) -> dict[str, Any]:
        return op | {part: renamed(op[part], "remarks", "notes") for part in ("patch", "base")}

    monkeypatch.setattr(op_upgrades, "CHANGED", (Changed("0009", today),))


def as_before(op: dict[str, Any]) -> dict[str, Any]:
    parts = {part: renamed(op[part], "notes", "remarks") for part in ("patch", "base")}
    return op | parts | {"schema": "0008"}


@pytest.mark.usefixtures("renaming")
def test_what_an_older_program_sealed_is_sent_in_the_words_of_today_and_kept_as_it_was(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    assert seal_marked(one.db, one.cycle._sealer(), _NEVER)
    table = sync_journal.c
    with one.db.begin() as session:
        (row,) = session.execute(sa.select(sync_journal).where(~table.acked, table.tbl == "record"))
        old = as_before(row.op)
        session.execute(sa.update(sync_journal).where(table.n == row.n).values(op=old))
    # What others wrote meanwhile is merged with it unit by unit.
    write(other, record, plan="Honey")
    other.cycle.run(_NEVER)
    together(one, other)
    assert on_server(one, "notes, treatment_plan") == [("smokes", "Honey")]
    assert Sync(other.context).reviews() == ()
    with one.db.read() as session:
        assert session.scalar(sa.select(table.op).where(table.n == row.n)) == old


@pytest.mark.usefixtures("renaming")
def test_words_that_an_older_program_left_for_a_choice_are_shown_where_they_belong(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    write(other, record, notes="does not smoke")
    together(one, other)
    with other.db.begin() as session:
        doc = session.scalars(sa.select(sync_reviews.c.doc)).one()
        session.execute(sa.update(sync_reviews).values(doc=doc | {"op": as_before(doc["op"])}))
    (review,) = Sync(other.context).reviews()
    (clash,) = review.clashes
    assert (clash.unit, clash.mine, clash.theirs) == ("notes", "does not smoke", "smokes")
