"""Many at a time, or one alone: so that the key of an open database can be changed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from medrec_desktop.domain.errors import Unavailable


class Gate:
    """Whoever is inside may go in again; whoever wants to be alone waits for the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed_by: int | None = None
        self._mine = threading.local()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Waits while somebody is alone."""
        depth: int = getattr(self._mine, "depth", 0)
        if depth == 0:
            with self._changed:
                me = threading.get_ident()
                self._changed.wait_for(lambda: self._closed_by in {None, me})
                self._inside += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            if depth == 0:
                with self._changed:
                    self._inside -= 1
                    self._changed.notify_all()

    @contextmanager
    def alone(self, seconds: float) -> Iterator[None]:
        """Waits for the others; `Unavailable` when that takes longer."""
        if getattr(self._mine, "depth", 0):
            raise RuntimeError("nobody can be alone from inside")
        with self._changed:
            if self._closed_by is not None:
                raise Unavailable("This is being done already. Wait until it is finished.")
            self._closed_by = threading.get_ident()
            if not self._changed.wait_for(lambda: self._inside == 0, seconds):
                self._open()
                raise Unavailable(
                    "The clinic is busy. Nothing was changed. Wait until files are taken in and "
                    "records are written, then try again."
                )
        try:
            yield
        finally:
            with self._changed:
                self._open()

    def _open(self) -> None:
        self._closed_by = None
        self._changed.notify_all()
