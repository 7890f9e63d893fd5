"""What `wait` calls rest: nothing is under way, and nothing is about to be."""

import threading
from collections.abc import Callable

from medrec_desktop.attachments.sending import ONE_REQUEST
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.storage import StorageDenied
from tests.attachments.upload.conftest import Sending
from tests.fakes.bucket import FakeBucket


class SlowToName(FakeBucket):
    """Refuses a large file at once, while the small ones are still being taken from the queue."""

    def __init__(self) -> None:
        self.taking, self.go = threading.Event(), threading.Event()
        super().__init__()
        self.gate = self._refuse

    def _refuse(self, _step: str) -> None:
        assert self.taking.wait(60)
        raise StorageDenied("The access key has expired.", "expired")

    @property
    def suffix_always(self) -> bool:
        """Asked by the queue's own thread for the small ones, by another for the large one."""
        if threading.current_thread().name == "uploads":
            self.taking.set()
            assert self.go.wait(60)
        return False

    @suffix_always.setter
    def suffix_always(self, _value: bool) -> None:
        """It is always no."""


def test_nothing_is_said_to_rest_while_files_are_taken_from_the_queue(
    make_sending: Callable[[ObjectStore], Sending],
) -> None:
    store = SlowToName()
    sending = make_sending(store)
    large = sending.keep(ONE_REQUEST + 1)
    for _ in range(2):
        sending.keep()
    left = threading.Event()

    def changed(_: Changed) -> None:
        if sending.made and sending.made[0].refused and not sending.made[0].under_way():
            left.set()

    sending.setting.context.changes.subscribe(changed)
    uploader = sending.start()
    assert left.wait(60)
    assert sending.row(large).upload_state == "pending"
    assert not uploader.wait(0)  # two files may still be begun
    store.go.set()
    assert uploader.wait(60)
    seen = uploader.overview()
    assert seen.left == 3
    assert {one.state for one in seen.files} == {"attention", "pending"}
