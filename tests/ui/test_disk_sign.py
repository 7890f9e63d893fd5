"""The foot of the window says when the disk has little room, and what to do."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.data import ballast
from medrec_desktop.ui.disk_sign import DiskSign
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import Dialog, Label
from tests.ui.program import demo_clinic, window_of


def test_little_room_is_said_explained_and_taken_back(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10**12]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    with demo_clinic(qtbot, qapp, tmp_path, theme) as app:
        window = window_of(app)
        (sign,) = window.findChildren(DiskSign)
        assert app.services is not None
        folder = app.services.clinic._context.db.path.parent
        sign.look()
        qtbot.waitUntil(lambda: ballast.is_laid(folder))
        assert not sign.link.isVisible()

        free[0] = 400_000_000
        ballast.give_way(folder)
        # A save that is refused has it looked at.
        app.services.saves.changed.emit("failed")
        qtbot.waitUntil(lambda: sign.words == "0.4 GB left on this disk")
        assert sign.link.isVisible()
        assert not ballast.is_laid(folder)
        sign.link.click()
        (dialog,) = [one for one in window.findChildren(Dialog) if one.isVisible()]
        said = " ".join(one.text() for one in dialog.findChildren(Label))
        assert "none is set aside for them now" in said
        assert "others" not in said  # there is no server
        dialog.accept()

        free[0] = 10**12
        sign.look()
        qtbot.waitUntil(lambda: not sign.link.isVisible())
        assert ballast.is_laid(folder)
