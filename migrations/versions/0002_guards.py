"""What is finalized never changes: the databases themselves refuse, whoever writes.

The same rules as triggers of SQLite (local) and of PostgreSQL (tenant). A refusal has the code
P0F01 (final: sealed, append-only or never deleted) or P0F02 (nothing is final without its seal).

1. A record becomes finalized by an UPDATE, after its seal was inserted. From the seal on, what was
   sealed stays: the record's content and its diagnoses. An entry in error stays one.
2. A file may still be added then, stamped `late`; of files only where they are kept and whether
   they count may change. An `s3_key` is given once.
3. Seals and addenda are only added. Finalized records, and patients with records, are not deleted.

A table that is rebuilt (batch mode) loses its triggers: create them again in that revision.
"""

from collections.abc import Iterable

from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CONTENT = (
    *("id", "uid", "patient_id", "doctor_id", "visit_date", "chief_complaint", "diagnosis"),
    *("treatment_plan", "notes", "prescriptions", "vital_signs", "lab_results"),
    *("follow_up_required", "follow_up_date", "follow_up_text", "no_diagnosis"),
    *("encounter_class", "source_id", "extra", "created_at"),
)
SIGNED = ("status", "finalized_at", "finalized_by")
VOIDED = ("voided_at", "voided_by", "void_reason")
# PostgreSQL compares all columns but these, so that a new column is guarded until it is named.
FREE = (*VOIDED, "finalize_accepted_at", "rev", "row_version", "updated_at")
FILE = (
    *("id", "uid", "record_id", "file_name", "file_type", "file_size", "uploaded_by"),
    *("description", "kind", "pages", "sha256", "kept_size", "kept_sha256", "late", "created_at"),
)
FREE_OF_A_FILE = (*VOIDED, "upload_state", "s3_key", "s3_bucket", "rev", "row_version", "held_by")


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def shared() -> None:
    pass


# --- SQLite ------------------------------------------------------------------------------------


def local() -> None:
    sealed = "EXISTS (SELECT 1 FROM record_seals WHERE record_id = OLD.id)"
    final = f"(OLD.status = 'finalized' OR {sealed})"
    changed = _differ(CONTENT)
    _refuse("medical_records", "INSERT", "NEW.status = 'finalized'", "P0F02")
    _refuse("medical_records", "UPDATE", f"{final} AND ({changed})")
    _refuse(
        "medical_records",
        "UPDATE",
        f"OLD.status = 'finalized' AND ({_differ(SIGNED)})",
        name="signed",
    )
    _refuse(
        "medical_records",
        "UPDATE",
        f"OLD.status <> 'finalized' AND NEW.status = 'finalized' AND NOT {sealed}",
        "P0F02",
        name="seal",
    )
    _refuse(
        "medical_records",
        "UPDATE",
        f"OLD.voided_at IS NOT NULL AND ({_differ(VOIDED)})",
        name="voided",
    )
    _refuse("medical_records", "DELETE", final)
    _refuse(
        "patients", "DELETE", "EXISTS (SELECT 1 FROM medical_records WHERE patient_id = OLD.id)"
    )

    before, after = _record_is_final("OLD"), _record_is_final("NEW")
    _refuse("diagnoses", "INSERT", after)
    _refuse("diagnoses", "UPDATE", f"{before} OR {after}")
    _refuse("diagnoses", "DELETE", before)

    _refuse("record_attachments", "INSERT", f"NOT NEW.late AND ({after})")
    _refuse("record_attachments", "UPDATE", f"({_differ(FILE)}) AND ({before} OR {after})")
    _refuse(
        "record_attachments",
        "UPDATE",
        "OLD.s3_key IS NOT NULL AND NEW.s3_key IS NOT OLD.s3_key",
        name="s3_key",
    )
    _refuse("record_attachments", "DELETE", before)

    for table in ("record_seals", "record_addenda"):
        _refuse(table, "UPDATE", "1")
        _refuse(table, "DELETE", "1")
    _refuse(
        "record_addenda",
        "INSERT",
        "NOT EXISTS (SELECT 1 FROM medical_records"
        " WHERE id = NEW.record_id AND status = 'finalized')",
        "P0F02",
    )


def _refuse(table: str, event: str, when: str, code: str = "P0F01", *, name: str = "final") -> None:
    op.execute(
        f"CREATE TRIGGER guard_{table}_{event.lower()}_{name} BEFORE {event} ON {table} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{code}'); END"
    )


def _differ(columns: Iterable[str]) -> str:
    return " OR ".join(f"NEW.{column} IS NOT OLD.{column}" for column in columns)


def _record_is_final(row: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM medical_records WHERE id = {row}.record_id"  # noqa: S608 - OLD or NEW
        " AND status = 'finalized')"
        f" OR EXISTS (SELECT 1 FROM record_seals WHERE record_id = {row}.record_id)"
    )


# --- PostgreSQL --------------------------------------------------------------------------------


def tenant() -> None:
    schema = context.config.attributes["schema"]
    for name, body in (
        ("guard_record", _RECORD),
        ("guard_part", _PART),
        ("guard_file", _FILE),
        ("guard_seal", _SEAL),
        ("guard_patient", _PATIENT),
        ("guard_addendum", _ADDENDUM),
        ("guard_all", _ALL),
        ("guard_key", _KEY),
    ):
        text = body.replace("<schema>", f'"{schema}"')
        for names, columns in (
            ("<free>", FREE),
            ("<signed>", SIGNED),
            ("<free file>", FREE_OF_A_FILE),
        ):
            text = text.replace(names, "ARRAY[" + ", ".join(f"'{c}'" for c in columns) + "]")
        op.execute(
            f'CREATE FUNCTION "{schema}".{name}() RETURNS trigger LANGUAGE plpgsql AS $${text}$$'
        )
    every = "INSERT OR UPDATE OR DELETE"
    _guard(schema, "medical_records", every, "guard_record")
    _guard(schema, "diagnoses", every, "guard_part")
    _guard(schema, "record_attachments", every, "guard_file")
    _guard(schema, "record_attachments", "UPDATE", "guard_key")
    _guard(schema, "record_seals", every, "guard_seal")
    _guard(schema, "record_addenda", every, "guard_addendum")
    _guard(schema, "patients", "DELETE", "guard_patient")
    for table in (
        *("patients", "medical_records", "diagnoses"),
        *("record_attachments", "record_seals", "record_addenda"),
    ):
        op.execute(
            f'CREATE TRIGGER guard_all BEFORE TRUNCATE ON "{schema}".{table} '
            f'FOR EACH STATEMENT EXECUTE FUNCTION "{schema}".guard_all()'
        )


def _guard(schema: str, table: str, events: str, function: str) -> None:
    op.execute(
        f'CREATE TRIGGER {function} BEFORE {events} ON "{schema}".{table} '
        f'FOR EACH ROW EXECUTE FUNCTION "{schema}".{function}()'
    )


_RECORD = """
DECLARE
  sealed boolean;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status = 'finalized' THEN
      RAISE EXCEPTION 'no seal yet' USING ERRCODE = 'P0F02';
    END IF;
    RETURN NEW;
  END IF;
  sealed := EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = OLD.id);
  IF TG_OP = 'DELETE' THEN
    IF sealed OR OLD.status = 'finalized' THEN
      RAISE EXCEPTION 'a finalized record stays' USING ERRCODE = 'P0F01';
    END IF;
    RETURN OLD;
  END IF;
  -- As text: to jsonb 1 and 1.0 are equal, to whoever signed they may not be.
  IF OLD.status = 'finalized' THEN
    IF (to_jsonb(NEW) - <free>)::text <> (to_jsonb(OLD) - <free>)::text THEN
      RAISE EXCEPTION 'a finalized record never changes' USING ERRCODE = 'P0F01';
    END IF;
  ELSIF sealed THEN
    IF (to_jsonb(NEW) - <free> - <signed>)::text <> (to_jsonb(OLD) - <free> - <signed>)::text THEN
      RAISE EXCEPTION 'a sealed record never changes' USING ERRCODE = 'P0F01';
    END IF;
  ELSIF NEW.status = 'finalized' THEN
    RAISE EXCEPTION 'no seal yet' USING ERRCODE = 'P0F02';
  END IF;
  IF OLD.voided_at IS NOT NULL AND (NEW.voided_at, NEW.voided_by, NEW.void_reason)
      IS DISTINCT FROM (OLD.voided_at, OLD.voided_by, OLD.void_reason) THEN
    RAISE EXCEPTION 'entered in error stays so' USING ERRCODE = 'P0F01';
  END IF;
  RETURN NEW;
END
"""

# FOR SHARE: whoever is just now sealing this record is waited for, and then seen.
_PART = """
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM 1 FROM <schema>.medical_records WHERE id = OLD.record_id FOR SHARE;
    IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = OLD.record_id) THEN
      RAISE EXCEPTION 'a finalized record never changes' USING ERRCODE = 'P0F01';
    END IF;
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR SHARE;
  IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = NEW.record_id) THEN
    RAISE EXCEPTION 'a finalized record never changes' USING ERRCODE = 'P0F01';
  END IF;
  RETURN NEW;
END
"""

_FILE = """
BEGIN
  IF TG_OP = 'INSERT' THEN
    PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR SHARE;
    IF NOT NEW.late
        AND EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = NEW.record_id) THEN
      RAISE EXCEPTION 'a file added now is late' USING ERRCODE = 'P0F01';
    END IF;
    RETURN NEW;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - <free file> = to_jsonb(OLD) - <free file> THEN
      RETURN NEW;
    END IF;
    PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR SHARE;
    IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = NEW.record_id) THEN
      RAISE EXCEPTION 'a file of a finalized record never changes' USING ERRCODE = 'P0F01';
    END IF;
  END IF;
  PERFORM 1 FROM <schema>.medical_records WHERE id = OLD.record_id FOR SHARE;
  IF EXISTS (SELECT 1 FROM <schema>.record_seals WHERE record_id = OLD.record_id) THEN
    RAISE EXCEPTION 'a file of a finalized record never changes' USING ERRCODE = 'P0F01';
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END
"""

_KEY = """
BEGIN
  IF OLD.s3_key IS NOT NULL AND NEW.s3_key IS DISTINCT FROM OLD.s3_key THEN
    RAISE EXCEPTION 'a key is given once' USING ERRCODE = 'P0F01';
  END IF;
  RETURN NEW;
END
"""

_SEAL = """
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'seals are only added' USING ERRCODE = 'P0F01';
  END IF;
  -- Whoever is just now adding to this record is waited for.
  PERFORM 1 FROM <schema>.medical_records WHERE id = NEW.record_id FOR NO KEY UPDATE;
  RETURN NEW;
END
"""

_ADDENDUM = """
BEGIN
  IF TG_OP <> 'INSERT' THEN
    RAISE EXCEPTION 'addenda are only added' USING ERRCODE = 'P0F01';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM <schema>.medical_records
      WHERE id = NEW.record_id AND status = 'finalized') THEN
    RAISE EXCEPTION 'an addendum is to a finalized record' USING ERRCODE = 'P0F02';
  END IF;
  RETURN NEW;
END
"""

_PATIENT = """
BEGIN
  IF EXISTS (SELECT 1 FROM <schema>.medical_records WHERE patient_id = OLD.id) THEN
    RAISE EXCEPTION 'a patient with records stays' USING ERRCODE = 'P0F01';
  END IF;
  RETURN OLD;
END
"""

_ALL = """
BEGIN
  RAISE EXCEPTION 'nothing is emptied' USING ERRCODE = 'P0F01';
END
"""
