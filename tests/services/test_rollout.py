"""`migrate`: every clinic comes up as a whole or stays as it was, and none stops the others."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medrec_desktop.data import migrate
from medrec_desktop.data.server.facts import facts_of
from medrec_desktop.data.server.rehearsal import upgrade_script
from medrec_desktop.domain.errors import Denied
from medrec_desktop.services import rollout, server
from medrec_desktop.services.rollout import Outcome
from medrec_desktop.shipped import migrations
from tests.clinic_servers import ADMIN, ClinicServer

CLINICS = 5
NEXT = "9999"
_REVISION = f"""
from alembic import context, op
revision = {NEXT!r}
down_revision = {migrate.head()!r}
branch_labels = depends_on = None
def upgrade() -> None:
    target = context.config.attributes["target"]
    schema = context.config.attributes["schema"]
    if target == "shared":
        op.execute("COMMENT ON TABLE public.users IS 'one hundred % of them; all'")
    if target == "tenant":
        op.execute(f'ALTER TABLE "{{schema}}".patients ADD COLUMN colour text')
        op.execute(f'CREATE TABLE "{{schema}}".colours (id serial PRIMARY KEY) -- all of them')
"""

Migrated = Callable[..., list[Outcome]]


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This program, one revision further; the folder that its history is in."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / f"{NEXT}_next.py").write_text(_REVISION)
    monkeypatch.setattr(migrate, "migrations", lambda: folder)
    return folder


@pytest.fixture(scope="module")
def own_server(new_admin_database: Callable[[], ClinicServer]) -> ClinicServer:
    """A server for these tests alone, and how its clinics are made."""
    found = new_admin_database()
    server.set_up(found.engine)
    return replace(found, script=upgrade_script(found.engine, None))


@pytest.fixture
def behind(own_server: ClinicServer) -> ClinicServer:
    """A server with some clinics at today's head; ask for it before `newer`."""
    own_server.clear()
    own_server.run(f"UPDATE public.medrec_version SET version_num = '{migrate.head()}'")
    own_server.fill(CLINICS)
    return own_server


def migrated(clinic_server: ClinicServer, *, jobs: int = 2) -> list[Outcome]:
    return list(rollout.migrate_all(clinic_server.engine, lambda _done, _all: None, jobs=jobs))


def tenants(clinic_server: ClinicServer) -> list[str]:
    return [clinic.tenant for clinic in server.clinics(clinic_server.engine)]


def problems(clinic_server: ClinicServer) -> list[str]:
    return [p for looked in server.check(clinic_server.engine) for p in looked.problems]


def test_all_clinics_come_up_with_their_rights(behind: ClinicServer, newer: Path) -> None:
    behind.run(f"INSERT INTO {tenants(behind)[0]}.clinic_settings (name, value, rev, updated_at)"
               " VALUES ('x', '1', gen_random_uuid(), now())")  # fmt: skip
    seen: list[tuple[int, int]] = []
    outcomes = list(
        rollout.migrate_all(behind.engine, lambda done, every: seen.append((done, every)))
    )
    assert {(o.before, o.after, o.failure) for o in outcomes} == {
        (migrate.revisions()[-2], NEXT, "")
    }
    assert len(outcomes) == CLINICS
    assert seen[0] == (0, CLINICS)
    assert seen[-1] == (CLINICS, CLINICS)
    assert behind.revisions() == [NEXT] * CLINICS
    assert behind.run("SELECT version_num FROM public.medrec_version") == [(NEXT,)]
    assert problems(behind) == []
    first = tenants(behind)[0]
    # The table that this revision added: its owner's, and the clinic may read it at once.
    assert behind.run(f"SELECT count(*) FROM {first}.colours", user=first) == [(0,)]
    assert behind.run(f"SELECT count(*) FROM {first}.clinic_settings") == [(1,)]


def test_nothing_to_do_changes_nothing(behind: ClinicServer) -> None:
    plan = rollout.plan(behind.engine)
    assert (plan.todo, plan.done, plan.unknown) == ((), CLINICS, ())
    before = behind.run("SELECT xmin, ctid FROM public.medrec_version")
    assert migrated(behind) == []
    assert behind.run("SELECT xmin, ctid FROM public.medrec_version") == before


def test_a_rehearsal_changes_nothing(behind: ClinicServer, newer: Path) -> None:
    rollout.migrate_shared(behind.engine)
    plan = rollout.plan(behind.engine)
    assert len(plan.todo) == CLINICS
    rollout.rehearse(behind.engine, plan)
    assert behind.revisions() == [migrate.revisions()[-2]] * CLINICS
    assert behind.run("SELECT rolname FROM pg_roles WHERE rolname ~ 'rehearsal'") == []


def test_broken_clinics_do_not_stop_the_others(behind: ClinicServer, newer: Path) -> None:
    names = tenants(behind)
    behind.run(f"ALTER TABLE {names[0]}.patients ADD COLUMN colour text")
    behind.run(f"DROP SCHEMA {names[1]} CASCADE")
    behind.run(f"UPDATE {names[2]}.alembic_version SET version_num = 'none'")
    found = {o.clinic.tenant: o.failure for o in migrated(behind)}
    assert "does not fit what is there (SQLSTATE 42701)" in found[names[0]]
    assert "schema is missing" in found[names[1]]
    assert "does not know" in found[names[2]]
    assert [found[name] for name in names[3:]] == ["", ""]
    # Left as it was: the table that came after the mistake is not there either.
    assert behind.run(f"SELECT to_regclass('{names[0]}.colours')") == [(None,)]
    behind.run(f"ALTER TABLE {names[0]}.patients DROP COLUMN colour")
    again = {o.clinic.tenant: o.failure for o in migrated(behind)}
    assert again[names[0]] == ""
    assert set(again) == set(names[:3])


def test_a_clinic_in_use_is_waited_for_and_then_left(
    behind: ClinicServer, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "_WAIT_FOR_TABLES", "100ms")
    busy = tenants(behind)[1]
    with closing(behind.connect(busy)) as desktop, desktop.transaction():
        desktop.execute(f"SELECT * FROM {busy}.patients".encode())
        found = {o.clinic.tenant: o.failure for o in migrated(behind)}
    assert [name for name, failure in found.items() if failure] == [busy]
    assert "held the tables for too long" in found[busy]
    assert {o.clinic.tenant: o.failure for o in migrated(behind)} == {busy: ""}


def test_a_schema_with_a_hostile_name_is_left_alone(behind: ClinicServer, newer: Path) -> None:
    hostile = 'x"; DROP TABLE public.users; --'
    quoted = '"x""; DROP TABLE public.users; --"'
    behind.run(f"CREATE SCHEMA {quoted} AUTHORIZATION {ADMIN}")
    behind.run(f"CREATE TABLE {quoted}.alembic_version AS SELECT '{migrate.revisions()[-2]}' AS version_num")  # fmt: skip
    behind.run(f"ALTER TABLE {quoted}.alembic_version OWNER TO {ADMIN}")
    behind.run(
        "INSERT INTO public.tenants (uid, name, schema_name, created_at)"
        f" VALUES (gen_random_uuid(), 'x', '{hostile}', now())"
    )
    found = {o.clinic.tenant: o.failure for o in migrated(behind)}
    assert "name that this program never gives" in found[hostile]
    assert sum(not failure for failure in found.values()) == CLINICS
    assert behind.run("SELECT count(*) FROM public.users") == [(0,)]


def test_two_runs_at_once_share_the_work(
    behind: ClinicServer, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, seen = rollout._locked_revision, []

    def met(connection: Any, tenant: str) -> str | None:
        found = locked(connection, tenant)
        seen.append(tenant)
        if len(seen) == 1:  # the first to have a clinic goes on when the other stands at its door
            until(lambda: waits(behind) or len(seen) > 1)
        return found

    monkeypatch.setattr(rollout, "_locked_revision", met)
    # Alembic works for one at a time in a process: both have rehearsed before they begin.
    rollout.migrate_shared(behind.engine)
    plan = rollout.plan(behind.engine)
    scripts = rollout.rehearse(behind.engine, plan)
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(lambda: list(rollout._each(behind.engine, plan, scripts, jobs=1)))
            for _ in range(2)
        ]
        outcomes = [outcome for run in runs for outcome in run.result(timeout=60)]
    assert len(outcomes) == 2 * CLINICS
    assert not [o.failure for o in outcomes if o.failure]
    # Each clinic was brought up by one of them; the other found it done.
    assert sorted(o.before == o.after for o in outcomes) == [False] * CLINICS + [True] * CLINICS
    assert problems(behind) == []


def waits(clinic_server: ClinicServer) -> bool:
    """Whether a run of the command waits for a lock just now."""
    return clinic_server.run(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'medrec-admin' AND wait_event_type = 'Lock'"
    ) == [(True,)]


def until(happened: Callable[[], bool]) -> None:
    """Come back when it has happened; asking the server takes its time, so nobody spins."""
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_a_run_that_was_ended_is_gone_on_with(
    behind: ClinicServer, newer: Path, how: signal.Signals
) -> None:
    names = tenants(behind)
    # It stops at the fourth clinic, whose row somebody holds, and is ended there.
    with closing(behind.connect(ADMIN)) as holder, holder.transaction():
        holder.execute(
            b"SELECT 1 FROM public.tenants WHERE schema_name = %s FOR UPDATE", (names[3],)
        )
        code, said = ended_when_waiting(behind, newer, how)
    if how is signal.SIGINT:
        assert code == 130, said
        assert "Stopped." in said
        assert "Traceback" not in said
    done = behind.revisions().count(NEXT)
    assert done == 3
    assert behind.revisions() == [NEXT] * 3 + [migrate.revisions()[-2]] * 2
    outcomes = migrated(behind)
    assert {o.clinic.tenant for o in outcomes if not o.failure} == set(names[3:])
    assert problems(behind) == []


def ended_when_waiting(
    clinic_server: ClinicServer, history: Path, how: signal.Signals
) -> tuple[int, str]:
    """The real command in a process of its own, sent a signal once a clinic makes it wait."""
    script = (
        "import signal, sys\n"
        # A shell starts what it puts in the background with Ctrl C ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path\n"
        "from medrec_desktop.data import migrate\n"
        "folder = Path(sys.argv.pop(1))\n"
        "migrate.migrations = lambda: folder\n"
        "from medrec_desktop.admin import cli\n"
        "sys.exit(cli.main(sys.argv[1:]))\n"
    )
    address = clinic_server.address
    url = f"postgresql://{ADMIN}@{address.host}:{address.port}/{address.database}"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(history), "migrate", "--jobs", "1", "--server", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(rollout.__file__).parents[2])},
    ) as child:
        until(lambda: waits(clinic_server) or child.poll() is not None)
        child.send_signal(how)
        said, _ = child.communicate(timeout=60)
    return child.returncode, said


def test_a_line_that_is_cut_costs_one_clinic(
    behind: ClinicServer, newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[str] = []
    locked = rollout._locked_revision

    def cut_once(connection: object, tenant: str) -> str | None:
        found = locked(connection, tenant)  # type: ignore[arg-type]  # passed on as it came
        if not cut:
            cut.append(tenant)
            behind.run(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")  # type: ignore[attr-defined]  # psycopg's
        return found

    monkeypatch.setattr(rollout, "_locked_revision", cut_once)
    found = {o.clinic.tenant: o.failure for o in migrated(behind, jobs=1)}
    assert [name for name, failure in found.items() if failure] == cut
    assert len(found) == CLINICS
    assert {o.clinic.tenant: o.failure for o in migrated(behind)} == {cut[0]: ""}


def test_a_revision_that_reads_rows_is_refused_before_any_clinic(
    behind: ClinicServer, newer: Path
) -> None:
    path = newer / "versions" / f"{NEXT}_next.py"
    path.write_text(
        _REVISION
        + "        op.get_bind().exec_driver_sql(f'SELECT * FROM \"{schema}\".patients')\n"
    )
    with pytest.raises(ValueError, match="must be SQL alone"):
        migrated(behind)
    assert behind.revisions() == [migrate.revisions()[-2]] * CLINICS


def test_an_older_program_leaves_a_newer_server_alone(behind: ClinicServer) -> None:
    behind.run(f"UPDATE public.medrec_version SET version_num = '{NEXT}'")
    with pytest.raises(Denied, match="newer version of this program"):
        migrated(behind)


@pytest.mark.parametrize("revision", [None, migrate.revisions()[-2]])
def test_the_script_ends_where_alembic_does(
    clinic_server: ClinicServer, revision: str | None
) -> None:
    from medrec_desktop.data.server.rehearsal import rehearsed

    script, stand_in = upgrade_script(clinic_server.engine, revision)
    with rehearsed(clinic_server.engine, migrate.head()) as (session, schema):
        wanted = facts_of(session, schema)
    with rehearsed(clinic_server.engine, revision) as (session, schema):
        raw = session.connection.driver_connection
        assert raw is not None
        raw.execute(script.replace(stand_in, schema).encode())
        assert facts_of(session, schema) == wanted
