"""What each role is offered on every screen, walked button by button against the table of roles."""

import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.attachments.sources import opened_bytes
from medrec_desktop.attachments.taking import Asked, Taker
from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.config import clinic_dir
from medrec_desktop.data.clinic import change_user
from medrec_desktop.domain.changes import Changed, Changes
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.services import first_run
from medrec_desktop.services.context import open_context
from medrec_desktop.services.sign_in import known_users, sign_in
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.app import App
from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.attachments.viewer import FileViewer
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.patients.page import PatientsPage
from medrec_desktop.ui.screens import SCREENS
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.today.empty import NoRecordsPage
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.widgets import Toast
from tests.factories import a_finalized_visit, a_visit
from tests.ui.program import window_of
from tests.ui.sign_in.signing import (
    DESK,
    DOCTOR,
    FIRST,
    SLOW,
    Start,
    clinic_with_accounts,
    own_password,
    programs,
    shown,
    sign_in_as,
)

LEADING, TREATING, DESK_USER, ADMIN = "Dr M. Haddad", "Dr Yaw Boateng", "Ama Owusu", "Lena Brandt"
PEOPLE = ((TREATING, "doctor", FIRST), (DESK_USER, "front_desk", FIRST), (ADMIN, "admin", FIRST))

# Word on a button or in a menu -> what it does; None: everybody's own, or only moves about.
OFFERED: dict[str, Action | None] = {
    "New visit": Action.START_VISIT,
    "Register new patient": Action.REGISTER,
    "Edit details": Action.REGISTER,
    "Export": Action.EXPORT_PATIENT,
    "Who looked at this patient": Action.READ_TRAIL,
    "Change allergies": Action.WRITE_ALLERGIES,
    "Finalize…": Action.FINALIZE,
    "Mark as ready": Action.MARK_READY,
    "Add addendum…": Action.ADD_ADDENDUM,
    "Entered in error…": Action.VOID_VISIT,
    "Print (Ctrl P)": Action.PRINT,
    "Verify the seal": Action.CHECK_SEALS,
    "Add files…": Action.ATTACH,
    "Rename…": Action.ATTACH,
    "Describe…": Action.ATTACH,
    "Remove": Action.ATTACH,
    "Save as…": Action.SAVE_COPY,
    "Preview": Action.READ_FILES,
    "Users and computers…": Action.MANAGE_USERS,
    "Back up now…": Action.BACK_UP,
    "File storage (S3)…": Action.SET_UP_STORAGE,
    "Let other computers join…": Action.CHANGE_CLINIC,
    "Emergency access…": Action.BREAK_GLASS,
    "Add medicine": Action.FINALIZE,  # who may sign a visit writes all of it
    "Add test": Action.FINALIZE,
    "Add assessment in words": Action.FINALIZE,
    "Add second reading": Action.WRITE_VISIT,
    "Add pain score": Action.WRITE_VISIT,
    "No diagnosis made": Action.FINALIZE,
    "Repeat last visit’s diagnoses": Action.FINALIZE,
    "Follow-up in": Action.FINALIZE,
    "Go to": Action.FINALIZE,
    "Find patient": Action.FIND_PATIENTS,
    "Today": Action.FIND_PATIENTS,
    "My drafts": Action.FIND_PATIENTS,
    "To review": Action.FIND_PATIENTS,
    "Patients": Action.FIND_PATIENTS,
    "Settings…": None,
    "Change password…": None,
    "PIN for unlocking…": None,
    "Lock (Ctrl L)": None,
    "Switch user…": None,
    "Keys (F1)": None,
    "About MedRec Desktop": None,
    "End now": None,
    "menu": None,
    "an earlier visit": None,
    "Earlier visits": None,  # the narrow rail of the inspector
    "Worth a second look": None,
    "Files": None,
    "Close": None,
    "Cancel": None,
    "Save": None,
    "Choose…": None,
    "a closed day": Action.CHANGE_CLINIC,
}
# Words that stand for many: figures, days and names in them differ.
ALIKE = (
    (r"^(Today|My drafts|To review|Patients), \d+$", r"\1"),
    (r"^.*, menu$", "menu"),
    (r"^Go to: .*$", "Go to"),
    (r"^Follow-up in .*$", "Follow-up in"),
    (r"^\d\d-\w{3}-\d{4}, .*$", "an earlier visit"),
    (r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)$", "a closed day"),
)
# Where an action has no button of its own on the screens that are walked.
ELSEWHERE = {
    "administrator": {Action.READ_TRAIL, Action.CHECK_SEALS},
}


@dataclass(frozen=True)
class Somebody:
    """Who signs in, and what they are; `glass`: they open emergency access first."""

    name: str
    password: str
    roles: frozenset[str]
    glass: bool = False

    def may(self, action: Action) -> bool:
        rule = RULES[action]
        return bool(rule.roles & self.roles) or (self.glass and rule.glass)


EVERYBODY = {
    "leading doctor": Somebody(LEADING, DOCTOR, frozenset({"doctor", "admin"})),
    "doctor": Somebody(TREATING, DESK, frozenset({"doctor"})),
    "front desk": Somebody(DESK_USER, DESK, frozenset({"front_desk"})),
    "administrator": Somebody(ADMIN, DESK, frozenset({"admin"})),
    "administrator in an emergency": Somebody(ADMIN, DESK, frozenset({"admin"}), glass=True),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecordId, RecordId]:
    """A clinic of four people with a draft, with a file in it, and a signed visit, both of the
    doctor who does not lead it."""
    home = tmp_path_factory.mktemp("template")
    clinic_with_accounts(home, PEOPLE)  # type: ignore[arg-type] # roles by name
    for name, *_ in PEOPLE:
        own_password(home, name, DESK)
    folder, now = clinic_dir(home), datetime.now(UTC)
    doctor = next(one for one in known_users(folder) if one.name == TREATING)
    signed = sign_in(folder, doctor.id, DESK, now=now)
    db = first_run.open_signed_in(folder, signed, now=now)
    context = open_context(db, changes=Changes(), clock=lambda: datetime.now(UTC), signed=signed)
    final = a_finalized_visit(context)
    patient = Visits(context).open(final).draft.patient_id
    draft = a_visit(context, patient, complaint="Cough")
    taker = Taker(db, open_vault(db, folder / "vault"), context.clock)
    with opened_bytes(b"words") as source:
        asked = Asked(draft, "letter.txt", context.actor.id)
        taker.take(asked, source, progress=lambda _: None, stop=threading.Event())
    db.close()
    return home, draft, final


@pytest.fixture
def start(
    qtbot: QtBot,
    qapp: QApplication,
    tmp_path: Path,
    theme: Theme,
    template: tuple[Path, RecordId, RecordId],
) -> Iterator[Start]:
    shutil.copytree(template[0], tmp_path, dirs_exist_ok=True)
    with programs(qapp, tmp_path, theme, SCREENS) as starting:
        yield starting


def come(qtbot: QtBot, app: App, who: Somebody) -> None:
    with qtbot.waitSignal(app.opened, timeout=SLOW):
        sign_in_as(qtbot, app, who.name, who.password)
    if who.glass:
        assert app._clinic is not None
        seat = app._clinic.seat
        assert seat is not None
        seat.emergency.open("Court order", who.password)
        with qtbot.waitSignal(app.opened, timeout=SLOW):
            app._on_glass()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def words_of(over: QWidget) -> set[str]:
    """What can be clicked there: the words for the ear where there are any."""
    found = set()
    for one in over.findChildren(QAbstractButton):
        if one.isVisible() and one.isEnabled():
            found.add(alike((one.accessibleName() or one.text()).strip()))
    return found - {""}


def alike(words: str) -> str:
    for pattern, common in ALIKE:
        words = re.sub(pattern, common, words)
    return words


def entries(menu: QMenu | None) -> set[str]:
    assert menu is not None
    shown_ones = (one for one in menu.actions() if one.isVisible() and one.isEnabled())
    return {one.text().split("\t")[0] for one in shown_ones if one.text()}


def open_record(qtbot: QtBot, app: App, record: RecordId) -> VisitPage:
    window = window_of(app)
    window.open_visit(record)
    qtbot.waitUntil(
        lambda: (
            window.workplace.visit is not None and window.workplace.visit.draft.record_id == record
        ),
        timeout=SLOW,
    )
    page = window.workplace.stack.currentWidget()
    assert isinstance(page, VisitPage)
    return page


def walk(qtbot: QtBot, app: App, draft: RecordId, final: RecordId) -> dict[str, set[str]]:
    """Screen -> what is offered on it."""
    window = window_of(app)
    found = {"menu": entries(window.sidebar.menu)}
    window.settings_requested.emit()
    qtbot.waitUntil(lambda: shown(app, SettingsDialog), timeout=SLOW)
    dialog = window.findChildren(SettingsDialog)[0]
    app.background.drain()
    QApplication.processEvents()
    found["settings"] = words_of(dialog.card)
    dialog.reject()
    if shown(app, NoRecordsPage):
        found["today"] = words_of(window)
        return found
    found["today"] = words_of(window)
    window._go("patients")
    page = window.workplace.stack.currentWidget()
    assert isinstance(page, PatientsPage)
    found["patients"] = words_of(window)
    page.search.setText("zzyzx")
    page.search.textEdited.emit("zzyzx")
    qtbot.waitUntil(lambda: not page.list.isVisible(), timeout=SLOW)
    found["nobody found"] = words_of(window)
    opened = open_record(qtbot, app, draft)
    assert opened.visit is not None
    patient = opened.visit.draft.patient_id
    panel = window.findChildren(AttachmentPanel)[0]
    qtbot.waitUntil(lambda: bool(panel.list.files.rows), timeout=SLOW)
    found["draft"] = words_of(window)
    row = panel.list.files.rows[0]
    menu = panel.list.menu_for(row)
    found["file"] = entries(menu)
    menu.deleteLater()
    panel.acting.act(row, "open")
    qtbot.waitUntil(lambda: bool(window.findChildren(FileViewer)), timeout=SLOW)
    viewer = window.findChildren(FileViewer)[0]
    found["viewer"] = words_of(viewer) & OFFERED.keys()
    viewer.close()
    open_record(qtbot, app, final)
    found["signed visit"] = words_of(window)
    window.open_chart(patient)
    qtbot.waitUntil(
        lambda: isinstance(window.workplace.stack.currentWidget(), ChartPage), timeout=SLOW
    )
    found["chart"] = words_of(window)
    return found


@pytest.mark.parametrize("role", EVERYBODY)
def test_what_is_offered_is_what_the_role_may_do(
    qtbot: QtBot, start: Start, template: tuple[Path, RecordId, RecordId], role: str
) -> None:
    who, app = EVERYBODY[role], start()
    come(qtbot, app, who)
    found = walk(qtbot, app, *template[1:])
    offered = {(screen, words) for screen, some in found.items() for words in some}
    assert {one for one in offered if one[1] not in OFFERED} == set()
    refused = {one for one in offered if (act := OFFERED[one[1]]) is not None and not who.may(act)}
    assert refused == set()
    # And nothing that they may do is missing, except what is not theirs to need.
    theirs = {act for act in OFFERED.values() if act is not None and who.may(act)}
    theirs -= ELSEWHERE.get(role, set())
    if "doctor" in who.roles or who.glass:
        theirs.discard(Action.BREAK_GLASS)
    assert theirs - {OFFERED[words] for _, words in offered} == set()


def test_keys_of_what_a_role_may_not_do_say_who_may(
    qtbot: QtBot, start: Start, template: tuple[Path, RecordId, RecordId]
) -> None:
    app = start()
    come(qtbot, app, EVERYBODY["front desk"])
    page = open_record(qtbot, app, template[1])
    page.finalize()
    assert "The rest is for Dr Yaw Boateng" in toast_of(page)
    page = open_record(qtbot, app, template[2])
    qtbot.waitUntil(lambda: page.visit is not None and page.visit.status == "finalized")
    page.add_addendum()
    assert toast_of(page) == RULES[Action.ADD_ADDENDUM].refusal
    assert app._seats is not None
    app._seats.switch_user()
    come(qtbot, app, EVERYBODY["administrator in an emergency"])
    window_of(app).new_visit()
    assert toast_of(window_of(app)) == RULES[Action.START_VISIT].refusal
    page = open_record(qtbot, app, template[2])
    page.print_visit()
    assert toast_of(page) == RULES[Action.PRINT].refusal


def toast_of(over: QWidget) -> str:
    """The words at its foot."""
    toasts = [one for one in over.findChildren(Toast) if one.isVisible()]
    return toasts[0].findChildren(QLabel)[0].text() if toasts else ""


def test_another_role_changes_what_the_open_window_offers_and_the_visit_stays(
    qtbot: QtBot,
    start: Start,
    template: tuple[Path, RecordId, RecordId],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A busy machine may keep one refusal's entry waiting for another's.
    monkeypatch.setattr("medrec_desktop.services.trail._WAIT_MS", 20_000)
    app = start()
    come(qtbot, app, EVERYBODY["doctor"])
    page = open_record(qtbot, app, template[1])
    page.form.plan.setFocus()
    page.form.plan.insertPlainText("Rest")
    assert app._clinic is not None
    me = app._clinic.user
    # As when sync brings it from another computer: the table and the sitting know, this window
    # has not been told what it means.
    context = app._clinic.visits._context
    before = window_of(app)
    app.saves.flush()
    app.background.drain()
    with context.db.begin() as session:
        change_user(session, replace(me, role="front_desk"))
    context.sitting.learn(replace(me, role="front_desk"))
    context.changes.publish(Changed("settings"))
    qtbot.waitUntil(lambda: app.window is not None and app.window is not before, timeout=SLOW)
    qtbot.waitUntil(lambda: window_of(app).workplace.visit is not None, timeout=SLOW)
    page = window_of(app).findChildren(VisitPage)[0]
    assert page.form.plan.isReadOnly()
    assert page.form.plan.toPlainText() == "Rest"
    assert not page.header.finalize_button.isVisible()
    assert "Your role was changed" in toast_of(window_of(app))
    # Disabled: nothing stays in sight.
    with context.db.begin() as session:
        change_user(session, replace(me, role="front_desk", active=False))
    context.sitting.learn(replace(me, role="front_desk", active=False))
    context.changes.publish(Changed("settings"))
    assert app._seats is not None
    lock = app._seats.lock
    qtbot.waitUntil(lambda: lock.is_locked, timeout=SLOW)
