"""A file that reached the server before a signature, and the signer did not see, is no part of it.

It is stamped late, as one that comes after the signature: the seal says which files were signed.
Locally nothing changes.
"""

from alembic import context, op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if context.config.attributes["target"] != "tenant":
        return
    name = context.config.attributes["schema"]
    text = _SIGNED_FILES.replace("<schema>", f'"{name}"').replace("<tenant>", name)
    for statement in text.split("\n----\n"):
        # As it is: colons and question marks in it are PostgreSQL's.
        op.get_bind().exec_driver_sql(statement)


# Before the seal is there: from then on nothing changes its files.
_SIGNED_FILES = """
CREATE FUNCTION <schema>.sync_signed_files() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  signed jsonb;
  stamped integer;
BEGIN
  BEGIN
    signed := convert_from(NEW.canonical, 'UTF8')::jsonb -> 'attachments';
  EXCEPTION WHEN data_exception THEN
    RETURN NEW;
  END;
  IF jsonb_typeof(signed) IS DISTINCT FROM 'array' THEN
    RETURN NEW;
  END IF;
  FOR stamped IN UPDATE <schema>.record_attachments f SET late = true, rev = gen_random_uuid(),
      row_version = f.row_version + 1
      WHERE f.record_id = NEW.record_id AND NOT f.late AND f.voided_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(signed) e WHERE e ->> 'name' = f.file_name
          AND e ->> 'sha256' = f.sha256 AND e ->> 'size' = f.file_size::text)
      RETURNING f.id LOOP
    -- Anybody else's writes are told by a trigger of the table.
    IF session_user = '<tenant>' THEN
      PERFORM <schema>.feed_add('attachment', v.uid, v.rev, v.row_version, v.doc)
        FROM <schema>.attachment_docs v WHERE v.id = stamped;
    END IF;
  END LOOP;
  RETURN NEW;
END
$$
----
CREATE TRIGGER sync_signed_files BEFORE INSERT ON <schema>.record_seals
FOR EACH ROW EXECUTE FUNCTION <schema>.sync_signed_files()
"""
