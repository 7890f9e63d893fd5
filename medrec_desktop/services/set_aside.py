"""Words that a visit refused outlive the program: somebody else had changed, signed or taken over
the visit first, and whoever typed decides what becomes of them. Part of `Visits`.
"""

from uuid import UUID

from medrec_desktop.data.records import get_visit
from medrec_desktop.data.set_aside import aside_of, drop_aside, put_aside
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import VisitDraft
from medrec_desktop.domain.set_aside import SetAside, missing_from, words_of
from medrec_desktop.services.context import Context
from medrec_desktop.services.storable import storable_draft


class Aside:
    """What was typed into visits that did not take it. `window` tells one form from another."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # Of this sitting: most saves need not look.
        self._kept: set[tuple[RecordId, UUID]] = set()

    def keep(self, draft: VisitDraft, window: UUID, why: str) -> None:
        """On the disk when this returns."""
        words = words_of(storable_draft(draft))
        by, now = self._context.actor.id, self._context.clock()
        with self._context.db.begin() as session:
            put_aside(session, draft.record_id, window, words, why=why, by=by, now=now)
        self._kept.add((draft.record_id, window))

    def stored(self, record_id: RecordId, window: UUID) -> None:
        """The visit has taken what this form holds."""
        if (record_id, window) in self._kept:
            self.drop(record_id, window)

    def drop(self, record_id: RecordId, window: UUID) -> None:
        """Nobody needs these words any more."""
        with self._context.db.begin() as session:
            drop_aside(session, record_id, window)
        self._kept.discard((record_id, window))

    def left(self, record_id: RecordId, window: UUID) -> tuple[SetAside, ...]:
        """What other forms and earlier sittings left, as far as the visit does not say it now."""
        with self._context.db.read() as session:
            rows = [row for row in aside_of(session, record_id) if row.window != window]
            if not rows:
                return ()
            draft = get_visit(session, record_id).draft
        found = (
            SetAside(row.window, row.at, row.name, row.why, missing_from(row.words, draft))
            for row in rows
        )
        return tuple(one for one in found if one.words)
