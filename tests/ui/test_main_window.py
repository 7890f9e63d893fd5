from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit
from pytestqt.qtbot import QtBot
from shiboken6 import delete

from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.services.context import Context
from medrec_desktop.services.patients import Patients
from medrec_desktop.services.visits import Visits
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.main_window import MainWindow
from medrec_desktop.ui.notices import Notices
from medrec_desktop.ui.screen import OpenClinic, Services
from medrec_desktop.ui.status_bar import FAILED, SAVED, SAVING
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.today.choose_doctor import ChooseDoctor
from medrec_desktop.ui.widgets import Dialog
from medrec_desktop.ui.workplace import Workplace
from tests.factories import FakeClock, a_clinic, a_patient, a_visit, another_user
from tests.ui.placeholders import PLACEHOLDERS, FilesPlaceholder, VisitPlaceholder
from tests.ui.screens import services_of


class Desk:
    """A window on a real clinic."""

    def __init__(self, window: MainWindow, services: Services, context: Context) -> None:
        self.window, self.services, self.context = window, services, context
        self.keeping = False

    def visit_page(self) -> VisitPlaceholder:
        page = self.window.workplace.stack.currentWidget()
        assert isinstance(page, VisitPlaceholder)
        return page

    def files(self) -> FilesPlaceholder:
        found = self.window.findChild(FilesPlaceholder)
        assert found is not None
        return found

    def names(self) -> list[str]:
        return [row.family for row in self.window.sidebar.day_list.rows]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    made = a_clinic(tmp_path, clock=FakeClock())
    yield made
    made.db.close()


@pytest.fixture
def patient(context: Context) -> PatientId:
    return Patients(context).register(a_patient("Okafor", "Amara"))


@pytest.fixture
def record(context: Context, patient: PatientId) -> RecordId:
    return a_visit(context, patient, complaint="BP check")


@pytest.fixture
def desk(
    qtbot: QtBot, context: Context, record: RecordId, background: Background, theme: Theme
) -> Iterator[Desk]:
    notices = Notices(context.changes)
    services = services_of(context, background, notices, theme)
    window = MainWindow(theme, background, services.saves, PLACEHOLDERS, context.clock)
    made = Desk(window, services, context)
    clinic = OpenClinic(
        visits=services.visits,
        patients=services.patients,
        diagnoses=services.diagnoses,
        attachments=services.attachments,
        clinic=services.clinic,
        changes=context.changes,
        clock=context.clock,
        user=context.actor,
        demo=False,
        files_under_way=lambda: made.keeping,
        back_up=lambda _target, _passphrase: "",
        export=lambda _patient, target: target,
        close=lambda: None,
    )
    window.show()
    window.show_clinic(clinic, services)
    qtbot.waitUntil(lambda: bool(made.names()))
    yield made
    made.keeping = False
    background.drain()
    window.close()
    notices.close()
    window.deleteLater()


def open_visit(qtbot: QtBot, desk: Desk, record: RecordId) -> None:
    with qtbot.waitSignal(desk.window.workplace.visit_opened):
        desk.window.open_visit(record)


def test_front_desk_is_asked_whose_visit_it_is_where_two_doctors_work(
    qtbot: QtBot, desk: Desk, patient: PatientId
) -> None:
    another_user(desk.context)
    at_desk = another_user(desk.context, "Ama Owusu", "front_desk")
    desk.services.visits._context = at_desk
    desk.window._start_visit(patient)
    qtbot.waitUntil(lambda: bool(desk.window.findChildren(ChooseDoctor)))
    (dialog,) = desk.window.findChildren(ChooseDoctor)
    assert [one.person.name for one in dialog.rows] == ["Dr. Efua Mensah", "Dr. Yaw Boateng"]
    desk.window.activateWindow()
    qtbot.waitUntil(dialog.rows[0].hasFocus)
    QTest.keyClick(dialog.rows[0], Qt.Key.Key_Down)
    with qtbot.waitSignal(desk.window.workplace.visit_opened):
        QTest.keyClick(dialog.rows[1], Qt.Key.Key_Return)
    visit = desk.window.workplace.visit
    assert visit is not None
    assert visit.doctor == "Dr. Yaw Boateng"


def test_window_says_whose_clinic_and_who_works_here(qtbot: QtBot, desk: Desk) -> None:
    qtbot.waitUntil(lambda: "Hill Clinic" in desk.window.windowTitle())
    assert any(one.text() == "Dr. Efua Mensah" for one in desk.window.status.findChildren(QLabel))


def test_list_of_the_day_follows_commits(qtbot: QtBot, desk: Desk) -> None:
    other = desk.services.patients.register(a_patient("Novak", "Petra"))
    desk.services.visits.start(other)
    qtbot.waitUntil(lambda: sorted(desk.names()) == ["Novak", "Okafor"])


def test_banner_and_files_follow_the_page_and_not_the_request(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    assert desk.window.workplace.banner.isHidden()
    open_visit(qtbot, desk, record)
    banner = desk.window.workplace.banner
    assert banner.isVisible()
    assert "OKAFOR, Amara" in banner.accessibleDescription()
    assert "Allergies not asked" in [one.text() for one in banner.findChildren(QLabel)]
    assert desk.files().shown == [record]


def test_screen_made_ahead_is_the_one_that_opens(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    shown = desk.window.workplace.stack.currentWidget()
    for step in desk.window.workplace.steps_ahead():
        step()
    assert desk.window.workplace.stack.currentWidget() is shown
    assert desk.window.workplace.banner.isHidden()
    made = desk.window.findChildren(VisitPlaceholder)
    open_visit(qtbot, desk, record)
    assert desk.window.findChildren(VisitPlaceholder) == made == [desk.visit_page()]
    for step in desk.window.workplace.steps_ahead():
        step()
    assert desk.visit_page() is made[0]


def test_name_that_looks_like_markup_is_shown_as_typed(qtbot: QtBot, desk: Desk) -> None:
    name = "<img src=x>"
    hostile = desk.services.patients.register(a_patient(name, "<b>Bo</b>"))
    with qtbot.waitSignal(desk.window.workplace.patient_opened):
        desk.window.open_chart(hostile)
    labels = desk.window.findChildren(QLabel)
    assert all(one.textFormat() == Qt.TextFormat.PlainText for one in labels)
    assert any(name.upper() in one.text() for one in labels)


def test_chart_has_a_banner_but_no_files(qtbot: QtBot, desk: Desk, patient: PatientId) -> None:
    with qtbot.waitSignal(desk.window.workplace.patient_opened):
        desk.window.open_chart(patient)
    assert desk.window.workplace.banner.isVisible()
    assert desk.window.workplace.inspector.isHidden()


def test_new_visit_on_a_chart_starts_for_that_patient(
    qtbot: QtBot, desk: Desk, record: RecordId, patient: PatientId
) -> None:
    with qtbot.waitSignal(desk.window.workplace.patient_opened):
        desk.window.open_chart(patient)
    with qtbot.waitSignal(desk.window.workplace.visit_opened) as told:
        QTest.keyClick(desk.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert told.args[0].patient.id == patient


def test_new_visit_without_a_patient_asks_who_it_is_for(
    qtbot: QtBot, desk: Desk, patient: PatientId
) -> None:
    QTest.keyClick(desk.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    page = cast("Any", desk.window.workplace.stack.currentWidget())
    with qtbot.waitSignal(desk.window.workplace.visit_opened):
        page.patient_selected.emit(patient)


def test_picked_patient_opens_the_chart_when_no_visit_was_asked_for(
    qtbot: QtBot, desk: Desk, patient: PatientId
) -> None:
    desk.window.new_visit()
    desk.window._go("today")
    desk.window._go("patients")
    page = cast("Any", desk.window.workplace.stack.currentWidget())
    with qtbot.waitSignal(desk.window.workplace.patient_opened):
        page.patient_selected.emit(patient)


def test_status_bar_is_amber_until_the_database_has_it(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    open_visit(qtbot, desk, record)
    assert desk.window.status.words == SAVED
    QTest.keyClicks(desk.visit_page().plan, "Rest")
    assert desk.window.status.words == SAVING
    qtbot.waitUntil(lambda: desk.window.status.words == SAVED)
    assert Visits(desk.context).open(record).draft.plan == "Rest"


def test_status_bar_never_speaks_of_a_server() -> None:
    assert not any("server" in words.lower() for words in (SAVED, SAVING, FAILED))


def test_closing_saves_without_a_question(qtbot: QtBot, desk: Desk, record: RecordId) -> None:
    open_visit(qtbot, desk, record)
    QTest.keyClicks(desk.visit_page().plan, "typed a moment ago")
    assert desk.window.close()
    assert desk.window.findChild(Dialog) is None
    assert Visits(desk.context).open(record).draft.plan == "typed a moment ago"


def test_window_stays_when_the_disk_refuses_what_was_typed(
    qtbot: QtBot, desk: Desk, record: RecordId, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_visit(qtbot, desk, record)

    def refuse(_draft: object) -> None:
        raise Unavailable("The disk refused the write.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.services.visits, "save_draft", refuse)
        QTest.keyClicks(desk.visit_page().plan, "precious")
        assert not desk.window.close()
        assert desk.window.isVisible()
        assert desk.window.status.words == FAILED
        assert "precious" in desk.services.saves.unsaved_text()
        desk.window._closing._on_copy()  # type: ignore[union-attr] # the clinic is open
        assert "precious" in QApplication.clipboard().text()
    with qtbot.waitSignal(desk.window.closed):
        desk.window._closing._on_try_again()  # type: ignore[union-attr] # the clinic is open
    assert Visits(desk.context).open(record).draft.plan == "precious"


def test_window_waits_for_files_and_closes_by_itself(qtbot: QtBot, desk: Desk) -> None:
    desk.keeping = True
    assert not desk.window.close()
    with qtbot.waitSignal(desk.window.closed):
        desk.keeping = False


def test_second_visit_opens_in_a_second_window_and_is_not_opened_twice(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    open_visit(qtbot, desk, record)
    other = a_visit(desk.context, complaint="Cough")
    desk.window.open_in_second_window(other)
    second = desk.window._windows[other]
    qtbot.waitUntil(lambda: second.workplace.visit is not None)
    desk.window.open_visit(other)
    desk.window.open_in_second_window(other)
    assert list(desk.window._windows) == [other]
    assert desk.visit_page().record_id == record
    second.close()
    assert not desk.window._windows


def test_a_second_window_that_goes_in_the_moment_its_visit_is_shown_is_no_fault(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    desk.window.open_in_second_window(record)
    second = desk.window._windows.pop(record)
    qtbot.waitUntil(lambda: second.workplace.visit is not None)
    second.workplace.show_page(QLabel("Another page"))
    second.workplace.back_to_visit()
    delete(second)
    # What waited for the end of that turn finds nobody any more, and says nothing.
    turn = QTimer(desk.window)
    turn.setSingleShot(True)
    with qtbot.waitSignal(turn.timeout):
        turn.start(0)


def drag(window: MainWindow, mime: QMimeData) -> QDragEnterEvent:
    return QDragEnterEvent(
        QPoint(300, 300),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )


def test_files_dropped_anywhere_reach_the_files_of_the_open_visit(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/scan.pdf")])
    native = desk.window.windowHandle()
    before = drag(desk.window, mime)
    QApplication.sendEvent(native, before)
    open_visit(qtbot, desk, record)
    QApplication.sendEvent(native, drag(desk.window, mime))
    QApplication.sendEvent(native, QDragLeaveEvent())
    QApplication.sendEvent(native, drag(desk.window, mime))
    dropped = QDropEvent(
        QPoint(600, 500),
        Qt.DropAction.CopyAction,
        mime,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(native, dropped)
    assert desk.files().calls == ["entered", "left", "entered", "left", "drop 1"]
    assert desk.visit_page().plan.toPlainText() == ""


def test_text_dragged_over_the_window_is_left_to_the_fields(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    open_visit(qtbot, desk, record)
    mime = QMimeData()
    mime.setText("words")
    QApplication.sendEvent(desk.window.windowHandle(), drag(desk.window, mime))
    assert desk.files().calls == []


def test_keys_change_the_text_size_and_it_is_kept(qtbot: QtBot, desk: Desk, theme: Theme) -> None:
    with qtbot.waitSignal(desk.window.text_percent_chosen):
        QTest.keyClick(desk.window, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert theme.text_percent == 110
    assert desk.window.sidebar.width() == round(276 * 1.1)
    QTest.keyClick(desk.window, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert theme.text_percent == 100


def test_large_text_turns_the_inspector_into_a_rail(
    qtbot: QtBot, desk: Desk, record: RecordId, theme: Theme
) -> None:
    desk.window.resize(1480, 930)
    open_visit(qtbot, desk, record)
    inspector = desk.window.workplace.inspector
    assert inspector.width() == 340
    theme.set(text_percent=130)
    qtbot.waitUntil(lambda: inspector.width() == round(52 * 1.3))
    work = desk.window.workplace
    qtbot.waitUntil(lambda: work.stack.width() == work.width() - round(52 * 1.3))
    inspector.expand()
    assert inspector.width() == round(340 * 1.3)
    # A drawer over the form: nothing beneath it moves or is cut.
    QApplication.processEvents()
    assert work.stack.width() == work.width() - round(52 * 1.3)
    edge = inspector.mapTo(desk.window, inspector.rect().topRight())
    assert edge.x() == desk.window.width() - 1
    assert inspector.height() == inspector.place.height()


def test_the_drawer_stays_while_a_dialog_over_it_comes_and_goes(
    qtbot: QtBot, desk: Desk, record: RecordId, theme: Theme
) -> None:
    open_visit(qtbot, desk, record)
    theme.set(text_percent=150)
    inspector = desk.window.workplace.inspector
    qtbot.waitUntil(lambda: not inspector.expanded)
    desk.window.activateWindow()
    desk.window.workplace.focus_inspector()
    inside = desk.window.focusWidget()
    assert inspector.isAncestorOf(inside)
    dialog = Dialog(desk.window, "Question")
    dialog.body.addWidget(QLineEdit())
    dialog.open()
    QApplication.processEvents()
    dialog.reject()
    QApplication.processEvents()
    qtbot.waitUntil(inside.hasFocus)
    assert inspector.expanded
    # Closing it by its own button leaves the keys at the rail.
    QTest.keyClick(inside, Qt.Key.Key_Return)
    assert not inspector.expanded
    qtbot.waitUntil(lambda: inspector.isAncestorOf(desk.window.focusWidget()))


def test_the_drawer_goes_when_the_keys_go_back_to_the_form(
    qtbot: QtBot, desk: Desk, record: RecordId, theme: Theme
) -> None:
    open_visit(qtbot, desk, record)
    theme.set(text_percent=150)
    inspector = desk.window.workplace.inspector
    qtbot.waitUntil(lambda: not inspector.expanded)
    desk.window.activateWindow()
    desk.window.workplace.focus_inspector()
    assert inspector.expanded
    qtbot.waitUntil(lambda: inspector.isAncestorOf(desk.window.focusWidget()))
    desk.visit_page().plan.setFocus()
    qtbot.waitUntil(lambda: not inspector.expanded)
    assert desk.visit_page().plan.hasFocus()


def test_f1_shows_the_keys_and_escape_closes_them(qtbot: QtBot, desk: Desk) -> None:
    QTest.keyClick(desk.window, Qt.Key.Key_F1)
    dialog = desk.window.findChild(Dialog)
    assert dialog is not None
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert dialog.isHidden()


def test_keys_of_the_window_do_not_fire_under_a_dialog(qtbot: QtBot, desk: Desk) -> None:
    desk.window.activateWindow()
    dialog = Dialog(desk.window, "Question")
    line = QLineEdit()
    dialog.body.addWidget(line)
    dialog.open()
    qtbot.waitUntil(line.hasFocus)
    QTest.keyClick(line, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert not desk.window._picking_for_visit
    dialog.reject()


def test_f6_goes_round_the_parts_of_the_window(qtbot: QtBot, desk: Desk, record: RecordId) -> None:
    open_visit(qtbot, desk, record)
    desk.visit_page().plan.setFocus()
    QTest.keyClick(desk.window, Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
    assert desk.window.sidebar.isAncestorOf(desk.window.focusWidget())
    QTest.keyClick(desk.window, Qt.Key.Key_F6)
    assert desk.window.workplace.stack.isAncestorOf(desk.window.focusWidget())


def test_name_of_the_doctor_follows_a_change(qtbot: QtBot, desk: Desk) -> None:
    desk.services.clinic.rename_user(desk.context.actor.id, "Dr. Mensah-Okai")
    words = desk.window.status.findChildren(QLabel)
    qtbot.waitUntil(lambda: any(one.text() == "Dr. Mensah-Okai" for one in words))


def test_day_changes_while_the_window_is_open(qtbot: QtBot, desk: Desk) -> None:
    clock = cast("FakeClock", desk.context.clock)
    clock.now = clock.now.replace(day=clock.now.day + 1)
    assert desk.window._reading is not None
    desk.window._reading.look_at_the_day()
    qtbot.waitUntil(lambda: desk.names() == [])


def test_notices_of_settings_change_the_name(qtbot: QtBot, desk: Desk) -> None:
    desk.context.changes.publish(Changed("settings"))
    qtbot.waitUntil(lambda: "Hill Clinic" in desk.window.windowTitle())


def test_identity_is_hidden_on_pages_of_no_patient(
    qtbot: QtBot, desk: Desk, record: RecordId
) -> None:
    open_visit(qtbot, desk, record)
    desk.window._go("review")
    work: Workplace = desk.window.workplace
    assert work.banner.isHidden()
    assert work.patient is None
    desk.window._go("today")
    assert work.banner.isVisible()
    assert work.visit is not None
