-- As in 0008, but a computer that was signed out hears that and nothing else.
CREATE OR REPLACE FUNCTION <schema>.sync_hello(p jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  now_at timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  v_device uuid := (p ->> 'device')::uuid;
  v_editing uuid[] := ARRAY(SELECT value::uuid FROM jsonb_array_elements_text(p -> 'editing'));
  v_actor uuid := (p ->> 'actor')::uuid;
  d <schema>.sync_devices;
  last_seq bigint;
  last_chain bytea;
  renamed boolean := false;
BEGIN
  SELECT * INTO d FROM <schema>.sync_devices WHERE uid = v_device;
  IF NOT FOUND THEN
    -- Two hellos of the same new computer at once are one computer.
    INSERT INTO <schema>.sync_devices (uid, name, app, schema, actor, editing, founder)
    VALUES (v_device, p ->> 'name', p ->> 'app', p ->> 'schema', v_actor, v_editing,
      NOT EXISTS (SELECT 1 FROM <schema>.sync_ops))
    ON CONFLICT (uid) DO NOTHING;
    renamed := FOUND;
    SELECT * INTO d FROM <schema>.sync_devices WHERE uid = v_device;
  ELSIF d.revoked_at IS NULL AND (d.name, d.app, d.schema)
      IS DISTINCT FROM (p ->> 'name', p ->> 'app', p ->> 'schema') THEN
    UPDATE <schema>.sync_devices SET name = p ->> 'name', app = p ->> 'app',
      schema = p ->> 'schema', rev = gen_random_uuid(), row_version = row_version + 1
      WHERE uid = v_device;
    renamed := true;
  END IF;
  IF d.revoked_at IS NOT NULL THEN
    RETURN jsonb_build_object('now', to_char(now_at, <time>),
      'schema', (SELECT version_num FROM <schema>.alembic_version),
      'min_push', (SELECT min_push FROM <schema>.sync_head), 'seq', 0, 'chain', '',
      'desktop_restored', false, 'newest_op', NULL, 'server_rewound', false, 'revoked', true,
      'editors', '[]'::jsonb, 'audit_heads', '{}'::jsonb);
  END IF;
  IF renamed THEN
    PERFORM <schema>.feed_add('device', v.uid, v.rev, v.row_version, v.doc)
      FROM <schema>.device_docs v WHERE v.uid = v_device;
  END IF;
  -- A desktop asks every few seconds: only what changed, or what would be forgotten, is written.
  IF d.editing <> v_editing OR d.actor IS DISTINCT FROM v_actor
      OR d.seen_at < now_at - interval '20 seconds' THEN
    UPDATE <schema>.sync_devices SET editing = v_editing, actor = v_actor, seen_at = now_at
      WHERE uid = v_device;
  END IF;
  SELECT seq, chain INTO last_seq, last_chain FROM <schema>.sync_feed ORDER BY seq DESC LIMIT 1;
  RETURN jsonb_build_object(
    'now', to_char(now_at, <time>),
    'schema', (SELECT version_num FROM <schema>.alembic_version),
    'min_push', (SELECT min_push FROM <schema>.sync_head),
    'seq', coalesce(last_seq, 0),
    'chain', encode(coalesce(last_chain, ''), 'hex'),
    'desktop_restored', d.journal_no > (p ->> 'journal_no')::bigint,
    'newest_op', d.newest_op,
    'server_rewound', p ->> 'tail_op' IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM <schema>.sync_ops WHERE op_id = (p ->> 'tail_op')::uuid),
    'revoked', false,
    'editors', coalesce((SELECT jsonb_agg(jsonb_build_object('record', e.record, 'device', o.uid,
        'device_name', o.name, 'actor', o.actor))
      FROM <schema>.sync_devices o, unnest(o.editing) e (record)
      WHERE o.uid <> v_device AND o.revoked_at IS NULL
      AND o.seen_at > now_at - interval '60 seconds'), '[]'),
    'audit_heads', coalesce((SELECT jsonb_object_agg(h.device, jsonb_build_array(h.n, h.sha256))
      FROM <schema>.sync_devices o JOIN LATERAL (SELECT device, n, sha256
        FROM <schema>.audit_entries WHERE device = o.uid ORDER BY n DESC LIMIT 1) h ON true), '{}'));
END
$$;
