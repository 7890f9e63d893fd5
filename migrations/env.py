"""Runs revisions on a connection that the program hands over, inside its transaction.

`config.attributes`: `connection`, `target` (local, tenant, shared), `schema` (a tenant's, else
None). No URL, no engine, no log set-up here: `medrec_desktop/data/migrate.py` is the way in.
"""

from alembic import context

from medrec_desktop.data.migrate import version_table
from medrec_desktop.data.schema import LOCAL_SCHEMAS, tenant_schemas

attributes = context.config.attributes
target, schema = attributes["target"], attributes["schema"]

context.configure(
    connection=attributes["connection"].execution_options(
        # The revisions name no schema, except SHARED for the shared tables on the server.
        schema_translate_map=LOCAL_SCHEMAS if target == "local" else tenant_schemas(schema)
    ),
    version_table=version_table(target),
    version_table_schema="public" if target == "shared" else schema,
    transactional_ddl=True,
)
context.run_migrations()
