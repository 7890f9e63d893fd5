"""Which clinic a join code belongs to, asked of its server with the clinic's own login. Reads only;
nothing is kept here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from medrec_desktop.data.schema import medical_records, patients, tenant_schemas, tenants, users
from medrec_desktop.data.server.address import ServerAddress, plain_errors, server_engine
from medrec_desktop.domain.errors import Denied
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.joining import FoundClinic, JoinCode, Seen
from medrec_desktop.domain.people import User

_REFUSED = (
    "The server does not know this join code, or it is no longer good. Nothing was set up. Ask "
    "your administrator for the newest one."
)


def find_clinic(seen: Seen, code: JoinCode) -> FoundClinic:
    """The clinic, those who work there, and how much there is to fetch."""
    with _root_file(seen) as root:
        engine = server_engine(address_of(seen, code, root), code.secret)
        engine = engine.execution_options(schema_translate_map=tenant_schemas(code.tenant))
        try:
            with plain_errors(), engine.connect() as session:
                name = session.scalar(
                    sa.select(tenants.c.name).where(tenants.c.schema_name == code.tenant)
                )
                people = session.execute(
                    sa.select(users).where(users.c.active).order_by(users.c.id)
                ).all()
                counted = [
                    session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                    for table in (patients, medical_records)
                ]
        except Denied as error:
            raise Denied(_REFUSED) from error
    if name is None:
        raise Denied(_REFUSED)
    return FoundClinic(
        name=name,
        tenant=code.tenant,
        users=tuple(
            User(UserId(one.uid), one.name, one.role, one.active, one.admin) for one in people
        ),
        patients=counted[0],
        visits=counted[1],
    )


def address_of(seen: Seen, code: JoinCode, root: Path | None) -> ServerAddress:
    """Where the clinic's computers log in; `root` is the file of `seen.root`, if there is one."""
    place = seen.place
    return ServerAddress(place.host, place.port, place.database, code.tenant, root)


@contextmanager
def _root_file(seen: Seen) -> Iterator[Path | None]:
    """PostgreSQL's client believes in files alone."""
    if not seen.root:
        yield None
        return
    with TemporaryDirectory(prefix="medrec-") as folder:
        file = Path(folder, "root.crt")
        file.write_text(seen.root, encoding="ascii")
        yield file
