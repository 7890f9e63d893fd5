"""A computer compares what it has with what the server has, piece by piece, without fetching it.

`sync_digests` tells one digest for each of 256 buckets of every kind, over the ids, versions and
revisions of its rows, and where the feed ends in the same moment; `sync_bucket` gives a bucket's
documents. Locally nothing changes.
"""

from alembic import context, op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if context.config.attributes["target"] != "tenant":
        return
    name = context.config.attributes["schema"]
    # Compiled when they are called first.
    op.get_bind().exec_driver_sql("SET LOCAL check_function_bodies = off")
    for statement in _FUNCTIONS.replace("<schema>", f'"{name}"').split("\n----\n"):
        # As it is: colons and question marks in it are PostgreSQL's.
        op.get_bind().exec_driver_sql(statement)


# An addendum is only ever added, and a kept op only ever closed.
_FUNCTIONS = """
CREATE FUNCTION <schema>.sync_digests(p_device uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_seq bigint;
  last_chain bytea;
BEGIN
  PERFORM <schema>.require_computer(p_device);
  SELECT seq, chain INTO last_seq, last_chain FROM <schema>.sync_feed ORDER BY seq DESC LIMIT 1;
  RETURN jsonb_build_object('seq', coalesce(last_seq, 0),
    'chain', encode(coalesce(last_chain, ''), 'hex'),
    'digests', (SELECT coalesce(jsonb_object_agg(k.tbl, k.buckets), '{}') FROM (
      SELECT b.tbl, jsonb_object_agg(b.bucket, b.digest) AS buckets FROM (
        SELECT r.tbl, right(r.uid::text, 2) AS bucket,
          md5(string_agg(replace(concat_ws('.', r.uid, r.row_version, r.rev), '-', ''), '|'
            ORDER BY r.uid)) AS digest
        FROM (
          SELECT 'record' AS tbl, uid, row_version, rev FROM <schema>.medical_records
          UNION ALL SELECT 'patient', uid, row_version, rev FROM <schema>.patients
          UNION ALL SELECT 'attachment', uid, row_version, rev FROM <schema>.record_attachments
          UNION ALL SELECT 'user', uid, row_version, rev FROM <schema>.sync_users
          UNION ALL SELECT 'settings', md5('medrec-setting:' || name)::uuid, row_version, rev
            FROM <schema>.clinic_settings
          UNION ALL SELECT 'addendum', uid, NULL, NULL FROM <schema>.record_addenda
          UNION ALL SELECT 'parked', op_id, row_version, NULL FROM <schema>.sync_parked) r
        GROUP BY r.tbl, bucket) b
      GROUP BY b.tbl) k));
END
$$
----
CREATE FUNCTION <schema>.sync_bucket(p_device uuid, p_tbl text, p_bucket text)
RETURNS TABLE (id bigint, uid uuid, rev uuid, row_version integer, doc jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM <schema>.require_computer(p_device);
  IF p_bucket !~ '^[0-9a-f]{2}$' OR p_tbl NOT IN ('record', 'attachment', 'addendum', 'patient',
      'settings', 'user', 'parked') THEN
    RAISE EXCEPTION 'no such piece' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY EXECUTE 'SELECT v.id::bigint, v.uid, v.rev, v.row_version, v.doc FROM <schema>.'
    || quote_ident(p_tbl || '_docs') || ' v WHERE right(v.uid::text, 2) = $1 ORDER BY v.id'
    USING p_bucket;
END
$$
"""
