"""Making a clinic in a folder of this computer, and opening it.

A folder is a clinic when `medrec.db` is in it. Everything is made beside the folder and moved in,
that file last: whatever is cut short, a half-made folder is never taken for a clinic.
These functions may block for seconds (keyring, key stretching): never on the UI thread.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.clinic import get_clinic, insert_clinic, insert_user, read_device
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.errors import Conflict, Denied, Invalid, Unavailable
from medrec_desktop.domain.passwords import password_problem
from medrec_desktop.domain.people import User
from medrec_desktop.domain.text import storable
from medrec_desktop.security.keys import DEMO_KEY, make_clinic_key, new_key, open_clinic_key
from medrec_desktop.services.access import (
    CHOOSE,
    Contact,
    begin_accounts,
    forget_first_release,
    require_access,
)
from medrec_desktop.services.context import zone_name
from medrec_desktop.services.sign_in import SignedIn, has_accounts, open_by_code

DATABASE = "medrec.db"
_DEMO = "demo.json"
# Left by an attempt that was cut short, these would speak for a key that opens nothing.
_KEY_FILES = ("key.json", "keyring.json", "accounts.json", _DEMO)
_FOLDERS = ("vault", "tmp")
_MAKING = ".making-"


def is_clinic(folder: Path) -> bool:
    """Whether the folder holds a whole clinic."""
    return (folder / DATABASE).is_file()


def create_clinic(
    folder: Path,
    *,
    clinic_name: str,
    doctor_name: str,
    passphrase: str | None = None,
    keyring: Any = None,
    now: datetime | None = None,
) -> None:
    """A new clinic with its first doctor. Its key goes under the passphrase, or into the keyring
    when there is none (`keyring` is for tests; None is the system's)."""
    if problems := _name_problems(clinic_name, doctor_name):
        raise Invalid(problems)
    now = now or datetime.now(UTC)
    with made_beside(folder) as making:
        key = make_clinic_key(making, passphrase, keyring=keyring)
        db = LocalDb.create(making / DATABASE, key)
        try:
            _people(db, clinic_name, doctor_name, now=now)
        finally:
            db.close()


def found_clinic(
    folder: Path,
    *,
    clinic_name: str,
    doctor_name: str,
    password: str,
    keyring: Any = None,
    now: datetime | None = None,
) -> str:
    """A new clinic whose first doctor, who also looks after it, signs in with `password`. Answers
    the recovery code: it is shown once and is nowhere else. `Invalid` names the fields; without a
    keyring on this computer the password alone protects the key."""
    problems = _name_problems(clinic_name, doctor_name)
    if problem := password_problem(password, doctor_name):
        problems["password"] = problem
    if problems:
        raise Invalid(problems)
    now = now or datetime.now(UTC)
    with made_beside(folder) as making:
        key = new_key()
        db = LocalDb.create(making / DATABASE, key)
        try:
            founder = _people(db, clinic_name, doctor_name, now=now)
            with db.read() as session:
                clinic, device = get_clinic(session), read_device(session)
        finally:
            db.close()
        return begin_accounts(
            making,
            key,
            founder,
            password,
            clinic=clinic.id,
            device=device,
            now=now,
            keyring=keyring,
        )


def create_demo(folder: Path, *, seed: int = 1, now: datetime | None = None) -> None:
    """A clinic of made-up patients. They are nobody's secret, and neither is its key."""
    now = now or datetime.now(UTC)
    with made_beside(folder) as making:
        # Imported here: a clinic that is only opened needs no generator.
        from medrec_desktop.exchange import demo

        (making / _DEMO).write_text(json.dumps({"demo": True, "seed": seed}), encoding="utf-8")
        db = LocalDb.create(making / DATABASE, DEMO_KEY)
        try:
            papers = demo.fill(db, seed=seed, now=now, zone=zone_name(now))
            _attach(db, making / "vault", papers, now=now)
        finally:
            db.close()


def _attach(db: LocalDb, folder: Path, papers: Sequence[Any], *, now: datetime) -> None:
    """Keep the demo's files the way a dropped file is kept."""
    from medrec_desktop.attachments.sources import opened_bytes
    from medrec_desktop.attachments.taking import Asked, Taker
    from medrec_desktop.attachments.vault import open_vault

    taker = Taker(db, open_vault(db, folder), lambda: now)
    for paper in papers:
        asked = Asked(paper.record_id, paper.name, paper.by)
        with opened_bytes(paper.content) as source:
            taker.take(asked, source, progress=lambda _done: None, stop=threading.Event())


def open_clinic(
    folder: Path, ask_passphrase: Callable[[], str | None], *, keyring: Any = None
) -> LocalDb:
    """The folder's clinic; `ask_passphrase` is called only when its key is under one. `Denied`
    when its users sign in (`open_signed_in`)."""
    if (folder / _DEMO).is_file():
        return LocalDb.open(folder / DATABASE, DEMO_KEY)
    if has_accounts(folder):
        raise Denied("The users of this clinic sign in. Choose your name and type your password.")
    key = open_clinic_key(folder, ask_passphrase, keyring=keyring)
    return LocalDb.open(folder / DATABASE, key)


def open_by_recovery(folder: Path, code: str, *, now: datetime) -> LocalDb:
    """The clinic by its recovery code, for commands; nobody has signed in."""
    return LocalDb.open(folder / DATABASE, open_by_code(folder, code, now=now))


def open_signed_in(
    folder: Path, signed: SignedIn, *, now: datetime, contact: Contact | None = None
) -> LocalDb:
    """The clinic of somebody who has just signed in. `Denied` for somebody who was disabled, who
    must choose a password first, or who was too long without the clinic's server; `contact` is
    asked then, so that a computer that comes back can hear that all is well."""
    if signed.must_change:
        raise Denied(CHOOSE)
    db = LocalDb.open(folder / DATABASE, signed.key)
    try:
        require_access(db, signed, now=now, contact=contact)
    except BaseException:
        db.close()
        raise
    forget_first_release(folder)
    return db


def _name_problems(clinic_name: str, doctor_name: str) -> dict[str, str]:
    return {
        field: sentence
        for field, name, sentence in (
            ("clinic_name", clinic_name, "Type the clinic's name; it stands on every print."),
            ("doctor_name", doctor_name, "Type your name as it should stand under your visits."),
        )
        if not name.strip()
    } | {
        field: "Use at most 255 characters."
        for field, name in (("clinic_name", clinic_name), ("doctor_name", doctor_name))
        if len(name) > 255
    }


def _people(db: LocalDb, clinic_name: str, doctor_name: str, *, now: datetime) -> User:
    with db.begin() as session:
        insert_clinic(session, name=storable(clinic_name).strip(), now=now)
        name = storable(doctor_name).strip()
        founder = insert_user(session, name=name, role="doctor", now=now, admin=True)
        add_entry(session, "clinic.create", at=now, actor=founder.id)
    return founder


@contextmanager
def made_beside(folder: Path) -> Iterator[Path]:
    """A new folder to make the clinic in; what is in it moves to `folder` when nothing failed."""
    if is_clinic(folder):
        raise Conflict("There is already a clinic in this folder. Nothing was changed.")
    making = folder.with_name(f"{folder.name}{_MAKING}{uuid4().hex[:8]}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f"{folder.name}{_MAKING}*"):
            shutil.rmtree(left, ignore_errors=True)
        making.mkdir(mode=0o700)
        for name in _FOLDERS:
            (making / name).mkdir()
        yield making
        _move_in(making, folder)
    except OSError as error:
        raise Unavailable(
            "The clinic's folder could not be written. Nothing was set up. "
            "Free some space or choose another folder, then try again."
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _move_in(making: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in _KEY_FILES:
        (folder / name).unlink(missing_ok=True)
    made = sorted(making.iterdir(), key=lambda path: path.name == DATABASE)
    for path in made:
        target = folder / path.name
        if path.is_dir() and target.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            path.replace(target)
