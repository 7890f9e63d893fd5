-- A key in the bucket that no other file has: with the plain name, else with eight (at last all)
-- digits of the uid after it. The desktop hid the patient's words; what a key may not hold is
-- looked at again here.
CREATE FUNCTION <schema>.free_key(p_record integer, p_uid uuid, p_at timestamp, p_name text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  digits text := replace(p_uid::text, '-', '');
  dot integer := length(p_name) - position('.' in reverse(p_name)) + 1;
  stem text := p_name;
  extension text := '';
  ending text;
  key text;
BEGIN
  IF p_name IS NULL OR p_name IN ('', '.', '..') OR octet_length(p_name) > 180
      OR p_name ~ '[[:cntrl:]/\\<>:"|?*]' THEN
    RAISE EXCEPTION 'not a name for the storage' USING ERRCODE = 'check_violation';
  END IF;
  IF position('.' in p_name) > 1 THEN
    stem := left(p_name, dot - 1);
    extension := substr(p_name, dot);
  END IF;
  FOREACH ending IN ARRAY ARRAY['', '-' || right(digits, 8), '-' || digits] LOOP
    ending := ending || extension;
    WHILE octet_length(stem) + octet_length(ending) > 180 AND stem <> '' LOOP
      stem := left(stem, -1);
    END LOOP;
    key := '<tenant>/medical-records/' || to_char(p_at, 'YYYY/MM') || '/' || p_record || '/'
      || stem || ending;
    IF NOT EXISTS (SELECT 1 FROM <schema>.record_attachments WHERE s3_key = key) THEN
      RETURN key;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'a uid was used twice' USING ERRCODE = 'unique_violation';
END
$$;
----
CREATE FUNCTION <schema>.apply_attachment(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_op uuid := (p ->> 'op_id')::uuid;
  v_kind text := p ->> 'kind';
  v_uid uuid := (p ->> 'uid')::uuid;
  patch jsonb := p -> 'patch';
  v_name text := patch ->> 'object_name';
  a <schema>.record_attachments;
  m <schema>.medical_records;
BEGIN
  SELECT * INTO a FROM <schema>.record_attachments WHERE uid = v_uid FOR NO KEY UPDATE;
  IF v_kind IN ('attach', 'create') THEN
    IF FOUND THEN
      RETURN 'exists';
    END IF;
    SELECT * INTO m FROM <schema>.medical_records WHERE uid = (patch ->> 'record_id')::uuid;
    IF NOT FOUND THEN
      RETURN 'unknown_record';
    END IF;
  ELSIF NOT FOUND THEN
    RETURN 'unknown_attachment';
  ELSIF v_kind <> 'stored' AND a.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  END IF;
  patch := patch - '{object_name,uid}'::text[];
  IF v_kind IN ('attach', 'create') THEN
    patch := <schema>.without_absent(patch);
  END IF;
  IF patch ->> 's3_key' !~ '^tenant_[0-9a-z_]+/medical-records/[0-9]{4}/[0-9]{2}/' THEN
    RAISE EXCEPTION 'not a key for the storage' USING ERRCODE = 'check_violation';
  END IF;
  CASE v_kind
  WHEN 'attach', 'create' THEN
    IF patch - '{record_id,file_name,file_type,file_size,s3_key,s3_bucket,s3_version,uploaded_by,description,kind,pages,sha256,kept_size,kept_sha256,upload_state,held_by,late,created_at,voided_at,voided_by,void_reason}'::text[] <> '{}' THEN
      RETURN 'unknown_field';
    END IF;
    a := jsonb_populate_record(NULL::<schema>.record_attachments, jsonb_build_object('kind', 'other',
      'upload_state', 'pending', 'created_at', clock_timestamp() AT TIME ZONE 'UTC')
      || (patch - '{record_id,uploaded_by,voided_by}'::text[]));
    a.id := nextval('<schema>.record_attachments_id_seq'::regclass);
    a.uid := v_uid;
    a.record_id := m.id;
    a.uploaded_by := <schema>.user_key(patch ->> 'uploaded_by');
    a.voided_by := <schema>.user_key(patch ->> 'voided_by');
    a.late := m.status = 'finalized';
    a.rev := v_op;
    a.row_version := 1;
    -- A clinic that moves in brings the keys its files have; any other file gets one here.
    IF a.s3_key IS NULL OR (a.upload_state = 'pending' AND EXISTS (
        SELECT 1 FROM <schema>.record_attachments WHERE s3_key = a.s3_key)) THEN
      a.s3_key := <schema>.free_key(m.id, v_uid, a.created_at, coalesce(nullif(v_name, ''), 'file'));
    END IF;
    INSERT INTO <schema>.record_attachments SELECT a.*;
  WHEN 'edit', 'void' THEN
    IF patch - '{file_name,description,kind,pages,s3_key,s3_bucket,s3_version,upload_state,held_by,voided_at,voided_by,void_reason}'::text[] <> '{}' THEN
      RETURN 'unknown_field';
    END IF;
    a := jsonb_populate_record(a, patch - 'voided_by');
    IF patch ? 'voided_by' THEN
      a.voided_by := <schema>.user_key(patch ->> 'voided_by');
    END IF;
  WHEN 'stored' THEN
    IF patch - '{upload_state,s3_key,s3_bucket,s3_version,held_by}'::text[] <> '{}' THEN
      RETURN 'unknown_field';
    END IF;
    a := jsonb_populate_record(a, patch);
  ELSE
    RETURN 'unknown_kind';
  END CASE;
  IF v_kind IN ('edit', 'void', 'stored') THEN
    UPDATE <schema>.record_attachments SET file_name = a.file_name, description = a.description,
      kind = a.kind, pages = a.pages, s3_key = a.s3_key, s3_bucket = a.s3_bucket,
      s3_version = a.s3_version, upload_state = a.upload_state, held_by = a.held_by,
      voided_at = a.voided_at, voided_by = a.voided_by, void_reason = a.void_reason, rev = v_op,
      row_version = a.row_version + 1
      WHERE id = a.id;
  END IF;
  PERFORM <schema>.feed_add('attachment', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.attachment_docs v WHERE v.id = a.id;
  RETURN NULL;
END
$$;
----
CREATE FUNCTION <schema>.apply_addendum(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_uid uuid := (p ->> 'uid')::uuid;
  patch jsonb := p -> 'patch';
  m <schema>.medical_records;
BEGIN
  IF p ->> 'kind' NOT IN ('addendum', 'create') THEN
    RETURN 'unknown_kind';
  END IF;
  IF EXISTS (SELECT 1 FROM <schema>.record_addenda WHERE uid = v_uid) THEN
    RETURN 'exists';
  END IF;
  IF patch - '{uid,record_id,kind,section,text,author_id,written_at,seal_sha256,amends_sha256}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  END IF;
  SELECT * INTO m FROM <schema>.medical_records WHERE uid = (patch ->> 'record_id')::uuid;
  IF NOT FOUND THEN
    RETURN 'unknown_record';
  END IF;
  -- It was written to a signature that did not hold: another one is there, or none.
  IF coalesce(patch ->> 'amends_sha256', '') <> '' AND NOT EXISTS (SELECT 1 FROM <schema>.record_seals
      WHERE record_id = m.id AND sha256 = patch ->> 'amends_sha256') THEN
    RETURN 'stale';
  END IF;
  INSERT INTO <schema>.record_addenda (uid, record_id, kind, section, text, author_id, written_at,
    seal_sha256, amends_sha256)
  VALUES (v_uid, m.id, coalesce(patch ->> 'kind', 'addendum'), coalesce(patch ->> 'section', ''),
    patch ->> 'text', <schema>.user_key(patch ->> 'author_id'),
    (patch ->> 'written_at')::timestamp, patch ->> 'seal_sha256', patch ->> 'amends_sha256');
  PERFORM <schema>.feed_add('addendum', v_uid, (p ->> 'op_id')::uuid, 1, v.doc)
    FROM <schema>.addendum_docs v WHERE v.uid = v_uid;
  RETURN NULL;
END
$$;
----
CREATE FUNCTION <schema>.apply_settings(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_op uuid := (p ->> 'op_id')::uuid;
  patch jsonb := p -> 'patch';
  v_uid uuid := (p ->> 'uid')::uuid;
  found_name text;
  found_rev uuid;
  found_value jsonb;
BEGIN
  SELECT name, rev, value INTO found_name, found_rev, found_value FROM <schema>.clinic_settings
    WHERE md5('medrec-setting:' || name)::uuid = v_uid;
  IF p ->> 'kind' NOT IN ('create', 'edit') THEN
    RETURN 'unknown_kind';
  ELSIF patch - '{name,value,updated_at}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  ELSIF found_name IS NULL AND p ->> 'kind' = 'edit' THEN
    RETURN 'unknown_settings';
  ELSIF found_name IS NOT NULL AND p ->> 'kind' = 'create' AND found_value <> patch -> 'value' THEN
    RETURN 'exists';
  ELSIF p ->> 'kind' = 'edit' AND found_rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  ELSIF found_name IS NULL AND md5('medrec-setting:' || (patch ->> 'name'))::uuid <> v_uid THEN
    RAISE EXCEPTION 'another name than its uid says' USING ERRCODE = 'check_violation';
  END IF;
  INSERT INTO <schema>.clinic_settings AS s (name, value, rev, updated_at)
  VALUES (coalesce(found_name, patch ->> 'name'), patch -> 'value', v_op,
    clock_timestamp() AT TIME ZONE 'UTC')
  ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value, rev = v_op,
    row_version = s.row_version + 1, updated_at = EXCLUDED.updated_at;
  PERFORM <schema>.feed_add('settings', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.settings_docs v WHERE v.uid = v_uid;
  RETURN NULL;
END
$$;
----
CREATE FUNCTION <schema>.apply_user(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_op uuid := (p ->> 'op_id')::uuid;
  patch jsonb := p -> 'patch';
  v_uid uuid := (p ->> 'uid')::uuid;
  u <schema>.sync_users;
BEGIN
  SELECT * INTO u FROM <schema>.sync_users WHERE uid = v_uid FOR NO KEY UPDATE;
  IF p ->> 'kind' = 'create' THEN
    IF FOUND THEN
      RETURN 'exists';
    END IF;
    u.active := true;
    u.admin := false;
    u.created_at := clock_timestamp() AT TIME ZONE 'UTC';
  ELSIF p ->> 'kind' <> 'edit' THEN
    RETURN 'unknown_kind';
  ELSIF NOT FOUND THEN
    RETURN 'unknown_user';
  ELSIF u.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  END IF;
  IF patch - '{uid,name,role,active,admin,created_at}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  END IF;
  u := jsonb_populate_record(u, patch - 'uid');
  PERFORM public.put_user(v_uid, u.name, u.role, u.active, u.admin, u.created_at);
  -- Its trigger has written sync_users by now.
  UPDATE <schema>.sync_users SET rev = v_op WHERE uid = v_uid;
  PERFORM <schema>.feed_add('user', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.user_docs v WHERE v.uid = v_uid;
  RETURN NULL;
END
$$;
----
CREATE FUNCTION <schema>.apply_device(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
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
  ELSIF d.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  ELSIF patch - '{name,revoked_at}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  END IF;
  d := jsonb_populate_record(d, patch);
  UPDATE <schema>.sync_devices SET name = d.name, revoked_at = d.revoked_at,
    rev = (p ->> 'op_id')::uuid, row_version = row_version + 1 WHERE id = d.id;
  PERFORM <schema>.feed_add('device', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.device_docs v WHERE v.uid = v_uid;
  RETURN NULL;
END
$$;
----
-- Entries the server has already are skipped when they are the same; the others follow the last.
-- The feed is chained itself: with the head of a device's chain in it, that is chained again.
CREATE FUNCTION <schema>.apply_audit(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_device uuid := (p ->> 'uid')::uuid;
  entries jsonb := p -> 'patch' -> 'entries';
  last_n bigint;
  last_sha256 text;
BEGIN
  IF p ->> 'kind' <> 'audit' THEN
    RETURN 'unknown_kind';
  ELSIF EXISTS (SELECT 1 FROM jsonb_array_elements(entries) e WHERE e
      - '{device,n,at,actor,patient,record,subject,what,outcome,detail,previous_sha256,sha256}'::text[] <> '{}') THEN
    RETURN 'unknown_field';
  END IF;
  SELECT n, sha256 INTO last_n, last_sha256 FROM <schema>.audit_entries WHERE device = v_device
    ORDER BY n DESC LIMIT 1;
  IF EXISTS (SELECT 1 FROM jsonb_populate_recordset(NULL::<schema>.audit_entries, entries) e
      LEFT JOIN <schema>.audit_entries h ON h.device = v_device AND h.n = e.n
      WHERE e.device IS DISTINCT FROM v_device OR (e.n <= last_n AND h.sha256 IS DISTINCT FROM e.sha256)) THEN
    RETURN 'not_next';
  END IF;
  INSERT INTO <schema>.audit_entries (device, n, at, actor, patient, record, subject, what, outcome,
    detail, previous_sha256, sha256)
  SELECT e.device, e.n, e.at, e.actor, e.patient, e.record, e.subject, e.what,
    coalesce(e.outcome, 'done'), coalesce(e.detail, ''), e.previous_sha256, e.sha256
  FROM jsonb_populate_recordset(NULL::<schema>.audit_entries, entries) e
  WHERE e.n > coalesce(last_n, 0) ORDER BY e.n;
  SELECT n, sha256 INTO last_n, last_sha256 FROM <schema>.audit_entries WHERE device = v_device
    ORDER BY n DESC LIMIT 1;
  PERFORM <schema>.feed_add('audit', v_device, (p ->> 'op_id')::uuid, 1,
    jsonb_build_object('device', v_device, 'n', last_n, 'sha256', last_sha256));
  RETURN NULL;
END
$$;
