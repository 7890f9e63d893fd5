"""Starts the program. Exit codes: 0 closed, 2 wrong argument, 3 already open, 4 no display."""

import builtins
import gc
import os
import sys
from collections.abc import Sequence

from medrec_desktop import config

DECODE = "--decode-file"
SWITCH_S = 0.001
NO_DISPLAY = (
    "There is no display here, so no window can open. "
    "Start it in a desktop session, or see it in pictures with: make tour"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run until the last window is closed."""
    given = sys.argv[1:] if argv is None else argv
    if given and given[0] == DECODE:
        # A frozen program is its own interpreter: the child that draws a file. No window.
        from medrec_desktop.attachments import decode

        return decode.main(list(given[1:]))
    wanted = config.load(given)
    # Qt itself would abort the process without a word that helps.
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        print(NO_DISPLAY, file=sys.stderr)  # noqa: T201 - there is no window to say it in
        return 4
    settle_python()
    from medrec_desktop.bootstrap import run

    return run(wanted)


def settle_python() -> None:
    """How Python runs under a window; before the first import of Qt."""
    # Loading makes no garbage worth a search; later `ui.garbage` looks, on the UI thread alone.
    gc.disable()
    # How long a background thread may go on while the UI thread waits for the interpreter.
    sys.setswitchinterval(SWITCH_S)
    # PySide puts its own import in the place of Python's and reads the source of every module
    # that is loaded afterwards, for a syntax (`from __feature__`) that nothing here uses.
    plain = builtins.__import__
    import PySide6.QtCore

    builtins.__import__ = plain
    del PySide6


if __name__ == "__main__":
    sys.exit(main())
