"""A desktop reads the feed page by page and the tables newest first; what hello tells it."""

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from uuid import uuid4

import pytest

from medrec_desktop.domain.errors import Corrupt
from medrec_desktop.domain.syncing import Cursor, FeedEntry, moment
from tests.clinic_servers import ClinicServer
from tests.sync_server import NOW, Desktop, desktop


@pytest.fixture
def clinic(clinic_server: ClinicServer) -> Iterator[Desktop]:
    """A clinic of its own, so that its feed holds what the test did."""
    name = f"Feed {uuid4().hex[:8]}"
    with desktop(clinic_server, clinic_server.create(name)) as found:
        yield found


def test_pages_follow_each_other_and_begin_with_what_was_read_last(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(10)))
    feed = clinic.feed()
    cursor, read = Cursor(), list[FeedEntry]()
    while True:
        page = clinic.line.pull(cursor, limit=3)
        own, new = (page.entries[:1], page.entries[1:]) if cursor.seq else ((), page.entries)
        assert [(e.seq, e.chain) for e in own] == (
            [(cursor.seq, cursor.chain)] if cursor.seq else []
        )
        read += new
        cursor = Cursor(read[-1].seq, read[-1].chain)
        if not page.more:
            break
    assert tuple(read) == feed
    assert clinic.hello().head == cursor
    assert clinic.line.pull(Cursor(10_000)).entries == ()


def test_a_feed_with_a_hole_is_not_taken(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(5)))
    with closing(clinic.server.connect()) as other:
        other.execute(b"SET session_replication_role = replica")  # as somebody who means harm
        other.execute(f"DELETE FROM {clinic.tenant}.sync_feed WHERE seq = 4".encode())
    with pytest.raises(Corrupt, match="left something out"):
        clinic.line.pull(Cursor(1))
    assert [e.seq for e in clinic.line.pull(Cursor(5)).entries] == [5, 6, 7, 8]


def test_the_chain_is_what_anybody_can_reckon_again(clinic: Desktop) -> None:
    clinic.applied(*(clinic.patient() for _ in range(3)))
    ((wrong,),) = clinic.server.run(
        "SELECT count(*) FROM (SELECT chain, sha256(coalesce(lag(chain) OVER (ORDER BY seq), '')"
        " || convert_to(concat_ws('|', tbl, uid, rev, row_version, doc::text), 'UTF8')) AS made"
        f" FROM {clinic.tenant}.sync_feed) c WHERE chain <> made"
    )
    assert wrong == 0


def test_the_first_download_has_every_row_newest_first_as_the_feed_has_it(clinic: Desktop) -> None:
    patients = [clinic.patient() for _ in range(5)]
    visits = [clinic.record(p.uid) for p in patients]
    signed = clinic.finalize(visits[0])
    file = clinic.attach(visits[1].uid)
    stale = clinic.edit(visits[2], notes="x")
    clinic.push(*patients, *visits, signed, file, clinic.addendum(signed), clinic.edit(visits[2], notes="y"), stale)  # fmt: skip
    feed = {e.uid: e for e in clinic.feed()}
    for tbl, count in (("patient", 5), ("record", 5), ("attachment", 1), ("addendum", 1),
                       ("settings", 1), ("user", 1), ("device", 1), ("parked", 1)):  # fmt: skip
        pages, after = list[FeedEntry](), None
        while True:
            page = clinic.line.table_page(tbl, after, limit=2)  # type: ignore[arg-type]  # of a list
            pages += page.entries
            after = page.next_id
            if after is None:
                break
        assert len(pages) == count, tbl
        for entry in pages:
            assert entry.seq == 0
            assert entry.doc == feed[entry.uid].doc
            assert entry.row_version == feed[entry.uid].row_version
            assert entry.rev == feed[entry.uid].rev or tbl == "addendum"
    found = clinic.line.table_page("patient").entries
    assert [e.uid for e in found] == [p.uid for p in reversed(patients)]


# --- restores, clones, presence ----------------------------------------------------------------


def test_an_old_copy_of_a_desktop_is_told_so(clinic: Desktop) -> None:
    ops = [clinic.patient() for _ in range(4)]
    clinic.applied(*ops)
    ok = clinic.hello(journal_no=4, tail_op=ops[-1].op_id)
    assert not ok.desktop_restored
    assert not ok.server_rewound
    assert ok.newest_op == ops[-1].op_id
    assert clinic.hello(journal_no=2, tail_op=ops[1].op_id).desktop_restored


def test_a_server_that_was_restored_is_noticed_by_what_it_forgot(clinic: Desktop) -> None:
    assert clinic.hello(journal_no=1, tail_op=uuid4()).server_rewound


def test_who_has_a_visit_open_is_told_to_the_others_and_forgotten(clinic: Desktop) -> None:
    record = uuid4()
    with desktop(clinic.server, clinic.tenant, "ROOM-2") as other:
        clinic.hello(editing=(record,))
        (editor,) = other.hello().editors
        assert (editor.record, editor.device, editor.device_name, editor.actor) == (
            record,
            clinic.device,
            clinic.name,
            clinic.doctor,
        )
        assert clinic.hello(editing=(record,)).editors == ()
        clinic.server.run(
            f"UPDATE {clinic.tenant}.sync_devices SET seen_at = seen_at - interval '2 minutes'"
            f" WHERE uid = '{clinic.device}'"
        )
        assert other.hello().editors == ()
        clinic.hello(editing=(record,))
        assert other.hello().editors == (editor,)
        clinic.hello()
        assert other.hello().editors == ()


def test_the_clocks_of_desktops_order_nothing(clinic: Desktop) -> None:
    patient = clinic.patient(created_at=moment(NOW.replace(year=1999)))
    visit = clinic.record(patient.uid)
    clinic.applied(patient, visit)
    for year in (2999, 1970):
        edit = clinic.edit(visit, notes=f"{year}")
        visit = edit
        clinic.applied(clinic.op("edit", "record", edit.uid, edit.patch, edit.base_rev, op_id=edit.op_id, client_at=NOW.replace(year=year)))  # fmt: skip
    assert all(a.at <= b.at for a, b in pairwise(clinic.feed()))
    assert clinic.newest(visit.uid).doc["notes"] == "1970"
