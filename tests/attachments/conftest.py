"""A clinic with a vault and a running intake, and the real and hostile files."""

import csv
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.domain.attachments import Keeping
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from tests.factories import FakeClock, a_clinic, a_visit

PLENTY = 100 * 10**9


@dataclass(frozen=True)
class Sample:
    """A file of the corpus as its manifest describes it."""

    path: Path
    group: str
    mime: str
    size: int
    sha256: str
    nastiness: str
    expected: str


@pytest.fixture(scope="session")
def corpus(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, ...]:
    """Every file of the attachments corpus, unpacked."""
    archive = shared_data / "attachments" / "attachments.shared.tar.gz"
    if not archive.is_file():
        pytest.skip("the attachments corpus is not there")
    folder = tmp_path_factory.mktemp("corpus")
    with tarfile.open(archive) as packed:
        # The names are the test, so they are taken as they are; the archive is our own.
        packed.extraction_filter = lambda member, _folder: member
        packed.extractall(folder)
    manifest = next(folder.rglob("manifest.tsv"))
    samples = []
    with manifest.open(encoding="utf-8", newline="\n") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            name = json.loads(row["path_json"])
            samples.append(
                Sample(
                    path=Path(os.fsdecode(os.fsencode(str(manifest.parent / name)))),
                    group=name.split("/")[0],
                    mime=row["true_mime"],
                    size=int(row["size"]),
                    sha256=row["sha256"],
                    nastiness=row["nastiness"] or "",
                    expected=row["expected"] or "",
                )
            )
    return tuple(samples)


@dataclass
class Setting:
    """A clinic, its vault and intake, and one visit to attach to."""

    context: Context
    vault: Vault
    intake: Intake
    attachments: Attachments
    visit: RecordId
    clock: FakeClock

    def take(self, *paths: Path, anyway: bool = False) -> tuple[Keeping, ...]:
        """Attach these to the visit, wait, and answer what is left to say."""
        self.attachments.keep(self.visit, paths, anyway=anyway)
        assert self.intake.wait(600)
        return self.attachments.keeping(self.visit)

    def vault_files(self) -> list[Path]:
        return [path for path in self.vault.folder.rglob("*") if path.is_file()]


class Disk:
    """Room on the disk as a test wants it."""

    def __init__(self) -> None:
        self.free = PLENTY

    def __call__(self, _folder: Path) -> int:
        return self.free


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def setting(tmp_path: Path, disk: Disk) -> Iterator[Setting]:
    clock = FakeClock()
    context = a_clinic(tmp_path, clock=clock)
    vault = open_vault(context.db, tmp_path / "vault", free=disk)
    intake = Intake(context.db, vault, context.changes, clock, try_again_s=0.01)
    intake.start()
    yield Setting(
        context=context,
        vault=vault,
        intake=intake,
        attachments=Attachments(context, vault, intake),
        visit=a_visit(context),
        clock=clock,
    )
    assert intake.stop()
    context.db.close()


@pytest.fixture
def a_file(tmp_path: Path) -> Callable[..., Path]:
    """Makes a file of its own for each call."""
    folder = tmp_path / "sources"
    folder.mkdir(exist_ok=True)

    def make(
        name: str = "note.txt", content: bytes = b"A note from the referring doctor.\n"
    ) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make
