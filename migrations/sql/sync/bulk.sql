-- Many new visits in a row, as after days without network, an import or a move: a few statements for
-- all of them instead of ten for each. True: all are applied and remembered. False: one of them is
-- not as plain as that, nothing was done, and each is to be looked at alone. What it raises means
-- the same. apply_record says what is meant here.
CREATE FUNCTION <schema>.push_new_records(p_device uuid, p_ops jsonb) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  many integer := jsonb_array_length(p_ops);
  now_at timestamp := clock_timestamp() AT TIME ZONE 'UTC';
  plain integer;
  one record;
  last_seq bigint;
  last_chain bytea;
BEGIN
  SELECT count(*) INTO plain FROM jsonb_array_elements(p_ops) e (op)
  JOIN <schema>.sync_users a ON a.uid = (op ->> 'actor')::uuid
  WHERE jsonb_array_length(op -> 'supersedes') = 0
    AND NOT EXISTS (SELECT 1 FROM <schema>.sync_ops WHERE op_id = (op ->> 'op_id')::uuid)
    AND NOT EXISTS (SELECT 1 FROM jsonb_each_text((op -> 'patch') - '{uid,diagnoses,patient_id,doctor_id,visit_date,chief_complaint,diagnosis,treatment_plan,notes,prescriptions,vital_signs,lab_results,follow_up_required,follow_up_date,follow_up_text,no_diagnosis,encounter_class,source_id,extra,created_at,updated_at}'::text[]) k
      WHERE NOT (k.key = 'status' AND k.value = 'draft') AND (k.value IS NOT NULL OR k.key NOT IN
        ('finalized_at', 'finalized_by', 'finalize_accepted_at', 'seal', 'voided_at', 'voided_by', 'void_reason')))
    AND NOT EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(op -> 'patch' -> 'diagnoses', '[]')) d
      WHERE d - '{uid,icd_code,diagnosis_name,diagnosis_type,notes,full_name,code_system,code_release,position,created_at,voided_at}'::text[] <> '{}');
  IF plain <> many THEN
    RETURN false;
  END IF;
  INSERT INTO <schema>.medical_records (uid, rev, row_version, status, patient_id, doctor_id,
    visit_date, chief_complaint, diagnosis, treatment_plan, notes, prescriptions, vital_signs,
    lab_results, follow_up_required, follow_up_date, follow_up_text, no_diagnosis, encounter_class,
    source_id, extra, created_at, updated_at)
  SELECT (op ->> 'uid')::uuid, (op ->> 'op_id')::uuid, 1, 'draft', p.id, d.id, r.visit_date,
    r.chief_complaint, r.diagnosis, r.treatment_plan, r.notes, r.prescriptions, r.vital_signs,
    r.lab_results, r.follow_up_required, r.follow_up_date, r.follow_up_text, r.no_diagnosis,
    r.encounter_class, r.source_id, r.extra, r.created_at, r.updated_at
  FROM jsonb_array_elements(p_ops) WITH ORDINALITY e (op, n)
  JOIN <schema>.patients p ON p.uid = (op -> 'patch' ->> 'patient_id')::uuid
  JOIN <schema>.sync_users d ON d.uid = (op -> 'patch' ->> 'doctor_id')::uuid,
  jsonb_populate_record(NULL::<schema>.medical_records, jsonb_build_object(
    'follow_up_required', false, 'no_diagnosis', false, 'created_at', now_at, 'updated_at', now_at)
    || ((op -> 'patch') - '{uid,diagnoses,patient_id,doctor_id,finalized_by,voided_by,seal}'::text[])) r
  ORDER BY e.n;
  GET DIAGNOSTICS plain = ROW_COUNT;
  IF plain <> many THEN
    -- A patient or a doctor that is not there: whoever called takes the rows back.
    RAISE EXCEPTION 'not all of them' USING ERRCODE = 'foreign_key_violation';
  END IF;
  INSERT INTO <schema>.diagnoses (uid, record_id, icd_code, diagnosis_name, diagnosis_type, notes,
    full_name, code_system, code_release, position, created_at, voided_at)
  SELECT d.uid, r.id, d.icd_code, d.diagnosis_name, coalesce(d.diagnosis_type, 'secondary'),
    d.notes, d.full_name, coalesce(d.code_system, ''), coalesce(d.code_release, ''),
    coalesce(d.position, 0), coalesce(d.created_at, now_at), d.voided_at
  FROM jsonb_array_elements(p_ops) e (op)
  JOIN <schema>.medical_records r ON r.uid = (op ->> 'uid')::uuid,
  jsonb_populate_recordset(NULL::<schema>.diagnoses, coalesce(op -> 'patch' -> 'diagnoses', '[]')) d;
  SELECT f.seq, f.chain INTO last_seq, last_chain FROM <schema>.sync_feed f
    ORDER BY f.seq DESC LIMIT 1;
  last_seq := coalesce(last_seq, 0);
  FOR one IN SELECT v.uid, v.rev, v.doc FROM jsonb_array_elements(p_ops) WITH ORDINALITY e (op, n)
      JOIN <schema>.record_docs v ON v.uid = (op ->> 'uid')::uuid ORDER BY e.n LOOP
    last_seq := last_seq + 1;
    last_chain := sha256(coalesce(last_chain, '') || convert_to(
      concat_ws('|', 'record', one.uid, one.rev, 1, one.doc::text), 'UTF8'));
    INSERT INTO <schema>.sync_feed (seq, tbl, uid, rev, row_version, doc, chain)
    VALUES (last_seq, 'record', one.uid, one.rev, 1, one.doc, last_chain);
  END LOOP;
  INSERT INTO <schema>.sync_ops (op_id, device, n, kind, tbl, uid, hash, outcome, actor, client_at)
  SELECT (op ->> 'op_id')::uuid, p_device, (op ->> 'n')::bigint, 'create', 'record',
    (op ->> 'uid')::uuid, encode(sha256(convert_to(op::text, 'UTF8')), 'hex'), 'applied',
    (op ->> 'actor')::uuid, (op ->> 'client_at')::timestamp
  FROM jsonb_array_elements(p_ops) e (op);
  RETURN true;
END
$$;
