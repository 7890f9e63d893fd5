"""Notices that something was committed; screens that show those ids read again.

No Qt here: the window subscribes through its own adapter, sync and uploads publish from their
threads.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Kind = Literal[
    "patient",
    "visit",
    "attachment",
    "intake",
    "upload",
    "settings",
    "terminology",
    "review",
    "sync",
]


@dataclass(frozen=True, slots=True)
class Changed:
    """A commit touched these; empty `ids` means "any of this kind"."""

    kind: Kind
    ids: frozenset[UUID] = frozenset()


class Changes:
    """Fans a notice out to listeners, on the publisher's thread, after its commit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[Changed], None]] = []

    def subscribe(self, listener: Callable[[Changed], None]) -> Callable[[], None]:
        """Call `listener` from now on; the returned function ends that."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def publish(self, changed: Changed) -> None:
        """Tell every listener; a listener must only hand over, never work."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(changed)
