"""Figures of uploading to `rclone serve s3`, beside aws s3 cp and s5cmd where they are installed.

The files lie in the vault, as they do in the program: decrypting, hashing, the queue's transactions
and the look at each object afterwards are part of our time and not of theirs. Read ratios, not
seconds: everything shares one machine with the server.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.storage import Secret, StorageSettings
from tests.s3_servers import served

LARGE = int(os.environ.get("MEDREC_BENCH_BYTES", "1000000000"))
SMALL, MANY = 200_000, int(os.environ.get("MEDREC_BENCH_FILES", "1000"))
SECRET = Secret("AKIDRCLONETEST", "rclone-test-secret")

# A fresh process, because memory once used by something else is never given back.
_OURS = """
import resource, sys, threading, time
from pathlib import Path
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.upload import Uploader
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.domain.storage import Secret, StorageSettings
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.garbage import UiGarbage
from tests.factories import a_clinic, a_visit
from datetime import UTC, datetime
folder, sources, endpoint, name, access, secret = sys.argv[1:]
folder = Path(folder)
context = a_clinic(folder, clock=lambda: datetime.now(UTC))
record = a_visit(context)
vault = open_vault(context.db, folder / "vault")
intake = Intake(context.db, vault, context.changes, context.clock)
intake.start()
intake.keep(record, sorted(Path(sources).iterdir()), by=context.actor.id, anyway=True)
intake.wait(3600)
intake.stop()
with context.db.read() as session:
    tenant = get_clinic(session).tenant
settings = StorageSettings(
    bucket=name, tenant=tenant, endpoint=endpoint, encryption="none", tiering=False,
    suffix_always=True,
)
bucket = Bucket(settings, Secret(access, secret))
bucket.client
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
uploader = Uploader(context.db, vault, bucket, context.changes, context.clock)
app = QCoreApplication([])
background = Background()  # as in the program: it sets how soon a thread lets the window in
garbage = UiGarbage()
garbage.start()
garbage.settle()
late, took = [], []
def tick():
    now = time.perf_counter()
    late.append((now - wished[0]) * 1000)
    wished[0] = time.perf_counter() + 0.01
    app.quit() if ended else timer.start()
def send():
    start, cpu = time.perf_counter(), time.process_time()
    uploader.start()
    while uploader.overview().left:
        uploader.wait(3600)
        uploader.retry()
    took.extend((time.perf_counter() - start, time.process_time() - cpu))
    ended.append(True)
timer = QTimer(singleShot=True, interval=10, timerType=Qt.TimerType.PreciseTimer)
timer.timeout.connect(tick)
wished, ended = [time.perf_counter() + 0.01], []
timer.start()
threading.Thread(target=send).start()
app.exec()
uploader.stop()
background.close()
garbage.stop()
late.sort()
took, used = took
print(took, used, peak() - before, late[-1], late[len(late) * 99 // 100])
"""

# The same wait in a process that does nothing else: what the machine itself is late by.
_IDLE = """
import sys, threading, time
late, ended = [], threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
while not ended.is_set():
    wished = time.perf_counter() + 0.01
    time.sleep(0.01)
    late.append((time.perf_counter() - wished) * 1000)
late.sort()
print(late[-1], late[len(late) * 99 // 100])
"""


def _fill(folder: Path, count: int, size: int) -> None:
    folder.mkdir()
    source = random.Random(count)
    for number in range(count):
        with (folder / f"{number:04}.bin").open("wb") as stream:
            left = size
            while left:
                left -= stream.write(source.randbytes(min(left, 8_000_000)))


@contextmanager
def _rclone(place: Path) -> Iterator[str]:
    def command(port: int) -> list[str]:
        return [
            *("serve", "s3", str(place), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", f"{SECRET.access_key},{SECRET.secret_key}"),
            *("--config", os.devnull, "--vfs-cache-mode", "off"),
        ]

    with served("rclone", command) as url:
        yield url


def _ours(work: Path, sources: Path, endpoint: str, name: str) -> list[float]:
    idle = subprocess.Popen(
        [sys.executable, "-c", _IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    out = subprocess.run(
        [
            *(sys.executable, "-c", _OURS, str(work), str(sources), endpoint, name),
            *(SECRET.access_key, SECRET.secret_key),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split()
    beside = idle.communicate()[0].split()
    return [float(one) for one in [*out, *beside]]


def _peer(program: str, arguments: Callable[[str], list[str]]) -> float | None:
    found = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if found is None:
        return None
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": SECRET.access_key,
        "AWS_SECRET_ACCESS_KEY": SECRET.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    start = time.perf_counter()
    subprocess.run(arguments(found), check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _beside(ours: float, sources: Path, endpoint: str, name: str) -> str:
    aws = _peer(
        "aws",
        lambda p: [p, "--endpoint-url", endpoint, "s3", "cp", "--recursive", "--quiet",
                   str(sources), f"s3://{name}/aws/"],
    )  # fmt: skip
    s5cmd = _peer(
        "s5cmd",
        lambda p: [p, "--endpoint-url", endpoint, "cp", f"{sources}/*", f"s3://{name}/s5cmd/"],
    )
    said = [
        f"{tool} {took:.1f} s, ours is {ours / took:.2f} x"
        for tool, took in (("aws s3 cp", aws), ("s5cmd", s5cmd))
        if took
    ]
    return "; ".join(said) or "neither aws nor s5cmd is installed"


def run() -> list[tuple[str, str, str]]:
    """Name, ours, beside."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "served").mkdir()
        with _rclone(place / "served") as endpoint:
            for what, count, size, target in (
                (f"Upload of {LARGE / 1e9:.1f} GB", 1, LARGE, "1.15 x aws"),
                (f"Upload of {MANY} x 200 KB", MANY, SMALL, "1.0 x aws, goal 0.5"),
            ):
                bucket_name = f"bench-{count}"
                settings = StorageSettings(bucket=bucket_name, tenant="tenant_1", endpoint=endpoint)
                bucket = Bucket(settings, SECRET)
                bucket.client.create_bucket(Bucket=bucket_name)
                bucket.close()
                sources = place / f"sources-{count}"
                _fill(sources, count, size)
                took, cpu, grown, worst, late, idle_worst, idle_late = _ours(
                    place / f"work-{count}", sources, endpoint, bucket_name
                )
                beside = _beside(took, sources, endpoint, bucket_name)
                rows += [
                    (what, f"{took:.1f} s ({cpu:.1f} s CPU)", f"{beside} (at most {target})"),
                    (f"{what}, memory grown", f"{grown:.0f} MB", "at most 130 MB"),
                    (
                        f"{what}, the window's loop held, worst (99 %)",
                        f"{worst:.0f} ms ({late:.0f} ms)",
                        f"at most 50 ms, goal 16; idle process {idle_worst:.0f} ({idle_late:.0f})",
                    ),
                ]
                shutil.rmtree(sources)
    return rows


if __name__ == "__main__":
    for row in run():
        print(" | ".join(row))
