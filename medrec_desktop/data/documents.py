"""Rows of this computer as documents of the wire, and documents as rows.

What a document holds is said in `domain/syncing.py`. Nothing here decides whether a document is to
be stored, and nothing commits.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from medrec_desktop.data.outbox import mark
from medrec_desktop.data.patient_search import index_patient
from medrec_desktop.data.replicas import get_replica, put_replica
from medrec_desktop.data.schema import (
    UtcDateTime,
    allergies,
    clinic_settings,
    diagnoses,
    medical_records,
    patients,
    record_addenda,
    record_attachments,
    record_seals,
    tenants,
    users,
)
from medrec_desktop.data.session import Session
from medrec_desktop.domain.errors import Corrupt
from medrec_desktop.domain.merging import same_value
from medrec_desktop.domain.syncing import Aggregate, Document, moment, moment_of, setting_uid

TABLES: Mapping[str, sa.Table] = {
    "record": medical_records,
    "attachment": record_attachments,
    "addendum": record_addenda,
    "patient": patients,
    "settings": clinic_settings,
    "user": users,
}
_PARTS: Mapping[str, tuple[str, sa.Table, str]] = {
    "record": ("diagnoses", diagnoses, "record_id"),
    "patient": ("allergies", allergies, "patient_id"),
}
# Made once: a round runs them for every version it meets, and to make them costs more.
_OF_UID = {
    name: sa.select(table).where(table.c.uid == sa.bindparam("of_uid"))
    for name, table in TABLES.items()
    if "uid" in table.c
}
_OF_WHOLE = {
    name: sa.select(part)
    .where(part.c[column] == sa.bindparam("of_id"))
    .order_by(*((part.c.position, part.c.uid) if "position" in part.c else (part.c.id,)))
    for name, part, column in _PARTS.values()
}
_SEAL = sa.select(record_seals).where(record_seals.c.record_id == sa.bindparam("of_id"))
_USERS = sa.select(users.c.id, users.c.uid)
_UID_OF, _ID_OF = {}, {}
for _column, _table in (("patient_id", patients), ("record_id", medical_records)):
    _UID_OF[_column] = sa.select(_table.c.uid).where(_table.c.id == sa.bindparam("of_id"))
    _ID_OF[_column] = sa.select(_table.c.id).where(_table.c.uid == sa.bindparam("of_uid"))
_LEFT_OUT = frozenset({"id", "rev", "row_version", "tenant_id"})
_UNSENT = {"upload_state": "pending", "s3_key": None, "s3_bucket": None, "s3_version": None}
# What the server sets while an open form must not notice.
QUIET = frozenset({"updated_at", "created_at", "finalize_accepted_at"})
_USER_COLUMNS = frozenset(
    {"doctor_id", "finalized_by", "voided_by", "uploaded_by", "author_id", "signed_by"}
)
_UNKNOWN_USER = "Somebody this computer does not know yet"
_HOLE = (
    "The clinic's server sent something that belongs to a record which is not on this computer. "
    "Nothing was changed. Ask whoever looks after the server to run: medrec-admin clinic check"
)


class UnknownParent(Corrupt):
    """The document points to a patient or a visit that is not here."""

    def __init__(self) -> None:
        super().__init__(_HOLE)


def _coders(column: sa.Column[Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return moment, moment_of
    if isinstance(kind, sa.Date):
        return date.isoformat, date.fromisoformat
    if isinstance(kind, sa.Uuid):
        return str, UUID
    if isinstance(kind, sa.LargeBinary):
        return (lambda value: base64.b64encode(value).decode(), base64.b64decode)
    return (lambda value: value, lambda value: value)


_CODERS = {
    table.name: {c.name: _coders(c) for c in table.c if c.name not in _LEFT_OUT}
    for table in (*TABLES.values(), diagnoses, allergies, record_seals)
}


def _sorted(value: Any) -> Any:
    """Rows by their uid: the server has them in another order."""
    if isinstance(value, list) and all(isinstance(row, dict) and "uid" in row for row in value):
        return sorted(value, key=lambda row: str(row["uid"])) if _placed(value) else value
    return value


def _placed(rows: list[dict[str, Any]]) -> bool:
    """Whether they are rows of a table, not a list whose order somebody chose."""
    return all("created_at" in row for row in rows)


class Rows:
    """The rows of one transaction, with the numbers it has looked up."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._users: dict[UUID, int] = {}
        self._names: dict[int, UUID] = {}
        self._parents: dict[tuple[str, UUID], int] = {}
        self.unsealed: list[tuple[UUID, str]] = []
        """(record, hash) of signatures that were taken away again."""

    # --- rows to documents ---------------------------------------------------------------------

    def read(self, tbl: Aggregate, uid: UUID) -> dict[str, Any] | None:
        """The aggregate as it is stored here; None when it is not."""
        if tbl not in TABLES:
            return None
        row = self._row(tbl, uid)
        if row is None:
            return None
        table = TABLES[tbl]
        doc = self._written(table, row)
        if tbl in _PARTS:
            name, part, column = _PARTS[tbl]
            found = self.session.execute(_OF_WHOLE[name], {"of_id": row.id})
            doc[name] = [self._written(part, one, without=column) for one in found]
        if tbl == "record":
            seal = self.session.execute(_SEAL, {"of_id": row.id}).first()
            doc["seal"] = seal and self._written(record_seals, seal, without="record_id")
        return doc

    def _row(self, tbl: str, uid: UUID) -> sa.Row[Any] | None:
        table = TABLES[tbl]
        if tbl == "settings":
            rows = self.session.execute(sa.select(table))
            return next((row for row in rows if setting_uid(row.name) == uid), None)
        return self.session.execute(_OF_UID[tbl], {"of_uid": uid}).first()

    def _written(self, table: sa.Table, row: sa.Row[Any], *, without: str = "") -> dict[str, Any]:
        doc: dict[str, Any] = {}
        values = row._mapping  # noqa: SLF001  # public, so that no column can hide it
        for name, (write, _) in _CODERS[table.name].items():
            value = values[name]
            if name == without:
                continue
            if value is None:
                doc[name] = None
            elif name in _USER_COLUMNS:
                doc[name] = str(self._user_uid(value))
            elif name in {"patient_id", "record_id"}:
                doc[name] = str(self._parent_uid(name, value))
            else:
                doc[name] = write(value)
        return doc

    def _user_uid(self, key: int) -> UUID:
        if key not in self._names:
            rows = self.session.execute(_USERS)
            self._names = {row.id: row.uid for row in rows}
        return self._names[key]

    def _parent_uid(self, column: str, key: int) -> UUID:
        uid: UUID = self.session.scalars(_UID_OF[column], {"of_id": key}).one()
        return uid

    # --- documents to rows ---------------------------------------------------------------------

    def write(self, tbl: Aggregate, uid: UUID, rev: UUID, doc: Document) -> bool:
        """Make the rows what the document says; whether anything a form shows is different now.
        `UnknownParent` when it belongs to something that is not here."""
        before = self.read(tbl, uid)
        changed = before is None or any(
            not same_value(_sorted(before.get(name)), _sorted(value))
            for name, value in doc.items()
            if name in before and name not in QUIET
        )
        table = TABLES[tbl]
        values = self._columns(table, doc)
        if before is None:
            key = self._insert(tbl, uid, rev, values)
        else:
            key = self._update(tbl, uid, rev, values, changed=changed)
        if tbl in _PARTS:
            self._write_parts(tbl, key, rev, doc)
        if tbl == "record":
            self._write_seal(uid, key, doc.get("seal"))
        if tbl == "patient":
            self._index(key, doc)
        return changed

    def columns(self, table: sa.Table, doc: Document) -> dict[str, Any]:
        """The document's values as the table takes them; `UnknownParent` as `write`."""
        return self._columns(table, doc)

    def know_parents(self, column: str, keys: Mapping[UUID, int]) -> None:
        """These row numbers need not be looked up one by one."""
        self._parents.update({(column, uid): key for uid, key in keys.items()})

    def _columns(self, table: sa.Table, doc: Document) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (_, read) in _CODERS[table.name].items():
            if name not in doc:
                continue
            value = doc[name]
            if value is None:
                values[name] = None
            elif name in _USER_COLUMNS:
                values[name] = self.user_key(UUID(value))
            elif name in {"patient_id", "record_id"}:
                values[name] = self._parent_key(name, UUID(value))
            else:
                values[name] = read(value)
        return values

    def _insert(self, tbl: str, uid: UUID, rev: UUID, values: dict[str, Any]) -> int:
        table = TABLES[tbl]
        if tbl == "user":
            first = sa.select(tenants.c.id).order_by(tenants.c.id).limit(1)
            values["tenant_id"] = first.scalar_subquery()
        if "rev" in table.c:
            values["rev"] = rev
        if "uid" in table.c:
            values["uid"] = uid
        self._make_room(tbl, uid, values)
        if tbl == "settings":
            self.session.execute(sa.insert(table).values(values))
            return 0
        key: int = self.session.execute(
            sa.insert(table).values(values).returning(table.c.id)
        ).scalar_one()
        return key

    def _update(
        self, tbl: str, uid: UUID, rev: UUID, values: dict[str, Any], *, changed: bool
    ) -> int:
        table = TABLES[tbl]
        self._make_room(tbl, uid, values)
        if "rev" in table.c:
            values["rev"] = rev
        if changed and "row_version" in table.c:
            # Open forms compare it: what they show is no longer what is stored.
            values["row_version"] = table.c.row_version + 1
        if tbl == "settings":
            self.session.execute(
                sa.update(table).where(table.c.name == values["name"]).values(values)
            )
            return 0
        if tbl != "addendum":
            self.session.execute(sa.update(table).where(table.c.uid == uid).values(values))
        key: int = self.session.scalars(sa.select(table.c.id).where(table.c.uid == uid)).one()
        return key

    def _write_parts(self, tbl: str, key: int, rev: UUID, doc: Document) -> None:
        name, part, column = _PARTS[tbl]
        wanted = {UUID(row["uid"]): row for row in doc.get(name) or []}
        known = {
            row.uid: row
            for row in self.session.execute(sa.select(part).where(part.c[column] == key))
        }
        for uid, row in wanted.items():
            values = self._columns(part, row)
            stored = known.pop(uid, None)
            if "rev" in part.c:
                values["rev"] = rev
            if stored is None:
                self.session.execute(sa.insert(part).values(values | {column: key}))
            elif self._written(part, stored, without=column) != {
                **self._written(part, stored, without=column),
                **row,
            }:
                self.session.execute(sa.update(part).where(part.c.id == stored.id).values(values))
        if known:
            # Written here and lost to another version: its words are in an op that waits.
            gone = [row.id for row in known.values()]
            self.session.execute(sa.delete(part).where(part.c.id.in_(gone)))

    def _write_seal(self, uid: UUID, key: int, seal: Mapping[str, Any] | None) -> None:
        stored = self.session.execute(_SEAL, {"of_id": key}).first()
        if stored is not None and (seal is None or seal["sha256"] != stored.sha256):
            self.session.execute(sa.delete(record_seals).where(record_seals.c.id == stored.id))
            self.unsealed.append((uid, stored.sha256))
            # What was added to that signature waits on the server with it.
            lost = (record_addenda.c.record_id == key) & (
                record_addenda.c.amends_sha256 == stored.sha256
            )
            added = self.session.scalars(sa.select(record_addenda.c.seal_sha256).where(lost)).all()
            self.unsealed += [(uid, sha256) for sha256 in added]
            self.session.execute(sa.delete(record_addenda).where(lost))
            stored = None
        if seal is not None and stored is None:
            values = self._columns(record_seals, seal)
            self.session.execute(sa.insert(record_seals).values(values | {"record_id": key}))

    def user_key(self, uid: UUID) -> int:
        """The row number of a user; one who is not here yet is put in by name later."""
        if uid not in self._users:
            rows = self.session.execute(_USERS)
            self._users = {row.uid: row.id for row in rows}
        if uid not in self._users:
            key: int = self.session.execute(
                sa.insert(users)
                .values(
                    uid=uid,
                    tenant_id=sa.select(sa.func.min(tenants.c.id)).scalar_subquery(),
                    name=_UNKNOWN_USER,
                    role="doctor",
                    active=False,
                    created_at=datetime.now(UTC),
                )
                .returning(users.c.id)
            ).scalar_one()
            self._users[uid] = key
        return self._users[uid]

    def _parent_key(self, column: str, uid: UUID) -> int:
        if (column, uid) not in self._parents:
            key = self.session.scalar(_ID_OF[column], {"of_uid": uid})
            if key is None:
                raise UnknownParent
            self._parents[column, uid] = key
        return self._parents[column, uid]

    def _make_room(self, tbl: str, uid: UUID, values: dict[str, Any]) -> None:
        """Two computers without network gave the same number: the one that comes from the server
        has it, the one that waits here gets another."""
        table = TABLES[tbl]
        if (number := values.get("record_no")) is not None:
            clause = (patients.c.record_no == number) & (patients.c.uid != uid)
            other = self.session.execute(sa.select(patients).where(clause)).first()
            if other is not None:
                self._renumber(other)
        if (source := values.get("source_id")) is not None:
            clause = (table.c.source_id == source) & (table.c.uid != uid)
            self.session.execute(sa.update(table).where(clause).values(source_id=None))
        if (place := values.get("s3_key")) is not None:
            clause = (record_attachments.c.s3_key == place) & (record_attachments.c.uid != uid)
            other = self.session.scalar(sa.select(record_attachments.c.uid).where(clause))
            if other is not None:
                self._send_anew(other, place)

    def _send_anew(self, uid: UUID, place: str) -> None:
        """A server that was restored gave this file's place in the storage to another one: it is
        what the server says of it now, and sent once more by whoever has its bytes."""
        known = get_replica(self.session, "attachment", uid)
        there = dict(known.base_doc or {})
        if not known.base_version or there.get("s3_key") == place:
            # Of the server before; it may get another place when it comes back.
            there |= _UNSENT
            if known.base_doc is not None:
                put_replica(self.session, replace(known, base_doc=there))
        values = {name: there.get(name) for name in _UNSENT}
        self.session.execute(
            sa.update(record_attachments).where(record_attachments.c.uid == uid).values(values)
        )

    def _renumber(self, row: sa.Row[Any]) -> None:
        stem, n = row.record_no[:34], 2
        taken = patients.c.record_no
        while self.session.scalar(sa.select(patients.c.id).where(taken == f"{stem}-{n}")):
            n += 1
        values = {"record_no": f"{stem}-{n}", "row_version": row.row_version + 1, "rev": uuid4()}
        self.session.execute(sa.update(patients).where(patients.c.id == row.id).values(values))
        self._index(row.id, self.read("patient", row.uid) or {})
        mark(self.session, "patient", row.uid, now=datetime.now(UTC))

    def _index(self, key: int, doc: Document) -> None:
        birth = doc.get("birth_date")
        index_patient(
            self.session,
            key,
            family=doc.get("family") or "",
            given=doc.get("given") or "",
            record_no=doc.get("record_no") or "",
            phone=doc.get("phone") or "",
            birth_date=date.fromisoformat(birth) if birth else None,
        )
