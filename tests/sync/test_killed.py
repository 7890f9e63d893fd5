"""A desktop that is killed at any moment: every word it said was stored is on the server in the end."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import pytest

from medrec_desktop.domain.ids import RecordId
from tests.clinic_servers import ClinicServer
from tests.conftest import REPOSITORY
from tests.factories import a_patient
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import Desktop, make_template
from tests.simulation.world import _NEVER

# `MEDREC_KILLS=200` for the long run.
KILLS = int(os.environ.get("MEDREC_KILLS", "6"))

# Types a word, says so, and has a round with the server now and then; for ever.
_CHILD = """
import sys
from pathlib import Path
from dataclasses import replace
from random import Random
from uuid import UUID
from types import SimpleNamespace
from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.sync.line import Line
from tests.simulation.desktop import Desktop
from tests.simulation.world import _NEVER

folder, host, port, database, tenant, user, record, first = sys.argv[1:]
address = ServerAddress(host, int(port), database, tenant)
server = SimpleNamespace(line=lambda: Line.open(address, None, tenant), tenant=tenant)
desktop = Desktop("pc", Path(folder), server, Random(), UUID(user))
desktop.start()
n = int(first)
while True:
    n += 1
    draft = desktop.visits.open(RecordId(UUID(record))).draft
    desktop.visits.save_draft(replace(draft, notes=f"{draft.notes} w{n}w".strip()))
    print(n, flush=True)
    if n % 3 == 0:
        desktop.cycle.run(_NEVER)
"""


@pytest.fixture
def server(clinic_server: ClinicServer) -> Iterator[SimulatedServer]:
    made = SimulatedServer.make(clinic_server)
    yield made
    made.close()


@pytest.mark.timeout(3600 if KILLS > 20 else 900)
def test_every_word_that_was_said_to_be_stored_arrives(
    server: SimulatedServer, tmp_path: Path
) -> None:
    template = tmp_path / "template.db"
    make_template(template, server)
    desktop = Desktop("pc", tmp_path, server, Random(1), server.users[0][0])
    desktop.install(template)
    record = desktop.visits.start(desktop.patients.register(a_patient()))
    desktop.stop()
    said: set[int] = set()
    for life in range(KILLS):
        # A word may be stored and not said any more: each life has words of its own.
        said |= _killed(server, tmp_path, record, 1000 * life)
    desktop.start()
    draft = desktop.visits.open(record).draft
    desktop.visits.save_draft(replace(draft, plan="Rest"))
    for _ in range(3):
        desktop.cycle.run(_NEVER)
    here = desktop.visits.open(record).draft
    ((there,),) = server.rows("SELECT notes FROM {t}.medical_records")
    assert here.notes == there
    words = there.split()
    assert set(words) >= {f"w{n}w" for n in said}
    assert len(words) == len(set(words))
    assert server.rows("SELECT reason FROM {t}.sync_parked") == []
    desktop.stop()


def _killed(server: SimulatedServer, folder: Path, record: RecordId | UUID, first: int) -> set[int]:
    """One life of the desktop; the words it said were stored."""
    address = server.address
    where = [str(folder), address.host, str(address.port), address.database, server.tenant]
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, *where, str(server.users[0][0]), str(record), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert child.stdout is not None
    wanted, said = random.randint(1, 12), set()
    for line in child.stdout:
        said.add(int(line))
        wanted -= 1
        if wanted == 0:
            child.kill()
    child.stdout.close()
    child.wait()
    assert child.returncode < 0, "it ended by itself"
    return said
