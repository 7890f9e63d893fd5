-- One row: what holds for the whole clinic. Its lock puts the feed in the order of commits.
-- push_xid: the transaction that is inside sync_push just now; a setting could be forged.
CREATE TABLE <schema>.sync_head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  min_push integer NOT NULL DEFAULT 1,
  push_xid xid8
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
);
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
CREATE VIEW <schema>.record_docs AS
SELECT r.id, r.uid, r.rev, r.row_version,
  (to_jsonb(r) - '{id,rev,row_version}'::text[]) || jsonb_build_object(
    'patient_id', p.uid,
    'doctor_id', d.uid,
    'finalized_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.finalized_by),
    'voided_by', (SELECT uid FROM <schema>.sync_users WHERE id = r.voided_by),
    'visit_date', to_char(r.visit_date, <time>),
    'finalized_at', to_char(r.finalized_at, <time>),
    'finalize_accepted_at', to_char(r.finalize_accepted_at, <time>),
    'created_at', to_char(r.created_at, <time>),
    'updated_at', to_char(r.updated_at, <time>),
    'voided_at', to_char(r.voided_at, <time>),
    'diagnoses', coalesce((
      SELECT jsonb_agg((to_jsonb(x) - '{id,record_id}'::text[]) || jsonb_build_object(
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
