"""Finding a patient among 100,000: from a key in the real Find box to the painted list."""

import random
from functools import partial

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from medrec_desktop.ui.patients.find import FindBox
from tests.benchmarks._large_clinic import PATIENTS, large_clinic
from tests.benchmarks._screens import Painted, milliseconds, services_for

PEOPLE = 12


def run() -> list[tuple[str, str, str]]:
    """Rows of what, measured, target."""
    with large_clinic() as context, services_for(context) as services:
        window = QWidget()
        window.resize(1480, 930)
        find = FindBox(services)
        layout = QVBoxLayout(window)
        layout.addWidget(find)
        layout.addStretch(1)
        window.show()
        window.activateWindow()
        find.setFocus()
        # Nobody found leaves no row to paint: then the words above are the answer.
        painted = Painted(find.popup.view.viewport(), find.popup.words)
        find._query.answered.connect(painted.ready)
        chance = random.Random(3)
        some = services.patients.search("", limit=50).rows
        times: dict[str, list[float]] = {}
        for hit in chance.sample(some, PEOPLE):
            slipped = hit.family[:2] + hit.family[3:4] + hit.family[2:3] + hit.family[4:]
            birth = f"{hit.birth_date:%d/%m/%Y}" if hit.birth_date else ""
            for kind, typed in (
                ("family name", hit.family.lower()),
                ("given and family name", f"{hit.given} {hit.family}".lower()),
                ("record number", hit.record_no),
                ("phone", hit.phone),
                ("birth date", birth),
                ("a slip of the finger", f"{slipped} {hit.given}".lower()),
            ):
                find.clear()
                for sign in typed:
                    key = painted.time(partial(_press, find, sign))
                    times.setdefault(kind, []).append(key)
        find.clear()
        QTest.keyClick(find, Qt.Key.Key_Escape)
        window.close()
        every = [one for some_times in times.values() for one in some_times]
        rows = [
            (
                f"key to painted list, {PATIENTS:,} patients, {len(every)} keys, p50 / p95 / max",
                milliseconds(every),
                "p95 < 30 ms",
            )
        ]
        rows.append(("  CPU of all threads", milliseconds(painted.busy), ""))
        rows += [(f"  {kind}", milliseconds(some), "") for kind, some in times.items()]
        return rows


def _press(find: FindBox, sign: str) -> None:
    """Any letter; QTest's own keys know ASCII alone."""
    key = QKeyEvent(QEvent.Type.KeyPress, 0, Qt.KeyboardModifier.NoModifier, sign)
    QApplication.sendEvent(find, key)
