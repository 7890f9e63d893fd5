"""Brings a file back from the bucket into the vault: decoded with a bound, checked, encrypted.

Memory holds a few pieces, whatever the file's size, and no decrypted byte touches the disk.
Nothing is in the vault unless all of it is what the row says.
"""

import threading
from collections import deque
from collections.abc import Callable
from uuid import UUID

from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.attachments.vault import Vault
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Cancelled, Corrupt

_PIECES = 8
_LOOK_EVERY_S = 0.2

DAMAGED_THERE = (
    "The storage's copy of this file is damaged, so it was not opened. If another computer or a "
    "backup has the file, attach it again."
)
STOPPED = "Stopped before the file had arrived."


def fetch(
    store: ObjectStore,
    vault: Vault,
    uid: UUID,
    s3_key: str,
    kept: Kept,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    stop: threading.Event | None = None,
) -> None:
    """Put the file into the vault; `progress` gets compressed bytes, done and in all.

    Blocks. `Corrupt` for anything but the row's bytes, `Archived`, `NotFound`, `Unavailable`,
    `Denied`; `Cancelled` soon after `stop`, even while the network is silent.
    """
    if vault.has(uid):
        return
    pipe = _Pipe(stop or threading.Event(), lambda done: progress(done, kept.kept_size))

    def receive() -> None:
        try:
            store.get(s3_key, pipe.write, stop=pipe.closed, at_most=kept.kept_size)
        except BaseException as error:  # noqa: BLE001 - raised again where the pieces are read
            pipe.end(error)
        else:
            pipe.end(None)

    # It may hang in the network for a minute after nobody waits for it any more.
    threading.Thread(target=receive, name="fetch", daemon=True).start()
    try:
        staged = vault.stage_kept(uid, kept, pipe.read)
    except Corrupt as error:
        raise Corrupt(DAMAGED_THERE) from error
    finally:
        pipe.closed.set()
        pipe.nudge()
    vault.place(staged)


class _Pipe:
    """Between the thread that receives and the one that encrypts: a few pieces, no more."""

    def __init__(self, stop: threading.Event, progress: Callable[[int], None]) -> None:
        self.closed = threading.Event()
        self._stop = stop
        self._progress = progress
        self._pieces: deque[bytes] = deque()
        self._ended = False
        self._error: BaseException | None = None
        self._done = 0
        self._turn = threading.Condition()

    def write(self, piece: bytes) -> None:
        with self._turn:
            self._turn.wait_for(lambda: len(self._pieces) < _PIECES or self.closed.is_set())
            if self.closed.is_set():
                raise Cancelled(STOPPED)
            self._pieces.append(piece)
            self._turn.notify_all()

    def end(self, error: BaseException | None) -> None:
        with self._turn:
            self._ended, self._error = True, error
            self._turn.notify_all()

    def nudge(self) -> None:
        with self._turn:
            self._turn.notify_all()

    def read(self) -> bytes:
        with self._turn:
            while not self._pieces and not self._ended:
                if self._stop.is_set():
                    raise Cancelled(STOPPED)
                # The caller's event cannot wake us, so we look.
                self._turn.wait(_LOOK_EVERY_S)
            if self._stop.is_set():
                raise Cancelled(STOPPED)
            if not self._pieces:
                if self._error is not None:
                    raise self._error
                return b""
            piece = self._pieces.popleft()
            self._turn.notify_all()
        self._done += len(piece)
        self._progress(self._done)
        return piece
