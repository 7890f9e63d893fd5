-- The one way in for a desktop's changes. Every op ends applied or parked, and is remembered; one
-- that comes again gets the answer it had. Locks, time-outs and full disks end the whole push, to
-- be tried again; what a rule of the database refuses is parked alone.
CREATE FUNCTION <schema>.sync_push(p_device uuid, p_proto integer, p_ops jsonb)
RETURNS TABLE (op_id uuid, outcome text, reason text, dup boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
  wanted integer;
  v_revoked timestamp;
  v_name text;
  p jsonb;
  v_op uuid;
  v_hash text;
  v_reason text;
  state text;
  known <schema>.sync_ops;
  many integer := jsonb_array_length(p_ops);
  i integer := 0;
  there integer := 0;
  looked integer := 0;
  bulk boolean;
  newest_n bigint := 0;
  newest uuid;
BEGIN
  -- Held to the commit: of all that write in this clinic, one is here at a time.
  SELECT h.min_push INTO wanted FROM <schema>.sync_head h FOR UPDATE;
  IF p_proto < wanted THEN
    RAISE EXCEPTION 'this program is too old to send' USING ERRCODE = 'P0U01';
  END IF;
  SELECT d.revoked_at, d.name INTO v_revoked, v_name FROM <schema>.sync_devices d
    WHERE d.uid = p_device;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no hello from this computer' USING ERRCODE = 'P0U03';
  ELSIF v_revoked IS NOT NULL THEN
    RAISE EXCEPTION 'this computer was signed out' USING ERRCODE = 'P0U02';
  END IF;
  WHILE i < many LOOP
    -- From here to there new visits alone?
    there := greatest(there, i);
    WHILE there < many AND p_ops -> there ->> 'tbl' = 'record'
        AND p_ops -> there ->> 'kind' = 'create' AND NOT p_ops -> there ? 'raw' LOOP
      there := there + 1;
    END LOOP;
    IF there - i >= 8 AND i >= looked THEN
      looked := there;
      BEGIN
        bulk := <schema>.push_new_records(p_device, (SELECT jsonb_agg(value ORDER BY ordinality)
          FROM jsonb_array_elements(p_ops) WITH ORDINALITY
          WHERE ordinality > i AND ordinality <= there));
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
        IF left(state, 2) IN ('08', '25', '40', '42', '53', '54', '55', '57', '58', 'XX') THEN
          RAISE;
        END IF;
        bulk := false;
      END;
      IF bulk THEN
        dup := false;
        outcome := 'applied';
        reason := '';
        FOR p IN SELECT value FROM jsonb_array_elements(p_ops) WITH ORDINALITY
            WHERE ordinality > i AND ordinality <= there ORDER BY ordinality LOOP
          op_id := (p ->> 'op_id')::uuid;
          IF (p ->> 'n')::bigint > newest_n THEN
            newest_n := (p ->> 'n')::bigint;
            newest := op_id;
          END IF;
          RETURN NEXT;
        END LOOP;
        i := there;
        CONTINUE;
      END IF;
    END IF;
    p := p_ops -> i;
    i := i + 1;
    v_op := (p ->> 'op_id')::uuid;
    v_hash := encode(sha256(convert_to(p::text, 'UTF8')), 'hex');
    op_id := v_op;
    SELECT * INTO known FROM <schema>.sync_ops o WHERE o.op_id = v_op;
    IF FOUND THEN
      dup := true;
      outcome := CASE WHEN known.hash = v_hash THEN known.outcome ELSE 'reused' END;
      reason := CASE WHEN known.hash = v_hash THEN known.reason ELSE '' END;
      RETURN NEXT;
      CONTINUE;
    END IF;
    BEGIN
      IF NOT EXISTS (SELECT 1 FROM <schema>.sync_users u WHERE u.uid = (p ->> 'actor')::uuid)
          AND NOT (p ->> 'tbl' = 'user' AND p ->> 'uid' = p ->> 'actor') THEN
        v_reason := 'unknown_user';
      ELSIF p ? 'raw' THEN
        -- What its author wrote does not fit into JSON here; it is kept as it came.
        v_reason := 'rejected:22P05';
      ELSIF p ->> 'kind' = 'dismiss' THEN
        v_reason := NULL;
      ELSE
        CASE p ->> 'tbl'
        WHEN 'record' THEN v_reason := <schema>.apply_record(p, p_device);
        WHEN 'patient' THEN v_reason := <schema>.apply_patient(p);
        WHEN 'attachment' THEN v_reason := <schema>.apply_attachment(p);
        WHEN 'addendum' THEN v_reason := <schema>.apply_addendum(p);
        WHEN 'audit' THEN v_reason := <schema>.apply_audit(p);
        WHEN 'settings' THEN v_reason := <schema>.apply_settings(p);
        WHEN 'user' THEN v_reason := <schema>.apply_user(p);
        WHEN 'device' THEN v_reason := <schema>.apply_device(p);
        ELSE v_reason := 'unknown_kind';
        END CASE;
      END IF;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
      IF left(state, 2) IN ('08', '25', '40', '42', '53', '54', '55', '57', '58', 'XX') THEN
        RAISE;
      END IF;
      v_reason := CASE state WHEN 'P0F01' THEN 'finalized' WHEN 'P0F03' THEN 'unknown_user'
        ELSE 'rejected:' || state END;
    END;
    INSERT INTO <schema>.sync_ops (op_id, device, n, kind, tbl, uid, hash, outcome, reason, actor,
      client_at)
    VALUES (v_op, p_device, (p ->> 'n')::bigint, p ->> 'kind', p ->> 'tbl', (p ->> 'uid')::uuid,
      v_hash, CASE WHEN v_reason IS NULL THEN 'applied' ELSE 'parked' END, coalesce(v_reason, ''),
      (p ->> 'actor')::uuid, (p ->> 'client_at')::timestamp);
    IF v_reason IS NOT NULL THEN
      INSERT INTO <schema>.sync_parked (op_id, device, kind, uid, reason, op, rev)
      VALUES (v_op, p_device, p ->> 'kind', (p ->> 'uid')::uuid, v_reason, p, v_op);
      PERFORM <schema>.feed_add('parked', v.uid, v.rev, v.row_version, v.doc)
        FROM <schema>.parked_docs v WHERE v.uid = v_op;
    ELSIF jsonb_array_length(p -> 'supersedes') > 0 THEN
      PERFORM <schema>.close_parked(v_op, p -> 'supersedes', p ->> 'close_as');
    END IF;
    IF (p ->> 'n')::bigint > newest_n THEN
      newest_n := (p ->> 'n')::bigint;
      newest := v_op;
    END IF;
    dup := false;
    outcome := CASE WHEN v_reason IS NULL THEN 'applied' ELSE 'parked' END;
    reason := coalesce(v_reason, '');
    RETURN NEXT;
  END LOOP;
  UPDATE <schema>.sync_devices d SET journal_no = newest_n, newest_op = newest
    WHERE d.uid = p_device AND newest_n > d.journal_no;
END
$$;
----
CREATE FUNCTION <schema>.close_parked(p_by uuid, p_ops jsonb, p_as text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  one text;
BEGIN
  FOR one IN SELECT value FROM jsonb_array_elements_text(p_ops) LOOP
    UPDATE <schema>.sync_parked SET state = p_as, closed_by = p_by,
      closed_at = clock_timestamp() AT TIME ZONE 'UTC', rev = p_by, row_version = row_version + 1
      WHERE op_id = one::uuid AND state = 'open';
    IF FOUND THEN
      PERFORM <schema>.feed_add('parked', v.uid, v.rev, v.row_version, v.doc)
        FROM <schema>.parked_docs v WHERE v.uid = one::uuid;
    END IF;
  END LOOP;
END
$$;
