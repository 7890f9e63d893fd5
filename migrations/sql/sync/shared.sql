-- Each clinic's schema has a copy of its own users (`sync_users`): nobody reads public.users there
-- behind row security, and a changed user is told to the clinic's computers like everything else.
CREATE FUNCTION public.share_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  clinic text := (SELECT schema_name FROM public.tenants WHERE id = NEW.tenant_id);
BEGIN
  -- A clinic that has not come to this revision gets them when it does.
  IF to_regclass(quote_ident(clinic) || '.sync_users') IS NOT NULL THEN
    EXECUTE 'INSERT INTO ' || quote_ident(clinic) || '.sync_users AS s (id, uid, name, role, active,'
      ' admin, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET'
      ' name = EXCLUDED.name, role = EXCLUDED.role, active = EXCLUDED.active,'
      ' admin = EXCLUDED.admin, created_at = EXCLUDED.created_at,'
      ' rev = gen_random_uuid(), row_version = s.row_version + 1'
      USING NEW.id, NEW.uid, NEW.name, NEW.role, NEW.active, NEW.admin, NEW.created_at;
  END IF;
  RETURN NULL;
END
$$;
----
-- The users a clinic has when its schema learns to keep them, or comes from an older dump. It writes
-- to that clinic alone, whoever calls.
CREATE FUNCTION public.share_users(p_schema text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE 'INSERT INTO ' || quote_ident(p_schema) || '.sync_users AS s (id, uid, name, role, active,'
    ' admin, created_at) SELECT u.id, u.uid, u.name, u.role, u.active, u.admin, u.created_at'
    ' FROM public.users u JOIN public.tenants t ON t.id = u.tenant_id WHERE t.schema_name = $1'
    ' ORDER BY u.id ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, role = EXCLUDED.role,'
    ' active = EXCLUDED.active, admin = EXCLUDED.admin, rev = gen_random_uuid(),'
    ' row_version = s.row_version + 1 WHERE (s.name, s.role, s.active, s.admin) IS DISTINCT FROM'
    ' (EXCLUDED.name, EXCLUDED.role, EXCLUDED.active, EXCLUDED.admin)' USING p_schema;
END
$$;
----
-- How a clinic's computer writes a user: of the clinic that is logged in, and of no other.
CREATE FUNCTION public.put_user(p_uid uuid, p_name text, p_role text, p_active boolean,
  p_admin boolean, p_created_at timestamp) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  clinic integer := public.my_clinic();
BEGIN
  IF clinic IS NULL THEN
    RAISE EXCEPTION 'no clinic is logged in' USING ERRCODE = 'insufficient_privilege';
  END IF;
  UPDATE public.users SET name = p_name, role = p_role, active = p_active, admin = p_admin
    WHERE uid = p_uid AND tenant_id = clinic;
  IF NOT FOUND THEN
    INSERT INTO public.users (uid, tenant_id, name, role, active, admin, created_at)
    VALUES (p_uid, clinic, p_name, p_role, p_active, p_admin, p_created_at);
  END IF;
END
$$;
----
REVOKE ALL ON FUNCTION public.share_user(), public.share_users(text),
  public.put_user(uuid, text, text, boolean, boolean, timestamp) FROM PUBLIC
----
CREATE TRIGGER share_user AFTER INSERT OR UPDATE ON public.users
FOR EACH ROW EXECUTE FUNCTION public.share_user()
