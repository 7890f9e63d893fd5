"""When files were stored, as the audit trail says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data import stored_files
from medrec_desktop.data import uploads as queue
from medrec_desktop.data.schema import record_attachments
from medrec_desktop.data.upload_parts import SentPart, put_part
from medrec_desktop.services.attachments import Attachments
from tests.factories import a_clinic, a_visit

AT = datetime(2026, 3, 12, 10, 31, tzinfo=UTC)


def test_a_stored_file_knows_when_and_is_listed_from_that_time_on(tmp_path: Path) -> None:
    context = a_clinic(tmp_path)
    vault = open_vault(context.db, tmp_path / "vault", free=lambda _: 10**12)
    intake = Intake(context.db, vault, context.changes, context.clock)
    intake.start()
    files = Attachments(context, vault, intake)
    visit, other = a_visit(context), a_visit(context)
    for record in (visit, other):
        files.keep_bytes(record, "report.txt", b"A report.")
    assert intake.wait(30)
    assert intake.stop()
    (mine,) = files.list(visit)
    with context.db.begin() as session:
        upload = queue.get_upload(session, mine.id)
        assert upload is not None
        put_part(session, upload.key, SentPart(1, 7, "a", "b", "etag"))
        put_part(session, upload.key, SentPart(2, 5, "a", "b"))
        (row,) = queue.list_uploads(session, record_id=visit)
        # A part counts when the bucket has confirmed it.
        assert (row.arrived, row.done) == (7, 0)
        queue.mark_stored(session, upload, bucket="files", version_id="1", now=AT)
    with context.db.read() as session:
        assert stored_files.stored_times(session, visit) == {mine.id: AT}
        assert stored_files.stored_times(session, other) == {}
        (stored,) = stored_files.list_stored(session, AT)
        assert (stored.attachment_id, stored.record_id, stored.at) == (mine.id, visit, AT)
        assert stored_files.list_stored(session, AT + timedelta(seconds=1)) == ()
        assert session.scalar(sa.select(sa.func.count()).select_from(record_attachments)) == 2
    context.db.close()
