"""Starts the program. Exit codes: 0 closed, 2 wrong argument, 3 already open, 4 no display."""

import os
import sys
from collections.abc import Sequence

from medrec_desktop import config

NO_DISPLAY = (
    "There is no display here, so no window can open. "
    "Start it in a desktop session, or see it in pictures with: make tour"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the last window is closed."""
    wanted = config.load(sys.argv[1:] if argv is None else argv)
    # Qt itself would abort the process without a word that helps.
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        print(NO_DISPLAY, file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return 4
    from medrec_desktop.bootstrap import run

    return run(wanted)


if __name__ == "__main__":
    sys.exit(main())
