"""What a computer does once in a while for what it keeps of its dealings with the clinic's server.

Only in rounds in which nothing else was to be done.
"""

import logging
import threading
from datetime import datetime

from medrec_desktop.data import forgetting
from medrec_desktop.data.local import LocalDb

_log = logging.getLogger(__name__)


def forget_answered(db: LocalDb, server: datetime, here: datetime, stop: threading.Event) -> None:
    """Once a day: take away what was sent, and answered, longer ago than any backup of the server
    is. `server` and `here`: what the clock there says, and the one here."""
    with db.read() as session:
        due = forgetting.is_due(session, server=server)
    while due and not stop.is_set():
        # In short transactions: whoever types waits for each.
        with db.begin() as session:
            due = forgetting.forget(session, server=server, here=here)
            if not due:
                forgetting.note_answered(session, server=server, here=here)
