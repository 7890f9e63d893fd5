"""What of a clinic's secrets is found in the memory of a program that had it open? Linux alone.

    python scripts/memory_scan.py

Makes a clinic in a temporary folder, lets another process sign in, open it, read and write, and
then drop its keys as after 30 locked minutes; reads that process's memory at each stage and counts
what it finds. It finds something: Python and the libraries below it copy what they are given.
"""

import subprocess
import sys
import tempfile
import textwrap
from datetime import UTC, datetime
from pathlib import Path

_PASSWORD = "four plain words here"  # noqa: S105 - of a clinic that is made for this

_PROGRAM = textwrap.dedent(
    """
    import gc, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from medrec_desktop.domain.changes import Changes
    from medrec_desktop.services.clinic import Clinic
    from medrec_desktop.services.context import open_context
    from medrec_desktop.services.first_run import open_signed_in
    from medrec_desktop.services.sign_in import known_users, sign_in

    def stage(name):
        print(name, flush=True)
        sys.stdin.readline()

    def work(folder):
        now = lambda: datetime.now(UTC)
        [user] = known_users(folder)
        signed = sign_in(folder, user.id, sys.stdin.readline().rstrip(), now=now())
        db = open_signed_in(folder, signed, now=now())
        context = open_context(db, changes=Changes(), clock=now, signed=signed)
        Clinic(context).save_computer(Clinic(context).computer())
        stage("open, or locked")
        db.close()

    work(Path(sys.argv[1]))
    gc.collect()
    stage("keys dropped")
    """
)


def main() -> int:
    """Prints a table; nothing is passed or failed."""
    if not Path("/proc/self/mem").exists():
        print("This system does not show a program's memory.")
        return 1
    from medrec_desktop.services.first_run import found_clinic
    from medrec_desktop.services.sign_in import known_users, sign_in

    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, "clinic")
        found_clinic(folder, clinic_name="Hill", doctor_name="Dr. A", password=_PASSWORD)
        [user] = known_users(folder)
        # Found out here: that program must not make a copy for us.
        key = sign_in(folder, user.id, _PASSWORD, now=datetime.now(UTC)).key
        command = [sys.executable, "-c", _PROGRAM, str(folder)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as program:
            if program.stdin is None or program.stdout is None:
                raise RuntimeError("no pipes")
            program.stdin.write(f"{_PASSWORD}\n")
            program.stdin.flush()
            secrets = {
                "the key": key,
                "the key as hexadecimal": key.hex().encode("ascii"),
                "the password": _PASSWORD.encode("ascii"),
            }
            for stage in iter(program.stdout.readline, ""):
                found = _found(program.pid, secrets)
                said = ", ".join(f"{name} {count}x" for name, count in found.items())
                print(f"{stage.strip():<16} {said}")
                program.stdin.write("\n")
                program.stdin.flush()
    return 0


def _found(pid: int, secrets: dict[str, bytes]) -> dict[str, int]:
    counts = dict.fromkeys(secrets, 0)
    lines = Path(f"/proc/{pid}/maps").read_text("ascii", "replace").splitlines()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in lines:
            place, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            start, end = (int(part, 16) for part in place.split("-"))
            try:
                memory.seek(start)
                content = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            for name, secret in secrets.items():
                counts[name] += content.count(secret)
    return counts


if __name__ == "__main__":
    sys.exit(main())
