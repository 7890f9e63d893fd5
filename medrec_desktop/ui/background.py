"""Work off the UI thread: reads on a small pool, writes on one thread in order, and a lane of its
own for what may take seconds.

Outcomes come back on the UI thread. An outcome whose owner is gone is dropped, except a failed
write: that is lost work and is shown. Nothing here knows what the work is.
"""

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any, Literal, Self

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal, Slot
from shiboken6 import isValid

Lane = Literal["read", "write", "slow"]
READ_THREADS = 2
SWITCH_SECONDS = 0.0005
SLOW_THREADS = 2


class Operation:
    """One call under way; say what follows with `then` and `failed`, or `forget` it.

    It never leaves the UI thread: were a worker the last to hold it, widgets that its callbacks
    belong to would be destroyed there, which Qt answers by ending the program.
    """

    def __init__(self, owner: QObject, lane: Lane) -> None:
        self.owner = owner
        self.lane = lane
        self.future: Future[None] | None = None
        self.callbacks: list[Callable[[Any], object]] = []
        self.error_callbacks: list[Callable[[BaseException], object]] = []
        self.forgotten = False

    def then(self, callback: Callable[[Any], object]) -> Self:
        """Call with the result, on the UI thread, while the owner lives."""
        self.callbacks.append(callback)
        return self

    def failed(self, callback: Callable[[BaseException], object]) -> Self:
        """Call with the error instead of showing it to the user at large."""
        self.error_callbacks.append(callback)
        return self

    def forget(self) -> None:
        """Drop the outcome. A read not yet begun is not done at all; a write is done anyway."""
        self.forgotten = True
        self.callbacks.clear()
        self.error_callbacks.clear()
        if self.lane != "write" and self.future is not None:
            self.future.cancel()

    @property
    def wanted(self) -> bool:
        """Whether anybody is left to receive the outcome."""
        return not self.forgotten and isValid(self.owner)


class Background(QObject):
    """The program's lanes. Made on the UI thread; `close` before the application ends."""

    error_unhandled = Signal(object)
    writes_changed = Signal(int)
    _finished = Signal(int, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        # By default Python lets a lane keep the interpreter for 5 ms after the window asks for it.
        sys.setswitchinterval(SWITCH_SECONDS)
        self._lanes = {
            "read": ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read"),
            "write": ThreadPoolExecutor(1, thread_name_prefix="write"),
            "slow": ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow"),
        }
        self._closed = False
        self._held: list[tuple[Operation, Callable[[], Future[None]]]] | None = None
        self._releasing = QTimer(self)
        self._releasing.setSingleShot(True)
        self._releasing.timeout.connect(self._release)
        self._pending_writes = 0
        self._numbers = count()
        self._under_way: dict[int, Operation] = {}
        self._finished.connect(self._on_finished, Qt.ConnectionType.QueuedConnection)

    def read(
        self, owner: QObject, work: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> Operation:
        """Do `work` soon; several reads run beside each other."""
        return self._start(Operation(owner, "read"), work, args, kwargs)

    def slow(
        self, owner: QObject, work: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> Operation:
        """Do `work` that may take seconds (draw a file, look into a folder of the network): a
        search never waits behind it."""
        return self._start(Operation(owner, "slow"), work, args, kwargs)

    def write(
        self, owner: QObject, work: Callable[..., Any], /, *args: object, **kwargs: object
    ) -> Operation:
        """Do `work` after every write asked for before it."""
        self._pending_writes += 1
        self.writes_changed.emit(self._pending_writes)
        return self._start(Operation(owner, "write"), work, args, kwargs)

    @property
    def pending_writes(self) -> int:
        """Writes asked for whose outcome has not been delivered yet."""
        return self._pending_writes

    def drain(self, timeout_ms: int = 10_000) -> bool:
        """Wait until no write is under way, also those that outcomes start; False if it took
        too long. The window keeps painting but takes no input meanwhile."""
        if not self._pending_writes:
            return True
        loop = QEventLoop()
        limit = QTimer()
        limit.setSingleShot(True)
        limit.timeout.connect(loop.quit)
        self.writes_changed.connect(loop.quit)
        limit.start(timeout_ms)
        while self._pending_writes and limit.isActive():
            loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
        self.writes_changed.disconnect(loop.quit)
        return not self._pending_writes

    def hold(self, for_ms: int) -> None:
        """Reads asked for from now on begin so much later: what is about to be painted would share
        the interpreter with them. Writes never wait."""
        if self._held is None:
            self._held = []
        self._releasing.start(for_ms)

    def _release(self) -> None:
        """In their order."""
        held, self._held = self._held or (), None
        for operation, begin in held:
            if not (operation.forgotten or self._closed):
                operation.future = begin()

    def close(self) -> None:
        """End the lanes: waiting reads are dropped, writes are finished first."""
        self._closed = True
        self._lanes["read"].shutdown(wait=True, cancel_futures=True)
        self._lanes["slow"].shutdown(wait=True, cancel_futures=True)
        self._lanes["write"].shutdown(wait=True)

    def _start(
        self,
        operation: Operation,
        work: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Operation:
        if self._closed and operation.lane != "write":
            # The outcome of a reading came in while the program ended, and asked for the next.
            operation.forget()
            return operation
        begin = partial(self._begin, operation, work, args, kwargs)
        if self._held is not None and operation.lane != "write":
            self._held.append((operation, begin))
        else:
            operation.future = begin()
        return operation

    def _begin(
        self,
        operation: Operation,
        work: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> Future[None]:
        number = next(self._numbers)
        self._under_way[number] = operation
        future = self._lanes[operation.lane].submit(self._run, number, work, args, kwargs)
        future.add_done_callback(partial(self._on_cancelled, number))
        return future

    def _run(
        self,
        number: int,
        work: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        try:
            outcome: tuple[object, BaseException | None] = (work(*args, **kwargs), None)
        except BaseException as error:  # noqa: BLE001 - carried to the UI thread, never lost
            outcome = (None, error)
        if isValid(self):
            self._finished.emit(number, *outcome)

    def _on_cancelled(self, number: int, future: Future[None]) -> None:
        # Only `forget` and `close` cancel, both on the UI thread.
        if future.cancelled():
            self._under_way.pop(number, None)

    @Slot(int, object, object)
    def _on_finished(self, number: int, result: object, error: BaseException | None) -> None:
        operation = self._under_way.pop(number, None)
        if operation is None:
            return
        try:
            self._deliver(operation, result, error)
        finally:
            # After the callbacks: a save that they start is part of the same drain.
            if operation.lane == "write":
                self._pending_writes -= 1
                self.writes_changed.emit(self._pending_writes)

    def _deliver(self, operation: Operation, result: object, error: BaseException | None) -> None:
        if error is None:
            if operation.wanted:
                for callback in operation.callbacks:
                    callback(result)
        elif operation.wanted and operation.error_callbacks:
            for on_error in operation.error_callbacks:
                on_error(error)
        elif operation.wanted or operation.lane == "write":
            self.error_unhandled.emit(error)
