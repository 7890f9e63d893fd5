-- Signing a computer out is not taken back, and no other change of it comes before: it holds whatever
-- was seen of the computer by whoever asks. The time is the server's.
CREATE OR REPLACE FUNCTION <schema>.apply_device(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  patch jsonb := p -> 'patch';
  v_uid uuid := (p ->> 'uid')::uuid;
  d <schema>.sync_devices;
BEGIN
  SELECT * INTO d FROM <schema>.sync_devices WHERE uid = v_uid FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'unknown_device';
  ELSIF p ->> 'kind' NOT IN ('edit', 'void') THEN
    RETURN 'unknown_kind';
  ELSIF NOT patch ? 'revoked_at' AND d.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  ELSIF patch - '{name,revoked_at}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  END IF;
  d.name := coalesce(patch ->> 'name', d.name);
  IF patch ->> 'revoked_at' IS NOT NULL THEN
    d.revoked_at := coalesce(d.revoked_at, clock_timestamp() AT TIME ZONE 'UTC');
  END IF;
  UPDATE <schema>.sync_devices SET name = d.name, revoked_at = d.revoked_at,
    rev = (p ->> 'op_id')::uuid, row_version = row_version + 1 WHERE id = d.id;
  PERFORM <schema>.feed_add('device', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.device_docs v WHERE v.uid = v_uid;
  RETURN NULL;
END
$$;
