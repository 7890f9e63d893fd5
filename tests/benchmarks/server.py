"""Bringing many clinics on one server to the next revision: CPU of client and server together.

A plain loop of Alembic over the same clinics stands beside it. The server's CPU is read from
/proc (its processes, those that have ended included), so it must run on this computer.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from medrec_desktop.data import migrate
from medrec_desktop.data.server.address import ServerAddress, server_engine
from medrec_desktop.data.server.rehearsal import upgrade_clinic, upgrade_script
from medrec_desktop.services import rollout, server
from tests.clinic_servers import NOW, ClinicServer
from tests.postgres import _for_psycopg, _new_database, _running_server

CLINICS = int(os.environ.get("MEDREC_BENCH_CLINICS", "100"))
LOOPED = min(CLINICS, 20)

Row = tuple[str, str, str]


def run() -> list[Row]:
    """Rows of what, measured, target."""
    with _running_server() as url, _new_database(url) as database:
        with psycopg.connect(_for_psycopg(url)) as connection:
            found = connection.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
            connection.commit()
            connection.autocommit = True
            # What it spends on so many new tables is nobody's migration.
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
        assert found is not None
        postmaster = int(str(found[0]).splitlines()[0])
        address = _address(database)
        clinics = ClinicServer(database, server_engine(address, None), user=address.user)
        try:
            return _measured(clinics, postmaster)
        finally:
            clinics.engine.dispose()


def _address(url: str) -> ServerAddress:
    import sqlalchemy as sa

    parts = sa.make_url(url)
    return ServerAddress(
        str(parts.host), parts.port or 5432, str(parts.database), str(parts.username)
    )


def _measured(clinics: ClinicServer, postmaster: int) -> list[Row]:
    engine = clinics.engine
    server.set_up(engine)
    before, head = migrate.revisions()[-2:]
    rows: list[Row] = []
    tenants = clinics.fill(CLINICS, at=before)

    with _cpu(postmaster) as spent:
        upgrade_script(engine, before)
    rehearsal = spent()
    with _cpu(postmaster) as spent:
        outcomes = list(rollout.migrate_all(engine, lambda _done, _all: None))
    assert [o.failure for o in outcomes] == [""] * CLINICS
    total = spent()
    each = tuple((a - b) / CLINICS for a, b in zip(total, rehearsal, strict=True))
    whole = sum(total) / CLINICS
    rows += [
        (
            f"{before} to {head}, a clinic of {CLINICS}, rehearsal included",
            f"{whole * 1000:.1f} ms CPU",
            "<= 15 ms",
        ),
        (
            "  of it the clinic alone: client, server",
            f"{each[0] * 1000:.1f}, {each[1] * 1000:.1f} ms",
            "",
        ),
        ("  once for all, to rehearse", f"{sum(rehearsal) * 1000:.0f} ms CPU", ""),
    ]
    rows += _no_op(clinics, postmaster)

    _back(clinics, tenants[:LOOPED], before)
    with _cpu(postmaster) as spent:
        for tenant in tenants[:LOOPED]:
            with engine.begin() as session:
                upgrade_clinic(session, tenant)
    plain = sum(spent()) / LOOPED
    rows.append(
        (
            f"the same, Alembic in a loop of {LOOPED}",
            f"{plain * 1000:.1f} ms CPU",
            f"x {plain / whole:.1f}",
        )
    )
    _back(clinics, tenants, None)
    script, stand_in = upgrade_script(engine, None)
    with _cpu(postmaster) as spent, clinics.connect(clinics.user) as connection:
        for tenant in tenants:
            connection.execute(script.replace(stand_in, tenant).encode())
            connection.execute("RESET ROLE")
    rows.append(
        (
            "all revisions, a new clinic's tables at once",
            f"{sum(spent()) / CLINICS * 1000:.1f} ms CPU",
            "",
        )
    )
    with _cpu(postmaster) as spent:
        looked = list(server.check(engine))
    assert not [p for one in looked for p in one.problems]
    rows.append(("clinic check, a clinic", f"{sum(spent()) / CLINICS * 1000:.1f} ms CPU", ""))
    with _cpu(postmaster) as spent:
        server.create_clinic(engine, name="One more", user="Dr A", role="doctor", now=NOW)
    rows.append(("clinic create", f"{sum(spent()) * 1000:.0f} ms CPU", ""))
    return rows


def _no_op(clinics: ClinicServer, postmaster: int) -> list[Row]:
    with _cpu(postmaster) as spent:
        assert not list(rollout.migrate_all(clinics.engine, lambda _done, _all: None))
    ours = sum(spent()) / CLINICS
    tenants = [clinic.tenant for clinic in server.clinics(clinics.engine)][:LOOPED]
    with _cpu(postmaster) as spent:
        for tenant in tenants:
            with clinics.engine.begin() as session:
                migrate.upgrade("tenant", session, tenant)
    plain = sum(spent()) / LOOPED
    return [
        (f"nothing to do, a clinic of {CLINICS}", f"{ours * 1000:.2f} ms CPU", "<= 2 ms"),
        ("the same, Alembic in a loop", f"{plain * 1000:.1f} ms CPU", f"x {plain / ours:.0f}"),
    ]


def _back(clinics: ClinicServer, tenants: list[str], revision: str | None) -> None:
    """Make these clinics anew at an older revision (None: without tables)."""
    script = upgrade_script(clinics.engine, None, to=revision) if revision else ("", "-")
    with clinics.connect(clinics.user) as connection:
        for tenant in tenants:
            connection.execute(f"DROP SCHEMA {tenant} CASCADE".encode())
            connection.execute(f"CREATE SCHEMA {tenant} AUTHORIZATION {tenant}_owner".encode())
            connection.execute(script[0].replace(script[1], tenant).encode())
            connection.execute("RESET ROLE")


@contextmanager
def _cpu(postmaster: int) -> Iterator[Callable[[], tuple[float, float]]]:
    """Seconds of CPU that this process and the server spent in the block."""
    start = _spent(postmaster)
    done: list[tuple[float, float]] = []
    yield lambda: (done[0][0] - start[0], done[0][1] - start[1])
    done.append(_spent(postmaster))


def _spent(postmaster: int) -> tuple[float, float]:
    tick = os.sysconf("SC_CLK_TCK")
    own = _ticks(postmaster, children=True)
    backends = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                backends += _ticks(int(folder.name)) if parent == postmaster else 0
            except OSError:
                continue  # ended meanwhile: its time is its parent's then
    return time.process_time(), (own + backends) / tick


def _ticks(pid: int, *, children: bool = False) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11 : 15 if children else 13])
