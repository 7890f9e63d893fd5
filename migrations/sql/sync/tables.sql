-- One row: what holds for the whole clinic. Its lock puts the feed in the order of commits.
CREATE TABLE <schema>.sync_head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  min_push integer NOT NULL DEFAULT 1
);
----
INSERT INTO <schema>.sync_head DEFAULT VALUES;
----
-- Change feed, history of every aggregate, and proof of both in one: dense, in the order of commits,
-- each row with the hash of the one before.
CREATE TABLE <schema>.sync_feed (
  seq bigint PRIMARY KEY,
  tbl text NOT NULL,
  uid uuid NOT NULL,
  rev uuid NOT NULL,
  row_version integer NOT NULL,
  at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
  doc jsonb NOT NULL,
  chain bytea NOT NULL
)
-- Squeezing each document would take longer than all the rest of a push, and again at each pull.
WITH (toast_tuple_target = 8160);
----
-- The history of one visit, for whoever compares two versions of it.
CREATE INDEX sync_feed_uid ON <schema>.sync_feed (uid);
----
CREATE TABLE <schema>.sync_ops (
  op_id uuid PRIMARY KEY,
  device uuid NOT NULL,
  n bigint NOT NULL,
  kind text NOT NULL,
  tbl text NOT NULL,
  uid uuid NOT NULL,
  hash text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('applied', 'parked')),
  reason text NOT NULL DEFAULT '',
  actor uuid,
  client_at timestamp,
  server_at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')
);
----
CREATE TABLE <schema>.sync_parked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  op_id uuid NOT NULL UNIQUE,
  device uuid NOT NULL,
  kind text NOT NULL,
  uid uuid NOT NULL,
  reason text NOT NULL,
  op jsonb NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'merged', 'resolved', 'dismissed')),
  closed_by uuid,
  closed_at timestamp,
  rev uuid NOT NULL,
  row_version integer NOT NULL DEFAULT 1,
  server_at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')
);
----
CREATE INDEX sync_parked_open ON <schema>.sync_parked (uid) WHERE state = 'open';
----
CREATE TABLE <schema>.sync_devices (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  uid uuid NOT NULL UNIQUE,
  name text NOT NULL,
  app text NOT NULL,
  schema text NOT NULL,
  revoked_at timestamp,
  created_at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
  rev uuid NOT NULL DEFAULT gen_random_uuid(),
  row_version integer NOT NULL DEFAULT 1,
  journal_no bigint NOT NULL DEFAULT 0,
  newest_op uuid,
  founder boolean NOT NULL DEFAULT false,
  seen_at timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC'),
  actor uuid,
  editing uuid[] NOT NULL DEFAULT '{}'
);
----
-- The clinic's own users as public.users has them: that table is behind row security, and what is
-- written here is part of the feed.
CREATE TABLE <schema>.sync_users (
  id integer PRIMARY KEY,
  uid uuid NOT NULL UNIQUE,
  name text NOT NULL,
  role text NOT NULL,
  active boolean NOT NULL,
  admin boolean NOT NULL,
  created_at timestamp NOT NULL,
  rev uuid NOT NULL DEFAULT gen_random_uuid(),
  row_version integer NOT NULL DEFAULT 1
);
----
-- --- documents: an aggregate as the wire has it -------------------------------------------------
-- Column by column: a document is made at each write, and this takes half as long as to_jsonb.
CREATE VIEW <schema>.record_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  jsonb_build_object(
    'uid', r.uid, 'patient_id', p.uid, 'doctor_id', d.uid,
    'visit_date', to_char(r.visit_date, <time>), 'chief_complaint', r.chief_complaint,
    'diagnosis', r.diagnosis, 'treatment_plan', r.treatment_plan, 'notes', r.notes,
    'prescriptions', r.prescriptions, 'vital_signs', r.vital_signs, 'lab_results', r.lab_results,
    'follow_up_required', r.follow_up_required, 'follow_up_date', r.follow_up_date,
    'follow_up_text', r.follow_up_text, 'no_diagnosis', r.no_diagnosis,
    'encounter_class', r.encounter_class, 'source_id', r.source_id, 'status', r.status,
    'finalized_at', to_char(r.finalized_at, <time>),
    'finalized_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.finalized_by),
    'finalize_accepted_at', to_char(r.finalize_accepted_at, <time>), 'extra', r.extra,
    'created_at', to_char(r.created_at, <time>), 'updated_at', to_char(r.updated_at, <time>),
    'voided_at', to_char(r.voided_at, <time>),
    'voided_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.voided_by),
    'void_reason', r.void_reason,
    'diagnoses', coalesce((
      SELECT jsonb_agg(jsonb_build_object(
        'uid', x.uid, 'icd_code', x.icd_code, 'diagnosis_name', x.diagnosis_name,
        'diagnosis_type', x.diagnosis_type, 'notes', x.notes, 'full_name', x.full_name,
        'code_system', x.code_system, 'code_release', x.code_release, 'position', x.position,
        'created_at', to_char(x.created_at, <time>), 'voided_at', to_char(x.voided_at, <time>))
        ORDER BY x.position, x.uid)
      FROM <schema>.diagnoses x WHERE x.record_id = r.id), '[]'),
    'seal', CASE WHEN r.status = 'finalized' THEN (
      SELECT jsonb_build_object(
        'canonical', replace(encode(s.canonical, 'base64'), chr(10), ''),
        'sha256', s.sha256, 'previous_sha256', s.previous_sha256,
        'signed_by', (SELECT uid FROM <schema>.sync_users WHERE id = s.signed_by),
        'printed_name', s.printed_name, 'signed_at', to_char(s.signed_at, <time>),
        'zone', s.zone, 'device', s.device)
      FROM <schema>.record_seals s WHERE s.record_id = r.id) END) AS doc
FROM <schema>.medical_records r
JOIN <schema>.patients p ON p.id = r.patient_id
LEFT JOIN <schema>.sync_users d ON d.id = r.doctor_id;
----
CREATE VIEW <schema>.patient_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  (to_jsonb(r) - '{id,rev,row_version}'::text[]) || jsonb_build_object(
    'voided_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.voided_by),
    'created_at', to_char(r.created_at, <time>),
    'updated_at', to_char(r.updated_at, <time>),
    'voided_at', to_char(r.voided_at, <time>),
    'allergies', coalesce((
      SELECT jsonb_agg((to_jsonb(x) - '{id,patient_id,rev,row_version}'::text[])
        || jsonb_build_object(
        'created_at', to_char(x.created_at, <time>), 'voided_at', to_char(x.voided_at, <time>),
        'voided_by', (SELECT uid FROM <schema>.sync_users WHERE id = x.voided_by))
        ORDER BY x.id)
      FROM <schema>.allergies x WHERE x.patient_id = r.id), '[]')) AS doc
FROM <schema>.patients r;
----
CREATE VIEW <schema>.attachment_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  (to_jsonb(r) - '{id,rev,row_version}'::text[]) || jsonb_build_object(
    'record_id', m.uid,
    'uploaded_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.uploaded_by),
    'voided_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.voided_by),
    'created_at', to_char(r.created_at, <time>),
    'voided_at', to_char(r.voided_at, <time>)) AS doc
FROM <schema>.record_attachments r
JOIN <schema>.medical_records m ON m.id = r.record_id;
----
-- An addendum is only ever added, so its own uid does for a rev where no op brought it.
CREATE VIEW <schema>.addendum_docs AS
SELECT r.id, r.uid, r.uid AS rev, 1 AS row_version,
  (to_jsonb(r) - '{id}'::text[]) || jsonb_build_object(
    'record_id', m.uid,
    'author_id', (SELECT uid FROM <schema>.sync_users WHERE id = r.author_id),
    'written_at', to_char(r.written_at, <time>)) AS doc
FROM <schema>.record_addenda r
JOIN <schema>.medical_records m ON m.id = r.record_id;
----
CREATE VIEW <schema>.settings_docs AS
SELECT row_number() OVER (ORDER BY r.name)::integer AS id,
  md5('medrec-setting:' || r.name)::uuid AS uid, r.rev, r.row_version,
  jsonb_build_object('name', r.name, 'value', r.value,
    'updated_at', to_char(r.updated_at, <time>)) AS doc
FROM <schema>.clinic_settings r;
----
CREATE VIEW <schema>.user_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  (to_jsonb(r) - '{id,uid,rev,row_version}'::text[])
    || jsonb_build_object('created_at', to_char(r.created_at, <time>)) AS doc
FROM <schema>.sync_users r;
----
CREATE VIEW <schema>.device_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  jsonb_build_object('name', r.name, 'app', r.app, 'schema', r.schema,
    'created_at', to_char(r.created_at, <time>),
    'revoked_at', to_char(r.revoked_at, <time>)) AS doc
FROM <schema>.sync_devices r;
----
CREATE VIEW <schema>.parked_docs AS
SELECT r.id, r.op_id AS uid, r.rev, r.row_version,
  jsonb_build_object('op', r.op, 'reason', r.reason, 'state', r.state,
    'device', r.device, 'device_name', coalesce(d.name, ''),
    'server_at', to_char(r.server_at, <time>),
    'closed_by', r.closed_by, 'closed_at', to_char(r.closed_at, <time>)) AS doc
FROM <schema>.sync_parked r LEFT JOIN <schema>.sync_devices d ON d.uid = r.device;
