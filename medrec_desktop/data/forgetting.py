"""What the server has answered is kept for as long as a server restored from a backup may ask for it
again, and then forgotten.

How long that is, two clocks must say: one that jumps takes nothing away. Nothing here commits.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from medrec_desktop.data import journal
from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.data.session import Session

KEPT: Final = timedelta(days=60)
_BETWEEN: Final = timedelta(days=1)
_MARKS: Final = "answered"
_AT_ONCE: Final = 1_000
# Of what is still open somebody may ask who wrote what before: all of a draft is kept, and all of
# what waits for a choice. Who signed a computer out is asked of these ops alone. Ops of a kind that
# makes no version never come back by themselves.
_FORGOTTEN: Final = sa.text(
    "DELETE FROM sync_journal WHERE n IN (SELECT j.n FROM sync_journal j WHERE j.n < :until"
    " AND j.acked AND j.outcome IN ('applied', 'parked') AND j.tbl <> 'device'"
    " AND (j.seen OR j.tbl = 'audit' OR json_extract(j.op, '$.kind') = 'dismiss')"
    " AND NOT EXISTS (SELECT 1 FROM medical_records r WHERE r.uid = j.uid"
    " AND r.status = 'draft' AND r.voided_at IS NULL)"
    " AND NOT EXISTS (SELECT 1 FROM sync_reviews v WHERE v.uid = j.uid AND v.state = 'open')"
    " ORDER BY j.n LIMIT :most)"
)


class _Mark(NamedTuple):
    """At this time, by the server's clock and by this computer's, it had answered all up to `n`."""

    server: datetime
    here: datetime
    n: int


def is_due(session: Session, *, server: datetime) -> bool:
    """Whether a day has passed since `forget` was begun last."""
    marks = _read(session)
    return not marks or not timedelta(0) <= server - marks[-1].server < _BETWEEN


def note_answered(session: Session, *, server: datetime, here: datetime) -> None:
    """Remember up to where everything is answered by now; once a day."""
    marks = [one for one in _read(session) if one.server < server and one.here < here]
    old = [one for one in marks if _is_old(one, server, here)]
    # Of those that are old enough the newest says it all.
    marks = [*old[-1:], *(one for one in marks if one not in old)]
    table = sync_journal.c
    waits = session.scalar(sa.select(sa.func.min(table.n)).where(~table.acked))
    n = journal.newest_n(session) if waits is None else waits - 1
    marks.append(_Mark(server, here, n))
    stored = [[one.server.isoformat(), one.here.isoformat(), one.n] for one in marks]
    journal.write_meta(session, _MARKS, stored)


def forget(session: Session, *, server: datetime, here: datetime) -> bool:
    """Take away some of what was answered long enough ago; whether that was as much as goes at
    once. The newest of it stays: by it the server knows this computer, and is known."""
    until = max((one.n for one in _read(session) if _is_old(one, server, here)), default=0)
    if not until:
        return False
    found = session.execute(_FORGOTTEN, {"until": until, "most": _AT_ONCE})
    return found.rowcount == _AT_ONCE


def begin_again(session: Session) -> None:
    """A server that was restored is sent everything anew: nothing of it is answered yet."""
    journal.write_meta(session, _MARKS, None)


def _is_old(mark: _Mark, server: datetime, here: datetime) -> bool:
    return server - mark.server >= KEPT and here - mark.here >= KEPT


def _read(session: Session) -> list[_Mark]:
    stored = journal.read_meta(session, _MARKS) or []
    return [
        _Mark(datetime.fromisoformat(server), datetime.fromisoformat(here), n)
        for server, here, n in stored
    ]
