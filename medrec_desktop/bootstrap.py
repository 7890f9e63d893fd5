"""The one place that builds objects and connects them. Plain constructor calls; libraries of the
database are imported where they are first needed, behind the first paint."""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from medrec_desktop import log
from medrec_desktop.config import Config, clinic_dir
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import UserId
from medrec_desktop.ui.app import App
from medrec_desktop.ui.doors import Ask, Doors
from medrec_desktop.ui.screen import OpenClinic, Screens, Seat
from medrec_desktop.ui.screens import SCREENS
from medrec_desktop.ui.sign_in.entry import Entry
from medrec_desktop.ui.sign_in.joining import Joining
from medrec_desktop.ui.sync.move import Move
from medrec_desktop.ui.theme import Theme

if TYPE_CHECKING:
    from medrec_desktop.attachments.intake import Intake
    from medrec_desktop.attachments.vault import Vault
    from medrec_desktop.services.context import Context
    from medrec_desktop.services.linked import ServerLink
    from medrec_desktop.services.server_move import ServerMove
    from medrec_desktop.services.storage_set_up import StorageSetUp
    from medrec_desktop.services.uploads import Uploads
    from medrec_desktop.terminology.search import Icd10

ALREADY_OPEN = "MedRec Desktop is already open for this clinic; its window is in front now."


def run(config: Config) -> int:
    """The program with its window; 0 when it was closed, 3 when another has the clinic."""
    application = make_application()
    app = build(config, application)
    started = app.start(demo=config.demo)
    # After the window: nobody waits for a log file.
    log.start(config.logs)
    if not started:
        print(ALREADY_OPEN, file=sys.stderr)  # noqa: T201 - whoever typed the command reads it
        app.finish()
        return 3
    code: int = application.exec()
    app.finish()
    log.stop()
    return code


def make_application() -> QApplication:
    """The one application object of a process."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    application = QApplication([])
    application.setApplicationName("MedRec Desktop")
    return application


def build(
    config: Config,
    application: QApplication,
    *,
    screens: Screens | None = None,
    theme: Theme | None = None,
) -> App:
    """Everything there is before a clinic is open; tests hand in their own screens and theme."""
    state = QSettings(str(config.home / "window.ini"), QSettings.Format.IniFormat)
    theme = theme or _theme_of(state)
    theme.apply(application, by_window=True)
    doors = Doors(
        folder=partial(_folder, config.home),
        exists=partial(_exists, config.home),
        has_keyring=_has_keyring,
        create_clinic=partial(_create_clinic, config.home),
        create_demo=partial(_create_demo, config.home),
        erase_demo=partial(_erase_demo, config.home),
        restore=partial(_restore, config.home),
        open=partial(open_clinic, config.home),
        joining=_joining(config.home),
        has_accounts=partial(_has_accounts, config.home),
        entry=_entry(config.home),
        report=log.report,
    )
    return App(doors, screens or SCREENS, theme=theme, clock=now, state=state)


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


def open_clinic(home: Path, demo: bool, ask: Ask) -> OpenClinic:  # noqa: FBT001 - a Doors call
    """Open a clinic that nobody signs in to: the demo, or one of the first release. Blocks."""
    from medrec_desktop.domain.changes import Changes
    from medrec_desktop.services import first_run
    from medrec_desktop.services.context import open_context

    db = first_run.open_clinic(clinic_dir(home, demo=demo), ask)
    return _stand_on(home, demo, open_context(db, changes=Changes(), clock=now))


def _stand_on(home: Path, demo: bool, context: "Context") -> OpenClinic:  # noqa: FBT001 - as above
    """Everything that stands on an open database, seen by who acts in `context`."""
    from medrec_desktop.attachments.intake import Intake
    from medrec_desktop.attachments.vault import open_vault
    from medrec_desktop.data import journal
    from medrec_desktop.services.storage_set_up import StorageSetUp
    from medrec_desktop.services.uploads import Uploads

    db = context.db
    vault = open_vault(db, clinic_dir(home, demo=demo) / "vault")
    intake = Intake(db, vault, context.changes, now)
    icd10 = _codes(home)
    set_up = StorageSetUp(context, vault)
    uploads = Uploads(context, vault, set_up)
    servers: list[ServerLink] = []
    # Last in, first out, each even when another one fails: a thread left behind keeps the
    # program from ending.
    closing = ExitStack()
    closing.callback(db.close)
    if icd10 is not None:
        closing.callback(icd10.close)
    closing.callback(uploads.close)
    closing.callback(intake.stop)
    intake.start()
    uploads.start()

    def link() -> None:
        with db.read() as session:
            if not journal.has_account(session):
                return
        # With it comes all of sync, and the server's driver: a clinic of one computer starts without.
        from medrec_desktop.services.linked import open_link

        found = open_link(context, clinic_dir(home, demo=demo), logs=home / "logs")
        if found is not None:
            servers.append(found)
            closing.callback(found.close)

    try:
        link()
    except BaseException:
        closing.close()
        raise
    standing = _Standing(
        home, demo, vault, intake, icd10, set_up, uploads, servers, link, closing.close
    )
    return _seen(standing, context)


@dataclass(frozen=True)
class _Standing:
    """What goes on whoever is signed in."""

    home: Path
    demo: bool
    vault: "Vault"
    intake: "Intake"
    icd10: "Icd10 | None"
    set_up: "StorageSetUp"
    uploads: "Uploads"
    servers: "list[ServerLink]"
    """One, or none: a clinic that moves to a server while it is open has it from then on."""
    link: Callable[[], None]
    close: Callable[[], None]


def _seen(standing: _Standing, context: "Context") -> OpenClinic:
    """The open clinic for one user."""
    from medrec_desktop.services.attachments import Attachments
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.diagnoses import Diagnoses
    from medrec_desktop.services.patients import Patients
    from medrec_desktop.services.seen_by import seen_by
    from medrec_desktop.services.stored_files import StoredFiles
    from medrec_desktop.services.visits import Visits
    from medrec_desktop.ui.storage.desk import FileStorage

    vault, intake = standing.vault, standing.intake
    uploads = seen_by(standing.uploads, context)
    set_up = seen_by(standing.set_up, context)
    server = seen_by(standing.servers[0], context) if standing.servers else None
    if server is not None:
        server.work_here()
    return OpenClinic(
        visits=Visits(context),
        patients=Patients(context),
        diagnoses=Diagnoses(context, standing.icd10),
        attachments=Attachments(context, vault, intake, small=uploads.small),
        clinic=Clinic(context),
        changes=context.changes,
        clock=now,
        user=context.actor,
        demo=standing.demo,
        files_under_way=lambda: intake.busy,
        back_up=partial(_back_up, context, vault.folder),
        export=partial(_export, context),
        close=standing.close,
        storage=FileStorage(uploads, set_up, StoredFiles(context, set_up)),
        seat=_seat(standing, context),
        server=server,
        move=_move(standing, context),
    )


def _move(standing: _Standing, context: "Context") -> Move | None:
    """How this clinic gets a server; None when it has one, or is the demo."""
    if standing.servers or standing.demo:
        return None

    def link() -> OpenClinic:
        if not standing.servers:
            standing.link()
        return _seen(standing, context)

    @cache
    def moving() -> "ServerMove":
        # When it is asked for: with it comes all of sync.
        from medrec_desktop.services.server_move import ServerMove

        return ServerMove(context, clinic_dir(standing.home))

    return Move(
        lambda *asked: moving().look(*asked),
        lambda *asked: moving().begin(*asked),
        lambda *asked: moving().send(*asked),
        link,
    )


def _seat(standing: _Standing, context: "Context") -> Seat:
    from medrec_desktop.services.accounts import Accounts
    from medrec_desktop.services.emergency import Emergency
    from medrec_desktop.services.ready import Ready
    from medrec_desktop.services.sign_in import has_accounts

    return Seat(
        accounts=Accounts(context),
        emergency=Emergency(context),
        ready=Ready(context),
        others=_others(standing, context),
        since=now(),
        protected=partial(has_accounts, context.db.path.parent),
    )


def _others(standing: _Standing, context: "Context") -> Entry:
    """How somebody else signs in while this clinic stays open."""
    from medrec_desktop.services import context as contexts
    from medrec_desktop.services import sign_in
    from medrec_desktop.services.clinic import Clinic

    folder = context.db.path.parent

    def people() -> list[tuple[UserId, str]]:
        if standing.demo:
            return [(one.id, one.name) for one in Clinic(context).users() if one.active]
        return [(one.id, one.name) for one in sign_in.known_users(folder)]

    def enter(user: UserId, password: str) -> OpenClinic | None:
        if standing.demo:
            return _seen(standing, contexts.acting_as(context, user))
        signed = sign_in.sign_in(folder, user, password, now=now())
        return None if signed.must_change else _seen(standing, contexts.switched(context, signed))

    def choose(user: UserId, first: str, own: str) -> OpenClinic:
        signed = sign_in.choose_password(folder, user, first, own, now=now())
        return _seen(standing, contexts.switched(context, signed))

    def recover(code: str, user: UserId, password: str) -> OpenClinic:
        signed = sign_in.recover(folder, code, user, password, now=now())
        return _seen(standing, contexts.switched(context, signed))

    return Entry(people, enter, choose, recover, without_password=standing.demo)


def _entry(home: Path) -> Entry:
    """How somebody signs in to the clinic of this computer while it is closed."""
    folder = clinic_dir(home)

    def people() -> list[tuple[UserId, str]]:
        from medrec_desktop.services.sign_in import known_users

        return [(one.id, one.name) for one in known_users(folder)]

    def opened(signed: Any) -> OpenClinic:
        from medrec_desktop.domain.changes import Changes
        from medrec_desktop.services.context import open_context
        from medrec_desktop.services.first_run import open_signed_in
        from medrec_desktop.services.linked import contact_of

        db = open_signed_in(folder, signed, now=now(), contact=contact_of(folder))
        context = open_context(db, changes=Changes(), clock=now, signed=signed)
        return _stand_on(home, False, context)  # noqa: FBT003 - a clinic, not the demo

    def enter(user: UserId, password: str) -> OpenClinic | None:
        from medrec_desktop.services.sign_in import sign_in

        signed = sign_in(folder, user, password, now=now())
        return None if signed.must_change else opened(signed)

    def choose(user: UserId, first: str, own: str) -> OpenClinic:
        from medrec_desktop.services.sign_in import choose_password

        return opened(choose_password(folder, user, first, own, now=now()))

    def recover(code: str, user: UserId, password: str) -> OpenClinic:
        from medrec_desktop.services.sign_in import recover

        return opened(recover(folder, code, user, password, now=now()))

    return Entry(people, enter, choose, recover)


def _joining(home: Path) -> Joining:
    """How this computer joins a clinic's server."""

    def look(address: str, authority: Path | None) -> Any:
        from medrec_desktop.services import joining

        return joining.look(address, authority)

    def find(seen: Any, code: str) -> Any:
        from medrec_desktop.services import joining

        return joining.find(seen, code)

    def join(
        seen: Any, code: str, user: UserId, password: str, progress: Any, stop: threading.Event
    ) -> str:
        from medrec_desktop.services import joining

        folder = clinic_dir(home)
        return joining.join(folder, seen, code, user, password, progress=progress, stop=stop)

    return Joining(look, find, join)


def _codes(home: Path) -> "Icd10 | None":
    """The list of codes; None when it cannot be read, for that must not keep visits closed."""
    from medrec_desktop.terminology.code_file import newest
    from medrec_desktop.terminology.search import Icd10

    try:
        return Icd10(newest(home))
    except Unavailable:
        return None


def _theme_of(state: QSettings) -> Theme:
    mode, percent = state.value("theme", "system"), str(state.value("text_percent", "100"))
    return Theme(
        "light" if mode == "light" else "dark" if mode == "dark" else "system",
        int(percent) if percent.isdecimal() else 100,
    )


def _folder(home: Path, demo: bool) -> Path:  # noqa: FBT001 - a Doors call
    return clinic_dir(home, demo=demo)


def _exists(home: Path, demo: bool) -> bool:  # noqa: FBT001 - a Doors call
    return (clinic_dir(home, demo=demo) / "medrec.db").is_file()


def _has_accounts(home: Path, demo: bool) -> bool:  # noqa: FBT001 - a Doors call
    # Asked before the first paint: a look at names, and no library of keys.
    return not demo and (clinic_dir(home) / "accounts.json").is_file()


def _has_keyring() -> bool:
    from medrec_desktop.security.keys import has_keyring

    return has_keyring()


def _create_clinic(home: Path, clinic_name: str, doctor_name: str, password: str) -> str:
    from medrec_desktop.services import first_run

    return first_run.found_clinic(
        clinic_dir(home),
        clinic_name=clinic_name,
        doctor_name=doctor_name,
        password=password,
    )


def _create_demo(home: Path) -> None:
    from medrec_desktop.services import first_run

    first_run.create_demo(clinic_dir(home, demo=True))


def _erase_demo(home: Path) -> None:
    import shutil

    try:
        shutil.rmtree(clinic_dir(home, demo=True))
    except FileNotFoundError:
        return
    except OSError as error:
        raise Unavailable(
            "The demo clinic could not be erased: another program uses its files. "
            "Close it and start the program again."
        ) from error


def _restore(home: Path, backup: Path, passphrase: str) -> str:
    from medrec_desktop.services.backup import restore

    done = restore(backup, clinic_dir(home), passphrase)
    return f"Restored: {done.patients} patients, {done.visits} visits, {done.files} files."


def _export(context: Any, patient_id: Any, target: Path) -> Path:
    from medrec_desktop.services.export import export_patient

    return export_patient(context, patient_id, target)


def _back_up(context: Any, vault_folder: Path, target: Path, passphrase: str) -> str:
    from medrec_desktop.services.backups import Backups

    done = Backups(context, vault_folder).make(target, passphrase)
    return (
        f"{done.path.name} holds all records and {done.files} files, and was read back. "
        "Keep it on another disk; its passphrase is needed to restore it."
    )
