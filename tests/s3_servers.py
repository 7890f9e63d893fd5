"""Two S3 servers for the tests, started from wheels on free ports: moto and `rclone serve s3`.

moto knows versions, conditions on writes and bucket settings, and believes every signature; rclone
checks signatures, expiry and MD5, and knows little else. What one lacks the other proves.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.storage import Secret, StorageSettings

TENANT = "tenant_12"
_BUCKETS = count(1)
_SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class S3Server:
    """A running server. `folder` is where rclone keeps its buckets, None with moto."""

    kind: str
    endpoint: str
    secret: Secret
    folder: Path | None = None

    def settings(self, bucket: str, tenant: str = TENANT) -> StorageSettings:
        """Settings of a clinic on this server, with what it can do."""
        plain = StorageSettings(bucket=bucket, tenant=tenant, endpoint=self.endpoint)
        if self.kind == "moto":
            return plain
        return replace(plain, encryption="none", tiering=False, suffix_always=True)

    def bucket(self, tenant: str = TENANT, name: str = "") -> Bucket:
        """A new bucket (or the one of that `name`), as one clinic sees it. Close it."""
        new = not name
        name = name or f"files-{os.getpid()}-{next(_BUCKETS)}"
        bucket = Bucket(self.settings(name, tenant), self.secret)
        if new:
            bucket.client.create_bucket(Bucket=name)
            if self.kind == "moto":
                bucket.client.put_bucket_versioning(
                    Bucket=name, VersioningConfiguration={"Status": "Enabled"}
                )
        return bucket


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto, in a process of its own."""
    secret = Secret("testing", "testing-secret")
    with served("moto_server", lambda port: ["-H", "127.0.0.1", "-p", str(port)]) as url:
        yield S3Server("moto", url, secret)


@pytest.fixture(scope="session")
def rclone_server() -> Iterator[S3Server]:
    """A folder served by rclone, which goes away with the run."""
    secret = Secret("AKIDRCLONETEST", "rclone-test-secret")
    with tempfile.TemporaryDirectory(prefix="medrec-rclone-") as place:

        def command(port: int) -> list[str]:
            return [
                "serve", "s3", place,
                "--addr", f"127.0.0.1:{port}",
                "--auth-key", f"{secret.access_key},{secret.secret_key}",
                "--config", os.devnull,
                "--vfs-cache-mode", "off",
            ]  # fmt: skip

        with served("rclone", command) as url:
            yield S3Server("rclone", url, secret, Path(place))


@pytest.fixture(params=["moto", "rclone"])
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Each server in turn."""
    server: S3Server = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def bucket(s3_server: S3Server) -> Iterator[Bucket]:
    """A new, empty bucket on each server in turn."""
    made = s3_server.bucket()
    yield made
    made.close()


@contextmanager
def served(program: str, arguments: Callable[[int], list[str]]) -> Iterator[str]:
    """The URL at which a program of the environment listens, on the port it is given."""
    path = shutil.which(program, path=str(_SCRIPTS))
    if path is None:
        pytest.skip(f"{program} is not installed")
    for _attempt in range(5):  # between asking for a free port and using it another may take it
        port = free_port()
        line = [path, *arguments(port)]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(line, stdout=said, stderr=said, env=_environment())
            try:
                if _answers(process, port):
                    yield f"http://127.0.0.1:{port}"
                    return
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
    pytest.fail(f"{program} did not start")


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False
