"""Figures of uploading to `rclone serve s3`, beside aws s3 cp and s5cmd where they are installed.

The files lie in the vault, as they do in the program: decrypting, hashing, the queue's transactions
and the look at each small object afterwards are part of our time and not of theirs (rclone reads
and hashes an object that is looked at, all of it). Everything shares one machine with the server:
ours and aws take turns, each begins once, and CPU seconds are told beside the others. Read ratios,
not seconds.

Keeping and sending at the same time is measured over a line that is as fast as files are kept:
then each takes as long as the other, and doing one after the other would take twice as long. Both,
and the server, still want the same processors: when others want them too, CPU seconds tell more.
Over a line half as fast, as most are slower than a disk, keeping has to cost sending nothing.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.domain.storage import Secret, StorageSettings
from tests.s3_servers import served

LARGE = int(os.environ.get("MEDREC_BENCH_BYTES", "1000000000"))
SMALL, MANY = 200_000, int(os.environ.get("MEDREC_BENCH_FILES", "1000"))
# Files that shrink to a half, so that both halves of the way have work.
MIXED, MIXED_FILES = 2_000_000, 250
LINES = {"as fast": 1.0, "half as fast": 0.5}
TURNS = 2
SECRET = Secret("AKIDRCLONETEST", "rclone-test-secret")


@dataclass
class Server:
    """rclone, with a new bucket for each run: what is there already is not written again."""

    endpoint: str
    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def bucket(self) -> str:
        """A new one's name. Those before are gone: what the disk still has to write of them would
        cost whoever comes next."""
        for before in self.folder.iterdir():
            shutil.rmtree(before)
        name = f"bench-{next(self._numbers)}"
        made = Bucket(StorageSettings(name, "tenant_1", endpoint=self.endpoint), SECRET)
        made.client.create_bucket(Bucket=name)
        made.close()
        return name

    def run(self, what: str, folder: Path, sources: Path, *, line: int = 0) -> list[Any]:
        """One measurement of `_sending`; `line` is bytes a second that may leave, 0 for all."""
        command = [sys.executable, "-m", "tests.benchmarks._sending", what, str(folder)]
        command += [str(sources), self.endpoint, self.bucket(), str(line), *_keys()]
        _settle_disk()
        done = subprocess.run(
            command,
            env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        said: list[Any] = json.loads(done.stdout.splitlines()[-1])
        return said


def _keys() -> tuple[str, str]:
    return SECRET.access_key, SECRET.secret_key


def _fill(folder: Path, files: int, size: int, *, shrinks: bool = False) -> None:
    folder.mkdir()
    source = random.Random(files)
    for number in range(files):
        with (folder / f"{number:04}.bin").open("wb") as stream:
            left = size
            while left:
                piece = min(left, 8_000_000)
                noise = source.randbytes(piece // 2 if shrinks else piece)
                left -= stream.write(noise + bytes(piece - len(noise)))


@contextmanager
def _rclone(place: Path) -> Iterator[Server]:
    def command(port: int) -> list[str]:
        return [
            *("serve", "s3", str(place), "--addr", f"127.0.0.1:{port}"),
            *("--auth-key", ",".join(_keys())),
            *("--config", os.devnull, "--vfs-cache-mode", "off"),
        ]

    with served("rclone", command) as url:
        yield Server(url, place)


def _settle_disk() -> None:
    """What was written before is on the disk before the clock starts, whoever's turn it is: else
    the first turn pays for the gigabytes that were made for it."""
    if hasattr(os, "sync"):
        os.sync()


def _peer(program: str, arguments: Callable[[str], list[str]]) -> tuple[float, float] | None:
    """Seconds and CPU seconds; None where it is not installed."""
    found = shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))
    if found is None:
        return None
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": SECRET.access_key,
        "AWS_SECRET_ACCESS_KEY": SECRET.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    _settle_disk()
    start, cpu = time.perf_counter(), _children()
    subprocess.run(arguments(found), check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, _children() - cpu


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _aws(server: Server, sources: Path) -> tuple[float, float] | None:
    place = f"s3://{server.bucket()}/aws/"
    line = ["--endpoint-url", server.endpoint, "s3", "cp", "--recursive", "--quiet"]
    return _peer("aws", lambda program: [program, *line, str(sources), place])


def _s5cmd(server: Server, sources: Path) -> tuple[float, float] | None:
    place = f"s3://{server.bucket()}/s5cmd/"
    line = ["--endpoint-url", server.endpoint, "cp", f"{sources}/*", place]
    return _peer("s5cmd", lambda program: [program, *line])


def _seconds(took: list[float]) -> str:
    return " and ".join(f"{one:.1f}" for one in took) + " s"


def _beside(ours: list[float], tool: str, runs: list[tuple[float, float]]) -> str:
    ratios = " and ".join(f"{mine / took:.2f}" for mine, (took, _) in zip(ours, runs, strict=False))
    cpu = _seconds([used for _, used in runs])
    return f"{tool} {_seconds([took for took, _ in runs])} ({cpu} CPU): ours is {ratios} x"


def _sent(
    server: Server, place: Path, what: str, files: int, size: int, target: str
) -> list[tuple[str, str, str]]:
    sources, work = place / f"sources-{files}", place / f"work-{files}"
    _fill(sources, files, size)
    server.run("keep", work, sources)
    ours, theirs = [], []
    for turn in range(TURNS):
        if turn % 2 and (peer := _aws(server, sources)):
            theirs.append(peer)
        ours.append(server.run("send", work, sources))
        if not turn % 2 and (peer := _aws(server, sources)):
            theirs.append(peer)
    took = [one[0] for one in ours]
    said = [_beside(took, "aws s3 cp", theirs)] if theirs else []
    if theirs:
        said.append(f"{_seconds([one[3] for one in ours])} of it looking at objects, in sum")
    if peer := _s5cmd(server, sources):
        said.append(_beside(took, "s5cmd", [peer]))
    shutil.rmtree(sources)
    shutil.rmtree(work)
    cpu = _seconds([one[1] for one in ours])
    grown = max(one[2] for one in ours)
    beside = "; ".join(said) or "neither aws nor s5cmd is installed"
    return [
        (what, f"{_seconds(took)} ({cpu} CPU)", f"{beside} (at most {target})"),
        (f"{what}, memory grown", f"{grown:.0f} MB", "at most 130 MB"),
    ]


def _overlapped(server: Server, place: Path) -> list[tuple[str, str, str]]:
    """Compressing and sending at the same time, beside each of them alone."""
    sources = place / "mixed"
    _fill(sources, MIXED_FILES, MIXED, shrinks=True)
    ratios: dict[str, list[float]] = {speed: [] for speed in LINES}
    said: dict[str, list[str]] = {speed: [] for speed in LINES}
    for turn in range(TURNS):
        alone, together = place / f"alone-{turn}", place / f"together-{turn}"
        keep, keep_cpu = server.run("keep", alone, sources)[:2]
        kept = sum(one.stat().st_size for one in (alone / "vault").rglob("*.age"))
        for speed, share in LINES.items():
            line = int(kept / keep * share)
            send, send_cpu = server.run("send", alone, sources, line=line)[:2]
            both, cpu = server.run("both", together, sources, line=line)[:2]
            ratios[speed].append(both / max(keep, send))
            said[speed].append(
                f"{both:.1f} s, CPU {cpu:.1f} (alone {keep:.1f} and {send:.1f} s,"
                f" CPU {keep_cpu:.1f} and {send_cpu:.1f}, {line / 1e6:.0f} MB/s)"
            )
            shutil.rmtree(together)
        shutil.rmtree(alone)
    shutil.rmtree(sources)
    what = f"{MIXED_FILES} x 2 MB compressed and sent, beside the slower of the two alone"
    return [
        (
            f"{what}, line {speed} as they are kept",
            " and ".join(f"{ratio:.2f} x" for ratio in ratios[speed]),
            f"at most 1.15 x: {'; '.join(said[speed])}",
        )
        for speed in LINES
    ]


def _held(server: Server, place: Path) -> list[tuple[str, str, str]]:
    """The real window while it sends."""
    home = place / "home"
    demo = [sys.executable, "-m", "medrec_desktop.admin.cli", "--home", str(home), "demo"]
    subprocess.run(demo, check=True, capture_output=True)
    rows = []
    for what, files, size in (
        (f"{LARGE / 1e9:.1f} GB", 1, LARGE),
        (f"{MANY} x 200 KB", MANY, SMALL),
    ):
        sources = place / f"held-{files}"
        _fill(sources, files, size)
        *_, figures, where = server.run("window", home, sources)
        shutil.rmtree(sources)
        rows.append(
            (
                f"The window while {what} leave, held 99 % / worst",
                figures,
                f"< 50 ms, goal 16; {where}",
            )
        )
    return rows


def run() -> list[tuple[str, str, str]]:
    """Name, ours, beside."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "served").mkdir()
        with _rclone(place / "served") as server:
            return [
                *_sent(server, place, f"Upload of {LARGE / 1e9:.1f} GB", 1, LARGE, "1.15 x aws"),
                *_sent(
                    server, place, f"Upload of {MANY} x 200 KB", MANY, SMALL, "1.0 x aws, goal 0.5"
                ),
                *_overlapped(server, place),
                *_held(server, place),
            ]


if __name__ == "__main__":
    for row in run():
        print(" | ".join(row))
