"""Figures of the vault: 1 GB taken in, beside plain copy and gzip; memory; reading back.

The source lies in the page cache for both sides, and both end with fsync. Half of it compresses
(text), half does not (noise), as scans and exports do.
"""

import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIZE = int(os.environ.get("MEDREC_BENCH_BYTES", "1000000000"))

# A fresh process, because memory once used by something else is never given back.
_STAGE = """
import resource, sys, threading, time
from pathlib import Path
from uuid import uuid4
from medrec_desktop.attachments.vault import Vault, new_identity
vault = Vault(Path(sys.argv[2]), new_identity())
size = Path(sys.argv[1]).stat().st_size
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
uid = uuid4()
done = []
def take():
    with open(sys.argv[1], "rb") as source:
        done.append(vault.stage(uid, source, size=size))
    vault.place(done[0])
start, cpu = time.perf_counter(), time.process_time()
worker = threading.Thread(target=take)
worker.start()
late = []
while worker.is_alive():  # what a window does meanwhile: wake up every 10 ms
    wished = time.perf_counter() + 0.01
    time.sleep(0.01)
    late.append((time.perf_counter() - wished) * 1000)
worker.join()
staged = done[0]
print(time.perf_counter() - start, time.process_time() - cpu, peak() - before)
late.sort()
print(late[-1], late[len(late) * 99 // 100])
start = time.perf_counter()
vault.read(uid, staged.kept, lambda piece: None)
print(time.perf_counter() - start, peak() - before, staged.kept.kept_size)
"""


def _fill(path: Path) -> None:
    noise = random.Random(1).randbytes(8_000_000)
    line = b"2026-03-12;718-7;Haemoglobin;%06d;g/dl;Hill Clinic\n"
    text = b"".join(line % number for number in range(160_000))
    with path.open("wb") as stream:
        while stream.tell() < SIZE:
            stream.write(noise)
            stream.write(text)


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _plain(source: Path, target: Path, level: int | None) -> Callable[[], None]:
    def work() -> None:
        with source.open("rb") as read, target.open("wb") as write:
            if level is None:
                shutil.copyfileobj(read, write, 1 << 20)
            else:
                with gzip.GzipFile(fileobj=write, mode="wb", compresslevel=level) as packed:
                    shutil.copyfileobj(read, packed, 1 << 20)
            write.flush()
            os.fsync(write.fileno())
        target.unlink()

    return work


def run() -> list[tuple[str, str, str]]:
    """Name, ours, beside."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source"
        _fill(source)
        size = source.stat().st_size / 1e6
        copied = _timed(_plain(source, folder / "copy", None))
        gzipped = _timed(_plain(source, folder / "gz", 6))
        out = subprocess.run(
            [sys.executable, "-c", _STAGE, str(source), str(folder / "vault")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
    taken, cpu, grown, latest, late, read, grown_read, kept = map(float, out)
    return [
        (
            f"Vault intake of {size / 1000:.1f} GB (hash, gzip, encrypt, fsync)",
            f"{size / taken:.0f} MB/s",
            f"gzip -6 {size / gzipped:.0f} MB/s, plain copy {size / copied:.0f} MB/s",
        ),
        ("Vault intake, CPU for that", f"{cpu:.1f} s", f"gzip -6 {gzipped:.1f} s"),
        ("Vault intake, memory grown", f"{grown:.0f} MB", "at most 130 MB"),
        (
            "Another thread woken late meanwhile, worst (99 %)",
            f"{latest:.0f} ms ({late:.0f} ms)",
            "at most 50 ms",
        ),
        ("Vault reading back, checked", f"{size / read:.0f} MB/s", f"{grown_read:.0f} MB grown"),
        ("Vault size", f"{kept / size / 1e4:.0f} %", "of the original (half of it is noise)"),
    ]


if __name__ == "__main__":
    for row in run():
        print(" | ".join(row))
