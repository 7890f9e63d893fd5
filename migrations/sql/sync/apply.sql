-- Each apply_… carries one op out on its kind of aggregate, whole, and adds it to the feed; or
-- answers why it is parked. What it raises is undone with it.

-- The row number of a user by uid; NULL stays NULL, an unknown one is no user.
CREATE FUNCTION <schema>.user_key(p_uid text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  key integer;
BEGIN
  IF p_uid IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT id INTO key FROM <schema>.sync_users WHERE uid = p_uid::uuid;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'not a user of this clinic' USING ERRCODE = 'P0F03';
  END IF;
  RETURN key;
END
$$;
----
CREATE FUNCTION <schema>.put_diagnoses(p_record integer, p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  INSERT INTO <schema>.diagnoses AS old (uid, record_id, icd_code, diagnosis_name, diagnosis_type,
    notes, full_name, code_system, code_release, position, created_at, voided_at)
  SELECT d.uid, p_record, d.icd_code, d.diagnosis_name, coalesce(d.diagnosis_type, 'secondary'),
    d.notes, d.full_name, coalesce(d.code_system, ''), coalesce(d.code_release, ''),
    coalesce(d.position, 0), coalesce(d.created_at, now() AT TIME ZONE 'UTC'), d.voided_at
  FROM jsonb_populate_recordset(NULL::<schema>.diagnoses, p_rows) d
  ON CONFLICT (uid) DO UPDATE SET icd_code = EXCLUDED.icd_code,
    diagnosis_name = EXCLUDED.diagnosis_name, diagnosis_type = EXCLUDED.diagnosis_type,
    notes = EXCLUDED.notes, full_name = EXCLUDED.full_name, code_system = EXCLUDED.code_system,
    code_release = EXCLUDED.code_release, position = EXCLUDED.position,
    created_at = EXCLUDED.created_at, voided_at = EXCLUDED.voided_at
  WHERE old.record_id = p_record;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> jsonb_array_length(p_rows) THEN
    RAISE EXCEPTION 'a diagnosis of another record' USING ERRCODE = 'unique_violation';
  END IF;
END
$$;
----
CREATE FUNCTION <schema>.put_allergies(p_patient integer, p_op uuid, p_rows jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  INSERT INTO <schema>.allergies AS old (uid, patient_id, substance, reaction, severity, code,
    system, rev, created_at, voided_at, voided_by, void_reason)
  SELECT (a ->> 'uid')::uuid, p_patient, a ->> 'substance', coalesce(a ->> 'reaction', ''),
    coalesce(a ->> 'severity', ''), coalesce(a ->> 'code', ''), coalesce(a ->> 'system', ''), p_op,
    coalesce((a ->> 'created_at')::timestamp, now() AT TIME ZONE 'UTC'),
    (a ->> 'voided_at')::timestamp, <schema>.user_key(a ->> 'voided_by'), a ->> 'void_reason'
  FROM jsonb_array_elements(p_rows) a
  ON CONFLICT (uid) DO UPDATE SET substance = EXCLUDED.substance, reaction = EXCLUDED.reaction,
    severity = EXCLUDED.severity, code = EXCLUDED.code, system = EXCLUDED.system, rev = p_op,
    row_version = old.row_version + 1, created_at = EXCLUDED.created_at,
    voided_at = EXCLUDED.voided_at, voided_by = EXCLUDED.voided_by,
    void_reason = EXCLUDED.void_reason
  WHERE old.patient_id = p_patient;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> jsonb_array_length(p_rows) THEN
    RAISE EXCEPTION 'an allergy of another patient' USING ERRCODE = 'unique_violation';
  END IF;
END
$$;
----
CREATE FUNCTION <schema>.apply_record(p jsonb, p_device uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_op uuid := (p ->> 'op_id')::uuid;
  v_kind text := p ->> 'kind';
  v_uid uuid := (p ->> 'uid')::uuid;
  patch jsonb := p -> 'patch';
  now_at timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  rows jsonb := patch -> 'diagnoses';
  seal jsonb := patch -> 'seal';
  r <schema>.medical_records;
  there boolean;
  signed timestamp;
  version integer;
  last_seq bigint;
  last_chain bytea;
BEGIN
  SELECT * INTO r FROM <schema>.medical_records WHERE uid = v_uid FOR NO KEY UPDATE;
  there := FOUND;
  IF v_kind = 'create' THEN
    IF there THEN
      RETURN 'exists';
    END IF;
    IF patch ?| '{status,finalized_at,finalized_by,finalize_accepted_at,seal,voided_at,voided_by,void_reason}' THEN
      patch := <schema>.without_absent(patch);
    END IF;
  ELSE
    IF NOT there THEN
      RETURN 'unknown_record';
    END IF;
    IF r.status = 'finalized' AND v_kind <> 'void' THEN
      RETURN 'finalized';
    ELSIF r.voided_at IS NOT NULL THEN
      RETURN 'voided';
    ELSIF r.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
      RETURN 'stale';
    END IF;
  END IF;

  IF v_kind NOT IN ('create', 'edit') AND patch - '{status,finalized_at,finalized_by,seal,voided_at,voided_by,void_reason,updated_at}'::text[] <> '{}' THEN
    RETURN 'unknown_field';
  END IF;
  IF v_kind IN ('create', 'edit') THEN
    patch := patch - '{diagnoses,uid}'::text[];
    IF patch - '{patient_id,doctor_id,visit_date,chief_complaint,diagnosis,treatment_plan,notes,prescriptions,vital_signs,lab_results,follow_up_required,follow_up_date,follow_up_text,no_diagnosis,encounter_class,source_id,extra,created_at,updated_at}'::text[] <> '{}'
      OR (rows IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements(rows) e WHERE e
        - '{uid,icd_code,diagnosis_name,diagnosis_type,notes,full_name,code_system,code_release,position,created_at,voided_at}'::text[] <> '{}')) THEN
      RETURN 'unknown_field';
    END IF;
    IF patch ? 'patient_id' THEN
      patch := patch || jsonb_build_object('patient_id', (SELECT id FROM <schema>.patients
        WHERE uid = (patch ->> 'patient_id')::uuid));
      IF patch ->> 'patient_id' IS NULL THEN
        RETURN 'unknown_patient';
      END IF;
    END IF;
    IF patch ? 'doctor_id' THEN
      patch := patch || jsonb_build_object('doctor_id', (SELECT id FROM <schema>.sync_users
        WHERE uid = (patch ->> 'doctor_id')::uuid));
      IF patch ->> 'doctor_id' IS NULL THEN
        RETURN 'unknown_user';
      END IF;
    END IF;
  END IF;

  CASE v_kind
  WHEN 'create' THEN
    r := jsonb_populate_record(NULL::<schema>.medical_records, jsonb_build_object('status', 'draft',
      'follow_up_required', false, 'no_diagnosis', false, 'created_at', now_at, 'updated_at', now_at)
      || patch);
    r.id := nextval('<schema>.medical_records_id_seq'::regclass);
    r.uid := v_uid;
    r.rev := v_op;
    r.row_version := 1;
    INSERT INTO <schema>.medical_records SELECT r.*;
  WHEN 'edit' THEN
    r := jsonb_populate_record(r, patch);
    UPDATE <schema>.medical_records SET patient_id = r.patient_id, doctor_id = r.doctor_id,
      visit_date = r.visit_date, chief_complaint = r.chief_complaint, diagnosis = r.diagnosis,
      treatment_plan = r.treatment_plan, notes = r.notes, prescriptions = r.prescriptions,
      vital_signs = r.vital_signs, lab_results = r.lab_results,
      follow_up_required = r.follow_up_required, follow_up_date = r.follow_up_date,
      follow_up_text = r.follow_up_text, no_diagnosis = r.no_diagnosis,
      encounter_class = r.encounter_class, source_id = r.source_id, extra = r.extra,
      created_at = r.created_at,
      updated_at = CASE WHEN patch ? 'updated_at' THEN r.updated_at ELSE now_at END,
      rev = v_op, row_version = r.row_version + 1
      WHERE id = r.id;
  WHEN 'void' THEN
    UPDATE <schema>.medical_records SET
      voided_at = coalesce((patch ->> 'voided_at')::timestamp, now_at),
      voided_by = <schema>.user_key(coalesce(patch ->> 'voided_by', p ->> 'actor')),
      void_reason = patch ->> 'void_reason', updated_at = now_at, rev = v_op,
      row_version = r.row_version + 1
      WHERE id = r.id;
  WHEN 'finalize' THEN
    IF EXISTS (SELECT 1 FROM <schema>.sync_parked WHERE uid = v_uid AND state = 'open'
        AND kind = 'edit' AND NOT (p -> 'supersedes') ? op_id::text) THEN
      RETURN 'unreviewed';
    END IF;
    signed := (seal ->> 'signed_at')::timestamp;
    IF encode(sha256(decode(seal ->> 'canonical', 'base64')), 'hex') IS DISTINCT FROM seal ->> 'sha256' THEN
      RAISE EXCEPTION 'the seal is of other bytes' USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO <schema>.record_seals (record_id, canonical, sha256, previous_sha256, signed_by,
      printed_name, signed_at, zone, device)
    VALUES (r.id, decode(seal ->> 'canonical', 'base64'), seal ->> 'sha256',
      coalesce(seal ->> 'previous_sha256', ''), <schema>.user_key(seal ->> 'signed_by'),
      seal ->> 'printed_name', signed, seal ->> 'zone', (seal ->> 'device')::uuid);
    -- A clock that is years off does not date a visit. A clinic that moves in has old visits.
    UPDATE <schema>.medical_records SET status = 'finalized',
      finalized_at = CASE WHEN signed <= now_at + interval '5 minutes'
        AND (signed > now_at - interval '30 days' OR coalesce(
          (SELECT founder FROM <schema>.sync_devices WHERE uid = p_device), false))
        THEN signed ELSE now_at END,
      finalized_by = <schema>.user_key(coalesce(patch ->> 'finalized_by', seal ->> 'signed_by')),
      finalize_accepted_at = now_at, updated_at = now_at, rev = v_op,
      row_version = r.row_version + 1
      WHERE id = r.id;
  ELSE
    RETURN 'unknown_kind';
  END CASE;
  IF rows IS NOT NULL AND v_kind IN ('create', 'edit') AND jsonb_array_length(rows) > 0 THEN
    PERFORM <schema>.put_diagnoses(r.id, rows);
  END IF;
  -- feed_add, without the call: there are many of these, and the head is locked.
  version := CASE WHEN v_kind = 'create' THEN 1 ELSE r.row_version + 1 END;
  SELECT v.doc INTO rows FROM <schema>.record_docs v WHERE v.id = r.id;
  SELECT f.seq, f.chain INTO last_seq, last_chain FROM <schema>.sync_feed f
    ORDER BY f.seq DESC LIMIT 1;
  INSERT INTO <schema>.sync_feed (seq, tbl, uid, rev, row_version, doc, chain)
  VALUES (coalesce(last_seq, 0) + 1, 'record', v_uid, v_op, version, rows,
    sha256(coalesce(last_chain, '') || convert_to(
      concat_ws('|', 'record', v_uid, v_op, version, rows::text), 'UTF8')));
  RETURN NULL;
END
$$;
----
-- A whole document is a good patch of a creation: what it says of states that come later is empty.
CREATE FUNCTION <schema>.without_absent(patch jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  IF patch ->> 'status' = 'draft' THEN
    patch := patch - 'status';
  END IF;
  FOREACH name IN ARRAY '{finalized_at,finalized_by,finalize_accepted_at,seal,voided_at,voided_by,void_reason,s3_key,s3_bucket,s3_version}'::text[] LOOP
    IF patch ? name AND patch ->> name IS NULL THEN
      patch := patch - name;
    END IF;
  END LOOP;
  RETURN patch;
END
$$;
----
CREATE FUNCTION <schema>.apply_patient(p jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_op uuid := (p ->> 'op_id')::uuid;
  v_kind text := p ->> 'kind';
  v_uid uuid := (p ->> 'uid')::uuid;
  patch jsonb := p -> 'patch';
  now_at timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  rows jsonb := patch -> 'allergies';
  r <schema>.patients;
  wanted text;
  next integer := 2;
BEGIN
  SELECT * INTO r FROM <schema>.patients WHERE uid = v_uid FOR NO KEY UPDATE;
  IF v_kind = 'create' THEN
    IF FOUND THEN
      RETURN 'exists';
    END IF;
    patch := <schema>.without_absent(patch);
  ELSIF NOT FOUND THEN
    RETURN 'unknown_patient';
  ELSIF r.voided_at IS NOT NULL THEN
    RETURN 'voided';
  ELSIF r.rev IS DISTINCT FROM (p ->> 'base_rev')::uuid THEN
    RETURN 'stale';
  END IF;
  IF v_kind = 'void' THEN
    UPDATE <schema>.patients SET voided_at = coalesce((patch ->> 'voided_at')::timestamp, now_at),
      voided_by = <schema>.user_key(coalesce(patch ->> 'voided_by', p ->> 'actor')),
      void_reason = patch ->> 'void_reason', updated_at = now_at, rev = v_op,
      row_version = r.row_version + 1
      WHERE id = r.id;
  ELSIF v_kind IN ('create', 'edit') THEN
    patch := patch - '{allergies,uid}'::text[];
    IF patch - '{record_no,family,given,sex,birth_date,deceased_on,phone,address,allergy_state,source_id,extra,created_at,updated_at}'::text[] <> '{}'
      OR (rows IS NOT NULL AND EXISTS (SELECT 1 FROM jsonb_array_elements(rows) e WHERE e
        - '{uid,substance,reaction,severity,code,system,created_at,voided_at,voided_by,void_reason}'::text[] <> '{}')) THEN
      RETURN 'unknown_field';
    END IF;
    -- Two desktops without network give the same number. The patient is not held back for it.
    wanted := patch ->> 'record_no';
    WHILE wanted IS NOT NULL AND EXISTS (SELECT 1 FROM <schema>.patients
        WHERE record_no IN (wanted, upper(wanted), lower(wanted)) AND uid <> v_uid) LOOP
      wanted := left(patch ->> 'record_no', 34) || '-' || next;
      next := next + 1;
    END LOOP;
    IF next > 2 THEN
      patch := patch || jsonb_build_object('record_no', wanted);
    END IF;
    IF v_kind = 'create' THEN
      r := jsonb_populate_record(NULL::<schema>.patients, jsonb_build_object('given', '',
        'sex', 'unknown', 'phone', '', 'address', '', 'allergy_state', 'not_asked',
        'created_at', now_at, 'updated_at', now_at) || patch);
      r.id := nextval('<schema>.patients_id_seq'::regclass);
      r.uid := v_uid;
      r.rev := v_op;
      r.row_version := 1;
      INSERT INTO <schema>.patients SELECT r.*;
    ELSE
      r := jsonb_populate_record(r, patch);
      UPDATE <schema>.patients SET record_no = r.record_no, family = r.family, given = r.given,
        sex = r.sex, birth_date = r.birth_date, deceased_on = r.deceased_on, phone = r.phone,
        address = r.address, allergy_state = r.allergy_state, source_id = r.source_id,
        extra = r.extra, created_at = r.created_at,
        updated_at = CASE WHEN patch ? 'updated_at' THEN r.updated_at ELSE now_at END,
        rev = v_op, row_version = r.row_version + 1
        WHERE id = r.id;
    END IF;
    IF rows IS NOT NULL AND jsonb_array_length(rows) > 0 THEN
      PERFORM <schema>.put_allergies(r.id, v_op, rows);
    END IF;
  ELSE
    RETURN 'unknown_kind';
  END IF;
  PERFORM <schema>.feed_add('patient', v.uid, v.rev, v.row_version, v.doc)
    FROM <schema>.patient_docs v WHERE v.id = r.id;
  RETURN NULL;
END
$$;
