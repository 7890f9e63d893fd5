"""`medrec-admin`: what can be done without a window.

Exit codes: 0 done, 1 it could not be done (the sentence is on standard error), 2 wrong arguments,
130 stopped by Ctrl C. Expected failures never show a stack trace.
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from medrec_desktop.admin.terminal import Passphrases
from medrec_desktop.domain.errors import MedrecError

Command = Callable[[argparse.Namespace, Passphrases], int]

STOPPED = 130
_STOPPED = (
    "Stopped. What was committed is kept and nothing is half done. "
    "Start the same command again to go on."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code."""
    options = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    if threading.current_thread() is threading.main_thread():
        # A service manager stops a command as Ctrl C does: what is half done is cleared away.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    passphrases = Passphrases(from_stdin=options.passphrase_stdin)
    try:
        code = _command(options.command)(options, passphrases)
        sys.stdout.flush()
        return code
    except MedrecError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{_STOPPED}", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): Python must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


# Command: its function in `admin/server.py`.
_ON_A_SERVER = {
    "server init": "init",
    "migrate": "migrate",
    "clinic create": "create",
    "clinic join-code": "join_code",
    "clinic list": "list_all",
    "clinic check": "check",
    "clinic archive": "archive",
    "clinic move-to-server": "move",
}


def _command(name: str) -> Command:
    """The function of a command; only what it needs is imported."""
    if name in {"demo", "clinic new"}:
        from medrec_desktop.admin import clinics

        return {"demo": clinics.make_demo, "clinic new": clinics.make_clinic}[name]
    if name.startswith("users ") or name == "clinic change-key":
        from medrec_desktop.admin import users

        return users.COMMANDS[name]
    if name in {"backup", "restore"}:
        from medrec_desktop.admin import keeping

        return {"backup": keeping.make_backup, "restore": keeping.bring_back}[name]
    if name in _ON_A_SERVER:
        from medrec_desktop.admin import server

        on_server: Command = getattr(server, _ON_A_SERVER[name])
        return on_server
    if name.startswith("bucket ") or name == "clinic credentials":
        from medrec_desktop.admin import storage

        return {
            "bucket configure": storage.configure,
            "bucket test": storage.test,
            "bucket apply": storage.apply,
            "bucket check": storage.check,
            "bucket policy": storage.policy,
            "clinic credentials": storage.credentials,
        }[name]
    if name in {"records verify", "audit verify", "audit export"}:
        from medrec_desktop.admin import auditing

        return {
            "records verify": auditing.verify_records,
            "audit verify": auditing.verify_trail,
            "audit export": auditing.send_out_trail,
        }[name]
    if name == "attachments verify":
        from medrec_desktop.admin import attachments

        return attachments.verify
    if name.startswith("terminology "):
        from medrec_desktop.admin import terminology

        return {
            "terminology import": terminology.bring_in_codes,
            "terminology searches": terminology.tell_searches,
        }[name]
    if name == "doctor":
        from medrec_desktop.admin import checking

        return checking.check
    from medrec_desktop.admin import exchanging

    return {
        "import visits": exchanging.bring_in_visits,
        "import fhir": exchanging.bring_in_fhir,
        "export patient": exchanging.send_out_patient,
    }[name]


def _parser() -> argparse.ArgumentParser:
    shared = _shared(argparse.SUPPRESS)
    parser = argparse.ArgumentParser(
        prog="medrec-admin",
        description="MedRec Desktop without a window: demo, import, export, backup, checks.",
        parents=[_shared(None)],
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(where: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, full: str, what: str) -> argparse.ArgumentParser:  # fmt: skip
        command = where.add_parser(name, help=what, description=what, parents=[shared])
        command.set_defaults(command=full)
        return command

    def group(name: str, what: str) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
        parts = commands.add_parser(name, help=what, description=what, parents=[shared])
        return parts.add_subparsers(title="commands", required=True, metavar="WHAT")

    demo = add(commands, "demo", "demo", "make the demo clinic of made-up patients")
    demo.add_argument("--seed", type=int, default=1, help="another number, other patients")

    clinics = group("clinic", "clinics: of this computer (new, credentials), and on a server")
    new = add(clinics, "new", "clinic new", "make a clinic on this computer alone")
    new.add_argument("name", metavar="NAME", help="the clinic's name, as it stands on prints")
    new.add_argument("--doctor", required=True, metavar="NAME", help="the first doctor's name")

    add(clinics, "change-key", "clinic change-key", "give the clinic's database another key")
    add(clinics, "credentials", "clinic credentials", "print the policy for this clinic's own keys")

    _add_server(commands, clinics, group("server", "the server that clinics share"), add)

    _add_users(group("users", "who signs in to the clinic on this computer"), add)

    _add_bucket(group("bucket", "where files are stored"), add)

    importing = group("import", "bring records in")
    visits = add(importing, "visits", "import visits", "import visits from NDJSON (or .gz)")
    visits.add_argument("file", type=Path, metavar="FILE")
    fhir = add(importing, "fhir", "import fhir", "import FHIR R4 bundles")
    fhir.add_argument("path", type=Path, metavar="FILE|FOLDER")
    for one in (visits, fhir):
        one.add_argument(
            "--as",
            dest="stored_as",
            choices=("finalized", "draft"),
            default="finalized",
            help="finalized: sealed and unchangeable (default); draft: to be finalized by a doctor",
        )

    patient = add(group("export", "hand records out"), "patient", "export patient", "export one patient")  # fmt: skip
    patient.add_argument("id", metavar="ID", help="record number or uuid")
    patient.add_argument("--fhir", action="store_true", required=True, help="as a FHIR R4 bundle")
    patient.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of the screen")

    add(
        group("records", "finalized records"),
        *("verify", "records verify", "check that every finalized record is what was signed"),
    )
    trail = group("audit", "who did what")
    add(trail, "verify", "audit verify", "check that no entry is missing or was changed")
    written = add(trail, "export", "audit export", "write every entry as CSV (or NDJSON)")
    written.add_argument("-o", "--output", type=Path, metavar="FILE", help="instead of the screen")
    written.add_argument(
        "--ndjson", action="store_true", help="exactly what is hashed, for programs"
    )

    files = group("attachments", "files in the clinic's storage")
    verify = add(files, "verify", "attachments verify", "compare the records with the storage")
    verify.add_argument(
        "--requeue", action="store_true", help="send again what is wrong there and still here"
    )

    terminology = group("terminology", "the list of diagnosis codes")
    codes = add(
        terminology,
        *("import", "terminology import"),
        "install a newer ICD-10-CM: tabular list or alphabetic index as XML, or the zip",
    )
    searches = "how codes were found on this computer, and which words found none"
    add(terminology, "searches", "terminology searches", searches)
    codes.add_argument("file", type=Path, metavar="FILE")

    backup = add(commands, "backup", "backup", "write the whole clinic into one encrypted file")
    backup.add_argument("file", type=Path, metavar="FILE")
    restore = add(commands, "restore", "restore", "bring a clinic back from a backup")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument(
        "--sign-in", metavar="NAME", help="the administrator whose password is set anew"
    )
    doctor = add(commands, "doctor", "doctor", "check everything and say what is wrong")
    doctor.add_argument("--all", action="store_true", help="every seal and every file's content")
    return parser


def _add_server(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    clinics: "argparse._SubParsersAction[argparse.ArgumentParser]",
    servers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    add: Callable[..., argparse.ArgumentParser],
) -> None:
    """What is done on a server. Its password is asked for: an argument would stand in the list of
    processes."""
    init = add(servers, "init", "server init", "prepare an empty database for clinics")
    migrate = add(commands, "migrate", "migrate", "bring all clinics on a server to this version")
    migrate.add_argument("--dry-run", action="store_true", help="say what would be done")
    migrate.add_argument("--jobs", type=int, default=4, metavar="N", help="clinics at a time (4)")
    create = add(clinics, "create", "clinic create", "make a clinic on a server")
    create.add_argument("name", metavar="NAME", help="the clinic's name, as it stands on prints")
    first = create.add_mutually_exclusive_group(required=True)
    first.add_argument("--doctor", metavar="NAME", help="the doctor who leads the clinic")
    first.add_argument("--admin", metavar="NAME", help="who looks after the clinic, no doctor")
    code = add(clinics, "join-code", "clinic join-code", "another join code; the old one is void")
    code.add_argument("name", metavar="NAME", help="the clinic's name or id")
    every = add(clinics, "list", "clinic list", "the clinics of a server")
    check = add(clinics, "check", "clinic check", "compare clinics with what they ought to be")
    check.add_argument("name", metavar="NAME", nargs="?", help="name or id (all)")
    check.add_argument(
        "--history", action="store_true", help="read every row's history too (takes minutes)"
    )
    archive = add(clinics, "archive", "clinic archive", "let a clinic's computers in no more")
    archive.add_argument("name", metavar="NAME", help="the clinic's name or id")
    archive.add_argument("--undo", action="store_true", help="let them in again")
    move = add(
        clinics,
        "move-to-server",
        "clinic move-to-server",
        "move this computer's clinic to a server",
    )
    for one in (init, migrate, create, code, every, check, archive, move):
        one.add_argument(
            "--server",
            metavar="URL",
            help="postgresql://USER@HOST/DATABASE, without a password (MEDREC_SERVER)",
        )
        one.add_argument(
            "--ca", type=Path, metavar="FILE", help="certificate of your own authority"
        )
        one.add_argument(
            "--unprotected",
            action="store_true",
            help="do without a checked certificate (never over a network that is not yours alone)",
        )
        one.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input"
        )


def _add_users(
    where: "argparse._SubParsersAction[argparse.ArgumentParser]",
    add: Callable[..., argparse.ArgumentParser],
) -> None:
    """The `users` commands: first one's own password is asked for, then the one that is set."""
    add(where, "list", "users list", "everybody who ever worked here")
    begin = add(where, "begin", "users begin", "let users sign in (first release, or restored)")
    begin.add_argument("name", metavar="NAME", nargs="?", help="an administrator (who leads)")
    new = add(where, "add", "users add", "add a user with a first password")
    role = add(where, "role", "users role", "give a user another role")
    disable = add(where, "disable", "users disable", "a user signs in no more")
    enable = add(where, "enable", "users enable", "let a user in again")
    reset = add(where, "reset", "users reset", "give a user a new password")
    for one in (new, role, disable, enable, reset):
        one.add_argument("name", metavar="NAME")
    for one in (new, role):
        one.add_argument("--role", choices=("doctor", "front_desk", "admin"), required=True)
        one.add_argument("--admin", action="store_true", help="also looks after the clinic")
    add(where, "password", "users password", "change one's own password")
    recovered = add(where, "recover", "users recover", "set a password by the recovery code")
    recovered.add_argument("name", metavar="NAME")
    code = add(where, "recovery-code", "users recovery-code", "print a new recovery code")
    code.add_argument("--confirm", action="store_true", help="type the new code; the old one ends")


def _add_bucket(
    where: "argparse._SubParsersAction[argparse.ArgumentParser]",
    add: Callable[..., argparse.ArgumentParser],
) -> None:
    """The `bucket` commands. Keys are asked for or come from AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY; an argument would stand in the list of processes."""
    configure = add(
        where, "configure", "bucket configure", "test a storage, then let the clinic use it"
    )
    configure.add_argument("name", metavar="BUCKET")
    configure.add_argument(
        "--bandwidth", type=int, metavar="KB", help="at most so many KB a second in opening hours"
    )
    configure.add_argument("--open", metavar="HH:MM-HH:MM", help="opening hours (08:00-18:00)")
    add(where, "test", "bucket test", "test the clinic's storage with this computer's keys")
    apply = add(where, "apply", "bucket apply", "set the bucket up, changing only what differs")
    check = add(where, "check", "bucket check", "compare the bucket with what is wanted")
    policy = add(where, "policy", "bucket policy", "print a policy as JSON")
    policy.add_argument(
        "of",
        choices=("bucket", "role", "clinic", "logs"),
        nargs="?",
        default="bucket",
        help="the bucket's own (default), a role for all clinics, this clinic's, the log bucket's",
    )
    policy.add_argument("name", metavar="BUCKET", nargs="?", help="instead of the clinic's")
    for one in (apply, check):
        one.add_argument("name", metavar="BUCKET", nargs="?", help="instead of the clinic's")
    for one in (configure, apply, check, policy):
        one.add_argument("--endpoint", metavar="URL", help="an S3 server other than AWS")
        one.add_argument("--region", metavar="REGION", help="eu-west-1")
        one.add_argument("--encryption", choices=("kms", "s3", "none"), help="kms (default)")
        one.add_argument("--kms-key", metavar="ARN", help="another key than the bucket's default")
        one.add_argument(
            "--no-tiering", action="store_true", help="the server has no storage classes"
        )
        one.add_argument(
            "--glacier-after-90-days",
            dest="glacier",
            choices=("superseded", "everything"),
            help="old versions and retracted files (default), or every file",
        )


def _shared(default: str | None) -> argparse.ArgumentParser:
    """Options that may stand before or after the command."""
    flag = default or False
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", default=default, help="where the clinics are kept"
    )
    parser.add_argument("--demo", action="store_true", default=flag, help="the demo clinic")
    parser.add_argument(
        "--user", metavar="NAME", default=default, help="who signs in (the only user there is)"
    )
    parser.add_argument(
        "--recovery-code",
        action="store_true",
        default=flag,
        help="open the clinic by its recovery code instead of a password",
    )
    parser.add_argument(
        "--passphrase-stdin",
        action="store_true",
        default=flag,
        help="read passphrases from standard input, a line each",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
