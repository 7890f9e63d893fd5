"""The previous release of the program keeps syncing with a server that was upgraded: what it does
not know it carries on, and never clears."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from medrec_desktop.sync import cycle
from tests.clinic_servers import ClinicServer
from tests.factories import a_patient
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import Desktop, make_template
from tests.simulation.world import _NEVER


@pytest.fixture
def upgraded(
    clinic_server: ClinicServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Desktop, Desktop]]:
    """Two computers of a clinic whose server has a column and a table more than they know."""
    server = SimulatedServer.make(clinic_server)
    make_template(tmp_path / "template.db", server)
    made = []
    for name, (user, _) in zip(("one", "other"), server.users, strict=False):
        made.append(Desktop(name, tmp_path, server, Random(name), user))
        made[-1].install(tmp_path / "template.db")
        made[-1].cycle.run(_NEVER)
    view = server.rows("SELECT pg_get_viewdef('{t}.record_docs'::regclass)")[0][0]
    before, told, after = view.partition("'notes'")
    assert told, "documents of visits are made elsewhere"
    for statement in (
        "ALTER TABLE {t}.medical_records ADD COLUMN triage text DEFAULT 'not yet'",
        f"CREATE OR REPLACE VIEW {{t}}.record_docs AS {before}'triage', r.triage, {told}{after}",
        "CREATE TABLE {t}.rooms (id serial PRIMARY KEY, uid uuid, name text)",
    ):
        clinic_server.run(server.named(statement))
    monkeypatch.setattr(cycle, "newest_schema", lambda: "0008")
    yield made[0], made[1]
    for desktop in made:
        desktop.stop()
    server.close()


def test_it_writes_and_reads_and_leaves_what_it_does_not_know(
    upgraded: tuple[Desktop, Desktop],
) -> None:
    one, other = upgraded
    server = one.server
    record = one.visits.start(one.patients.register(a_patient()))
    one.cycle.run(_NEVER)
    server.rows("UPDATE {t}.medical_records SET triage = 'red'")
    for _ in range(2):
        for each, field in ((one, "notes"), (other, "plan")):
            each.cycle.run(_NEVER)
            draft = each.visits.open(record).draft
            words = f"{getattr(draft, field)} {each.name}".strip()
            each.visits.save_draft(replace(draft, **{field: words}))  # type: ignore[arg-type]  # a text
            each.cycle.run(_NEVER)
    one.cycle.run(_NEVER)
    assert server.rows("SELECT triage, notes, treatment_plan FROM {t}.medical_records") == [
        ("red", "one one", "other other")
    ]
    assert server.rows("SELECT op FROM {t}.sync_parked") == []
    drafts = [each.visits.open(record).draft for each in upgraded]
    assert drafts[0].notes == drafts[1].notes == "one one"
    told = server.rows("SELECT doc ->> 'triage' FROM {t}.sync_feed WHERE tbl = 'record'")
    assert told[-1] == ("red",)
