"""What lines and the status bar say of files on their way; nothing is green before it is stored."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.ids import AttachmentId, RecordId
from medrec_desktop.domain.uploads import UNDO, FileUpload, UploadsOverview
from medrec_desktop.ui.attachments.files import Files, Standing, of_attachment, of_removed
from medrec_desktop.ui.storage.words import Batch, Fetch, summary, totals, upload_line

NOW = datetime(2026, 11, 22, 10, 31).astimezone()
SENDING = UploadsOverview(configured=True, uploading=1)
MB = 1_048_576


def a_file(**fields: Any) -> FileUpload:
    values = {"file_name": "Lab.pdf", "state": "pending", "queued_at": NOW, "total": 100 * MB}
    ids = {"attachment_id": AttachmentId(uuid4()), "record_id": RecordId(uuid4())}
    return FileUpload(**(ids | values | fields))  # type: ignore[arg-type]


def kept(**fields: Any) -> Attachment:
    values: dict[str, Any] = {
        "id": AttachmentId(uuid4()), "record_id": RecordId(uuid4()), "file_name": "Lab.pdf",
        "kind": "pdf", "file_type": "application/pdf", "file_size": MB, "kept_size": MB,
        "sha256": "", "description": "", "uploaded_by": "", "created_at": NOW,
    }  # fmt: skip
    return Attachment(**(values | fields))


@pytest.mark.parametrize(
    ("fields", "seen", "words"),
    [
        ({}, SENDING, "Saved here – waiting to upload"),
        ({"state": "uploading", "done": 99 * MB}, SENDING, "Uploading…"),
        ({"state": "uploading", "arrived": 42 * MB}, SENDING, "Uploading 42 %"),
        ({"state": "uploading", "arrived": 100 * MB}, SENDING, "Uploading 99 %"),
        ({"arrived": 42 * MB}, SENDING, "Paused at 42 % – continues when online"),
        ({"arrived": 42 * MB}, replace(SENDING, paused=True), "Paused at 42 %"),
        (
            {"state": "failed", "next_try_at": NOW + timedelta(minutes=16)},
            SENDING,
            "Failed – retrying at 10:47",
        ),
        ({"state": "attention", "sentence": "Why."}, SENDING, "Needs attention: Why."),
        ({"state": "paused", "arrived": 42 * MB}, SENDING, "Paused at 42 %"),
        ({"state": "paused"}, SENDING, "Paused – saved here"),
        ({}, replace(SENDING, held_until=NOW), "Saved here – waiting for connection"),
        ({}, replace(SENDING, stopped="No."), "Saved here – uploads have stopped"),
    ],
)
def test_a_file_on_its_way_says_how_it_stands(
    fields: dict[str, Any], seen: UploadsOverview, words: str
) -> None:
    line = upload_line(a_file(**fields), seen, NOW)
    assert line.state == words
    assert line.tone != "ok"


@pytest.mark.parametrize(
    ("fields", "seen", "words"),
    [
        ({"state": "uploading"}, SENDING, ("pause",)),
        ({}, SENDING, ()),
        ({"state": "paused"}, SENDING, ("resume",)),
        ({"state": "paused"}, replace(SENDING, paused=True), ("resume all",)),
        ({}, replace(SENDING, paused=True), ("resume all",)),
        ({"state": "failed", "next_try_at": NOW}, SENDING, ("retry",)),
        ({"state": "attention"}, SENDING, ("retry",)),
    ],
)
def test_each_state_of_a_file_has_its_next_step(
    fields: dict[str, Any], seen: UploadsOverview, words: tuple[str, ...]
) -> None:
    assert upload_line(a_file(**fields), seen, NOW).words == words


def test_files_that_were_paused_one_by_one_are_counted() -> None:
    seen = UploadsOverview(configured=True, held=2, bytes_left=MB)
    assert seen.left == 2
    assert totals(seen, Batch(), NOW).text == "2 files paused  ·  1.0 MB"
    assert summary(seen, NOW) == ("2 files paused, 1.0 MB. Safe here.", "text2")


def test_only_what_is_stored_and_here_is_called_uploaded() -> None:
    file = kept(upload_state="stored")
    standing = Standing(NOW, SENDING)
    row = of_attachment(file, Files(times={file.id: NOW}), standing)
    assert (row.state, row.tone) == ("Uploaded 10:31", "ok")
    away = Files(elsewhere=frozenset({file.id}))
    assert of_attachment(file, away, standing).state == "In storage – opens when needed"
    archived = replace(standing, fetches={file.id: Fetch("archived")})
    assert of_attachment(file, away, archived).actions[1:] == ("standard", "urgent")
    waiting = of_attachment(kept(), Files(), standing)
    assert (waiting.state, waiting.tone) == ("Saved here – waiting to upload", "text2")


def test_without_storage_a_file_is_kept_on_this_computer() -> None:
    row = of_attachment(kept(), Files(), Standing(NOW))
    assert (row.state, row.tone, row.actions) == ("Kept on this computer", "text2", ("remove",))
    assert totals(UploadsOverview(waiting=3), Batch(), NOW).text == ""


def test_a_removed_file_says_who_and_why_and_can_come_back_for_ten_minutes() -> None:
    file = kept(removed_at=NOW, removed_by="Dr A", removed_reason="wrong patient")
    row = of_removed(file, Standing(NOW, finalized=True))
    assert row.state == "Removed 10:31 by Dr A – wrong patient"
    assert row.actions == ("restore",)
    late = of_removed(file, Standing(NOW + UNDO + timedelta(seconds=1), finalized=True))
    assert late.actions == ()


def test_the_status_bar_counts_what_was_stored_meanwhile() -> None:
    first = UploadsOverview(
        configured=True, uploading=1, waiting=1, bytes_left=200 * MB,
        files=(a_file(state="uploading"), a_file()),
    )  # fmt: skip
    failed = a_file(state="failed", next_try_at=NOW + timedelta(minutes=16))
    then = replace(first, waiting=0, failed=1, bytes_left=200 * MB, files=(first.files[1], failed))
    batch = Batch().after(first, then)
    assert batch == Batch(1, 100 * MB)
    shown = totals(then, batch, NOW)
    assert shown.text == "Uploading 2 of 3  ·  200 MB left  ·  1 retry at 10:47"
    assert shown.share == pytest.approx(1 / 3)
    assert batch.after(then, UploadsOverview(configured=True)) == Batch()


def test_a_storage_out_of_reach_is_amber_and_says_when_it_is_tried_again() -> None:
    seen = UploadsOverview(
        configured=True, waiting=4, bytes_left=MB, held_because="No network. Files wait safely here.",
        held_until=NOW.astimezone(UTC) + timedelta(minutes=16),
    )  # fmt: skip
    assert totals(seen, Batch(), NOW).trouble == (
        "4 files waiting for connection  ·  next try 10:47"
    )
    words, tone = summary(seen, NOW)
    assert words == "No network. Files wait safely here. The next try is at 10:47."
    assert tone == "warn"
