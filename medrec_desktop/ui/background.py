"""Work off the UI thread: reads on a small pool, writes on one thread in order, and a lane of its
own for what may take seconds.

Outcomes come back on the UI thread. An outcome whose owner is gone is dropped, except a failed
write: that is lost work and is shown. Nothing here knows what the work is.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Literal, Self

from PySide6.QtCore import QEventLoop, QObject, Qt, QTimer, Signal, Slot
from shiboken6 import isValid

Lane = Literal["read", "write", "slow"]
READ_THREADS = 2
SLOW_THREADS = 2


class Operation:
    """One call under way; say what follows with `then` and `failed`, or `forget` it."""

    def __init__(self, owner: QObject, lane: Lane) -> None:
        self.owner = owner
        self.lane = lane
        self._future: Future[Any] | None = None
        self._then: list[Callable[[Any], object]] = []
        self._failed: list[Callable[[BaseException], object]] = []
        self._forgotten = False

    def then(self, callback: Callable[[Any], object]) -> Self:
        """Call with the result, on the UI thread, while the owner lives."""
        self._then.append(callback)
        return self

    def failed(self, callback: Callable[[BaseException], object]) -> Self:
        """Call with the error instead of showing it to the user at large."""
        self._failed.append(callback)
        return self

    def forget(self) -> None:
        """Drop the outcome. A read not yet begun is not done at all; a write is done anyway."""
        self._forgotten = True
        if self.lane != "write" and self._future is not None:
            self._future.cancel()

    @property
    def wanted(self) -> bool:
        """Whether anybody is left to receive the outcome."""
        return not self._forgotten and isValid(self.owner)


class Background(QObject):
    """The program's two lanes. Made on the UI thread; `close` before the application ends."""

    error_unhandled = Signal(object)
    writes_changed = Signal(int)
    _finished = Signal(object, object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {
            "read": ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read"),
            "write": ThreadPoolExecutor(1, thread_name_prefix="write"),
            "slow": ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow"),
        }
        self._pending_writes = 0
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

    def close(self) -> None:
        """End the lanes: waiting reads are dropped, writes are finished first."""
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
        operation._future = self._lanes[operation.lane].submit(  # noqa: SLF001 - one module
            self._run, operation, work, args, kwargs
        )
        return operation

    def _run(
        self,
        operation: Operation,
        work: Callable[..., Any],
        args: tuple[object, ...],
        kwargs: dict[str, object],
    ) -> None:
        if operation.lane != "write" and operation._forgotten:  # noqa: SLF001 - one module
            outcome: tuple[object, BaseException | None] = (None, None)
        else:
            try:
                outcome = (work(*args, **kwargs), None)
            except BaseException as error:  # noqa: BLE001 - carried to the UI thread, never lost
                outcome = (None, error)
        if isValid(self):
            self._finished.emit(operation, *outcome)

    @Slot(object, object, object)
    def _on_finished(
        self, operation: Operation, result: object, error: BaseException | None
    ) -> None:
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
                for callback in operation._then:  # noqa: SLF001 - one module
                    callback(result)
        elif operation.wanted and operation._failed:  # noqa: SLF001 - one module
            for on_error in operation._failed:  # noqa: SLF001 - one module
                on_error(error)
        elif operation.wanted or operation.lane == "write":
            self.error_unhandled.emit(error)
