"""What the command line shows and asks: a progress bar on standard error, passphrases, sentences.

Quiet where nobody watches: without a terminal there is no bar and no prompt.
"""

import getpass
import os
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from medrec_desktop.domain.errors import Cancelled, Invalid

VARIABLE = "MEDREC_PASSPHRASE"
NEW_VARIABLE = "MEDREC_NEW_PASSPHRASE"
_WIDTH = 30
_EVERY_S = 0.1


class Bar:
    """`Importing  [#####-----]  52 %`, on one line of a terminal; nothing elsewhere."""

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._last = 0.0
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is; ten times a second at most."""
        now = time.monotonic()
        if not self._shown or (now - self._last < _EVERY_S and done < total):
            return
        self._last, self._drawn = now, True
        part = 1.0 if total <= 0 else min(done / total, 1.0)
        filled = int(part * _WIDTH)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        self._stream.write(f"\r{self._title}  [{bar}] {part:4.0%}")
        self._stream.flush()

    def close(self) -> None:
        """End the line, so that what follows stands on its own."""
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()


class Passphrases:
    """Where passphrases come from: the environment, lines of standard input, or a prompt.

    From standard input each question takes a line; the last line answers all that follow.
    """

    def __init__(
        self,
        *,
        from_stdin: bool,
        environ: Mapping[str, str] | None = None,
        stdin: TextIO | None = None,
    ) -> None:
        self._from_stdin = from_stdin
        self._environ = os.environ if environ is None else environ
        self._stdin = stdin or sys.stdin
        self._last: str | None = None

    @property
    def given(self) -> bool:
        """Whether one was handed over, so that nobody needs to be asked."""
        return self._from_stdin or bool(self._environ.get(VARIABLE))

    def ask(self, what: str, *, twice: bool = False) -> str | None:
        """The passphrase of `what`; None when there is none and nobody to ask."""
        if self._from_stdin:
            line = self._stdin.readline().rstrip("\r\n")
            self._last = line or self._last
            return self._last
        if found := self._environ.get(VARIABLE):
            return found
        if not self._stdin.isatty():
            return None
        typed = getpass.getpass(f"Passphrase of {what}: ")
        if twice and getpass.getpass("The same once more: ") != typed:
            raise Invalid({"passphrase": "The two passphrases differ. Nothing was done."})
        return typed or None

    def require_new(self, what: str) -> str:
        """A secret that is about to be set: never the answer to an earlier question."""
        if self._from_stdin:
            found = self._stdin.readline().rstrip("\r\n")
        elif not (found := self._environ.get(NEW_VARIABLE, "")) and self._stdin.isatty():
            return self.require(what, twice=True)
        if not found:
            raise Cancelled(
                f"{what[:1].upper()}{what[1:]} is needed. Nothing was done. Type it when asked, "
                f"pipe it in as a line of its own with --passphrase-stdin, or set {NEW_VARIABLE}."
            )
        return found

    def require(self, what: str, *, twice: bool = False) -> str:
        """As `ask`; Cancelled when there is none."""
        found = self.ask(what, twice=twice)
        if found is None:
            raise Cancelled(
                f"The passphrase of {what} is needed. Nothing was done. Type it when asked, pipe "
                f"it in with --passphrase-stdin, or set {VARIABLE}."
            )
        return found
