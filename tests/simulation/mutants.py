"""Bugs put in on purpose, by switches that exist in the tests alone: the simulation must see each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
import sqlalchemy as sa

from medrec_desktop.data import forgetting, journal
from medrec_desktop.data import replica as replicas
from medrec_desktop.data.replicas import Supersedes, get_replica, put_replica
from medrec_desktop.data.schema import outbox
from medrec_desktop.data.schema_sync import sync_journal
from medrec_desktop.data.sealing_ops import Sealer
from medrec_desktop.domain import merging
from medrec_desktop.domain.merging import SIGNATURE, Merged
from medrec_desktop.sync.cycle import SyncCycle
from tests.simulation.desktop import Chance, Desktop, FaultyLine
from tests.simulation.files import Bucket
from tests.simulation.world import DAYS_FROM, World

Patch = pytest.MonkeyPatch


def mine_wins(patch: Patch) -> None:
    """Last writer wins."""
    right = merging.merge

    def merge(tbl: Any, base: Any, mine: Any, theirs: Any) -> Merged:
        found = right(tbl, base, mine, theirs)
        if theirs.get("status") == "finalized" or theirs.get("voided_at"):
            return found
        doc = found.doc
        for unit in found.conflicts - {SIGNATURE}:
            doc = merging.with_unit(tbl, doc, mine, unit)
        gone = found.conflicts & {SIGNATURE}
        return replace(found, doc=doc, taken=found.taken | found.conflicts - gone, conflicts=gone)

    patch.setattr(replicas, "merge", merge)


def theirs_wins(patch: Patch) -> None:
    """What was overtaken is thrown away, and what the server kept of it is closed."""
    right = merging.merge

    def merge(tbl: Any, base: Any, mine: Any, theirs: Any) -> Merged:
        found = right(tbl, base, mine, theirs)
        return Merged(dict(theirs), same=found.taken | found.same | found.conflicts)

    patch.setattr(replicas, "merge", merge)


def cursor_before_rows(patch: Patch) -> None:
    """The cursor is committed, then the rows."""

    def store(self: SyncCycle, entries: Any, cursor: Any, **_how: Any) -> None:
        if cursor is not None:
            with self._db.begin() as session:
                journal.write_cursor(session, cursor)
        with self._db.begin() as session:
            received = replicas.receive(session, entries, self._sealer(), paged=cursor is None)
        self._publish(received)

    patch.setattr(SyncCycle, "_store", store)


def acked_before_reply(patch: Patch) -> None:
    """Ops count as sent when they are about to be."""
    right = FaultyLine.push

    def push(self: FaultyLine, device: UUID, ops: Any) -> Any:
        with self._desktop.db.begin() as session:
            for op in ops:
                session.execute(
                    sa.update(sync_journal)
                    .where(sync_journal.c.op_id == op.op_id)
                    .values(acked=True)
                )
        return right(self, device, ops)

    patch.setattr(FaultyLine, "push", push)


def typing_forgotten(patch: Patch) -> None:
    """The answer to a push says that all of the aggregate is there."""
    right = journal.record_results

    def record(session: Any, results: Any) -> None:
        right(session, results)
        ids = [one.op_id for one in results]
        uids = sa.select(sync_journal.c.uid).where(sync_journal.c.op_id.in_(ids))
        session.execute(sa.delete(outbox).where(outbox.c.uid.in_(uids)))

    patch.setattr(journal, "record_results", record)


def coalesced_later(patch: Patch) -> None:
    """An op that is not answered takes in what is typed later, under the same id."""
    right = Sealer.seal

    def seal(self: Sealer, rows: Any, tbl: Any, uid: UUID) -> Any:
        session = rows.session
        table = sync_journal.c
        waiting = session.execute(
            sa.select(sync_journal)
            .where(table.uid == uid, ~table.acked, ~table.dead)
            .order_by(table.n.desc())
        ).first()
        ops = right(self, rows, tbl, uid)
        if waiting is None or waiting.op["kind"] != "edit" or [op.kind for op in ops] != ["edit"]:
            return ops
        known = get_replica(session, tbl, uid)
        if known.head_rev != ops[0].op_id or str(waiting.op_id) != str(ops[0].base_rev):
            return ops
        grown = dict(waiting.op)
        grown["patch"] = merging.with_columns(tbl, grown["patch"], ops[0].patch)
        session.execute(sa.update(sync_journal).where(table.n == waiting.n).values(op=grown))
        session.execute(sa.delete(sync_journal).where(table.op_id == ops[0].op_id))
        put_replica(session, replace(known, head_rev=waiting.op_id))
        return ops

    patch.setattr(Sealer, "seal", seal)


def counted_ids(patch: Patch) -> None:
    """An op is called after its computer and its number."""

    def op_of(self: Sealer, session: Any, tbl: Any, uid: UUID, step: Any, **rest: Any) -> Any:
        op = right_op(self, session, tbl, uid, step, **rest)
        named = uuid5(UUID(int=self.actor.int), str(op.n))
        return replace(op, op_id=named)

    right_op = Sealer._op
    patch.setattr(Sealer, "_op", op_of)


def no_dedupe(patch: Patch) -> None:
    """The server forgets what it answered."""
    right = FaultyLine.push

    def push(self: FaultyLine, device: UUID, ops: Any) -> Any:
        server = self._desktop.server
        ids = [op.op_id for op in ops]
        server.rows("DELETE FROM {t}.sync_ops WHERE op_id = ANY(%s)", ids)
        server.rows("DELETE FROM {t}.sync_parked WHERE op_id = ANY(%s)", ids)
        return right(self, device, ops)

    patch.setattr(FaultyLine, "push", push)


def _on_any_rev(patch: Patch, kinds: frozenset[str]) -> None:
    right = FaultyLine.push

    def push(self: FaultyLine, device: UUID, ops: Any) -> Any:
        # One by one: each is put on what is there just then.
        results: list[Any] = []
        for op in ops:
            rows = self._desktop.server.rows(
                "SELECT rev FROM {t}.medical_records WHERE uid = %s", op.uid
            )
            if op.tbl == "record" and op.kind in kinds and rows:
                op = replace(op, base_rev=rows[0][0])  # noqa: PLW2901  # the bug
            results += right(self, device, (op,))
        return tuple(results)

    patch.setattr(FaultyLine, "push", push)


def no_compare(patch: Patch) -> None:
    """The server takes an edit on whatever revision is there."""
    _on_any_rev(patch, frozenset({"edit"}))


def finalize_unseen(patch: Patch) -> None:
    """The server takes a signature on whatever revision is there."""
    _on_any_rev(patch, frozenset({"finalize"}))


def no_guard(patch: Patch) -> None:
    """Nothing keeps a signed record from being changed."""

    def forge(self: World, desktop: Desktop) -> None:
        # To switch a trigger off waits for whoever has a row locked, and he is let go here alone.
        self.server.let_go(commit=True)
        self.server.run(
            self.server.named("ALTER TABLE {t}.medical_records DISABLE TRIGGER guard_record")
        )
        try:
            rows = self.server.rows(
                "SELECT uid FROM {t}.medical_records WHERE status = 'finalized' ORDER BY id"
            )
            if rows:
                self.server.as_another_program(
                    "UPDATE {t}.medical_records SET notes = 'forged' WHERE uid = %s", rows[0][0]
                )
        finally:
            self.server.run(
                self.server.named("ALTER TABLE {t}.medical_records ENABLE TRIGGER guard_record")
            )

    patch.setattr(World, "_forger", forge)


def dropped(patch: Patch) -> None:
    """What the server does not apply is gone."""
    right = FaultyLine.push

    def push(self: FaultyLine, device: UUID, ops: Any) -> Any:
        results = right(self, device, ops)
        ids = [one.op_id for one in results if one.outcome == "parked"]
        self._desktop.server.rows("DELETE FROM {t}.sync_parked WHERE op_id = ANY(%s)", ids)
        return results

    patch.setattr(FaultyLine, "push", push)


def rev_kept(patch: Patch) -> None:
    """Another program's change is no revision of its own."""

    def write(self: World, desktop: Desktop) -> None:
        rows = self.server.rows(
            "UPDATE {t}.medical_records SET notes = %s, row_version = row_version + 1 WHERE id ="
            " (SELECT max(id) FROM {t}.medical_records WHERE status = 'draft') RETURNING id",
            f"s{self.rng.randrange(10**6)}s",
        )
        for (key,) in rows:
            self.server.rows(
                "SELECT {t}.feed_add('record', v.uid, v.rev, v.row_version, v.doc)"
                " FROM {t}.record_docs v WHERE v.id = %s",
                key,
            )

    patch.setattr(World, "_stranger", write)


def all_closed(patch: Patch) -> None:
    """After a merge every op that came too late is closed."""

    def closing(self: Any, known: Any, dead: Any, merged: Any) -> Supersedes | None:
        ops = [op.op_id for op in dead if op.kind != "finalize"]
        return Supersedes(tuple(ops)) if ops else None

    patch.setattr(replicas._Receiver, "_closing", closing)


def grandparents_forgotten(patch: Patch) -> None:
    """A successor closes what it follows, and not what that one would have closed."""
    right = replicas._Receiver._closing

    def closing(self: Any, known: Any, dead: Any, merged: Any) -> Supersedes | None:
        alone = [replace(op, supersedes=()) for op in dead]
        return right(self, replace(known, supersedes=None), alone, merged)

    patch.setattr(replicas._Receiver, "_closing", closing)
    # In quiet rounds the program finds such ops by itself: without this the bug is healed.
    patch.setattr(SyncCycle, "_tidy", lambda _: False)


def merged_unsealed(patch: Patch) -> None:
    """What was typed is merged before it is sealed."""
    patch.setattr(replicas, "is_marked", lambda *_: False)


def key_by_name(patch: Patch) -> None:
    """A file is stored under its name, over whatever is there."""
    make, head, content_at = Bucket._make, Bucket.head, Bucket.content_at

    def put(self: Bucket, key: str, content: Any, headers: Any, *, if_none_match: bool) -> str:
        return make(self, Path(key).name, content, headers, if_none_match=False)

    patch.setattr(Bucket, "_make", put)
    patch.setattr(Bucket, "head", lambda self, key: head(self, Path(key).name))
    patch.setattr(Bucket, "content_at", lambda self, key: content_at(self, Path(key).name))


def forgotten_at_once(patch: Patch) -> None:
    """What the server has answered need not be kept any longer."""
    patch.setattr(forgetting, "KEPT", timedelta())
    patch.setattr(forgetting, "_BETWEEN", timedelta())


def plain_sequence(patch: Patch) -> None:
    """The feed is numbered by a sequence, and whoever writes waits for nobody: who began first may
    commit last, and is behind a reader's cursor by then. The server's part is in `ON_SERVER`."""


# Statements to put a bug into the server, and to take it out again.
ON_SERVER: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "plain sequence": (
        (
            "CREATE SEQUENCE {t}.naive",
            """CREATE FUNCTION {t}.naive() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN NEW.seq := nextval('{t}.naive'); RETURN NEW; END$$""",
            """CREATE TRIGGER naive BEFORE INSERT ON {t}.sync_feed FOR EACH ROW
            EXECUTE FUNCTION {t}.naive()""",
            "ALTER FUNCTION {t}.feed_add(text, uuid, uuid, integer, jsonb) RENAME TO careful_add",
            """CREATE FUNCTION {t}.feed_add(p_tbl text, p_uid uuid, p_rev uuid, p_version integer,
            p_doc jsonb) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            INSERT INTO {t}.sync_feed (seq, tbl, uid, rev, row_version, doc, chain)
            VALUES (0, p_tbl, p_uid, p_rev, p_version, p_doc,
              sha256(convert_to(gen_random_uuid()::text, 'UTF8'))); END$$""",
        ),
        (
            "DROP FUNCTION {t}.feed_add(text, uuid, uuid, integer, jsonb)",
            "ALTER FUNCTION {t}.careful_add(text, uuid, uuid, integer, jsonb) RENAME TO feed_add",
            "DROP TRIGGER naive ON {t}.sync_feed",
            "DROP FUNCTION {t}.naive()",
            "DROP SEQUENCE {t}.naive",
        ),
    ),
}


# Each with a seed that showed it, and what it broke.
MUTANTS: Mapping[str, tuple[Callable[[Patch], None], int, str]] = {
    "mine wins": (mine_wins, 6, "I2"),
    "theirs wins": (theirs_wins, 1, "I6"),
    "cursor before rows": (cursor_before_rows, 2, "I9"),
    "acked before the reply": (acked_before_reply, 6, "I7"),
    "typing during a push forgotten": (typing_forgotten, 9, "I1"),
    "content coalesced later": (coalesced_later, 9, "I1"),
    "ids counted": (counted_ids, 2, "I5"),
    "no dedupe": (no_dedupe, 1, "I3"),
    "no compare-and-set": (no_compare, 7, "I2"),
    "finalize without compare-and-set": (finalize_unseen, 14, "I11"),
    "no immutability": (no_guard, 12, "I8"),
    "parked ops dropped": (dropped, 1, "I1"),
    "rev kept by another program": (rev_kept, 5, "I3"),
    "all dead ops closed": (all_closed, 1, "I6"),
    "grandparents forgotten": (grandparents_forgotten, 7, "I12"),
    "merged before sealed": (merged_unsealed, 1, "I1"),
    "key by file name": (key_by_name, 2, "I10"),
    "plain sequence": (plain_sequence, 1, "error"),
    "forgotten at once": (forgotten_at_once, DAYS_FROM + 7, "I1"),
}

# What makes these likely.
OFTEN: Mapping[str, Mapping[str, float]] = {
    "ids counted": {"restore": 8, "copy": 6, "server_copy": 0},
    "content coalesced later": {"server_copy": 0, "type": 40, "round": 40, "start": 0.5},
    "finalize without compare-and-set": {"finalize": 12, "type": 25, "stranger": 3},
    "key by file name": {"attach": 8, "send": 8},
    "plain sequence": {"holder": 8},
    "forgotten at once": {"server_copy": 3, "server_restore": 2, "round": 60, "patient": 30},
}
CHANCES: Mapping[str, Chance] = {
    "forgotten at once": Chance(),
    "content coalesced later": Chance(lost_reply=0.4),
    "finalize without compare-and-set": Chance(lost_request=0.3),
}
