"""The line is cut after every byte of a push and of a pull: nothing is lost, doubled or half there.

Every few bytes, to be quick; `MEDREC_EVERY_BYTE=1` for all of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.syncing import Cursor
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer
from tests.fakes.cut_line import CutLine
from tests.sync_server import Desktop, desktop, new_clinic

STEP = 1 if os.environ.get("MEDREC_EVERY_BYTE") else 5
Through = Callable[[], Line]


@pytest.fixture(scope="module")
def one(clinic_server: ClinicServer) -> Iterator[Desktop]:
    """A desktop on a sound line, to look with."""
    with desktop(clinic_server, new_clinic(clinic_server, "Cut Surgery")) as found:
        yield found


@pytest.fixture
def way(one: Desktop) -> Iterator[CutLine]:
    address = one.server.address
    with CutLine(address.host, address.port) as found:
        yield found


@pytest.fixture
def through(one: Desktop, way: CutLine) -> Through:
    """A line that can be cut."""
    address = one.server.address
    cuttable = ServerAddress("127.0.0.1", way.port, address.database, one.tenant)

    def open_line() -> Line:
        way.cut_after()
        line = Line.open(cuttable, None, one.tenant)
        line.device = one.device
        return line

    return open_line


def test_a_push_that_is_cut_anywhere_arrives_once(
    one: Desktop, way: CutLine, through: Through
) -> None:
    patient = one.patient()
    last = one.record(patient.uid)
    one.applied(patient, last)
    with closing(through()) as line:
        way.cut_after()
        first = one.edit(last, notes="0")
        assert line.push(one.device, [first])[0].outcome == "applied"
        # One byte less each way is a cut line; the hint after the answer is nobody's loss.
        sent, answered = way.passed["sent"], way.passed["answered"]
        last = first
    arrived = 0
    cuts = [("sent", n) for n in range(0, sent, STEP)] + [
        ("answered", n) for n in range(0, answered, STEP)
    ]
    for n, (side, at) in enumerate(cuts, 1):
        edit = one.edit(last, notes=str(n % 10))
        with closing(through()) as line:
            way.cut_after(**{side: at})
            try:
                line.push(one.device, [edit])
                heard = True
            except Unavailable:
                heard = False
        (result,) = one.push(edit)
        assert result.outcome == "applied", (side, at)
        assert result.dup or not heard, (side, at)
        arrived += result.dup
        last = edit
    seen = [e for e in one.feed() if e.uid == last.uid]
    assert [e.row_version for e in seen] == list(range(1, len(cuts) + 3))
    assert len({e.rev for e in seen}) == len(seen)
    assert 0 < arrived < len(cuts), "some arrived unheard, some did not arrive"


def test_a_pull_that_is_cut_anywhere_is_not_taken_for_a_whole_one(
    one: Desktop, way: CutLine, through: Through
) -> None:
    one.applied(one.patient())
    cursor = Cursor(one.feed()[-1].seq - 1)
    wanted = one.line.pull(cursor)
    with closing(through()) as line:
        way.cut_after()
        assert line.pull(cursor) == wanted
        answered = way.passed["answered"]
    for at in range(0, answered, STEP):
        with closing(through()) as line:
            way.cut_after(answered=at)
            with pytest.raises(Unavailable):
                line.pull(cursor)
            assert line.closed
    assert one.line.pull(cursor) == wanted
