-- Who may read: a computer of the clinic that has said hello and was not signed out.
CREATE FUNCTION <schema>.require_computer(p_device uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  v_revoked timestamp;
BEGIN
  SELECT d.revoked_at INTO v_revoked FROM <schema>.sync_devices d WHERE d.uid = p_device;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no hello from this computer' USING ERRCODE = 'P0U03';
  ELSIF v_revoked IS NOT NULL THEN
    RAISE EXCEPTION 'this computer was signed out' USING ERRCODE = 'P0U02';
  END IF;
END
$$;
----
-- The feed from `p_seq` on.
CREATE FUNCTION <schema>.sync_pull(p_device uuid, p_seq bigint, p_most integer)
RETURNS TABLE (seq bigint, tbl text, uid uuid, rev uuid, row_version integer, doc jsonb,
  chain bytea, at timestamp)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
  PERFORM <schema>.require_computer(p_device);
  RETURN QUERY SELECT f.seq, f.tbl, f.uid, f.rev, f.row_version, f.doc, f.chain, f.at
    FROM <schema>.sync_feed f WHERE f.seq >= p_seq ORDER BY f.seq LIMIT p_most;
END
$$;
----
-- Rows of a kind as documents, the newest first.
CREATE FUNCTION <schema>.sync_page(p_device uuid, p_tbl text, p_after bigint, p_most integer)
RETURNS TABLE (id bigint, uid uuid, rev uuid, row_version integer, doc jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
BEGIN
  PERFORM <schema>.require_computer(p_device);
  IF p_tbl NOT IN ('record', 'attachment', 'addendum', 'patient', 'settings', 'user', 'device',
      'parked') THEN
    RAISE EXCEPTION 'no such kind' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY EXECUTE 'SELECT v.id::bigint, v.uid, v.rev, v.row_version, v.doc FROM <schema>.'
    || quote_ident(p_tbl || '_docs') || ' v WHERE $1 IS NULL OR v.id < $1 ORDER BY v.id DESC LIMIT $2'
    USING p_after, p_most;
END
$$;
----
-- The newest versions of one aggregate, and who made them.
CREATE FUNCTION <schema>.sync_history(p_device uuid, p_tbl text, p_uid uuid, p_most integer)
RETURNS TABLE (rev uuid, doc jsonb, at timestamp, actor uuid, device uuid, device_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
  PERFORM <schema>.require_computer(p_device);
  RETURN QUERY SELECT f.rev, f.doc, f.at, o.actor, o.device, coalesce(d.name, '')
    FROM <schema>.sync_feed f LEFT JOIN <schema>.sync_ops o ON o.op_id = f.rev
    LEFT JOIN <schema>.sync_devices d ON d.uid = o.device
    WHERE f.uid = p_uid AND f.tbl = p_tbl ORDER BY f.seq DESC LIMIT p_most;
END
$$;
----
-- What people did with a patient's records on the clinic's other computers, the newest first.
CREATE FUNCTION <schema>.sync_looks(p_device uuid, p_patient uuid, p_most integer)
RETURNS TABLE (at timestamp, actor uuid, what text, outcome text, device uuid, device_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
#variable_conflict use_column
BEGIN
  PERFORM <schema>.require_computer(p_device);
  RETURN QUERY SELECT e.at, e.actor, e.what::text, e.outcome::text, e.device, coalesce(d.name, '')
    FROM <schema>.audit_entries e LEFT JOIN <schema>.sync_devices d ON d.uid = e.device
    WHERE e.patient = p_patient AND e.device <> p_device AND e.actor IS NOT NULL
    AND e.what <> 'trail.read' ORDER BY e.at DESC LIMIT p_most;
END
$$;
