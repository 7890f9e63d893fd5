"""Joining a clinic's server: look at it, find the clinic, make its copy on this computer.

The copy is made beside its folder and moved in once one can work with it; what is still to be
fetched then comes while one does. These functions block: never on the UI thread.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.ballast import room_beyond
from medrec_desktop.data.clinic import get_user, insert_joined_clinic, read_device
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.attachments import FREE_NEEDED
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.ids import UserId
from medrec_desktop.domain.joining import FoundClinic, JoinCode, Seen, ServerPlace
from medrec_desktop.domain.link import Download
from medrec_desktop.domain.passwords import password_problem
from medrec_desktop.domain.people import Clinic
from medrec_desktop.security.keys import new_key
from medrec_desktop.services.access import begin_accounts
from medrec_desktop.services.first_run import DATABASE, made_beside
from medrec_desktop.sync import certificate
from medrec_desktop.sync.account import ServerAccount, keep_secret, write_account
from medrec_desktop.sync.finding import find_clinic
from medrec_desktop.sync.first_download import FirstDownload
from medrec_desktop.sync.line import Line

# A small clinic is whole when it is opened; for a large one nobody waits longer than this.
WAITING_S: Final = 4.0


def look(address: str, authority: Path | None = None) -> Seen:
    """What the server at the address shows of itself; nothing is sent to it. `authority` is the
    file of one that vouches for it."""
    return certificate.look(ServerPlace.parse(address), authority)


def find(seen: Seen, join_code: str) -> FoundClinic:
    """The clinic the code belongs to, asked of the server that was looked at."""
    return find_clinic(seen, JoinCode.parse(join_code))


def join(
    folder: Path,
    seen: Seen,
    join_code: str,
    user: UserId,
    password: str,
    *,
    progress: Callable[[Download], object],
    stop: threading.Event,
    keyring: Any = None,
    now: datetime | None = None,
    waiting_s: float = WAITING_S,
) -> str:
    """Make the clinic's copy in `folder`, with an account for `user`; the recovery code, which is
    shown once and is nowhere else. Cancelled when `stop` is set: then nothing was made."""
    code = JoinCode.parse(join_code)
    found = find_clinic(seen, code)
    chosen = next((one for one in found.users if one.id == user), None)
    if chosen is None:
        raise Invalid({"user": "This user no longer works at the clinic. Choose another one."})
    if problem := password_problem(password, chosen.name):
        raise Invalid({"password": problem})
    now = now or datetime.now(UTC)
    with made_beside(folder) as making:
        key = new_key()
        db = LocalDb.create(making / DATABASE, key)
        try:
            account = ServerAccount.of(seen, code)
            with db.begin() as session:
                clinic = Clinic(found.id, found.name, found.tenant)
                insert_joined_clinic(session, clinic, now=now)
                write_account(session, account)
                device = read_device(session)
            keep_secret(db, code.tenant, code.secret, keyring)
            _fetch(
                db,
                lambda: Line.open(account.address(making), code.secret, code.tenant),
                user,
                total=found.patients + found.visits,
                progress=progress,
                stop=stop,
                until=time.monotonic() + waiting_s,
            )
            with db.begin() as session:
                founder = get_user(session, user)
                add_entry(session, "clinic.join", at=now, actor=user)
        finally:
            db.close()
        return begin_accounts(
            making, key, founder, password, clinic=found.id, device=device, now=now, keyring=keyring
        )


def _fetch(
    db: LocalDb,
    connect: Callable[[], Line],
    user: UserId,
    *,
    total: int,
    progress: Callable[[Download], object],
    stop: threading.Event,
    until: float,
) -> None:
    download = FirstDownload(
        db,
        connect,
        actor=lambda: user,
        clock=lambda: datetime.now(UTC),
        changes=Changes(),
        has_room=partial(room_beyond, db.path.parent, FREE_NEEDED),
    )
    download.begin(total)
    download.run(stop, progress, lambda seen: seen.usable and time.monotonic() > until)
