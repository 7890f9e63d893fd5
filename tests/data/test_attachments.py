from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.data import attachments as files
from medrec_desktop.data import schema
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.session import Session
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import NotFound
from medrec_desktop.domain.filenames import stored_name
from medrec_desktop.domain.ids import AttachmentId, RecordId
from tests.data import rows
from tests.data.conftest import Database
from tests.data.rows import THEN

KEPT = Kept(size=5_000_000_000, sha256="d" * 64, kept_size=4_000_000_000, kept_sha256="e" * 64)


def a_record(session: Session) -> tuple[int, RecordId]:
    key = rows.a_record(session)
    uid = session.scalar(
        sa.select(schema.medical_records.c.uid).where(schema.medical_records.c.id == key)
    )
    assert uid is not None
    return key, RecordId(uid)


def attach(session: Session, record: RecordId, uid: UUID, name: str = "scan.pdf") -> str:
    place = files.record_place(session, record)
    s3_key = files.free_key(
        session,
        tenant="tenant_7",
        record_key=place.key,
        uid=uid,
        name=name,
        patient_words=(rows.FAMILY,),
        created_at=THEN,
    )
    by = session.scalar(sa.select(schema.users.c.id).limit(1))
    assert by is not None
    files.insert_attachment(
        session,
        uid=uid,
        place=place,
        name=name,
        kind="pdf",
        mime="application/pdf",
        pages=3,
        kept=KEPT,
        s3_key=s3_key,
        by=by,
        device=new_uid(),
        now=THEN,
    )
    return s3_key


def test_a_file_is_read_back_as_it_was_written(database: Database) -> None:
    uid = new_uid()
    with database.begin() as session:
        _, record = a_record(session)
        attach(session, record, uid)
        shown, kept = files.get_attachment(session, AttachmentId(uid))
        assert files.list_attachments(session, record)[-1] == shown
    assert kept == KEPT
    assert (shown.record_id, shown.pages, shown.created_at) == (record, 3, THEN)
    assert (shown.uploaded_by, shown.removed_by, shown.late) == ("Dr Amina Osei", "", False)


def test_same_bytes_are_found_on_this_patient_alone_and_not_when_removed(
    database: Database,
) -> None:
    uid = new_uid()
    with database.begin() as session:
        _, record = a_record(session)
        _, other = a_record(session)
        attach(session, record, uid)
        mine = files.record_place(session, record).patient_key
        theirs = files.record_place(session, other).patient_key
        found = files.same_file(session, mine, KEPT.sha256)
        assert found == files.Found(record, THEN, THEN)
        assert files.same_file(session, theirs, KEPT.sha256) is None
        row = files.attachment_row(session, AttachmentId(uid))
        files.change_attachment(session, row.id, voided_at=THEN + timedelta(hours=1))
        assert files.same_file(session, mine, KEPT.sha256) is None
        assert [a.id for a in files.list_attachments(session, record, removed=True)] == [uid]
        assert uid not in [a.id for a in files.list_attachments(session, record)]


def test_a_taken_key_gets_digits_of_the_uid_before_the_extension(database: Database) -> None:
    name = stored_name("Okonkwo-Zimmermann Röntgen " + "ä" * 200 + ".pdf")
    first, second = new_uid(), new_uid()
    with database.begin() as session:
        key, record = a_record(session)
        one = attach(session, record, first, name)
        two = attach(session, record, second, name)
    assert one.startswith(f"tenant_7/medical-records/2026/03/{key}/x")
    assert "Okonkwo" not in one
    assert two.endswith(f"-{second.hex[-8:]}.pdf")
    assert len(two.rpartition("/")[2].encode()) <= 180


def test_uids_with_a_row_are_known_in_any_number(database: Database) -> None:
    uid = new_uid()
    with database.begin() as session:
        _, record = a_record(session)
        attach(session, record, uid)
        many = [new_uid() for _ in range(1200)]
        assert files.uids_with_row(session, [*many, uid]) == {uid}
        assert files.uids_with_row(session, []) == set()


def test_an_unknown_record_or_file_is_not_found(database: Database) -> None:
    with database.begin() as session:
        with pytest.raises(NotFound):
            files.record_place(session, RecordId(new_uid()))
        with pytest.raises(NotFound):
            files.get_attachment(session, AttachmentId(new_uid()))
