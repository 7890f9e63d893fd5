"""One clinic on a real server for all seeds of a process, and the file its computers begin with."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.data import local
from tests.clinic_servers import ClinicServer
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import make_template


@pytest.fixture(scope="session")
def simulated(
    new_admin_database: object,
    clinic_server: ClinicServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[SimulatedServer, Path]]:
    """The server, and the template."""
    server = SimulatedServer.make(clinic_server)
    template = tmp_path_factory.mktemp("template") / "medrec.db"
    make_template(template, server)
    yield server, template
    server.close()


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crashes here end a process, not the power: what was written is there without waiting."""
    quick = tuple(
        "PRAGMA synchronous = OFF" if "synchronous" in pragma else pragma
        for pragma in local._PRAGMAS
    )
    monkeypatch.setattr(local, "_PRAGMAS", quick)
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def no_complaints() -> Iterator[None]:
    """The program says what goes wrong here, hundreds of times, and rightly so."""
    logger = logging.getLogger("medrec_desktop")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
