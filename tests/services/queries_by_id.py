"""Every query function, and how it is asked with the ids of one patient. A table for
`test_query_swap.py`, which fails for a function that is not in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data import (
    attachments,
    audit,
    combined,
    documents,
    heads,
    journal,
    outbox,
    patient_search,
    patients,
    records,
    replicas,
    retractions,
    reviews,
    schema,
    sealing_ops,
    seals,
    set_aside,
    stored_files,
    upload_parts,
    uploads,
    visit_lists,
)
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.ids import AddendumId, AttachmentId, PatientId, RecordId, UserId
from medrec_desktop.domain.records import Addendum, VisitDraft
from medrec_desktop.domain.syncing import Op, moment
from tests.factories import NOON

LATE = NOON + timedelta(days=400)
DEVICE = uuid4()
SHA = "a" * 64


@dataclass(frozen=True)
class Ids:
    """One patient's, as queries take them: uuids and row numbers."""

    patient: PatientId
    draft: RecordId
    final: RecordId
    file: AttachmentId
    patient_key: int
    draft_key: int
    final_key: int
    file_key: int


Act = Callable[[Any, Ids], Any]


def row(s: Any, i: Ids) -> Any:
    return records.record_row(s, i.draft)


def upload(s: Any, i: Ids) -> Any:
    found = uploads.get_upload(s, i.file)
    assert found is not None
    return found


def stored(s: Any, i: Ids) -> stored_files.StoredHere:
    """The file as the vault knows one that the bucket has."""
    uploads.mark_stored(s, upload(s, i), bucket="b", version_id="v", now=NOON)
    (found,) = (one for one in stored_files.stored_files(s) if one.key == i.file_key)
    return found


def told_addendum(s: Any, i: Ids) -> Any:
    """An addendum the server has told of."""
    doc = {"record_id": str(i.final), "written_at": moment(NOON), "seal_sha256": SHA}
    uid = UUID(int=i.final.int ^ 1)
    replicas.put_replica(s, replicas.Replica("addendum", uid, base_rev=uid, base_doc=doc))
    return heads.addenda_told(s, i.final)


def another_draft(s: Any, i: Ids) -> Any:
    """A draft with nothing in it."""
    doctor = row(s, i).doctor_id
    return records.insert_draft(s, patient=i.patient_key, doctor=doctor, now=NOON)


def same_bytes(s: Any, record: RecordId) -> int:
    """One more file; its bytes are the same for everybody."""
    return attachments.insert_attachment(
        s,
        uid=uuid4(),
        place=attachments.record_place(s, record),
        name="n.txt",
        kind="text",
        mime="text/plain",
        pages=None,
        kept=Kept(1, SHA, 1, SHA),
        s3_key=None,
        by=1,
        device=DEVICE,
        now=NOON,
    )


def window(s: Any, i: Ids) -> UUID:
    found: UUID = set_aside.aside_of(s, i.draft)[0].window
    return found


def _said_of(file: UUID) -> Op:
    return Op(
        op_id=uuid4(),
        n=1,
        kind="edit",
        tbl="attachment",
        uid=file,
        base_rev=None,
        patch={"description": "y"},
        base={},
        actor=uuid4(),
        client_at=LATE,
        schema="",
    )


# What tells something of one patient, asked with that patient's ids.
ASKED: dict[str, Act] = {
    "attachments.record_place": lambda s, i: attachments.record_place(s, i.draft),
    "attachments.same_file": lambda s, i: attachments.same_file(s, i.patient_key, SHA),
    "attachments.list_attachments": lambda s, i: attachments.list_attachments(s, i.draft),
    "attachments.attachment_row": lambda s, i: tuple(attachments.attachment_row(s, i.file)),
    "attachments.get_attachment": lambda s, i: attachments.get_attachment(s, i.file),
    "attachments.uids_with_row": lambda s, i: attachments.uids_with_row(s, [i.file, uuid4()]),
    "audit.list_looks": lambda s, i: audit.list_looks(s, i.patient, limit=99),
    "audit.entries_of_record": lambda s, i: audit.entries_of_record(
        s, i.draft, "visit.start", "visit.edit"
    ),
    "documents.Rows.read": lambda s, i: [
        documents.Rows(s).read(tbl, uid)  # type: ignore[arg-type]  # names of tables
        for tbl, uid in (("patient", i.patient), ("record", i.final), ("attachment", i.file))
    ],
    "combined.is_noted": lambda s, i: combined.is_noted(s, i.draft),
    "combined.unasked": lambda s, i: combined.unasked(s, [i.draft]),
    "combined.combined_in": lambda s, i: combined.combined_in(s, i.draft),
    "heads.addenda_told": told_addendum,
    "journal.closing": lambda s, i: journal.closing(s, "record", i.draft),
    "journal.under_way": lambda s, i: [op.n for op in journal.under_way(s, "record", i.draft)],
    "patients.patient_key": lambda s, i: patients.patient_key(s, i.patient),
    "patients.get_patient": lambda s, i: patients.get_patient(s, i.patient),
    "patients.patient_of": lambda s, i: patients.patient_of(s, i.patient_key),
    "records.record_row": lambda s, i: tuple(records.record_row(s, i.draft, i.patient)),
    "records.draft_of": lambda s, i: records.draft_of(s, row(s, i)),
    "records.visit_of": lambda s, i: records.visit_of(s, records.record_row(s, i.final)),
    "records.get_visit": lambda s, i: records.get_visit(s, i.draft),
    "records.untouched_draft": lambda s, i: records.untouched_draft(
        s, patient=i.patient_key, doctor=row(s, i).doctor_id, start=NOON, end=LATE
    ),
    "replicas.get_replica": lambda s, i: replicas.get_replica(s, "record", i.draft),
    "reviews.decided_here": lambda s, i: reviews.decided_here(s, "record", i.draft),
    "reviews.waits_for_choice": lambda s, i: reviews.waits_for_choice(s, i.draft),
    "sealing_ops.is_marked": lambda s, i: sealing_ops.is_marked(s, "record", i.draft),
    "seals.list_addenda": lambda s, i: seals.list_addenda(s, i.final_key),
    "seals.seal_row": lambda s, i: tuple(seals.seal_row(s, i.final_key) or ()),
    "seals.sealed_addenda": lambda s, i: [tuple(a) for a in seals.sealed_addenda(s, i.final_key)],
    "seals.sealed_files": lambda s, i: seals.sealed_files(s, i.draft_key),
    "seals.count_waiting_uploads": lambda s, i: seals.count_waiting_uploads(s, i.draft_key),
    "set_aside.aside_of": lambda s, i: [tuple(one) for one in set_aside.aside_of(s, i.draft)],
    "stored_files.still_stored": lambda s, i: stored_files.still_stored(s, stored(s, i)),
    "stored_files.stored_times": lambda s, i: stored_files.stored_times(s, i.final),
    "upload_parts.sent_parts": lambda s, i: upload_parts.sent_parts(s, i.file_key),
    "uploads.get_upload": lambda s, i: uploads.get_upload(s, i.file),
    "uploads.list_uploads": lambda s, i: uploads.list_uploads(s, record_id=i.draft),
    "visit_lists.list_summaries": lambda s, i: visit_lists.list_summaries(s, i.patient_key),
    "visit_lists.list_problems": lambda s, i: visit_lists.list_problems(s, i.patient_key),
    "visit_lists.last_diagnosed": lambda s, i: [
        visit_lists.last_diagnosed(s, i.patient_key, before=before)
        for before in (None, (LATE, 10**9), (NOON, 10**9))
    ],
    "visit_lists.list_vitals": lambda s, i: visit_lists.list_vitals(s, i.patient_key),
    "visit_lists.list_prescribed": lambda s, i: visit_lists.list_prescribed(s, i.patient_key),
}
# Those whose answer is "nothing" or "no" for these patients, which another one's coming keeps so.
SILENT = {
    "combined.combined_in": "the server was not asked who changed what",
    "journal.closing": "nothing was decided",
    "journal.under_way": "nothing was sent from here",
    "reviews.decided_here": "nothing was decided",
    "reviews.waits_for_choice": "nobody else wrote in it",
    "stored_files.stored_times": "nothing was uploaded",
    "replicas.get_replica": "an empty one: nothing came from a server",
}


def _addendum() -> Addendum:
    return Addendum(AddendumId(uuid4()), "plan", "more", "Dr", NOON)


def set_finalized(s: Any, i: Ids) -> None:
    seals.insert_seal(s, **_seal(i.draft_key))
    records.set_finalized(s, row(s, i), version=row(s, i).row_version, signer=1, now=LATE)


def queue_upload(s: Any, i: Ids) -> None:
    upload_parts.forget_parts(s, i.file_key)
    s.execute(sa.delete(schema.upload_queue).where(_of_file(i)))
    attachments.queue_upload(s, i.file_key, now=NOON)


def queue_found(s: Any, i: Ids) -> None:
    """Both patients' files wait nowhere; the bytes of one are here."""
    s.execute(sa.delete(schema.upload_queue).where(_of_file(i)))
    uploads.queue_found(s, [i.file_key], now=LATE)


def queue_again(s: Any, i: Ids) -> None:
    uploads.mark_stored(s, upload(s, i), bucket="b", version_id="v", now=LATE)
    assert uploads.queue_again(s, i.file, now=LATE)


def retry(s: Any, i: Ids) -> None:
    uploads.pause_upload(s, i.file)
    uploads.retry(s, uid=i.file)
    uploads.postpone(s, upload(s, i), until=LATE, reason="unavailable", sentence="x")


def _of_file(i: Ids) -> Any:
    return schema.upload_queue.c.attachment_id == i.file_key


def _emptied(draft: VisitDraft) -> VisitDraft:
    return replace(draft, complaint="other", diagnoses=(), prescriptions=(), labs=())


def _seal(key: int) -> dict[str, Any]:
    return {
        "record": key,
        "canonical": b"{}",
        "sha256": SHA,
        "previous": "",
        "signer": 1,
        "printed_name": "Dr",
        "now": LATE,
        "zone": "UTC",
        "device": DEVICE,
    }


# What writes with one patient's ids; the other's rows stay as they are.
WRITTEN: dict[str, Act] = {
    "attachments.change_attachment": lambda s, i: attachments.change_attachment(
        s, i.file_key, description="x"
    ),
    "attachments.queue_upload": queue_upload,
    "attachments.insert_attachment": lambda s, i: same_bytes(s, i.draft),
    "audit.add_entry": lambda s, i: audit.add_entry(
        s, "visit.open", at=NOON, patient=i.patient, record=i.draft
    ),
    "audit.add_entries": lambda s, i: audit.add_entries(
        s, "file.stored", about=[(i.draft, i.file)], at=NOON
    ),
    "documents.Rows.write": lambda s, i: documents.Rows(s).write(
        "record",
        i.draft,
        uuid4(),
        (documents.Rows(s).read("record", i.draft) or {}) | {"notes": "from afar", "diagnoses": []},
    ),
    "outbox.mark": lambda s, i: outbox.mark(s, "record", i.draft, now=LATE),
    "outbox.mark_many": lambda s, i: outbox.mark_many(s, "record", [i.draft], now=LATE),
    "patient_search.index_patient": lambda s, i: patient_search.index_patient(
        s, i.patient_key, family="New", given="", record_no="1", phone="", birth_date=None
    ),
    "patients.change_patient": lambda s, i: patients.change_patient(
        s,
        i.patient_key,
        patients.Identity(record_no="R-9", family="Other", phone="1", address="x"),
        now=LATE,
    ),
    "patients.write_allergies": lambda s, i: patients.write_allergies(
        s, i.patient_key, "none_known", (), actor=1, now=LATE
    ),
    "records.insert_draft": another_draft,
    "records.write_draft": lambda s, i: records.write_draft(
        s,
        row(s, i),
        _emptied(records.draft_of(s, row(s, i))),
        follow_up_date=None,
        now=LATE,
    ),
    "records.set_finalized": set_finalized,
    "records.set_voided": lambda s, i: records.set_voided(
        s, row(s, i), reason="slip", actor=1, now=LATE
    ),
    "combined.note_combined": lambda s, i: combined.note_combined(s, i.draft, i.final, ["plan"]),
    "combined.keep_combined": lambda s, i: combined.keep_combined(s, i.draft, ()),
    "combined.forget_combined": lambda s, i: combined.forget_combined(s, i.draft),
    "replicas.put_replica": lambda s, i: replicas.put_replica(
        s, replicas.Replica("record", i.draft, held="why")
    ),
    "retractions.plan_retraction": lambda s, i: retractions.plan_retraction(s, i.file, due_at=LATE),
    "retractions.drop_retraction": lambda s, i: retractions.drop_retraction(s, i.file),
    "retractions.retraction_told": lambda s, i: retractions.retraction_told(s, i.file, now=LATE),
    "retractions.postpone_retraction": lambda s, i: retractions.postpone_retraction(
        s, i.file, until=LATE
    ),
    "seals.insert_seal": lambda s, i: seals.insert_seal(s, **_seal(i.draft_key)),
    "seals.insert_addendum": lambda s, i: seals.insert_addendum(
        s, _addendum(), record=i.final_key, author=1, seal=SHA, amends=SHA
    ),
    "set_aside.put_aside": lambda s, i: set_aside.put_aside(
        s,
        i.draft,
        window(s, i),
        {"plan": "y"},
        why="conflict",
        by=UserId(uuid4()),
        now=LATE,
    ),
    "set_aside.keep_words_of_file": lambda s, i: set_aside.keep_words_of_file(
        s, [_said_of(i.file)], {"record_id": str(i.draft), "file_name": "scan.pdf"}, now=LATE
    ),
    "set_aside.drop_aside": lambda s, i: set_aside.drop_aside(s, i.draft, window(s, i)),
    "upload_parts.begin_parts": lambda s, i: upload_parts.begin_parts(
        s, i.file_key, upload_id="other", part_size=9
    ),
    "upload_parts.forget_parts": lambda s, i: upload_parts.forget_parts(s, i.file_key),
    "upload_parts.put_part": lambda s, i: upload_parts.put_part(
        s, i.file_key, upload_parts.SentPart(1, 2, SHA, "m")
    ),
    "uploads.mark_stored": lambda s, i: uploads.mark_stored(
        s, upload(s, i), bucket="b", version_id="v", now=LATE
    ),
    "uploads.mark_all_stored": lambda s, i: uploads.mark_all_stored(
        s, [(upload(s, i), "v")], bucket="b", now=LATE
    ),
    "uploads.exchange_keys": lambda s, i: uploads.exchange_keys(
        s, [(upload(s, i), "tenant/other.txt")], now=LATE
    ),
    "uploads.postpone": lambda s, i: uploads.postpone(
        s, upload(s, i), until=LATE, reason="unavailable", sentence="x"
    ),
    "uploads.call_for_attention": lambda s, i: uploads.call_for_attention(
        s, upload(s, i), reason="refused", sentence="x"
    ),
    "uploads.queue_again": queue_again,
    "uploads.retry": retry,
    "uploads.queue_found": queue_found,
    "uploads.pause_upload": lambda s, i: uploads.pause_upload(s, i.file),
}

# What is about no patient, or about all of them; a screen or a thread of the clinic asks it.
WIDE = {
    "attachments.free_key": "a name that nothing in the bucket has",
    "audit.read_entries": "the whole trail",
    "audit.rows_ever": "how long the trail is",
    "audit.record_numbers": "the patients of an export of the trail",
    "audit.devices_seen": "computers",
    "authors.unknown_versions": "what the server is asked",
    "authors.keep_authors": "what the server said",
    "authors.parts_in": "what one revision has, which has one uuid in the world",
    "authors.read_parts": "what was kept of one revision",
    "combined.forget_signed": "all drafts that are signed by now",
    "authors.author_of": "the author of one revision, which has one uuid in the world",
    "replicas.forget_merged": "all that waits to be closed, when the server was restored",
    "coding.count_codes": "how often codes were used in the clinic",
    "coding.used_codes": "codes",
    "coding.read_stars": "a user's own",
    "coding.write_stars": "a user's own",
    "coding.read_words": "the clinic's words for codes",
    "coding.write_words": "the clinic's words for codes",
    "coding.read_searches": "a user's own",
    "coding.read_all_searches": "what was typed into the search of codes",
    "coding.write_searches": "a user's own",
    "duplicates.find_duplicates": "patients like the one that is typed",
    "patient_search.index_patients": "what an import or the server brings",
    "patient_search.find_patients": "patients by words",
    "patient_search.find_near": "patients by words",
    "patient_search.match_hits": "patients by words",
    "patient_search.seen_last": "patients",
    "patients.insert_patient": "a new one",
    "patients.record_no_taken": "a number that nobody else has",
    "patients.next_record_no": "a number that nobody has",
    "retractions.due_retractions": "what the bucket is told",
    "reviews.open_chains": "all that waits for a choice",
    "reviews.count_open": "how many",
    "records.newest_record": "a visit to make the first one quick with; it shows nothing",
    "reviews.count_waiting": "all that waits to be sent",
    "reviews.list_held": "all that the server did not take",
    "sealing_ops.current_of": "by what it is given",
    "heads.head_problems": "where the computers' trails end",
    "heads.keep_heads": "where the computers' trails end",
    "heads.note_heads": "where the computers' trails end",
    "heads.read_heads": "where the computers' trails end",
    "seals.list_finalized": "every signed record, to verify them all",
    "seals.latest_seal": "the newest of this computer",
    "seals.follows_another": "the seal before, by its hash",
    "seals.withdrawn": "hashes",
    "seals.signer_of": "a user",
    "stored_files.stored_files": "files the vault may let go",
    "stored_files.drawn_files": "files the vault may let go",
    "stored_files.rows_with_key": "to compare with the bucket",
    "stored_files.list_stored": "what was uploaded today",
    "uploads.due_uploads": "what is sent next",
    "uploads.next_due": "when",
    "uploads.waits_nowhere": "files whose bytes this computer may owe",
    "uploads.is_paused": "this computer",
    "uploads.set_paused": "this computer",
    "uploads.count_uploads": "how many",
    "visit_lists.list_visits_between": "the day's list",
    "visit_lists.list_drafts": "a doctor's drafts",
    "visit_lists.count_visits": "how many",
    "visit_lists.count_drafts": "how many",
    "visit_lists.recent_codes": "a doctor's codes",
    "documents.Rows.columns": "by the document it is given",
    "documents.Rows.know_parents": "row numbers that were looked up",
    "documents.Rows.user_key": "a user",
}
WIDE_MODULES = {
    "clinic": "the clinic, its users and its settings",
    "come_back": "what the server sends, by its uid",
    "comparing": "what the server sends, by its uid",
    "feed_pages": "what the server sends",
    "filling": "the first download: the whole clinic",
    "forgetting": "what this computer has sent, by number",
    "journal": "what this computer sends, by number",
    "left_behind": "what this computer sends after the server was restored",
    "outbox": "what this computer sends",
    "renewing": "what the server sends, by its uid",
    "replica": "what the server sends; tests/sync sees where each row goes",
    "row_values": "the first download: the whole clinic",
    "scans": "files of the folder of scans, before they are anybody's",
    "storing": "what the server sends; tests/sync sees where each row goes",
    "stuck": "what this computer sends",
    "sync_figures": "figures",
}
