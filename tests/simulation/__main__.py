"""Many seeds on all processors, for `make sim`: a process with a server of its own on each.

The last line is the figure; the exit code is 1 when a seed failed, or a process did not come to
its end.
"""

import os
import re
import subprocess
import sys
import threading
import time

_FIGURE = re.compile(r"(\d+) seeds in \d+ s, (\d+) failed")


class Part:
    """A process with so many seeds; says what it says, and in the end how many failed."""

    def __init__(self, first: int, seeds: int) -> None:
        self._first, self.seeds = first, seeds
        self.done = self.failed = 0
        own = {"MEDREC_SIM_FIRST": str(first), "MEDREC_SIM_SEEDS": str(seeds)}
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "tests/simulation", "-k", "the_long_run"),
                *("-n0", "-q", "--no-header", "--no-summary", "-p", "no:cacheprovider"),
            ],
            env=os.environ | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := _FIGURE.search(line):
                self.done, self.failed = int(found[1]), int(found[2])
            elif line.strip():
                print(f"[{self._first}] {line.rstrip()}", flush=True)

    def whole(self) -> bool:
        """Waits for it; whether every one of its seeds was run, and its end was what it said."""
        self._reader.join()
        return self._process.wait() == bool(self.failed) and self.done == self.seeds


def shares(seeds: int, processes: int) -> list[int]:
    """How many seeds each of them has; none has nothing to do."""
    each, left = divmod(seeds, processes)
    return [n for n in (each + (at < left) for at in range(processes)) if n]


def main() -> int:
    """Run them; the exit code."""
    first = int(os.environ.get("MEDREC_SIM_FIRST") or 1)
    seeds = int(os.environ.get("MEDREC_SIM_SEEDS") or 1000)
    processes = int(os.environ.get("MEDREC_SIM_PROCESSES") or os.cpu_count() or 1)
    begin, parts = time.monotonic(), []
    for share in shares(seeds, processes):
        parts.append(Part(first, share))
        first += share
    broken = sum(not part.whole() for part in parts)
    done, failed = sum(part.done for part in parts), sum(part.failed for part in parts)
    if broken:
        print(f"{broken} of {len(parts)} processes did not come to their end.")
    print(f"{done} seeds in {time.monotonic() - begin:.0f} s, {failed} failed")
    return 1 if failed or broken or done < seeds else 0


if __name__ == "__main__":
    sys.exit(main())
