"""One connection to the clinic's server: hello, pull, push, and pages for the first download.

Raises Unavailable (try again later), Denied (useless until somebody does something) and Corrupt
(what came is not what the server may say). Nothing local is read or written here, and nothing is
decided: what a page or a result means, its caller knows.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, LiteralString, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from medrec_desktop.data.json_text import parsed
from medrec_desktop.data.server.address import ServerAddress, connection_arguments
from medrec_desktop.data.tenant import checked_schema
from medrec_desktop.domain.errors import Corrupt, Denied, MedrecError, Unavailable
from medrec_desktop.domain.syncing import (
    PROTOCOL,
    Aggregate,
    Cursor,
    Digests,
    Editor,
    FeedEntry,
    Hello,
    LookElsewhere,
    Op,
    Page,
    Result,
    TablePage,
    Version,
    Welcome,
    moment_of,
    sent_op,
)
from medrec_desktop.sync import hint

PAGE: Final = 500
_Told = TypeVar("_Told")

_UNREACHABLE = (
    "The clinic's server does not answer just now. What you typed is safe on this computer. "
    "It is sent when the server answers again."
)
_REFUSED = (
    "The clinic's server refused this computer. What you typed is safe on this computer. "
    "Ask whoever looks after the server to check this clinic's account."
)
_REVOKED = (
    "This computer was signed out of the clinic by an administrator. It sends and fetches nothing "
    "any more, and nobody signs in on it. What was saved here and not sent is kept, for this "
    "computer’s recovery code alone. Ask whoever looks after the clinic."
)
_OUTDATED = (
    "The clinic's server asks for a newer version of this program before it takes changes. "
    "What you typed is safe on this computer, and what others write still comes in. "
    "Install the newest version."
)
_NO_CLINIC = (
    "The clinic's server does not know this clinic, or no longer takes its computers. What you "
    "typed is safe on this computer. Ask whoever looks after the server."
)
_STRANGE = (
    "The clinic's server answered something this program does not understand. Nothing was changed "
    "on this computer. Send us the report."
)
_HOLES = (
    "The clinic's server left something out. Nothing was changed on this computer. Ask whoever "
    "looks after the server to run: medrec-admin clinic check"
)


class Outdated(Denied):
    """The server takes no pushes from this version of the program; pulling goes on."""


class SignedOut(Denied):
    """An administrator of the clinic has signed this computer out: the server tells it nothing
    and takes nothing from it."""

    def __init__(self) -> None:
        super().__init__(_REVOKED)


class Line:
    """A connection to the server as the clinic's login role. One thread at a time."""

    def __init__(self, connection: "psycopg.Connection[Any]", schema: str) -> None:
        """`connection` in autocommit: each call is one statement, and so one transaction."""
        self._connection = connection
        self._schema = checked_schema(schema)
        self.device: UUID | None = None
        """Who reads; a hello says it too. The server tells nothing to a computer it does not know,
        or has signed out."""

        def ours(text: LiteralString) -> bytes:
            # Qualified here: a search_path would reach the next clinic behind a pooler.
            query = sql.SQL(text).format(schema=sql.Identifier(schema))
            return query.as_string(connection).encode()

        self._hello = ours(_HELLO)
        self._pull = ours(_PULL)
        self._push = ours(_PUSH)
        self._history = ours(_HISTORY)
        self._page = ours(_PAGE)
        self._looks = ours(_LOOKS)
        self._digests, self._bucket = ours(_DIGESTS), ours(_BUCKET)
        set_json_loads(parsed, connection)

    @classmethod
    def open(cls, address: ServerAddress, password: str | None, schema: str) -> Self:
        """Log in. TLS with the server's name checked, unless the server is this computer or the
        address says otherwise."""
        with _ours():
            return cls(connect(address, password), schema)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    @property
    def closed(self) -> bool:
        """Whether it was cut or hung up; every call raises Unavailable from then on."""
        return bool(self._connection.closed)

    @property
    def pid(self) -> int:
        """The server's process behind it; its hints are this computer's own."""
        return self._connection.info.backend_pid

    def hello(self, hello: Hello) -> Welcome:
        """Say who this is; the server says what it thinks of it."""
        said = {
            "device": str(hello.device),
            "name": hello.name,
            "app": hello.app,
            "schema": hello.schema,
            "journal_no": hello.journal_no,
            "tail_op": None if hello.tail_op is None else str(hello.tail_op),
            "actor": None if hello.actor is None else str(hello.actor),
            "editing": [str(one) for one in hello.editing],
        }
        rows = self._rows(self._hello, (json.dumps(said),))
        if not rows:
            raise Denied(_NO_CLINIC)
        self.device = hello.device
        answer, clinic, tenant = rows[0]
        return _understood(lambda: _welcome(answer, clinic, tenant))

    def pull(self, cursor: Cursor, limit: int = PAGE) -> Page:
        """The feed from the cursor's own row on, `limit` rows beside it. The caller compares that
        row's chain with its own; a feed that does not have it any more begins later or is empty.
        """
        rows = self._rows(self._pull, (self.device, cursor.seq, limit + 2))
        entries = tuple(
            FeedEntry(seq, tbl, uid, rev, version, parsed(doc), chain, at, doc)
            for seq, tbl, uid, rev, version, doc, chain, at in rows[: limit + 1]
        )
        if entries and entries[-1].seq - entries[0].seq != len(entries) - 1:
            raise Corrupt(_HOLES)
        return Page(entries, more=len(rows) > limit + 1)

    def push(self, device: UUID, ops: Sequence[Op]) -> tuple[Result, ...]:
        """Hand over ops, oldest first; what became of each, in order. All or none of them arrive;
        when the answer is lost, pushing the same ops again finds out."""
        text = json.dumps([sent_op(op) for op in ops], ensure_ascii=False)
        rows = self._rows(self._push, (device, PROTOCOL, text))
        results = tuple(Result(*row) for row in rows)
        if [one.op_id for one in results] != [op.op_id for op in ops]:
            raise Corrupt(_STRANGE)
        if any(not one.dup for one in results):
            hint.send(self._connection, self._schema)
        return results

    def table_page(
        self, tbl: Aggregate, after_id: int | None = None, limit: int = PAGE
    ) -> TablePage:
        """Rows of a table as documents, newest first, from `after_id` (None: the newest) down."""
        rows = self._rows(self._page, (self.device, tbl, after_id, limit))
        entries = tuple(
            FeedEntry(0, tbl, uid, rev, version, parsed(doc), b"", at, doc)
            for _, uid, rev, version, doc, at in rows
        )
        return TablePage(entries, rows[-1][0] if len(rows) == limit else None)

    def digests(self) -> Digests:
        """What the server has, as digests; of a server since revision 0013."""
        ((told,),) = self._rows(self._digests, (self.device,))
        return _understood(
            lambda: Digests(Cursor(told["seq"], bytes.fromhex(told["chain"])), told["digests"])
        )

    def bucket(self, tbl: Aggregate, bucket: str) -> tuple[FeedEntry, ...]:
        """All of a kind whose uids end so."""
        rows = self._rows(self._bucket, (self.device, tbl, bucket))
        return tuple(
            FeedEntry(0, tbl, uid, rev, version, parsed(doc), b"", at, doc)
            for _, uid, rev, version, doc, at in rows
        )

    def history(self, tbl: Aggregate, uid: UUID, limit: int = 50) -> tuple[Version, ...]:
        """The newest versions of an aggregate, newest first, and who made them."""
        return tuple(
            Version(*row) for row in self._rows(self._history, (self.device, tbl, uid, limit))
        )

    def looks(self, patient: UUID, limit: int) -> tuple[LookElsewhere, ...]:
        """What was done with this patient's records on the clinic's other computers, newest first,
        as far as they have sent their trails."""
        rows = self._rows(self._looks, (self.device, patient, limit))
        return tuple(LookElsewhere(*row) for row in rows)

    def _rows(self, query: bytes, parameters: tuple[Any, ...]) -> list[Any]:
        with _ours(), self._connection.cursor(binary=True) as cursor:
            return cursor.execute(query, parameters).fetchall()


def connect(address: ServerAddress, password: str | None) -> "psycopg.Connection[Any]":
    """A connection in autocommit, for a line or a listener; psycopg's errors."""
    return psycopg.connect(
        **connection_arguments(address, password) | {"application_name": "medrec-desktop"},
        autocommit=True,
        # Prepared statements break behind poolers that hand a connection on.
        prepare_threshold=None,
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        # A line that was cut while an answer is awaited is noticed, not waited for.
        tcp_user_timeout=30_000,
    )


# The clinic's own row is there for the clinic alone, and only as long as it is not archived.
_HELLO: LiteralString = (
    "SELECT {schema}.sync_hello(%b::text::jsonb), uid, schema_name FROM public.tenants"
)
_PULL: LiteralString = (
    "SELECT seq, tbl, uid, rev, row_version, doc::text, chain, at AT TIME ZONE 'UTC'"
    " FROM {schema}.sync_pull(%b, %b::bigint, %b::int)"
)
_PUSH: LiteralString = (
    "SELECT op_id, outcome, reason, dup FROM {schema}.sync_push(%b, %b::int, %b::text::jsonb)"
)
_HISTORY: LiteralString = (
    "SELECT rev, doc, at AT TIME ZONE 'UTC', actor, device, device_name"
    " FROM {schema}.sync_history(%b, %b, %b, %b::int)"
)
_PAGE: LiteralString = (
    "SELECT id, uid, rev, row_version, doc::text, now()"
    " FROM {schema}.sync_page(%b, %b, %b::bigint, %b::int)"
)
_LOOKS: LiteralString = (
    "SELECT at AT TIME ZONE 'UTC', actor, what, outcome, device, device_name"
    " FROM {schema}.sync_looks(%b, %b, %b::int)"
)
_DIGESTS: LiteralString = "SELECT {schema}.sync_digests(%b)"
_BUCKET: LiteralString = (
    "SELECT id, uid, rev, row_version, doc::text, now() FROM {schema}.sync_bucket(%b, %b, %b)"
)


def _welcome(answer: dict[str, Any], clinic: UUID, tenant: str) -> Welcome:
    return Welcome(
        now=moment_of(answer["now"]),
        schema=answer["schema"],
        min_push=answer["min_push"],
        head=Cursor(answer["seq"], bytes.fromhex(answer["chain"])),
        clinic=clinic,
        tenant=tenant,
        desktop_restored=answer["desktop_restored"],
        server_rewound=answer["server_rewound"],
        newest_op=_uid(answer["newest_op"]),
        revoked=answer["revoked"],
        editors=tuple(
            Editor(UUID(one["record"]), UUID(one["device"]), one["device_name"], _uid(one["actor"]))
            for one in answer["editors"]
        ),
        audit_heads={UUID(d): (n, sha256) for d, (n, sha256) in answer["audit_heads"].items()},
    )


def _uid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> MedrecError:
    """Never the server's own message: it may quote a row."""
    state = error.sqlstate or ""
    if state == "P0U01":
        return Outdated(_OUTDATED)
    if state == "P0U02":
        return SignedOut()
    # P0U03: the server was exchanged between hello and push; the next round begins with hello.
    # 08: connection; 25: read-only; 40: rolled back for another's sake; 53: out of room;
    # 54, 58: its disk; 55: locked; 57: shutting down or taking too long.
    if state == "P0U03" or state[:2] in {"08", "25", "40", "53", "54", "55", "57", "58"}:
        return Unavailable(_UNREACHABLE)
    # 28: who are you; 42501: you may not; 3D: no such database.
    if state[:2] in {"28", "3D"} or state == "42501":
        return Denied(_REFUSED)
    # No such schema, function or view: the clinic is gone, or its server has still to be migrated.
    if state in {"3F000", "42883", "42P01"}:
        return Denied(_NO_CLINIC)
    if not state and isinstance(error, psycopg.OperationalError):
        return Unavailable(_UNREACHABLE)  # never connected, or the line was cut
    return Corrupt(_STRANGE)


def _understood(read: Callable[[], _Told]) -> _Told:
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(_STRANGE) from error
