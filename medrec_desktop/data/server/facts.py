"""What the catalogs say about a clinic, row by row, so that two clinics can be compared.

A fact names the clinic as `{clinic}`: facts of two clinics that are alike are equal. Nothing here
judges; `drift.py` does.
"""

import re
from dataclasses import dataclass

import sqlalchemy as sa

from medrec_desktop.data.server.rights import owner_of
from medrec_desktop.data.session import Session

CLINIC = "{clinic}"


@dataclass(frozen=True, slots=True)
class Fact:
    """`kind` says which sentence tells it, `subject` what it is about, `value` what holds."""

    kind: str
    subject: str
    value: str


def facts_of(session: Session, schema: str) -> frozenset[Fact]:
    """All that the catalogs say about this clinic's schema and roles."""
    rows = session.execute(_FACTS, {"schema": schema, "owner": owner_of(schema)})
    return frozenset(
        Fact(row.kind, *(text.replace(schema, CLINIC) for text in (row.subject, _plain(row.value))))
        for row in rows
    )


# A dump writes the casts and brackets of a condition otherwise than it found them.
_CASTS = re.compile(r"::(?:character varying|text)(?:\[\])?|[()]")


def _plain(value: str) -> str:
    """The value, with what a restore from a dump changes left out."""
    return _CASTS.sub("", value) if value.startswith("CHECK ") else value


# A grant to somebody, as one word a privilege. 0 is everybody.
_GRANT = (
    "CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee) END || ' '"
    " || g.privilege_type || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
)
_KIND = (
    "CASE c.relkind WHEN 'r' THEN 'table' WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'"
    " WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'p' THEN"
    " 'partitioned table' WHEN 'c' THEN 'type' ELSE 'relation' END || ' ' || c.relname"
)
_CALL = "p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'"
# A membership that only lets its holder hand it on, as PostgreSQL 16 gives to whoever made a role.
_REAL = (
    "(coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)"
    " OR coalesce((to_jsonb(m) ->> 'set_option')::boolean, true))"
)

_FACTS = sa.text(
    f"""
WITH n AS MATERIALIZED (SELECT oid, nspowner, nspacl FROM pg_namespace WHERE nspname = CAST(:schema AS text)),
c AS MATERIALIZED (
  SELECT c.* FROM pg_class c JOIN n ON c.relnamespace = n.oid WHERE c.relkind NOT IN ('i', 'I', 't')
),
p AS MATERIALIZED (SELECT p.* FROM pg_proc p JOIN n ON p.pronamespace = n.oid),
r AS MATERIALIZED (SELECT * FROM pg_roles WHERE rolname IN (CAST(:schema AS text), CAST(:owner AS text)))
SELECT 'owner' AS kind, 'schema' AS subject, pg_get_userbyid(nspowner)::text AS value FROM n
UNION ALL SELECT 'grant', 'schema', {_GRANT}
  FROM n, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) g
UNION ALL SELECT 'owner', {_KIND}, pg_get_userbyid(c.relowner) FROM c
UNION ALL SELECT 'row security', {_KIND}, c.relrowsecurity || ', ' || c.relforcerowsecurity FROM c
UNION ALL SELECT 'grant', {_KIND}, {_GRANT} FROM c, aclexplode(coalesce(c.relacl,
  acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) g
UNION ALL SELECT 'grant', 'column ' || c.relname || '.' || a.attname, {_GRANT}
  FROM c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) g
  WHERE a.attacl IS NOT NULL
UNION ALL SELECT 'column', 'column ' || c.relname || '.' || a.attname,
    format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
  FROM c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind <> 'S'
UNION ALL SELECT 'constraint', 'constraint ' || k.conname || ' on ' || c.relname,
    pg_get_constraintdef(k.oid) FROM c JOIN pg_constraint k ON k.conrelid = c.oid
UNION ALL SELECT 'index', 'index ' || i.relname,
    pg_get_indexdef(i.oid) || CASE WHEN x.indisvalid THEN '' ELSE ' (invalid)' END
  FROM c JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL SELECT 'trigger', 'guard ' || t.tgname || ' on ' || c.relname, pg_get_triggerdef(t.oid)
  FROM c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
UNION ALL SELECT DISTINCT 'switch', CASE WHEN t.tgisinternal
    THEN 'foreign key ' || k.conname || ' on ' || c.relname
    ELSE 'guard ' || t.tgname || ' on ' || c.relname END, t.tgenabled::text
  FROM c JOIN pg_trigger t ON t.tgrelid = c.oid LEFT JOIN pg_constraint k ON k.oid = t.tgconstraint
UNION ALL SELECT 'rule', 'rule ' || w.rulename || ' on ' || c.relname, pg_get_ruledef(w.oid)
  FROM c JOIN pg_rewrite w ON w.ev_class = c.oid WHERE w.rulename <> '_RETURN'
UNION ALL SELECT 'rule', {_KIND}, pg_get_viewdef(c.oid) FROM c WHERE c.relkind = 'v'
UNION ALL SELECT 'policy', 'policy ' || y.polname || ' on ' || c.relname,
    coalesce(pg_get_expr(y.polqual, y.polrelid), '')
  FROM c JOIN pg_policy y ON y.polrelid = c.oid
UNION ALL SELECT 'owner', 'function ' || {_CALL}, pg_get_userbyid(p.proowner) FROM p
UNION ALL SELECT 'grant', 'function ' || {_CALL}, {_GRANT}
  FROM p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
UNION ALL SELECT 'function', 'function ' || {_CALL}, concat_ws(' ', l.lanname, p.prokind,
    CASE WHEN p.prosecdef THEN 'as its owner' ELSE 'as its caller' END, p.proconfig, p.prosrc)
  FROM p JOIN pg_language l ON l.oid = p.prolang
UNION ALL SELECT 'type', 'type ' || t.typname, 'own' FROM pg_type t JOIN n ON t.typnamespace = n.oid
  WHERE t.typrelid = 0 AND t.typelem = 0
UNION ALL SELECT 'type', 'operator ' || o.oprname, 'own'
  FROM pg_operator o JOIN n ON o.oprnamespace = n.oid
UNION ALL SELECT 'attribute', r.rolname, word FROM r, unnest(ARRAY[
    CASE WHEN r.rolcanlogin THEN 'log in' END, CASE WHEN r.rolsuper THEN 'do anything' END,
    CASE WHEN r.rolinherit THEN 'use its groups'' rights' END,
    CASE WHEN r.rolcreatedb THEN 'create databases' END,
    CASE WHEN r.rolcreaterole THEN 'create roles' END,
    CASE WHEN r.rolreplication THEN 'read the server''s whole log' END,
    CASE WHEN r.rolbypassrls THEN 'look past row security' END]) word WHERE word IS NOT NULL
UNION ALL SELECT 'member', r.rolname,
    pg_get_userbyid(m.roleid) || CASE WHEN m.admin_option THEN ', and hand it on' ELSE '' END
  FROM r JOIN pg_auth_members m ON m.member = r.oid
UNION ALL SELECT 'member', pg_get_userbyid(m.member), r.rolname
  FROM r JOIN pg_auth_members m ON m.roleid = r.oid WHERE {_REAL}
UNION ALL SELECT 'setting', r.rolname, word FROM r JOIN pg_db_role_setting s ON s.setrole = r.oid
    AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())),
  unnest(s.setconfig) word
UNION ALL SELECT 'default', r.rolname, concat_ws(' ', o.nspname, d.defaclobjtype, d.defaclacl)
  FROM r JOIN pg_default_acl d ON d.defaclrole = r.oid
  LEFT JOIN pg_namespace o ON o.oid = d.defaclnamespace
UNION ALL SELECT 'elsewhere', r.rolname, CASE
    WHEN s.dbid IN (0, b.oid) THEN pg_describe_object(s.classid, s.objid, s.objsubid)
    ELSE 'something in the database ' || coalesce(
      (SELECT datname FROM pg_database WHERE oid = s.dbid), 'that is gone') END
  FROM r JOIN pg_shdepend s ON s.refclassid = 'pg_authid'::regclass AND s.refobjid = r.oid
  JOIN pg_database b ON b.datname = current_database()
  LEFT JOIN LATERAL pg_identify_object(s.classid, s.objid, s.objsubid) i ON s.dbid = b.oid
  WHERE s.classid NOT IN ('pg_auth_members'::regclass, 'pg_default_acl'::regclass)
    AND i.schema IS DISTINCT FROM quote_ident(CAST(:schema AS text))
    AND NOT (s.dbid = b.oid AND s.classid = 'pg_namespace'::regclass
      AND s.objid = (SELECT oid FROM n))
"""  # noqa: S608  # only constants of this module are filled in
)
