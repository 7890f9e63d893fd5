"""`server init`, `migrate`, and the `clinic` commands that concern a server.

The account's password is typed when the server asks for one, piped in with --password-stdin, or in
MEDREC_SERVER_PASSWORD: never an argument, which every other account of the computer can read.
"""

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import sqlalchemy as sa

from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.data.server.address import (
    ServerAddress,
    asks_for_password,
    parsed,
    plain_errors,
    server_engine,
)
from medrec_desktop.domain.errors import Cancelled, Denied, Invalid
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.domain.people import Role
from medrec_desktop.services import rollout, server

ADDRESS = "MEDREC_SERVER"
PASSWORD = "MEDREC_SERVER_PASSWORD"  # noqa: S105  # the variable's name


@contextmanager
def opened(options: argparse.Namespace) -> Iterator[sa.Engine]:
    """A way to the server that the options mean; Denied or Unavailable when there is none."""
    address = address_of(options)
    if address.unprotected and not address.here:
        print(
            "WARNING: this connection is not protected (--unprotected): whoever sits between here "
            f"and {address.host} may read and change what is sent, patients' records too.",
            file=sys.stderr,
        )
    password = _given(options)
    engine = server_engine(address, password)
    try:
        try:
            engine.connect().close()
        except sa.exc.OperationalError as error:
            if password is not None or not asks_for_password(error):
                with plain_errors():
                    raise
            engine.dispose()
            engine = server_engine(address, _typed(address))
            with plain_errors():
                engine.connect().close()
        yield engine
    finally:
        engine.dispose()


def address_of(options: argparse.Namespace) -> ServerAddress:
    """The server that the options, or the environment, name."""
    text = options.server or os.environ.get(ADDRESS)
    if not text:
        raise Invalid(
            {
                "server": "Which server? Say --server postgresql://USER@HOST/DATABASE, or set "
                f"{ADDRESS}. Nothing was done."
            }
        )
    return parsed(text, ca=options.ca, unprotected=options.unprotected)


def _given(options: argparse.Namespace) -> str | None:
    if options.password_stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise Cancelled("There was no password on standard input. Nothing was done.")
        return line
    return os.environ.get(PASSWORD) or None


def _typed(address: ServerAddress) -> str:
    if not sys.stdin.isatty():
        raise Denied(
            "The server wants a password. Nothing was done. Type it when asked, pipe it in with "
            f"--password-stdin, or set {PASSWORD}."
        )
    return getpass.getpass(f"Password of {address.user} at {address.host}: ")


def _now() -> datetime:
    return datetime.now(UTC)


# --- the server --------------------------------------------------------------------------------


def init(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin server init`."""
    with opened(options) as engine:
        fresh = server.set_up(engine)
    print(
        "The server is ready. Make its first clinic with: medrec-admin clinic create"
        if fresh
        else "The server was set up before. Its shared tables and rights are as they should be."
    )
    return 0


def migrate(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin migrate`; 1 when a clinic could not be brought up."""
    with opened(options) as engine:
        if options.dry_run:
            return _rehearsed(engine)
        done = failed = 0
        with closing(Bar("Bringing clinics up")) as bar:
            for outcome in rollout.migrate_all(engine, bar, jobs=options.jobs):
                about = f"{outcome.clinic.tenant}  {outcome.clinic.name}"
                if outcome.failure:
                    failed += 1
                    print(f"FAILED   {about}: {outcome.failure}")
                else:
                    done += 1
                    print(f"ok       {about}: {outcome.before} to {outcome.after}")
        found = rollout.plan(engine)
    print(
        f"{done:,} clinics were brought up, {failed:,} failed, {len(found.todo):,} are left behind; "
        f"{found.done:,} are at {found.head}."
    )
    return 1 if failed or found.todo or found.unknown else 0


def _rehearsed(engine: sa.Engine) -> int:
    found = rollout.plan(engine)
    if found.shared != found.head:
        print(f"public: {found.shared} to {found.head}")
    for clinic in found.todo:
        print(f"{clinic.tenant}  {clinic.name}: {clinic.revision} to {found.head}")
    for clinic in found.unknown:
        print(f"{clinic.tenant}  {clinic.name}: {rollout.strange(clinic)}")
    tried = ""
    if found.todo and found.shared == found.head:
        rollout.rehearse(engine, found)
        tried = " The upgrade was tried on an empty clinic and taken back."
    print(f"{len(found.todo):,} clinics would be brought up. Nothing was changed.{tried}")
    return 1 if found.unknown else 0


# --- clinics -----------------------------------------------------------------------------------


def create(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin clinic create NAME --doctor NAME`."""
    role: Role = "doctor" if options.doctor else "admin"
    with opened(options) as engine:
        tenant, code = server.create_clinic(
            engine,
            name=options.name,
            user=options.doctor or options.admin,
            role=role,
            now=_now(),
        )
    print(f"The clinic is ready. Its id, and its prefix in the bucket: {tenant}")
    show(code)
    return 0


def join_code(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin clinic join-code NAME`."""
    with opened(options) as engine:
        code = server.renew_join_code(engine, options.name)
    print(
        "The old join code is void. Computers that used it work offline until this one is typed "
        "there (Clinic server, Enter join code)."
    )
    show(code)
    return 0


def show(code: JoinCode) -> None:
    """A join code, this once."""
    print(f"Join code: {code.text}")
    print(
        "It is shown this once and kept nowhere: write it down, and hand it over like a key. "
        "Whoever has it can log in to the server as this clinic."
    )


def move(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin clinic move-to-server`."""
    # It brings everything of a desktop with it, which no other command here needs.
    from medrec_desktop.admin import moving

    return moving.move(options, passphrases)


def list_all(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin clinic list`."""
    with opened(options) as engine:
        found = server.clinics(engine)
    for clinic in found:
        state = f"archived {clinic.archived_at:%d-%b-%Y}" if clinic.archived_at else "in use"
        print(f"{clinic.tenant}  {clinic.revision or '????'}  {state:<20}  {clinic.name}")
    print(f"{len(found):,} clinics.")
    return 0


def check(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin clinic check [NAME] [--history]`; 1 when something is not as it should be."""
    wrong = 0
    with opened(options) as engine:
        for looked in server.check(engine, options.name, history=options.history):
            clinic = looked.clinic
            about = f"{clinic.tenant}  {clinic.name}" if clinic else "the server"
            wrong += len(looked.problems)
            if not looked.problems:
                print(f"ok       {about}")
            for problem in looked.problems:
                print(f"PROBLEM  {about}: {problem}")
    if wrong:
        print(
            f"{wrong:,} problems were found. Nothing was changed. docs/server.md says what to do."
        )
        return 1
    print("Everything is as it should be.")
    return 0


def archive(options: argparse.Namespace, _passphrases: Passphrases) -> int:
    """`medrec-admin clinic archive NAME [--undo]`."""
    with opened(options) as engine:
        clinic = server.archive(engine, options.name, now=None if options.undo else _now())
    print(
        f"The clinic {clinic.name} is in use again; its computers log in as before."
        if options.undo
        else f"The clinic {clinic.name} is archived: its computers log in no more. Every record "
        "is kept and goes on being migrated and backed up."
    )
    return 0
