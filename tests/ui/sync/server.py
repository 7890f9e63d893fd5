"""A clinic's server without one: what the window is told, and what it asked for."""

from pathlib import Path
from uuid import UUID

from medrec_desktop.domain.auditing import Look
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.link import Download, Link, Waiting
from medrec_desktop.domain.reviewing import Combined, Decision, Review


class FakeServerLink:
    """Says what a test set, and tells the window that it is another."""

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
        self.link_now, self.download_now = Link(), Download()
        self.waiting_now = Waiting()
        self.reviews_now: tuple[Review, ...] = ()
        self.editors: dict[RecordId, tuple[str, ...]] = {}
        self.signed: set[RecordId] = set()
        self.combined_now: dict[RecordId, tuple[Combined, ...]] = {}
        self.editing: frozenset[RecordId] = frozenset()
        self.asked: list[tuple[object, ...]] = []
        self.foreground = False
        self.looks_now: tuple[Look, ...] = ()
        self.problem: MedrecError | None = None
        self.refusal: MedrecError | None = None
        self.refused = 0

    def say(self, link: Link) -> None:
        """The link stands otherwise now."""
        self.link_now = link
        self.changes.publish(Changed("sync"))

    def link(self) -> Link:
        return self.link_now

    def download(self) -> Download:
        return self.download_now

    def waiting(self) -> Waiting:
        if self.refusal is not None:
            self.refused += 1
            raise self.refusal
        return self.waiting_now

    def reviews(self) -> tuple[Review, ...]:
        return self.reviews_now

    def looks(self, patient_id: PatientId) -> tuple[Look, ...]:
        self.asked.append(("looks", patient_id))
        if self.problem is not None:
            raise self.problem
        return self.looks_now

    def decide(self, review_id: UUID, decisions: tuple[Decision, ...]) -> None:
        self._close("decide", review_id, decisions)

    def propose_addendum(self, review_id: UUID, text: str) -> None:
        self._close("addendum", review_id, text)

    def dismiss(self, review_id: UUID) -> None:
        self._close("dismiss", review_id, None)

    def other_editors(self, record_id: RecordId) -> tuple[str, ...]:
        return self.editors.get(record_id, ())

    def signed_waiting(self, record_id: RecordId) -> bool:
        return record_id in self.signed

    def combined(self, record_id: RecordId) -> tuple[Combined, ...]:
        return self.combined_now.get(record_id, ())

    def combined_read(self, record_id: RecordId) -> None:
        self.combined_now.pop(record_id, None)
        self.asked.append(("read", record_id))

    def set_editing(self, records: frozenset[RecordId]) -> None:
        self.editing = records

    def try_now(self) -> None:
        self.asked.append(("try",))

    def set_foreground(self, *, foreground: bool) -> None:
        self.foreground = foreground

    def heard(self, news: tuple[str, ...]) -> None:
        self.asked.append(("heard", news))

    def set_join_code(self, typed: str) -> None:
        if self.problem is not None:
            raise self.problem
        self.asked.append(("code", typed))

    def support_bundle(self, target: Path) -> Path:
        self.asked.append(("bundle", target))
        return target

    def _close(self, what: str, review_id: UUID, chosen: object) -> None:
        if self.problem is not None:
            raise self.problem
        self.asked.append((what, review_id, chosen))
        self.reviews_now = tuple(one for one in self.reviews_now if one.id != review_id)
