import threading
from collections.abc import Sequence

import pytest

from medrec_desktop.attachments.arrivals import TOGETHER, Arrival, Arrivals
from medrec_desktop.attachments.sending import ONE_REQUEST
from medrec_desktop.data import uploads as rows
from medrec_desktop.data.audit import read_entries
from medrec_desktop.domain.auditing import chain_problems
from medrec_desktop.domain.errors import Conflict
from medrec_desktop.domain.ids import AttachmentId
from tests.attachments.upload.conftest import Sending
from tests.fakes.bucket import FakeBucket


def test_what_arrives_while_the_disk_is_busy_is_stored_together_and_in_order() -> None:
    seen: list[list[str]] = []
    busy, go_on = threading.Event(), threading.Event()

    def store(together: Sequence[Arrival]) -> None:
        seen.append([one.version_id for one in together])
        busy.set()
        assert go_on.wait(30)

    arrivals = Arrivals(store)
    arrivals.start()
    upload: rows.Upload = None  # type: ignore[assignment]  # it is only carried
    arrivals.put(Arrival(upload, "first"))
    assert busy.wait(30)
    names = [str(n) for n in range(TOGETHER + 5)]
    for name in names:
        arrivals.put(Arrival(upload, name))
    go_on.set()
    assert arrivals.stop(30)
    assert seen == [["first"], names[:TOGETHER], names[TOGETHER:]]


def test_who_arrived_waits_a_little_for_those_on_their_way() -> None:
    seen: list[list[str]] = []
    stored, asked = threading.Event(), list[str]()
    upload: rows.Upload = None  # type: ignore[assignment]  # it is only carried

    def store(together: Sequence[Arrival]) -> None:
        seen.append([one.version_id for one in together])
        stored.set()

    def under_way() -> int:
        if not asked:
            arrivals.put(Arrival(upload, "second"))
        asked.append("both are sent, one is here")
        return 2

    arrivals = Arrivals(store, under_way=under_way)
    arrivals.start()
    arrivals.put(Arrival(upload, "first"))
    assert stored.wait(30)
    assert arrivals.stop(30)
    assert seen == [["first", "second"]]


def test_a_row_that_cannot_be_written_costs_the_others_nothing(
    sending: Sending, fake: FakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = [sending.keep() for _ in range(12)]
    real = rows.mark_all_stored

    def guarded(session: object, arrived: object, **given: object) -> None:
        real(session, arrived, **given)  # type: ignore[arg-type]  # as it comes
        if any(one.uid == uids[5] for one, _ in arrived):  # type: ignore[attr-defined]  # as above
            raise Conflict("This row is locked.")

    monkeypatch.setattr(rows, "mark_all_stored", guarded)
    left = sending.run()
    assert [(one.attachment_id, one.state) for one in left.files] == [(uids[5], "attention")]
    states = {uid: sending.row(uid).upload_state for uid in uids}
    assert states == {uid: "pending" if uid == uids[5] else "stored" for uid in uids}


def test_many_stored_at_once_each_have_their_entry_in_an_unbroken_trail(
    sending: Sending, fake: FakeBucket
) -> None:
    uids = {sending.keep() for _ in range(25)}
    assert sending.run().left == 0
    with sending.setting.context.db.read() as session:
        trail = list(read_entries(session))
    entries = [entry for _, entry in trail]
    stored = [entry for entry in entries if entry.what == "file.stored"]
    assert {AttachmentId(entry.subject) for entry in stored if entry.subject} == uids
    assert len(stored) == 25
    assert {entry.record for entry in stored} == {sending.setting.visit}
    assert all(entry.patient for entry in stored)
    assert list(chain_problems(trail)) == []


def test_a_large_file_that_arrived_is_not_sent_again_before_its_row_says_stored(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = sending.keep(ONE_REQUEST + 1)
    real = rows.mark_all_stored

    def looked_between(session: object, arrived: object, **given: object) -> None:
        (uploader,) = sending.made
        if (large := uploader._large) is not None:
            large.join(30)
        uploader._start_large(probing=False)
        real(session, arrived, **given)  # type: ignore[arg-type]  # as it comes

    monkeypatch.setattr(rows, "mark_all_stored", looked_between)
    assert sending.run().left == 0
    with sending.setting.context.db.read() as session:
        told = [entry for _, entry in read_entries(session) if entry.what == "file.stored"]
    assert [one.subject for one in told] == [uid]
