"""What must hold when everything is quiet again, whatever happened (design, section 12)."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from medrec_desktop.data import journal
from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.comparing import COMPARED, Digester, last_compared
from medrec_desktop.domain.merging import SIGNATURE, VOIDED, same_value, units_of, with_columns
from medrec_desktop.services.visits import Visits
from tests.simulation.world import World

_COMPARED = frozenset({"record", "patient", "attachment", "addendum"})
_SIGNED = (
    *("patient_id", "doctor_id", "visit_date", "chief_complaint", "diagnosis", "treatment_plan"),
    *("notes", "prescriptions", "vital_signs", "lab_results", "follow_up_text", "diagnoses"),
    *("status", "finalized_at", "finalized_by", "seal"),
)


def violations(world: World, rounds: int) -> Iterator[str]:
    """What does not hold, one line each."""
    server = world.server
    feed = server.rows(
        "SELECT seq, tbl, uid, rev, row_version, doc FROM {t}.sync_feed ORDER BY seq"
    )
    ops = {
        row[0]: row
        for row in server.rows(
            "SELECT op_id, device, kind, tbl, uid, outcome, reason FROM {t}.sync_ops"
        )
    }
    parked = server.rows(
        "SELECT op_id, uid, reason, op, state, closed_by FROM {t}.sync_parked ORDER BY id"
    )
    yield from _nothing_is_lost(world, feed, parked)
    yield from _exactly_once(feed, ops)
    yield from _dense(feed)
    yield from _converged(world, feed, rounds)
    yield from _digests(world)
    yield from _honest_closing(world, feed, ops, parked)
    yield from _signed_stays(feed)
    yield from _signed_is_shown(world)
    yield from _files(world, feed, parked)
    yield from _no_phantoms(feed, parked)
    yield from _seen_before_replaced(world, feed, ops)
    yield from world.backwards


def _nothing_is_lost(world: World, feed: list[Any], parked: list[Any]) -> Iterator[str]:
    text = " ".join(json.dumps(row[5]) for row in feed if row[1] != "parked")
    text += " ".join(json.dumps(row[3]) for row in parked)
    for word in world.words.values():
        if not (word.lost or word.replaced) and word.text not in text:
            yield f"I1 {word.text} of {word.desktop} is nowhere"


def _exactly_once(feed: list[Any], ops: dict[UUID, Any]) -> Iterator[str]:
    made: dict[UUID, int] = defaultdict(int)
    last: dict[tuple[str, UUID], int] = {}
    for _, tbl, uid, rev, version, _ in feed:
        if tbl in {"parked", "audit"}:
            continue
        made[rev] += 1
        if version != last.get((tbl, uid), 0) + 1:
            yield f"I3 {tbl} {uid} goes from {last.get((tbl, uid), 0)} to {version}"
        last[tbl, uid] = version
    for op_id, op in ops.items():
        wanted = 1 if op[5] == "applied" and op[2] not in {"dismiss", "audit"} else 0
        if made[op_id] != wanted:
            yield f"I3 op {op_id} ({op[2]}, {op[5]}) made {made[op_id]} versions"
    for rev, times in made.items():
        if times > 1:
            yield f"I3 rev {rev} is {times} versions"


def _dense(feed: list[Any]) -> Iterator[str]:
    if [row[0] for row in feed] != list(range(1, len(feed) + 1)):
        yield "I4 the feed has holes"


def _converged(world: World, feed: list[Any], rounds: int) -> Iterator[str]:
    if rounds >= 60:
        yield "I9 not quiet after 60 rounds"
    newest = {(row[1], row[2]): row[5] for row in feed if row[1] in _COMPARED}
    for desktop in world.desktops:
        if desktop.waits() or desktop.left_behind():
            yield f"I5 {desktop.name} still waits"
        shown = desktop.documents() | desktop.addenda()
        for tbl, _ in newest.keys() - shown.keys():
            yield f"I5 {desktop.name} lacks a {tbl}"
        for tbl, _ in shown.keys() - newest.keys():
            yield f"I5 {desktop.name} alone has a {tbl}"
        for key in newest.keys() & shown.keys():
            for difference in _differences(shown[key], newest[key]):
                yield f"I5 {desktop.name} {key[0]} {difference}"


def _digests(world: World) -> Iterator[str]:
    """The program compares by these, and has found nothing by itself."""
    for desktop in world.desktops:
        if desktop.passed is None:
            continue
        line = world.server.line()
        with desktop.db.read() as session:
            line.device, found = read_device(session), last_compared(session)
            told = line.digests()
            if journal.read_cursor(session) != told.head:
                yield f"I13 {desktop.name} is not at the end of the feed"
            for tbl in COMPARED:
                digester = Digester(tbl)
                digester.feed(session)
                if differing := digester.differing(told.of.get(tbl, {})):
                    yield f"I13 {desktop.name} {tbl} differs in {len(differing)} buckets"
        line.close()
        if desktop.differed:
            yield f"I13 {desktop.name} differed: {desktop.differed}, {found}"


def _differences(shown: Any, wanted: Any) -> Iterator[str]:
    for column, value in wanted.items():
        if column != "updated_at" and _sorted(shown.get(column)) != _sorted(value):
            here, there = _apart(shown.get(column), value)
            yield f"{column}: {here} != {there}"


def _sorted(value: Any) -> Any:
    """Rows by their uid: each database has an order of its own."""
    if isinstance(value, list) and all("created_at" in row for row in value):
        return sorted(value, key=lambda row: str(row["uid"]))
    return value


def _apart(here: Any, there: Any) -> tuple[Any, Any]:
    """Only what differs of two lists of rows."""
    if not isinstance(here, list) or not isinstance(there, list):
        return here, there
    return [row for row in here if row not in there], [row for row in there if row not in here]


def _honest_closing(
    world: World, feed: list[Any], ops: dict[UUID, Any], parked: list[Any]
) -> Iterator[str]:
    history: dict[UUID, str] = defaultdict(str)
    for _, tbl, uid, _, _, doc in feed:
        if tbl != "parked":
            history[uid] += json.dumps(doc)
    for op_id, uid, _, op, state, closed_by in parked:
        if state == "open":
            continue
        if closed_by not in ops or ops[closed_by][5] != "applied":
            yield f"I6 {op_id} was closed by {closed_by}, which was not applied"
        if state != "merged":
            continue
        for word in _words(_changed(op)):
            known = world.words[word]
            # Unless its own author typed over it, before or after it was merged.
            if word not in history[uid] and known.replaced != known.desktop:
                yield f"I6 {op_id} was merged, and {word} is nowhere in {uid}"


def _changed(op: Any) -> list[Any]:
    """What it wrote itself: rows of others that stand beside in its lists are in their own ops."""
    written = units_of(op["tbl"], with_columns(op["tbl"], {}, op["patch"]))
    return [written.get(unit) for unit in op["base"]]


def _words(value: Any) -> list[str]:
    import re

    return re.findall(r"w\d+w", json.dumps(value))


def _signed_stays(feed: list[Any]) -> Iterator[str]:
    signed: dict[UUID, Any] = {}
    for _, tbl, uid, _, _, doc in feed:
        if tbl != "record":
            continue
        content = {name: doc[name] for name in _SIGNED}
        if uid in signed and signed[uid] != content:
            yield f"I8 {uid} was changed after it was signed"
        if doc["status"] == "finalized":
            signed.setdefault(uid, content)


def _signed_is_shown(world: World) -> Iterator[str]:
    for desktop in world.desktops:
        visits = Visits(desktop.context)
        for record in world.drafts(desktop, "finalized"):
            found = visits.check_seal(record)  # type: ignore[arg-type]
            if not found.holds:
                yield f"I11 {desktop.name} {record}: {found.problems}"


def _files(world: World, feed: list[Any], parked: list[Any]) -> Iterator[str]:
    newest = {row[2]: row[5] for row in feed if row[1] == "attachment"}
    held = {op["uid"] for _, _, _, op, _, _ in parked}
    for file in world.files.values():
        if not file.lost and file.uid not in newest and str(file.uid) not in held:
            yield f"I10 a file of {file.desktop} is nowhere"
    keys = Counter(doc["s3_key"] for doc in newest.values())
    for uid, doc in newest.items():
        if keys[doc["s3_key"]] > 1:
            yield f"I10 {uid} shares the key {doc['s3_key']}"
        if doc["upload_state"] != "stored":
            yield f"I10 {uid} is not stored"
            continue
        found = world.bucket.content_at(doc["s3_key"])
        if found is None:
            yield f"I10 {uid} is called stored, and nothing is there"
        elif hashlib.sha256(found).hexdigest() != doc["kept_sha256"]:
            yield f"I10 {uid} is called stored, and other bytes are there"


def _no_phantoms(feed: list[Any], parked: list[Any]) -> Iterator[str]:
    newest = {row[2]: (row[1], row[5]) for row in feed if row[1] in {"record", "patient"}}
    for op_id, uid, reason, op, state, _ in parked:
        if state != "open" or op["kind"] not in {"create", "edit"} or uid not in newest:
            continue
        tbl, doc = newest[uid]
        there = units_of(tbl, doc)
        wanted = units_of(tbl, {**doc, **_patched(doc, op["patch"])})
        if all(wanted.get(unit) == there.get(unit) for unit in op["base"]):
            yield f"I12 {op_id} ({reason}) is open, and the record shows all of it"


def _patched(doc: Any, patch: Any) -> Any:
    after = dict(patch)
    for name in ("diagnoses", "allergies"):
        if name in patch:
            rows = {row["uid"]: row for row in doc[name]}
            after[name] = list({**rows, **{row["uid"]: row for row in patch[name]}}.values())
    return after


def _seen_before_replaced(world: World, feed: list[Any], ops: dict[UUID, Any]) -> Iterator[str]:
    owner = {device: desktop.name for desktop in world.desktops for device in desktop.devices}
    before: dict[UUID, Any] = {}
    for _, tbl, uid, rev, _, doc in feed:
        if tbl not in {"record", "patient"}:
            continue
        was, now = before.get(uid, {}), units_of(tbl, doc)
        before[uid] = now
        if rev not in ops or ops[rev][1] not in owner:
            continue  # somebody who knows nothing of sync
        seen = world.seen[owner[ops[rev][1]]]
        for unit, value in was.items():
            # Of two patients with one number the program gives one another.
            if unit in {SIGNATURE, VOIDED, "record_no"} or same_value(value, now.get(unit)):
                continue
            if (str(uid), unit, json.dumps(value, sort_keys=True)) not in seen:
                yield f"I2 {owner[ops[rev][1]]} put {now.get(unit)} for {value} unseen ({unit})"
