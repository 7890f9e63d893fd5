"""What differs between a clinic on the server and what it ought to be, in plain sentences.

Nothing is put right here: who changed a right, and why, is for a person to find out first.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from medrec_desktop.data.server.facts import CLINIC, Fact
from medrec_desktop.data.server.rights import (
    CLINICS,
    GROUPS,
    OWNERS,
    SERVER,
    SHARED_FUNCTIONS,
    SHARED_GRANTS,
    SHARED_TABLES,
)
from medrec_desktop.data.session import Session

Sentence = Callable[[str, str], str]


def _role(subject: str, value: str) -> tuple[str, str]:
    who, _, what = value.partition(" ")
    return (who, what) if subject else ("", "")


def _granted(subject: str, value: str) -> str:
    who, what = _role(subject, value)
    return f"{who} may {what} on {_the(subject)}, and should not."


def _not_granted(subject: str, value: str) -> str:
    who, what = _role(subject, value)
    return f"{who} may not {what} on {_the(subject)}, and should."


def _the(subject: str) -> str:
    return "the clinic's schema" if subject == "schema" else f"the {subject}"


_SWITCHED = {
    "D": "is switched off",
    "R": "works for replication only",
    "A": "is set to fire always",
    "O": "works",
}

# kind: (what is there and should not be, what is not there and should be, both: it differs)
_SENTENCES: dict[str, tuple[Sentence, Sentence, Callable[[str, str, str], str]]] = {}


def _tell(
    kind: str, extra: Sentence, missing: Sentence, differs: Callable[[str, str, str], str] | None
) -> None:
    _SENTENCES[kind] = (
        extra,
        missing,
        differs or (lambda s, is_, be: f"{extra(s, is_)} {missing(s, be)}"),
    )


_tell("grant", _granted, _not_granted, None)
_tell(
    "owner",
    lambda s, v: f"{_The(s)} is not one of this program's. It belongs to {v}.",
    lambda s, _: f"{_The(s)} is missing.",
    lambda s, is_, be: f"{_The(s)} belongs to {is_}; it should belong to {be}.",
)
for _kind in ("trigger", "constraint", "index", "column", "function", "policy", "rule", "type"):
    _tell(
        _kind,
        lambda s, _: f"{_The(s)} is not one of this program's.",
        lambda s, _: f"{_The(s)} is missing.",
        lambda s, _is, _be: f"{_The(s)} is not as this program made it.",
    )
_tell(
    "switch",
    lambda s, v: f"{_The(s)} {_SWITCHED.get(v, v)}.",
    lambda s, _: f"{_The(s)} is missing.",
    lambda s, is_, _be: f"{_The(s)} {_SWITCHED.get(is_, is_)}.",
)
_tell(
    "row security",
    lambda s, _: f"{_The(s)} is not one of this program's.",
    lambda s, _: f"{_The(s)} is missing.",
    lambda s, _is, _be: f"Row security on {_the(s)} was changed.",
)
_tell(
    "attribute",
    lambda s, v: f"The role {s} may {v}, and should not.",
    lambda s, v: f"The role {s} may not {v}, and should.",
    None,
)
_tell(
    "member",
    lambda s, v: f"The role {s} is a member of {v}, and should not be.",
    lambda s, v: f"The role {s} is not a member of {v}, and should be.",
    None,
)
_tell(
    "setting",
    lambda s, v: f"The role {s} has the setting {v}, and should not.",
    lambda s, v: f"The role {s} lacks the setting {v}.",
    None,
)
_tell(
    "default",
    lambda s, v: f"What {s} makes is open to others than it should be ({v}).",
    lambda s, v: f"What {s} makes is no longer closed to others ({v}).",
    None,
)
_tell(
    "elsewhere",
    lambda s, v: f"The role {s} owns or may use {v}, and should not.",
    lambda s, v: f"The role {s} may not use {v}, and should.",
    None,
)


def _The(subject: str) -> str:  # noqa: N802  # `_the`, at the start of a sentence
    return f"T{_the(subject)[1:]}"


def differences(found: frozenset[Fact], wanted: frozenset[Fact], schema: str) -> list[str]:
    """A sentence for each difference, in the order of what they are about."""
    sides: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, facts in enumerate((found - wanted, wanted - found)):
        for fact in facts:
            sides[fact.kind, fact.subject][side].append(fact.value)
    gone = {subject for (kind, subject), (is_, be) in sides.items() if kind == "owner" and not is_}
    new = {subject for (kind, subject), (is_, be) in sides.items() if kind == "owner" and not be}
    sentences: list[str] = []
    for (kind, subject), (is_, be) in sorted(sides.items()):
        if kind != "owner" and _about(subject) & (
            (gone if be else set()) | (new if is_ else set())
        ):
            continue  # said once, of the whole thing
        if kind == "switch" and (not be or not is_):
            continue  # the guard itself is missing or strange, and that is said
        # What an owner may follows from being the owner.
        owners = [name for side in sides.get(("owner", subject), ()) for name in side]
        extra, missing = (
            sorted(v for v in side if kind != "grant" or v.split()[0] not in owners)
            for side in (is_, be)
        )
        sentences += _said(kind, subject, extra, missing)
    return [sentence.replace(CLINIC, schema) for sentence in sentences]


def _about(subject: str) -> set[str]:
    """The subject, and the table it is part of."""
    thing, _, rest = subject.partition(" ")
    if thing == "column":
        return {subject, *(f"{kind} {rest.partition('.')[0]}" for kind in ("table", "view"))}
    return {subject, f"table {subject.rpartition(' on ')[2]}"}


def _said(kind: str, subject: str, found: list[str], wanted: list[str]) -> Iterator[str]:
    extra, missing, differs = _SENTENCES[kind]
    if len(found) == len(wanted) == 1:
        yield differs(subject, found[0], wanted[0])
        return
    yield from (extra(subject, value) for value in found)
    yield from (missing(subject, value) for value in wanted)


# --- what all clinics share --------------------------------------------------------------------


def shared_differences(session: Session) -> list[str]:
    """A sentence for everything about `public`, the database and the three groups that is not as
    `server init` leaves it."""
    tables = [f"TABLE public.{name}" for name in SHARED_TABLES]
    wanted = {(role, what, on) for on, role, whats in SHARED_GRANTS for what in whats.split(", ")}
    wanted |= {(CLINICS, "CONNECT", "DATABASE"), (SERVER, "CONNECT", "DATABASE")}
    found = {
        (row.who, row.what, row.thing)
        for row in session.execute(
            _SHARED_GRANTS,
            {"tables": list(SHARED_TABLES), "functions": list(SHARED_FUNCTIONS), "server": SERVER},
        )
        # Who else may do something with the database or `public` is the administrator's choice,
        # as long as it is not everybody and not the clinics.
        if row.who in {"everybody", CLINICS, OWNERS, SERVER} or row.thing in tables
    }
    sentences = [
        *(f"{who} may {what} on {on}, and should not." for who, what, on in sorted(found - wanted)),
        *(f"{who} may not {what} on {on}, and should." for who, what, on in sorted(wanted - found)),
    ]
    sentences += [
        f"{row.thing} {row.said}"
        for row in session.execute(
            _SHARED_STATE,
            {
                "tables": list(SHARED_TABLES),
                "functions": list(SHARED_FUNCTIONS),
                "server": SERVER,
                "groups": list(GROUPS),
                "clinics": CLINICS,
                "owners": OWNERS,
            },
        )
    ]
    return sentences


_CALL = "proname || '(' || oidvectortypes(proargtypes) || ')'"

_SHARED_GRANTS = sa.text(
    f"""
SELECT CASE g.grantee WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(g.grantee) END AS who,
  g.privilege_type || coalesce(' (' || x.of || ')', '') AS what, x.thing
FROM (
  SELECT 'DATABASE' AS thing, NULL AS of, coalesce(datacl, acldefault('d', datdba)) AS acl,
    datdba AS owner FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'SCHEMA public', NULL, coalesce(nspacl, acldefault('n', nspowner)), nspowner
    FROM pg_namespace WHERE nspname = 'public'
  UNION ALL SELECT 'TABLE public.' || relname, NULL, coalesce(relacl, acldefault('r', relowner)),
    relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace
    AND relname = ANY(CAST(:tables AS text[]))
  UNION ALL SELECT 'TABLE public.' || relname, attname, attacl, relowner FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid WHERE relnamespace = 'public'::regnamespace
    AND relname = ANY(CAST(:tables AS text[])) AND attacl IS NOT NULL
  UNION ALL SELECT 'FUNCTION public.' || {_CALL}, NULL,
    coalesce(proacl, acldefault('f', proowner)), proowner FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
    AND {_CALL} = ANY(CAST(:functions AS text[]))
) x, aclexplode(x.acl) g
WHERE g.grantee <> x.owner
"""  # noqa: S608  # only constants of this module are filled in
)

_SHARED_STATE = sa.text(
    f"""
SELECT 'The table public.' || relname AS thing,
  'belongs to ' || pg_get_userbyid(relowner) || '; it should belong to ' || CAST(:server AS text) || '.' AS said
  FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relname = ANY(CAST(:tables AS text[])) AND pg_get_userbyid(relowner) <> CAST(:server AS text)
UNION ALL SELECT 'The function public.' || {_CALL},
  'belongs to ' || pg_get_userbyid(proowner) || '; it should belong to ' || CAST(:server AS text) || '.'
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  AND {_CALL} = ANY(CAST(:functions AS text[])) AND pg_get_userbyid(proowner) <> CAST(:server AS text)
UNION ALL SELECT 'The function public.' || {_CALL},
  'is not pinned to its own names, or no longer runs as its owner.'
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  AND {_CALL} = ANY(CAST(:functions AS text[]))
  AND (NOT prosecdef OR proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp'])
UNION ALL SELECT 'Row security on public.' || relname,
  'is switched off: a clinic could see what others have.'
  FROM pg_class WHERE relnamespace = 'public'::regnamespace
  AND relname IN ('users', 'tenants') AND NOT relrowsecurity
UNION ALL SELECT 'The policy ' || polname || ' on public.' || relname,
  'is not one of this program''s, or not as it was made.'
  FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid
  WHERE relnamespace = 'public'::regnamespace AND NOT (polname = 'own_clinic'
  AND pg_get_expr(polqual, polrelid) LIKE '%= ( SELECT my\\_clinic() AS my\\_clinic))'
  OR pg_get_expr(polqual, polrelid) LIKE '%= ( SELECT public.my\\_clinic() AS my\\_clinic))')
UNION ALL SELECT 'The policy own_clinic on public.' || name, 'is missing.'
  FROM unnest(ARRAY['users', 'tenants']) name WHERE NOT EXISTS (SELECT FROM pg_policy
  WHERE polname = 'own_clinic' AND polrelid = to_regclass('public.' || name))
UNION ALL SELECT 'The role ' || rolname, 'may do more than it should: it can log in, make roles or '
  'databases, replicate, look past row security, or is a superuser.'
  FROM pg_roles WHERE rolname = ANY(CAST(:groups AS text[])) AND (rolcanlogin OR rolsuper
  OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'The role ' || name, 'is missing.' FROM unnest(CAST(:groups AS text[])) name
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
UNION ALL SELECT 'The role ' || m.member::regrole, 'is a member of ' || m.roleid::regrole
  || ', and should not be.' FROM pg_auth_members m
  WHERE pg_get_userbyid(m.member) IN (CAST(:clinics AS text), CAST(:owners AS text))
UNION ALL SELECT 'The role ' || s.refobjid::regrole, 'owns or may use '
  || pg_describe_object(s.classid, s.objid, s.objsubid) || ', and should not.'
  FROM pg_shdepend s LEFT JOIN pg_class c ON s.classid = 'pg_class'::regclass AND c.oid = s.objid
  WHERE s.refclassid = 'pg_authid'::regclass
  AND pg_get_userbyid(s.refobjid) IN (CAST(:clinics AS text), CAST(:owners AS text))
  AND (s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND NOT (s.classid = 'pg_namespace'::regclass AND s.objid = 'public'::regnamespace)
    AND NOT (s.classid = 'pg_class'::regclass AND c.relnamespace = 'public'::regnamespace
      AND c.relname = ANY(CAST(:tables AS text[])))
    AND NOT (s.classid = 'pg_proc'::regclass AND s.objid IN (SELECT oid FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace
      AND {_CALL} = ANY(CAST(:functions AS text[])))))
UNION ALL SELECT 'The trigger share_user on public.users',
  'is missing or switched off: changed users are not told to their clinic.'
  WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'share_user' AND tgenabled = 'O'
    AND tgrelid = to_regclass('public.users')
    AND tgfoid = to_regprocedure('public.share_user()'))
"""  # noqa: S608  # only constants of this module are filled in
)
