"""An op that the server fails on, again and again, holds up what needs it and nothing else."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.syncing import Op
from medrec_desktop.services.sync import Sync
from medrec_desktop.sync.aside import free_of
from medrec_desktop.sync.pushing import ENOUGH
from tests.clinic_servers import ClinicServer
from tests.factories import NOON, a_patient
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import Desktop, make_template


def an_op(**changes: object) -> Op:
    made = Op(
        op_id=uuid4(),
        n=1,
        kind="edit",
        tbl="record",
        uid=uuid4(),
        base_rev=None,
        patch={},
        base={},
        actor=uuid4(),
        client_at=NOON,
        schema="0001",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # its own fields


def test_what_needs_a_stuck_op_waits_with_it_and_nothing_else_does() -> None:
    stuck = an_op(tbl="patient", kind="create")
    visit = an_op(kind="create", patch={"patient_id": str(stuck.uid)})
    file = an_op(tbl="attachment", kind="attach", patch={"record_id": str(visit.uid)})
    closing = an_op(supersedes=(file.op_id,))
    user = an_op(tbl="user", kind="create")
    needing = [visit, file, an_op(uid=visit.uid), closing, an_op(actor=user.uid)]
    others = [an_op(), an_op(patch={"notes": "x", "extra": {"a": 1}}), an_op(tbl="patient")]
    found = free_of([stuck, user, others[0], *needing, *others[1:]], {stuck.op_id, user.op_id})
    assert found == tuple(others)


@pytest.fixture
def one(clinic_server: ClinicServer, tmp_path: Path) -> Iterator[Desktop]:
    server = SimulatedServer.make(clinic_server)
    make_template(tmp_path / "template.db", server)
    desktop = Desktop("pc", tmp_path, server, Random(1), server.users[0][0])
    desktop.install(tmp_path / "template.db")
    yield desktop
    desktop.stop()
    server.close()


def test_others_go_on_it_is_said_and_it_arrives_when_it_can(
    one: Desktop, expect_log: Callable[..., Any]
) -> None:
    server, never = one.server, threading.Event()
    one.cycle.run(never)
    server.server.run(
        f"CREATE FUNCTION {server.tenant}.trouble() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN"
        " RAISE EXCEPTION 'no' USING ERRCODE = '57014'; END$$;"
        f" CREATE TRIGGER trouble BEFORE INSERT ON {server.tenant}.patients FOR EACH ROW"
        f" WHEN (NEW.family = 'Trouble') EXECUTE FUNCTION {server.tenant}.trouble()"
    )
    good = one.patients.register(a_patient(family="Before"))
    bad = one.patients.register(a_patient(family="Trouble"))
    waiting = one.visits.start(bad)
    going = one.visits.start(good)
    one.patients.register(a_patient(family="After"))
    failed = 0
    with expect_log("medrec_desktop.sync.pushing", logging.WARNING):
        while server.rows("SELECT count(*) FROM {t}.medical_records") == [(0,)]:
            try:
                one.cycle.run(never)
            except Unavailable:
                failed += 1
            assert failed < 2 * ENOUGH
    there = {uid for (uid,) in server.rows("SELECT uid FROM {t}.medical_records")}
    assert there == {going}
    families = server.rows("SELECT family FROM {t}.patients ORDER BY family")
    assert families == [("After",), ("Before",)]
    seen = Sync(one.context).waiting()
    assert [(said.what, said.why) for said in seen.failed] == [
        ("A patient's details", "The server fails each time this is sent.")
    ]
    assert (seen.patients, seen.visits) == (1, 1)
    # What is written meanwhile goes at once, round after round.
    one.patients.register(a_patient(family="Later"))
    one.cycle.run(never)
    assert ("Later",) in server.rows("SELECT family FROM {t}.patients")
    server.server.run(f"DROP FUNCTION {server.tenant}.trouble() CASCADE")
    one.skew = timedelta(hours=1)
    one.cycle.run(never)
    assert Sync(one.context).waiting().changes == 0
    assert {uid for (uid,) in server.rows("SELECT uid FROM {t}.medical_records")} == {
        *(going, waiting)
    }
    assert server.rows("SELECT op FROM {t}.sync_parked") == []


def test_a_server_in_trouble_sets_nothing_aside(one: Desktop) -> None:
    server, never = one.server, threading.Event()
    one.cycle.run(never)
    for family in ("Abe", "Ben", "Cal", "Dee", "Eve"):
        one.patients.register(a_patient(family=family))
    server.server.run(f"ALTER ROLE {server.tenant} SET default_transaction_read_only = on")
    one.cycle.close()
    server.hang_up()
    for _ in range(ENOUGH + 3):
        with pytest.raises(Unavailable):
            one.cycle.run(never)
    assert Sync(one.context).waiting().failed == ()
    server.server.run(f"ALTER ROLE {server.tenant} RESET default_transaction_read_only")
    server.hang_up()
    one.cycle.run(never)
    assert Sync(one.context).waiting().changes == 0
