-- The row lock is held to the commit: whoever comes second gets the later number and is seen later.
CREATE FUNCTION <schema>.feed_add(p_tbl text, p_uid uuid, p_rev uuid, p_version integer, p_doc jsonb)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  last_seq bigint;
  last_chain bytea;
BEGIN
  PERFORM 1 FROM <schema>.sync_head FOR UPDATE;
  SELECT seq, chain INTO last_seq, last_chain FROM <schema>.sync_feed ORDER BY seq DESC LIMIT 1;
  INSERT INTO <schema>.sync_feed (seq, tbl, uid, rev, row_version, doc, chain)
  VALUES (coalesce(last_seq, 0) + 1, p_tbl, p_uid, p_rev, p_version, p_doc,
    sha256(coalesce(last_chain, '') || convert_to(
      concat_ws('|', p_tbl, p_uid, p_rev, p_version, p_doc::text), 'UTF8')));
END
$$;
----
-- Who knows nothing of sync still gives every version a rev of its own.
CREATE FUNCTION <schema>.sync_stamp() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  NEW.rev := gen_random_uuid();
  IF TG_OP = 'INSERT' THEN
    NEW.row_version := 1;
    RETURN NEW;
  END IF;
  NEW.row_version := OLD.row_version + 1;
  RETURN NEW;
END
$$;
----
CREATE FUNCTION <schema>.sync_name() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.uid := coalesce(NEW.uid, gen_random_uuid());
  ELSIF NEW.uid IS DISTINCT FROM OLD.uid THEN
    RAISE EXCEPTION 'a uid stays' USING ERRCODE = 'P0F01';
  END IF;
  RETURN NEW;
END
$$;
----
-- What somebody changed elsewhere is looked at before anybody signs.
CREATE FUNCTION <schema>.guard_unreviewed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM <schema>.sync_parked
      WHERE uid = NEW.uid AND state = 'open' AND kind = 'edit') THEN
    RAISE EXCEPTION 'a change waits for review' USING ERRCODE = 'P0P01';
  END IF;
  RETURN NEW;
END
$$;
----
CREATE FUNCTION <schema>.sync_tell() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  told record;
BEGIN
  CASE TG_TABLE_NAME
  WHEN 'medical_records' THEN
    SELECT 'record' AS tbl, * INTO told FROM <schema>.record_docs WHERE id = NEW.id;
  WHEN 'patients' THEN
    SELECT 'patient' AS tbl, * INTO told FROM <schema>.patient_docs WHERE id = NEW.id;
  WHEN 'record_attachments' THEN
    SELECT 'attachment' AS tbl, * INTO told FROM <schema>.attachment_docs WHERE id = NEW.id;
  WHEN 'record_addenda' THEN
    SELECT 'addendum' AS tbl, * INTO told FROM <schema>.addendum_docs WHERE id = NEW.id;
  WHEN 'clinic_settings' THEN
    SELECT 'settings' AS tbl, * INTO told FROM <schema>.settings_docs
      WHERE uid = md5('medrec-setting:' || NEW.name)::uuid;
  WHEN 'sync_users' THEN
    SELECT 'user' AS tbl, * INTO told FROM <schema>.user_docs WHERE id = NEW.id;
  END CASE;
  PERFORM <schema>.feed_add(told.tbl, told.uid, told.rev, told.row_version, told.doc);
  RETURN NULL;
END
$$;
----
-- A changed part is a new version of its whole: at the commit, and unless the whole was written, too.
CREATE FUNCTION <schema>.sync_touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  part jsonb;
  v_key integer;
  told record;
  whole record;
BEGIN
  IF TG_OP = 'DELETE' THEN
    part := to_jsonb(OLD);
  ELSE
    part := to_jsonb(NEW);
  END IF;
  IF TG_TABLE_NAME = 'allergies' THEN
    v_key := (part ->> 'patient_id')::integer;
    SELECT uid, doc INTO told FROM <schema>.patient_docs WHERE id = v_key;
  ELSE
    v_key := (part ->> 'record_id')::integer;
    SELECT uid, doc INTO told FROM <schema>.record_docs WHERE id = v_key;
  END IF;
  -- What this transaction told is at the end of the feed.
  IF told.doc = (SELECT f.doc FROM (SELECT * FROM <schema>.sync_feed ORDER BY seq DESC LIMIT 100) f
      WHERE f.uid = told.uid ORDER BY f.seq DESC LIMIT 1) THEN
    RETURN NULL;
  END IF;
  IF TG_TABLE_NAME = 'allergies' THEN
    UPDATE <schema>.patients SET rev = gen_random_uuid(), row_version = row_version + 1
      WHERE id = v_key RETURNING uid, rev, row_version INTO whole;
  ELSE
    UPDATE <schema>.medical_records SET rev = gen_random_uuid(), row_version = row_version + 1
      WHERE id = v_key RETURNING uid, rev, row_version INTO whole;
  END IF;
  -- The clinic's login is the owner in here, so its triggers take this for a push.
  IF FOUND AND session_user = '<tenant>' THEN
    PERFORM <schema>.feed_add(
      CASE TG_TABLE_NAME WHEN 'allergies' THEN 'patient' ELSE 'record' END,
      whole.uid, whole.rev, whole.row_version, told.doc);
  END IF;
  RETURN NULL;
END
$$;
----
CREATE FUNCTION <schema>.guard_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'history is only added to' USING ERRCODE = 'P0F01';
END
$$;
