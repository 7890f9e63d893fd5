from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medrec_desktop.exchange.filing import Importer
from medrec_desktop.services.context import Context
from tests.factories import a_clinic

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Context]:
    """A clinic on a real encrypted file."""
    context = a_clinic(tmp_path)
    yield context
    context.db.close()


@pytest.fixture
def importer(clinic: Context) -> Importer:
    return Importer(by=clinic.actor.id, zone="UTC", now=NOW)
