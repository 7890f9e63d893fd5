"""A link to a file: only of what is stored and still there, and never without a trace."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data import uploads as queue
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.schema import audit_entries
from medrec_desktop.domain.errors import Conflict, NotFound, Unavailable
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.storage import Secret, StorageSettings
from medrec_desktop.services.attachments import Attachments
from medrec_desktop.services.context import Context
from medrec_desktop.services.stored_files import StoredFiles
from tests.factories import a_visit

AT = datetime(2026, 3, 12, 10, 31, tzinfo=UTC)


class Signing:
    """A bucket that is only signed for; nothing answers there."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.set_up = True

    def bucket(self) -> object:
        from medrec_desktop.attachments.s3 import Bucket

        if not self.set_up:
            return None
        with self._context.db.read() as session:
            tenant = get_clinic(session).tenant
        settings = StorageSettings("files", tenant, endpoint="http://127.0.0.1:9")
        return Bucket(settings, Secret("key", "secret-of-the-key"))


@pytest.fixture
def files(clinic: Context, tmp_path: Path) -> Attachments:
    vault = open_vault(clinic.db, tmp_path / "vault", free=lambda _: 10**12)
    intake = Intake(clinic.db, vault, clinic.changes, clinic.clock)
    return Attachments(clinic, vault, intake)


@pytest.fixture
def file(clinic: Context, files: Attachments) -> AttachmentId:
    intake = files._intake
    intake.start()
    visit = a_visit(clinic)
    files.keep_bytes(visit, "report.txt", b"A report.")
    assert intake.wait(30)
    assert intake.stop()
    return files.list(visit)[0].id


def store(clinic: Context, file: AttachmentId) -> None:
    with clinic.db.begin() as session:
        upload = queue.get_upload(session, file)
        assert upload is not None
        queue.mark_stored(session, upload, bucket="files", version_id="1", now=AT)


def shared(clinic: Context) -> list[int | None]:
    with clinic.db.read() as session:
        return list(
            session.scalars(
                sa.select(audit_entries.c.actor).where(audit_entries.c.what == "file.share")
            )
        )


def test_a_link_is_for_five_minutes_and_who_asked_is_kept(
    clinic: Context, file: AttachmentId
) -> None:
    store(clinic, file)
    link = StoredFiles(clinic, Signing(clinic)).share_link(file)  # type: ignore[arg-type]  # only signs
    assert "X-Amz-Expires=300" in link.url
    assert (link.expires_at - clinic.clock()).total_seconds() == 300
    assert [by is not None for by in shared(clinic)] == [True]
    assert link.url not in repr(link)


def test_no_link_and_no_trace_of_what_is_not_stored_was_removed_or_has_no_storage(
    clinic: Context, file: AttachmentId, files: Attachments
) -> None:
    signing = Signing(clinic)
    stored = StoredFiles(clinic, signing)  # type: ignore[arg-type]  # as above
    with pytest.raises(Unavailable):
        stored.share_link(file)
    store(clinic, file)
    signing.set_up = False
    with pytest.raises(NotFound):
        stored.share_link(file)
    signing.set_up = True
    files.remove(file, "wrong patient")
    with pytest.raises(Conflict):
        stored.share_link(file)
    assert shared(clinic) == []
