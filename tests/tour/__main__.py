"""`python -m tests.tour [--light | --dark]`: pictures in build/tour; without a choice both looks.

Each look is a process of its own, on a new demo clinic in a folder that is erased afterwards.
Exit code 1 when a step fails; the pictures taken until then stay.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PICTURES = REPOSITORY / "build" / "tour"
# Popups and windows are placed within a screen; Qt's own offscreen one is smaller than the window.
SCREEN = {"name": "tour", "x": 0, "y": 0, "width": 1920, "height": 1200, "dpr": 1}


def main() -> int:
    """Take the pictures and name them."""
    parser = argparse.ArgumentParser(prog="python -m tests.tour", description=__doc__)
    looks = parser.add_mutually_exclusive_group()
    looks.add_argument("--light", action="store_true", help="light pictures only")
    looks.add_argument("--dark", action="store_true", help="dark pictures only")
    parser.add_argument("--inside", choices=("light", "dark"), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        from tests.tour.steps import take

        return take(asked.inside, asked.home, PICTURES)
    PICTURES.mkdir(parents=True, exist_ok=True)
    chosen = ["light"] if asked.light else ["dark"] if asked.dark else ["light", "dark"]
    return max(_look(mode) for mode in chosen)


def _look(mode: str) -> int:
    for old in PICTURES.glob(f"*-{mode}.png"):
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="medrec-tour-") as home:
        screens = Path(home, "screens.json")
        screens.write_text(json.dumps({"screens": [SCREEN]}), encoding="utf-8")
        environment = os.environ | {
            "QT_QPA_PLATFORM": f"offscreen:configfile={screens}",
            "MEDREC_HOME": home,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "PYTHONPATH": str(REPOSITORY),
        }
        return subprocess.run(
            [sys.executable, "-m", "tests.tour", "--inside", mode, "--home", home],
            cwd=REPOSITORY,
            env=environment,
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
