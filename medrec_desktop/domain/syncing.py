"""What a desktop and the clinic's server say to each other, and the names both use.

Values alone: the line is `sync/line.py`, the server's side is SQL in the migrations. A document is
a JSON object of an aggregate as the server has it: keys are columns' names, a reference is the uid
of what it points to, a time is `moment`'s text. Row numbers never travel.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from uuid import UUID

from medrec_desktop.domain.op_upgrades import upgraded
from medrec_desktop.domain.text import storable

PROTOCOL: Final = 1
"""What this program speaks; a server that asks for more takes no pushes from it (`Outdated`)."""

MOST_OPS: Final = 200
MOST_BYTES: Final = 1_000_000
"""The most of one push. Longer ones hold up the clinic's other computers."""

Document = Mapping[str, Any]

Aggregate = Literal[
    "record",  # medical_records; `diagnoses`: list of rows; `seal`: object once finalized
    "attachment",  # record_attachments
    "addendum",  # record_addenda
    "patient",  # patients; `allergies`: list of rows
    "settings",  # one row of clinic_settings: `name`, `value`
    "user",  # name, role, active, admin
    "audit",  # a batch of a device's entries; in the feed only the head of the device's chain
    "device",  # a computer of the clinic: name, revoked_at
    "parked",  # in the feed alone: an op that was kept instead of applied
]

OpKind = Literal[
    "create",  # a new aggregate; base_rev is None
    "edit",
    "finalize",  # patch: status, finalized_at, finalized_by, seal
    "void",  # patch: voided_at, voided_by, void_reason
    "attach",  # create, of an attachment: the server gives its s3_key
    "stored",  # the bytes are in the storage; no compare-and-set
    "addendum",  # create, of an addendum
    "dismiss",  # nothing but `supersedes`
    "audit",  # patch: entries
]

CloseAs = Literal["merged", "resolved", "dismissed"]
ParkedState = Literal["open", "merged", "resolved", "dismissed"]
Outcome = Literal["applied", "parked", "reused"]

# Why an op was parked. Beside these: "unknown_<aggregate>" for what it is about or points to, and
# "rejected:<SQLSTATE>" when a rule of the database said no.
STALE: Final = "stale"
FINALIZED: Final = "finalized"
VOIDED: Final = "voided"
UNREVIEWED: Final = "unreviewed"
EXISTS: Final = "exists"
UNKNOWN_FIELD: Final = "unknown_field"
NOT_NEXT: Final = "not_next"


@dataclass(frozen=True, slots=True)
class Op:
    """A sealed change. Never edited: its id is the rev its aggregate has once it is applied."""

    op_id: UUID
    n: int
    """The desktop's own number, ascending: parents first."""
    kind: OpKind
    tbl: Aggregate
    uid: UUID
    base_rev: UUID | None
    """The rev it was made on; None creates."""
    patch: Document
    """Column -> new value, changed columns only. Rows of a list (`diagnoses`, `allergies`): those
    that are new or differ, whole, by their `uid`; a removed one has `voided_at`."""
    base: Document
    """Merge unit -> the value its author saw; for whoever reviews it."""
    actor: UUID
    client_at: datetime
    schema: str
    """The revision of the program that made it."""
    supersedes: tuple[UUID, ...] = ()
    """Parked ops that are closed when this one is applied."""
    close_as: CloseAs = "merged"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an op, now or (`dup`) when it came before. "reused": its id belongs to an op
    with other content, and this one was not kept."""

    op_id: UUID
    outcome: Outcome
    reason: str = ""
    dup: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a desktop has read the feed, and what it read there. (0, b"") is the beginning."""

    seq: int = 0
    chain: bytes = b""


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A version of an aggregate. In first-sync pages `seq` is 0 and `chain` empty."""

    seq: int
    tbl: Aggregate
    uid: UUID
    rev: UUID
    row_version: int
    doc: Document
    chain: bytes
    at: datetime
    text: str = field(default="", repr=False, compare=False)
    """The document as it came, where it came as a text."""


@dataclass(frozen=True, slots=True)
class Version:
    """What an aggregate was at one time, and who made it so; no actor and no device where another
    program wrote."""

    rev: UUID
    doc: Document
    at: datetime
    actor: UUID | None = None
    device: UUID | None = None
    computer: str = ""


@dataclass(frozen=True, slots=True)
class LookElsewhere:
    """An entry of another computer's trail, as far as "who looked at this patient" asks."""

    at: datetime
    actor: UUID
    what: str
    outcome: str
    device: UUID
    computer: str


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the feed from the cursor's own row on, which the caller compares and drops.
    Without holes, or `Line.pull` raises Corrupt. `more`: there is another one."""

    entries: tuple[FeedEntry, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class TablePage:
    """A piece of a table for the first sync, newest row first. `next_id` goes into the next call;
    None: that was the last."""

    entries: tuple[FeedEntry, ...]
    next_id: int | None = None


@dataclass(frozen=True, slots=True)
class Digests:
    """What the server has where its feed ends at `head`: kind -> bucket (the last two digits of the
    uids) -> a digest over what `digest_line` says of each, in the order of their uids."""

    head: Cursor
    of: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Hello:
    """What a desktop says first. `tail_op`: the newest op it knows the server to have answered."""

    device: UUID
    name: str
    app: str
    schema: str
    journal_no: int = 0
    """The number of the newest op it ever sealed."""
    tail_op: UUID | None = None
    actor: UUID | None = None
    editing: tuple[UUID, ...] = ()
    """Records whose form is open there just now."""


@dataclass(frozen=True, slots=True)
class Editor:
    """Somebody who has a record open on another computer."""

    record: UUID
    device: UUID
    device_name: str
    actor: UUID | None


@dataclass(frozen=True, slots=True)
class Welcome:
    """What the server answers. `schema` is its revision, `head` the newest of its feed."""

    now: datetime
    schema: str
    min_push: int
    head: Cursor
    clinic: UUID
    tenant: str
    desktop_restored: bool = False
    """This desktop sealed more once than it knows of: it is an old copy, or one of two."""
    server_rewound: bool = False
    """The server does not know `tail_op`: it was restored from a backup."""
    newest_op: UUID | None = None
    """The newest op the server has of this device. A desktop that never sealed it is an old copy,
    or one of two."""
    revoked: bool = False
    editors: tuple[Editor, ...] = ()
    audit_heads: Mapping[UUID, tuple[int, str]] = field(default_factory=dict)
    """Device -> (number, sha256) of the newest audit entry the server has of it."""


@dataclass(frozen=True, slots=True)
class Parked:
    """An op that was kept instead of applied, as the feed's "parked" documents have it."""

    op: Op
    reason: str
    state: ParkedState
    device: UUID
    device_name: str
    server_at: datetime
    closed_by: UUID | None = None
    closed_at: datetime | None = None


def moment(at: datetime) -> str:
    """A time as documents have it: UTC, six decimals, Z. Two texts are equal when the times are."""
    if at.tzinfo is None:
        raise TypeError("a time without a zone cannot be sent")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The time that `moment` wrote."""
    return datetime.fromisoformat(text)


def setting_uid(name: str) -> UUID:
    """What a clinic's setting is called on the wire; the server reckons the same."""
    digest = hashlib.md5(f"medrec-setting:{name}".encode(), usedforsecurity=False)
    return UUID(hex=digest.hexdigest())


def op_document(op: Op) -> dict[str, Any]:
    """The op as JSON; what is sent, hashed and parked."""
    return {
        "op_id": str(op.op_id),
        "n": op.n,
        "kind": op.kind,
        "tbl": op.tbl,
        "uid": str(op.uid),
        "base_rev": None if op.base_rev is None else str(op.base_rev),
        "patch": dict(op.patch),
        "base": dict(op.base),
        "actor": str(op.actor),
        "client_at": moment(op.client_at),
        "schema": op.schema,
        "supersedes": [str(one) for one in op.supersedes],
        "close_as": op.close_as,
    }


def sent_op(op: Op) -> dict[str, Any]:
    """The op as the line carries it. PostgreSQL's JSON knows no NUL and no half characters: an op
    with such a thing in it travels in letters, is parked, and is whole again in `op_of`."""
    document = op_document(op)
    text = json.dumps(document)
    if not _UNSENDABLE.search(text) or _sendable(document):
        return document
    raw = base64.b64encode(text.encode()).decode()
    return {**document, "patch": {}, "base": {}, "raw": raw}


# As json.dumps writes them: perhaps one, for a character beyond 16 bits is written as two halves.
_UNSENDABLE = re.compile(r"\\u0000|\\ud[89a-f]")


def _sendable(value: Any) -> bool:
    match value:
        case str():
            return storable(value) == value
        case Mapping():
            return all(_sendable(k) and _sendable(v) for k, v in value.items())
        case list() | tuple():
            return all(_sendable(item) for item in value)
        case _:
            return True


def op_of(document: Document, *, as_sealed: bool = False) -> Op:
    """The op that `op_document` or `sent_op` wrote, in the words of this program; `as_sealed`: in
    its own."""
    if "raw" in document:
        document = json.loads(base64.b64decode(document["raw"]))
    if not as_sealed:
        document = upgraded(document)
    base_rev = document["base_rev"]
    return Op(
        op_id=UUID(document["op_id"]),
        n=document["n"],
        kind=document["kind"],
        tbl=document["tbl"],
        uid=UUID(document["uid"]),
        base_rev=None if base_rev is None else UUID(base_rev),
        patch=document["patch"],
        base=document["base"],
        actor=UUID(document["actor"]),
        client_at=moment_of(document["client_at"]),
        schema=document["schema"],
        supersedes=tuple(UUID(one) for one in document["supersedes"]),
        close_as=document["close_as"],
    )


def parked_of(document: Document) -> Parked:
    """The parked op that a "parked" document of the feed holds."""
    closed_by, closed_at = document["closed_by"], document["closed_at"]
    return Parked(
        op=op_of(document["op"]),
        reason=document["reason"],
        state=document["state"],
        device=UUID(document["device"]),
        device_name=document["device_name"],
        server_at=moment_of(document["server_at"]),
        closed_by=None if closed_by is None else UUID(closed_by),
        closed_at=None if closed_at is None else moment_of(closed_at),
    )
