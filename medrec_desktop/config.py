"""Where the program's folders are and how it was started: read once, passed on, never changed.

No Qt and no database here: the commands without a window read the same.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOME_VARIABLE = "MEDREC_HOME"


@dataclass(frozen=True, slots=True)
class Config:
    """`home` holds everything of this user; `demo` True was asked for by an argument."""

    home: Path
    demo: bool = False

    @property
    def clinic(self) -> Path:
        """The folder of the clinic that was asked for."""
        return clinic_dir(self.home, demo=self.demo)

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.home / "logs"


def clinic_dir(home: Path, *, demo: bool = False) -> Path:
    """The folder of the clinic, or of the demo clinic, under `home`."""
    return home / ("demo" if demo else "clinic")


def default_home(environ: Mapping[str, str] | None = None) -> Path:
    """`MEDREC_HOME`, else where this system keeps the files of programs."""
    named = (os.environ if environ is None else environ).get(HOME_VARIABLE, "")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_data_path("medrec-desktop")


def load(argv: Sequence[str], environ: Mapping[str, str] | None = None) -> Config:
    """What the arguments and the environment say; a wrong argument ends the program with 2."""
    if not argv:
        return Config(default_home(environ).absolute())
    # The window is on the screen sooner without what only arguments need.
    import argparse

    parser = argparse.ArgumentParser(
        prog="medrec-desktop", description="Electronic medical records for a clinic."
    )
    parser.add_argument(
        "--home", type=Path, metavar="FOLDER", help="keep records and logs in this folder"
    )
    parser.add_argument("--demo", action="store_true", help="open the demo clinic")
    found = parser.parse_args(argv)
    home = found.home.expanduser() if found.home else default_home(environ)
    return Config(home.absolute(), demo=found.demo)
