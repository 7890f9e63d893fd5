"""How much files may take on a computer, as it is stored and used."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.clinic import write_computer_settings
from medrec_desktop.data.schema import record_attachments, upload_queue
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.file_room import DEFAULT_GB, QUOTA, FileRoom
from tests.factories import a_visit

Keep = Callable[[bytes], AttachmentId]


@pytest.fixture
def vault(clinic: Context, tmp_path: Path) -> Vault:
    return open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)


@pytest.fixture
def keep(clinic: Context, vault: Vault) -> Iterator[Keep]:
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    intake.start()
    attachments, visit = Attachments(clinic, vault, intake), a_visit(clinic)

    def kept(content: bytes) -> AttachmentId:
        attachments.keep_bytes(visit, "report.txt", content)
        assert intake.wait(30)
        return attachments.list(visit)[-1].id

    yield kept
    assert intake.stop()


def test_a_computer_keeps_its_own_number(clinic: Context, vault: Vault) -> None:
    room = FileRoom(clinic, vault)
    assert room.quota() == DEFAULT_GB * 10**9
    room.set_quota(7)
    assert room.quota() == 7 * 10**9
    room.set_quota(0)
    assert room.quota() == 0
    for wrong in (-1, 100_001):
        with pytest.raises(Invalid):
            room.set_quota(wrong)


@pytest.mark.parametrize("stored", ["20", -3, True, 2.5, 10**9, [1]])
def test_what_makes_no_sense_is_the_default(clinic: Context, vault: Vault, stored: object) -> None:
    with clinic.db.begin() as session:
        write_computer_settings(session, {QUOTA: stored})
    assert FileRoom(clinic, vault).quota() == DEFAULT_GB * 10**9


def test_it_tells_what_only_this_computer_has(clinic: Context, vault: Vault, keep: Keep) -> None:
    sent, gone, waits = (keep(b"Report %d" % number) for number in range(3))
    with clinic.db.begin() as session:
        ids = record_attachments.c.uid.in_([sent, gone])
        session.execute(update(record_attachments).where(ids).values(upload_state="stored"))
        session.execute(delete(upload_queue))
    vault.remove(gone)
    now, away = FileRoom(clinic, vault).now()
    sizes = {one.uid: one.size for one in vault.held()}
    assert (now.used, now.only_here, away) == (sum(sizes.values()), sizes[waits], 1)
