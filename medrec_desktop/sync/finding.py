"""Which clinic a join code belongs to, asked of its server with the clinic's own login. Reads only;
nothing is kept here."""

from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from medrec_desktop.data.schema import medical_records, patients, tenant_schemas, tenants, users
from medrec_desktop.data.server.address import plain_errors, server_engine
from medrec_desktop.domain.errors import Denied
from medrec_desktop.domain.ids import ClinicId, UserId
from medrec_desktop.domain.joining import FoundClinic, JoinCode, Seen
from medrec_desktop.domain.people import User
from medrec_desktop.sync.account import ServerAccount

_REFUSED = (
    "The server does not know this join code, or it is no longer good. Nothing was set up. Ask "
    "your administrator for the newest one."
)


# To count a million rows takes a second.
_COUNTED = 50_000


def find_clinic(seen: Seen, code: JoinCode) -> FoundClinic:
    """The clinic, those who work there, and how much there is to fetch."""
    with TemporaryDirectory(prefix="medrec-") as folder:
        address = ServerAccount.of(seen, code).address(Path(folder))
        engine = server_engine(address, code.secret)
        engine = engine.execution_options(schema_translate_map=tenant_schemas(code.tenant))
        try:
            with plain_errors(), engine.connect() as session:
                clinic = session.execute(
                    sa.select(tenants).where(tenants.c.schema_name == code.tenant)
                ).first()
                people = session.execute(
                    sa.select(users).where(users.c.active).order_by(users.c.id)
                ).all()
                counted = [_how_many(session, table) for table in (patients, medical_records)]
        except Denied as error:
            raise Denied(_REFUSED) from error
    if clinic is None:
        raise Denied(_REFUSED)
    return FoundClinic(
        id=ClinicId(clinic.uid),
        name=clinic.name,
        tenant=code.tenant,
        users=tuple(
            User(UserId(one.uid), one.name, one.role, one.active, one.admin) for one in people
        ),
        patients=counted[0],
        visits=counted[1],
    )


def _how_many(session: sa.Connection, table: sa.Table) -> int:
    """Of many rows about as many: nothing is removed, so hardly a number is without its row."""
    newest: int = session.scalar(sa.select(sa.func.max(table.c.id))) or 0
    if newest > _COUNTED:
        return newest
    return session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
