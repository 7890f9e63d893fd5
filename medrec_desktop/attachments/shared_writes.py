"""One transaction for what several lanes want written at the same moment.

A commit waits for the disk and lets nobody else write; while one lane commits, the changes of the
others gather and go together. What a change does is its own business.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.session import Session

Change = Callable[[Session], None]


@dataclass
class _Wanted:
    change: Change
    done: bool = False
    error: BaseException | None = None


class SharedWrites:
    """Thread-safe. Changes may be made again after a rollback, so they must be repeatable."""

    def __init__(self, db: LocalDb) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Wanted] = []

    def write(self, change: Change) -> None:
        """Returns when it is committed, perhaps with others; raises what this change raised."""
        mine = _Wanted(change)
        with self._lock:
            self._waiting.append(mine)
        # Lanes take turns here: whoever waits inside SQLite sleeps longer than it must.
        with self._turn:
            if not mine.done:
                with self._lock:
                    together, self._waiting = self._waiting, []
                self._commit(together)
        if mine.error is not None:
            raise mine.error

    def write_soon(self, change: Change) -> None:
        """Returns at once: it goes with the next change, and is lost if the program dies before.
        For what can also be found out again."""
        with self._lock:
            self._waiting.append(_Wanted(change))

    def flush(self) -> None:
        """Returns when what was to be written soon is committed."""
        with self._turn:
            with self._lock:
                together, self._waiting = self._waiting, []
            if together:
                self._commit(together)

    def _commit(self, together: list[_Wanted]) -> None:
        try:
            with self._db.begin() as session:
                for one in together:
                    one.change(session)
        except BaseException as error:  # noqa: BLE001 - raised again by the lane that wanted it
            if len(together) == 1:
                together[0].error, together[0].done = error, True
                return
            for one in together:  # so that one bad change costs the others nothing
                self._commit([one])
            return
        for one in together:
            one.done = True
