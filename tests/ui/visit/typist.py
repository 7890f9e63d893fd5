"""A doctor at the real page in a process of its own, typing until somebody kills it.

Prints each text with the moment it was complete on the screen: `<monotonic seconds> <length>`.
"""

import random
import sys
import time
from pathlib import Path
from uuid import UUID

from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from medrec_desktop.data.local import LocalDb
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.terminology.search import Icd10
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.page import VisitPage
from tests.factories import KEY, context_of
from tests.ui.visit.grounds import services_of

LETTERS = "abcdefghij klmnopqrst "


def main() -> None:
    path, record_id, seed = Path(sys.argv[1]), RecordId(UUID(sys.argv[2])), int(sys.argv[3])
    application = QApplication([])
    theme = Theme("light")
    theme.apply(application)
    context = context_of(LocalDb.open(path, KEY))
    page = VisitPage(services_of(context, theme, Icd10()))
    page.show()
    chance = random.Random(seed)
    typed = ""

    def type_one() -> None:
        nonlocal typed
        letter = LETTERS[len(typed) % len(LETTERS)]
        QTest.keyClicks(page.form.notes, letter)
        typed += letter
        print(time.monotonic(), len(typed), flush=True)
        # A fast typist, with pauses in which autosave runs and without.
        QTimer.singleShot(chance.choice((15, 30, 60, 60, 60, 500)), type_one)

    def begin(_visit: object) -> None:
        page.opened.disconnect(begin)
        page.form.notes.selectAll()
        page.form.notes.setFocus()
        QTimer.singleShot(0, type_one)

    page.opened.connect(begin)
    page.open(record_id)
    application.exec()


if __name__ == "__main__":
    main()
