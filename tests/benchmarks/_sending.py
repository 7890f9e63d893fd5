"""What the upload benchmark times, each in a process of its own: memory once used by something else
is never given back.

`python -m tests.benchmarks._sending WHAT FOLDER SOURCES ENDPOINT BUCKET LINE ACCESS SECRET` prints
JSON: seconds, the process's CPU seconds, MB of memory grown; of sending also the seconds spent
looking at objects, of the window what `told` tells.
LINE is the bytes a second that may leave, 0 for all.

keep: a new clinic in FOLDER takes the sources into its vault. send: a copy of that clinic's
database sends what waits. both: a new clinic takes and sends at the same time. window: the real
program with the demo clinic (FOLDER is its home) has kept the sources, and sends them.
"""

import json
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from medrec_desktop.attachments.intake import Intake
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.attachments.s3_objects import Stored
from medrec_desktop.attachments.upload import Uploader
from medrec_desktop.attachments.vault import Vault, open_vault
from medrec_desktop.data.clinic import get_clinic
from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.storage import Secret, StorageSettings
from medrec_desktop.services.context import Context
from medrec_desktop.ui.background import SWITCH_SECONDS
from tests.factories import KEY, a_clinic, a_visit, context_of

LONGEST_S = 3600

Connect = Callable[[LocalDb], "Looking"]
Line = Callable[[], int]


def clock() -> datetime:
    """Files must not look older than they are: the queue is ordered by it."""
    return datetime.now(UTC)


class Looking(Bucket):
    """The real bucket; adds up the seconds in which it waited for looks at objects."""

    looked = 0.0

    def head(self, key: str) -> Stored | None:
        """As the bucket."""
        start = time.perf_counter()
        try:
            return super().head(key)
        finally:
            self.looked += time.perf_counter() - start


class Timed:
    """Seconds, CPU seconds and growth since it was made."""

    def __init__(self) -> None:
        self._peak = _peak()
        self._at, self._cpu = time.perf_counter(), time.process_time()

    def told(self) -> list[float]:
        """So far."""
        took, used = time.perf_counter() - self._at, time.process_time() - self._cpu
        return [took, used, _peak() - self._peak]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bucket_of(db: LocalDb, endpoint: str, name: str, secret: Secret) -> Looking:
    """The clinic's bucket, connected."""
    with db.read() as session:
        tenant = get_clinic(session).tenant
    settings = StorageSettings(
        bucket=name,
        tenant=tenant,
        endpoint=endpoint,
        encryption="none",
        tiering=False,
        suffix_always=True,
    )
    bucket = Looking(settings, secret)
    bucket.client  # noqa: B018 - half a second of imports is not sending
    return bucket


def send_all(uploader: Uploader) -> None:
    """Until nothing is left; rclone answers some of many first writes with an error."""
    while uploader.overview().left:
        uploader.wait(LONGEST_S)
        uploader.retry()


def kept(context: Context, vault: Vault, sources: Path) -> Intake:
    """An intake that has begun to take the sources."""
    intake = Intake(context.db, vault, context.changes, clock)
    intake.start()
    record = a_visit(context)
    intake.keep(record, sorted(sources.iterdir()), by=context.actor.id, anyway=True)
    return intake


def keep(folder: Path, sources: Path, _bucket: Connect, _line: Line) -> list[float]:
    """Into the vault alone."""
    context = a_clinic(folder, clock=clock)
    vault = open_vault(context.db, folder / "vault")
    timed = Timed()
    intake = kept(context, vault, sources)
    intake.wait(LONGEST_S)
    said = timed.told()
    intake.stop()
    context.db.close()
    return said


def send(folder: Path, _sources: Path, bucket: Connect, line: Line) -> list[float]:
    """Out of the vault alone."""
    path = shutil.copy(folder / "clinic" / "medrec.db", folder / "copy.db")
    context = context_of(LocalDb.open(Path(path), KEY), clock=clock)
    vault = open_vault(context.db, folder / "vault")
    store = bucket(context.db)
    timed = Timed()
    uploader = Uploader(context.db, vault, store, context.changes, clock, limit=line)
    uploader.start()
    send_all(uploader)
    said = [*timed.told(), store.looked]
    uploader.stop()
    context.db.close()
    return said


def both(folder: Path, sources: Path, bucket: Connect, line: Line) -> list[float]:
    """As a doctor has it: what is kept goes at once."""
    context = a_clinic(folder, clock=clock)
    vault = open_vault(context.db, folder / "vault")
    store = bucket(context.db)
    uploader = Uploader(context.db, vault, store, context.changes, clock, limit=line)

    def wake(changed: Changed) -> None:
        if changed.kind == "attachment":
            uploader.wake()

    context.changes.subscribe(wake)
    uploader.start()
    timed = Timed()
    intake = kept(context, vault, sources)
    intake.wait(LONGEST_S)
    uploader.wake()
    send_all(uploader)
    said = timed.told()
    intake.stop()
    uploader.stop()
    context.db.close()
    return said


def window(home: Path, sources: Path, bucket: Connect, line: Line) -> list[object]:
    """The program's own event loop, with a visit open."""
    from PySide6.QtCore import QEventLoop

    from medrec_desktop import __main__ as program
    from medrec_desktop import bootstrap, config
    from tests.benchmarks._held import Held, after, told

    program.settle_python()
    application = bootstrap.make_application()
    app = bootstrap.build(config.load(["--home", str(home), "--demo"]), application)
    loop = QEventLoop()
    app.opened.connect(loop.quit)
    app.start(demo=True)
    loop.exec()
    services, shown, held = app.services, app.window, Held()
    assert services is not None
    assert shown is not None
    day = services.clock().astimezone().date()
    at_hand, record = [
        row.record_id for row in services.visits.today(day) if row.status == "draft"
    ][:2]
    held.until(after(4))  # screens are made
    shown.open_visit(at_hand)  # a thousand files are another visit's
    before = len(services.attachments.list(record))
    files = sorted(sources.iterdir())
    services.attachments.keep(record, files, anyway=True)
    held.until(lambda: len(services.attachments.list(record)) == before + len(files))
    held.until(after(2))
    files_service = services.attachments
    context, vault = files_service._context, files_service._vault
    store = bucket(context.db)
    timed = Timed()
    uploader = Uploader(context.db, vault, store, context.changes, clock, limit=line)
    uploader.start()
    # Asked elsewhere: to list what is left takes time that is not the window's.
    waiting = threading.Thread(target=send_all, args=(uploader,))
    waiting.start()
    sent = held.until(lambda: not waiting.is_alive())
    said = timed.told()
    uploader.stop()
    with ExitStack() as ending:
        ending.callback(app.finish)
        ending.callback(shown.close)
    return [*said, *told(sent)]


def main(
    what: str, folder: str, sources: str, endpoint: str, name: str, line: str, *secret: str
) -> None:
    """Do it and print."""
    if what != "window":
        sys.setswitchinterval(SWITCH_SECONDS)  # as the window has it
    work: dict[str, Callable[..., object]] = {
        "keep": keep,
        "send": send,
        "both": both,
        "window": window,
    }
    said = work[what](
        Path(folder),
        Path(sources),
        lambda db: bucket_of(db, endpoint, name, Secret(*secret)),
        lambda: int(line),
    )
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
