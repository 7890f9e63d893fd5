"""A clinic of one computer gets its server from Settings, in the real program, on a real server."""

from pathlib import Path
from uuid import uuid4

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.config import clinic_dir
from medrec_desktop.domain.joining import JoinCode
from medrec_desktop.services import first_run
from medrec_desktop.services.context import Context
from medrec_desktop.services.seals import Seals
from medrec_desktop.ui.app import App
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.sync.move_dialog import CERTIFICATE, MOVED, MoveDialog
from medrec_desktop.ui.theme import Theme
from tests.clinic_servers import ADMIN, ClinicServer
from tests.factories import a_finalized_visit, a_patient
from tests.tls_front import TlsFront, make_certificate
from tests.ui.program import window_of
from tests.ui.sign_in.signing import programs, sign_in_as

PASSWORD = "three words here"
SLOW = 60_000


def context_of(app: App) -> Context:
    assert app._clinic is not None
    return app._clinic.visits._context


@pytest.mark.timeout(180)
def test_a_clinic_gets_its_server_from_settings_and_works_with_it(
    qtbot: QtBot, qapp: QApplication, theme: Theme, clinic_server: ClinicServer, tmp_path: Path
) -> None:
    address = clinic_server.address
    front = TlsFront((address.host, address.port), make_certificate(tmp_path))
    home = tmp_path / "home"
    first_run.found_clinic(
        clinic_dir(home),
        clinic_name=f"Moved {uuid4().hex[:8]}",
        doctor_name="Dr M. Haddad",
        password=PASSWORD,
    )
    with programs(qapp, home, theme) as start:
        app = start()
        sign_in_as(qtbot, app, "Dr M. Haddad", PASSWORD)
        qtbot.waitUntil(lambda: app.services is not None, timeout=SLOW)
        context = context_of(app)
        signed = a_finalized_visit(context, app._clinic.patients.register(a_patient("Okafor")))  # type: ignore[union-attr] # it is open
        before = window_of(app)
        before.settings_requested.emit()
        (settings,) = before.findChildren(SettingsDialog)
        qtbot.waitUntil(settings._others.isVisible)
        settings._others.click()
        (dialog,) = before.findChildren(MoveDialog)
        dialog.server.fill(f"127.0.0.1:{front.port}/{address.database}", ADMIN, "secret words")
        dialog.go_on()
        qtbot.waitUntil(lambda: dialog.step == CERTIFICATE and dialog.next.isEnabled())
        dialog.go_on()
        qtbot.waitUntil(lambda: dialog.step == MOVED, timeout=SLOW)
        tenant = JoinCode.parse(dialog.result.code).tenant
        assert clinic_server.run(f"SELECT uid, status FROM {tenant}.medical_records") == [
            (signed, "finalized")
        ]
        dialog.next.click()
        qtbot.waitUntil(lambda: window_of(app) is not before and app.services is not None)
        desk = app.services.server if app.services else None
        assert desk is not None
        qtbot.waitUntil(lambda: desk.link.state == "connected", timeout=SLOW)
        # What is typed from now on goes there by itself, and the seals stand as before.
        app._clinic.patients.register(a_patient("Novak"))  # type: ignore[union-attr] # as above
        qtbot.waitUntil(
            lambda: clinic_server.run(f"SELECT count(*) FROM {tenant}.patients") == [(2,)],
            timeout=SLOW,
        )
        assert Seals(context_of(app)).check_all() == (1, ())
        window_of(app).settings_requested.emit()
        (settings,) = window_of(app).findChildren(SettingsDialog)
        assert not settings._others.isVisible()
        assert b"secret words" not in b"".join(
            file.read_bytes() for file in home.rglob("*") if file.is_file()
        )
    front.close()
