"""A clinic on a real server, and a desktop's side of the wire: ops as they would be sealed."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.domain.syncing import (
    Cursor,
    Document,
    FeedEntry,
    Hello,
    Op,
    Result,
    Welcome,
    moment,
)
from medrec_desktop.sync.line import Line
from tests.clinic_servers import ClinicServer

NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Desktop:
    """What a computer of the clinic sends; it keeps no database."""

    server: ClinicServer
    tenant: str
    doctor: UUID
    line: Line
    device: UUID = field(default_factory=uuid4)
    name: str = "FRONTDESK-1"
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def hello(self, **changes: Any) -> Welcome:
        """Greet; the first time makes the computer known."""
        return self.line.hello(
            replace(Hello(self.device, self.name, "0.1.0", "0008", actor=self.doctor), **changes)
        )

    def op(
        self,
        kind: str,
        tbl: str,
        uid: UUID,
        patch: Document,
        base_rev: UUID | None = None,
        **k: Any,
    ) -> Op:
        """A sealed op, numbered on."""
        made: Any = {
            "op_id": uuid4(),
            "n": next(self.numbers),
            "base": {},
            "actor": self.doctor,
            "client_at": NOW,
            "schema": "0008",
            **k,
        }
        return Op(kind=kind, tbl=tbl, uid=uid, base_rev=base_rev, patch=patch, **made)  # type: ignore[arg-type]  # any word, wrong ones too

    def patient(self, uid: UUID | None = None, **patch: Any) -> Op:
        """A new patient."""
        values = {"record_no": f"RC-{uuid4().hex[:8]}", "family": "Okonkwo", "given": "Chidi"}
        return self.op("create", "patient", uid or new_uid(), values | patch)

    def record(self, patient: UUID, uid: UUID | None = None, **patch: Any) -> Op:
        """A new draft."""
        values = {
            "patient_id": str(patient),
            "doctor_id": str(self.doctor),
            "visit_date": moment(NOW),
            "chief_complaint": "Cough",
        }
        return self.op("create", "record", uid or new_uid(), values | patch)

    def edit(self, before: Op, **patch: Any) -> Op:
        """A change made on what `before` left."""
        return self.op("edit", before.tbl, before.uid, patch, before.op_id)

    def finalize(self, before: Op, *, signed_at: datetime = NOW, **k: Any) -> Op:
        """A signature on what `before` left."""
        content = f"signed {before.op_id}".encode()
        seal = {
            "canonical": base64.b64encode(content).decode(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "previous_sha256": "",
            "signed_by": str(self.doctor),
            "printed_name": "Dr Amina Osei",
            "signed_at": moment(signed_at),
            "zone": "Europe/London",
            "device": str(self.device),
        }
        patch = {
            "status": "finalized",
            "finalized_at": moment(signed_at),
            "finalized_by": str(self.doctor),
            "seal": seal,
        }
        return self.op("finalize", "record", before.uid, patch, before.op_id, **k)

    def attach(self, record: UUID, uid: UUID | None = None, **patch: Any) -> Op:
        """A new file of the record."""
        values = {
            "record_id": str(record),
            "file_name": "scan.pdf",
            "object_name": "scan.pdf",
            "file_type": "application/pdf",
            "file_size": 10,
            "sha256": "0" * 64,
            "kept_size": 8,
            "kept_sha256": "1" * 64,
            "uploaded_by": str(self.doctor),
            "held_by": str(self.device),
            "created_at": moment(datetime(2026, 3, 12, tzinfo=UTC)),
        }
        return self.op("attach", "attachment", uid or new_uid(), values | patch)

    def addendum(self, finalized: Op, text: str = "Dose corrected", **k: Any) -> Op:
        """A correction of a finalized record."""
        patch = {
            "record_id": str(finalized.uid),
            "section": "plan",
            "text": text,
            "author_id": str(self.doctor),
            "written_at": moment(NOW),
            "seal_sha256": "2" * 64,
            "amends_sha256": finalized.patch["seal"]["sha256"],
        }
        return self.op("addendum", "addendum", new_uid(), patch, **k)

    def push(self, *ops: Op) -> tuple[Result, ...]:
        """Send them."""
        return self.line.push(self.device, ops)

    def applied(self, *ops: Op) -> None:
        """Send them; all are taken."""
        assert [one.outcome for one in self.push(*ops)] == ["applied"] * len(ops), self.push(*ops)

    def parked(self, op: Op) -> str:
        """Send it; why it was parked."""
        (result,) = self.push(op)
        assert result.outcome == "parked", result
        return result.reason

    def feed(self, seq: int = 0) -> tuple[FeedEntry, ...]:
        """All of the feed from there on."""
        found = self.line.pull(Cursor(seq), limit=100_000)
        assert not found.more
        return found.entries

    def newest(self, uid: UUID) -> FeedEntry:
        """What the feed says last of an aggregate."""
        return [entry for entry in self.feed() if entry.uid == uid][-1]


def new_clinic(server: ClinicServer, word: str) -> str:
    """A clinic that nobody else has; its tenant id. Tests of one process share the server."""
    return server.create(f"{word} {uuid4().hex}")


def whole(feed: tuple[FeedEntry, ...]) -> None:
    """Without holes, each version after the one before."""
    assert [e.seq for e in feed] == list(range(1, len(feed) + 1))
    versions: dict[UUID, int] = {}
    for entry in feed:
        if entry.tbl not in {"audit", "device"}:
            assert entry.row_version == versions.get(entry.uid, 0) + 1
            versions[entry.uid] = entry.row_version
    assert len({e.chain for e in feed}) == len(feed)


def line_to(server: ClinicServer, tenant: str, device: UUID | None = None) -> Line:
    """A line as the clinic's login role; `device` has said hello on another one."""
    admin = server.address
    address = ServerAddress(admin.host, admin.port, admin.database, tenant)
    line = Line.open(address, None, tenant)
    line.device = device
    return line


@contextmanager
def desktop(server: ClinicServer, tenant: str, name: str = "FRONTDESK-1") -> Iterator[Desktop]:
    """A computer of the clinic that has said hello."""
    with closing(line_to(server, tenant)) as line:
        ((doctor,),) = server.run(
            "SELECT u.uid FROM public.users u JOIN public.tenants t ON t.id = u.tenant_id"
            f" WHERE t.schema_name = '{tenant}' ORDER BY u.id LIMIT 1"
        )
        found = Desktop(server, tenant, doctor, line, name=name)
        found.hello()
        yield found


def later(op: Op, **changes: Any) -> Op:
    """The op with something changed, under the same id."""
    return replace(op, **changes)


DAY = timedelta(days=1)
