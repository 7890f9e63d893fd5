"""The server's side of sync: every write joins a feed, and desktops push through one function.

In each clinic's schema (`migrations/sql/sync/`):

1. `sync_feed`: every version of every aggregate, dense and in the order of commits, hash-chained.
   Row triggers add to it for whoever knows nothing of sync; their writes get a new `rev`. They
   leave alone what the clinic's login does as the owner, which it is inside `sync_push` only.
2. `sync_push(device, proto, ops)` applies an op on the revision its author saw or parks it whole
   (`sync_parked`), and remembers its answer (`sync_ops`). `sync_hello` tells old copies apart.
3. `sync_users` is the clinic's copy of its users; `public.put_user` is how a desktop writes one.

Locally nothing changes.
"""

from pathlib import Path

from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parents[1] / "sql" / "sync"
_TIME = '\'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\''

STAMPED = ("patients", "medical_records", "record_attachments", "clinic_settings")
NAMED = ("patients", "medical_records", "record_attachments", "diagnoses", "allergies")
TOLD = STAMPED
PARTS = ("diagnoses", "allergies", "record_seals")


def upgrade() -> None:
    {"local": local, "tenant": tenant, "shared": shared}[context.config.attributes["target"]]()


def local() -> None:
    pass


def shared() -> None:
    _run("shared", {})


def tenant() -> None:
    name = context.config.attributes["schema"]
    schema = f'"{name}"'
    names = {
        "<schema>": schema,
        "<tenant>": name,
        "<time>": _TIME,
        # The rights would say it afterwards, in as many statements as there are functions.
        "LANGUAGE plpgsql": "LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp",
    }
    # Compiled when they are called first; for a thousand clinics that is a third of the time.
    _raw("SET LOCAL check_function_bodies = off")
    for part in ("tables", "feed", "apply", "apply_files", "bulk", "push", "hello"):
        _run(part, names)
    # As sync_push tells itself what it did, once an op and when the whole of it is there.
    own = f"current_user <> '{name}_owner' OR session_user <> '{name}'"
    for table in STAMPED:
        _trigger(schema, table, "sync_stamp", "BEFORE INSERT OR UPDATE", own)
    for table in NAMED:
        _trigger(schema, table, "sync_name", "BEFORE INSERT OR UPDATE", own)
    for table in TOLD:
        _trigger(schema, table, "sync_tell", "AFTER INSERT OR UPDATE", own)
    _trigger(schema, "record_addenda", "sync_tell", "AFTER INSERT", own)
    # The login changes a user inside sync_push only, though another role's function writes it.
    others = f"session_user <> '{name}'"
    _trigger(schema, "sync_users", "sync_stamp", "BEFORE INSERT OR UPDATE", others)
    _trigger(schema, "sync_users", "sync_tell", "AFTER INSERT OR UPDATE", others)
    for table in PARTS:
        op.execute(
            "CREATE CONSTRAINT TRIGGER sync_touch AFTER INSERT OR UPDATE OR DELETE "
            f"ON {schema}.{table} DEFERRABLE INITIALLY DEFERRED "
            f"FOR EACH ROW WHEN ({own}) EXECUTE FUNCTION {schema}.sync_touch()"
        )
    _trigger(
        schema,
        "medical_records",
        "guard_unreviewed",
        "BEFORE UPDATE",
        f"OLD.status = 'draft' AND NEW.status = 'finalized' AND ({own})",
    )
    # As in 0006. In sync_push users come from sync_users, which has this clinic's own only.
    op.execute(f"DROP TRIGGER guard_users_insert ON {schema}.medical_records")
    op.execute(
        f"CREATE TRIGGER guard_users_insert BEFORE INSERT ON {schema}.medical_records "
        f"FOR EACH ROW WHEN ({own}) "
        "EXECUTE FUNCTION public.guard_users('doctor_id', 'finalized_by', 'voided_by')"
    )
    for table in ("sync_feed", "sync_ops"):
        _trigger(schema, table, "guard_history", "BEFORE UPDATE OR DELETE")
    for table in ("sync_head", "sync_feed", "sync_ops", "sync_parked", "sync_devices"):
        op.execute(
            f"CREATE TRIGGER guard_all BEFORE TRUNCATE ON {schema}.{table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {schema}.guard_all()"
        )
    # DO, for a rollout sends no statement that reads.
    _raw(f"DO $$BEGIN PERFORM public.share_users('{name}'); END$$")


def _trigger(schema: str, table: str, function: str, events: str, when: str = "true") -> None:
    op.execute(
        f"CREATE TRIGGER {function} {events} ON {schema}.{table} "
        f"FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION {schema}.{function}()"
    )


def _run(part: str, names: dict[str, str]) -> None:
    text = (_SQL / f"{part}.sql").read_text("utf-8")
    for name, value in names.items():
        text = text.replace(name, value)
    for statement in text.split("\n----\n"):
        _raw(statement)


def _raw(statement: str) -> None:
    # As it is: colons and question marks in it are PostgreSQL's.
    op.get_bind().exec_driver_sql(statement)
