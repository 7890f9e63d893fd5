"""The steps of the tour: from an empty computer to a printed visit, with no mouse but for files."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QPlainTextEdit

from medrec_desktop.ui.attachments.panel import AttachmentPanel
from medrec_desktop.ui.main_window import DESIGNED
from medrec_desktop.ui.patients.chart import ChartPage
from medrec_desktop.ui.patients.find import FindBox
from medrec_desktop.ui.patients.register import RegisterDialog
from medrec_desktop.ui.settings.dialog import SettingsDialog
from medrec_desktop.ui.visit.addenda import AddendumDialog
from medrec_desktop.ui.visit.finalize import FinalizeDialog
from medrec_desktop.ui.visit.page import VisitPage
from medrec_desktop.ui.visit.printing import save_pdf
from medrec_desktop.ui.widgets import Dialog
from tests.tour.doors import Doors
from tests.tour.driving import (
    CTRL,
    SHIFT,
    Drag,
    Failed,
    button,
    child,
    click,
    press,
    settle,
    shown,
    type_words,
    until,
    words_of,
)
from tests.tour.papers import papers
from tests.tour.shared import Shared

if TYPE_CHECKING:
    from medrec_desktop.ui.theme import Mode


def take(mode: "Mode", home: Path, pictures: Path) -> int:
    """Take all pictures of one look; 1 when a step failed."""
    tour = Tour(mode, home, pictures)
    failed = ""
    for step in tour.steps():
        try:
            step()
        except Exception as error:  # noqa: BLE001 - whatever it is, the step is named and it fails
            failed = step.__name__
            if not isinstance(error, Failed):
                traceback.print_exc()
            print(f"Step “{failed}” failed ({mode}): {error}", file=sys.stderr)
            break
        if tour.faults:
            print(f"A fault of the program in step “{step.__name__}” ({mode})", file=sys.stderr)
            break
    tour.end()
    for name in tour.camera.names:
        print(f"build/tour/{name}")
    return 1 if failed or tour.faults else 0


class Tour(Doors, Shared):
    """Each method is a step and leaves its picture."""

    def steps(self) -> tuple[Callable[[], None], ...]:
        """In their order."""
        return (
            self.first_run,
            self.today,
            self.find_a_patient,
            self.register_with_a_warning,
            self.chart,
            self.write_a_visit_with_keys,
            self.open_the_visit_of_today,
            self.vitals_in_two_tiers,
            self.diagnosis,
            self.drop_files,
            self.viewer,
            self.finalize,
            self.addendum,
            self.printed,
            self.settings,
            self.lock,
            self.larger_text,
            self.sign_in,
            self.clinic_with_a_server,
        )

    # --- steps ---------------------------------------------------------------------------------

    def first_run(self) -> None:
        """An empty computer asks how it will be used."""
        if not self.app.start():
            raise Failed("the program did not start")
        settle()
        pages = QApplication.activeWindow()
        if pages is None:
            raise Failed("no window came")
        self.camera.take("first-run", pages)
        press(Qt.Key.Key_Up)
        press(Qt.Key.Key_Return)
        until(lambda: self.opened, "the demo clinic to open", seconds=90)

    def today(self) -> None:
        """The day's list, no visit open."""
        self.window.resize(*DESIGNED)
        # The computer's own choice is asked for once the clinic is open; the tour has its own.
        settle(400)
        self.theme.set(mode=self.mode)
        until(lambda: self.window.sidebar.day_list.rows, "the list of today")
        self.camera.take("today", self.window)

    def find_a_patient(self) -> None:
        """As one types, without accents, in any order."""
        press(Qt.Key.Key_K, CTRL)
        type_words("ama oka")
        find = child(self.window, FindBox)
        until(lambda: find.popup.isVisible() and find.popup.model.rowCount(), "patients found")
        self.camera.take("find-patient", self.window)

    def register_with_a_warning(self) -> None:
        """Somebody who is perhaps registered already."""
        press(Qt.Key.Key_A, CTRL)
        type_words("okafor")
        settle()
        press(Qt.Key.Key_Return, SHIFT)
        until(lambda: shown(self.window, RegisterDialog), "the registration")
        dialog = child(self.window, RegisterDialog)
        dialog.details.given.setFocus()
        type_words("Amara")
        press(Qt.Key.Key_Tab)
        type_words("14/3/87")
        until(lambda: dialog.likely, "a warning of duplicates")
        self.camera.take("register-duplicate", self.window)
        dialog.give_up()

    def chart(self) -> None:
        """All of one patient."""
        press(Qt.Key.Key_K, CTRL)
        type_words("lindqvist")
        find = child(self.window, FindBox)
        until(lambda: find.popup.isVisible() and find.popup.model.rowCount(), "the patient")
        press(Qt.Key.Key_Return)
        if not shown(self.window, ChartPage):
            settle()
            if find.hasFocus():
                press(Qt.Key.Key_Return)
        until(lambda: shown(self.window, ChartPage), "the chart")
        settle(300)
        self.camera.take("chart", self.window)

    def write_a_visit_with_keys(self) -> None:
        """A new visit, typed from the first field to the last with no mouse."""
        press(Qt.Key.Key_N, CTRL)
        until(lambda: shown(self.window, VisitPage), "a new visit")
        until(lambda: self.window.workplace.visit, "the new visit to be there")
        settle(300)
        page = self.page
        page.form.focus_field("complaint")
        type_words("Knee pain after a fall on the stairs")
        press(Qt.Key.Key_Tab)
        for value in ("128/76", "72", "36,6", "98", "14", "96.8", "180"):
            type_words(value)
            press(Qt.Key.Key_Return)
        press(Qt.Key.Key_D, CTRL)
        self.find_code("sprain knee")
        press(Qt.Key.Key_Down)
        press(Qt.Key.Key_Return)
        settle(300)
        page.form.focus_field("plan")
        type_words("Rest, ice, elevation. Back at once if it locks or swells.")
        press(Qt.Key.Key_M, CTRL)
        for value in ("Ibuprofen 400 mg tablet", "1 tablet three times a day with food", "20", "0"):
            type_words(value)
            press(Qt.Key.Key_Tab)
        page.form.focus_field("follow_up")
        type_words("+2w")
        press(Qt.Key.Key_Tab)
        until(lambda: self.app.saves.state == "saved", "the draft to be saved")
        self.camera.take("new-visit-by-keys", self.window)

    def open_the_visit_of_today(self) -> None:
        """The half-written visit of the demo."""
        self.open_visit_of("OKAFOR")
        panel = child(self.window, AttachmentPanel)
        until(panel.list.files.rowCount, "the files of the visit")
        self.wait_for_pictures(panel)
        self.camera.take("visit", self.window)

    def vitals_in_two_tiers(self) -> None:
        """A typing error asks, an unusual value is marked; neither stops the typing."""
        self.page.form.focus_field("vitals.blood_pressure")
        press(Qt.Key.Key_A, CTRL)
        type_words("98/162")
        press(Qt.Key.Key_Return, times=2)
        press(Qt.Key.Key_A, CTRL)
        type_words("104")
        press(Qt.Key.Key_Return)
        settle(1_100)
        self.camera.take("vitals-two-tiers", self.window)
        for field, value in (("blood_pressure", "162/98"), ("temperature", "36.8")):
            self.page.form.focus_field(f"vitals.{field}")
            press(Qt.Key.Key_A, CTRL)
            type_words(value)
        press(Qt.Key.Key_Return)
        settle(1_100)

    def diagnosis(self) -> None:
        """One box for codes, names and abbreviations."""
        press(Qt.Key.Key_D, CTRL)
        self.find_code("diab neuropathy")
        press(Qt.Key.Key_Down)
        self.camera.take("diagnosis-search", self.window)
        press(Qt.Key.Key_Escape)
        press(Qt.Key.Key_A, CTRL)
        press(Qt.Key.Key_Backspace)
        press(Qt.Key.Key_Escape)

    def drop_files(self) -> None:
        """Files over the window, then kept; a program is refused, a second copy asks."""
        folder = self.home / "desktop"
        folder.mkdir()
        files = papers(folder)
        panel = child(self.window, AttachmentPanel)
        before = sum(1 for one in panel.list.files.rows if one.attachment)
        drag = Drag(self.window, files)
        drag.enter()
        self.camera.take("drop-overlay", self.window)
        drag.drop()
        until(
            lambda: (
                sum(1 for one in panel.list.files.rows if one.attachment) == before + 2
                and any(one.keeping and one.tone == "danger" for one in panel.list.files.rows)
            ),
            "two files kept and one refused",
        )
        again = Drag(self.window, files[:1])
        again.enter()
        again.drop()
        until(
            lambda: any("anyway" in one.actions for one in panel.list.files.rows),
            "the question about a second copy",
        )
        self.wait_for_pictures(panel)
        self.camera.take("attachments", self.window)
        service = self.app.services
        if service is None:
            raise Failed("no clinic is open")
        for one in panel.list.files.rows:
            if one.keeping is not None:
                service.attachments.dismiss(one.keeping.job)
        until(lambda: not any(one.keeping for one in panel.list.files.rows), "an even list")

    def viewer(self) -> None:
        """A page of a PDF, with the patient's name above."""
        panel = child(self.window, AttachmentPanel)
        row = next(one for one in panel.list.files.rows if one.name.endswith(".pdf"))
        panel.list.setFocus()
        panel.list.setCurrentIndex(panel.list.files.index_of(row.key))
        press(Qt.Key.Key_Return)
        until(lambda: self.viewer_window() is not None, "the viewer")
        viewer = self.viewer_window()
        if viewer is None:
            raise Failed("the viewer closed by itself")
        until(lambda: viewer.picture.has_picture, "the page to be drawn")
        settle(300)
        self.camera.take("viewer", viewer)
        viewer.close()
        self.window.activateWindow()
        settle()

    def finalize(self) -> None:
        """One dialog: who, what, what is worth a second look."""
        self.page.form.focus_field("notes")
        press(Qt.Key.Key_Return, CTRL)
        until(lambda: shown(self.window, FinalizeDialog), "the dialog before the signature")
        settle(400)
        self.camera.take("finalize", self.window)
        dialog = child(self.window, FinalizeDialog)
        click(dialog.sign_button)
        until(
            lambda: self.page.visit is not None and self.page.visit.status == "finalized",
            "the visit to be finalized",
        )

    def addendum(self) -> None:
        """What was signed stays; a correction stands beside it."""
        settle(400)
        self.page.form.focus_field("plan")
        self.page.add_addendum()
        until(lambda: shown(self.window, AddendumDialog), "the addendum's dialog")
        dialog = child(self.window, AddendumDialog)
        dialog.choose_section("plan")
        child(dialog, QPlainTextEdit).setFocus()
        type_words("Patient rang: the pharmacy has 5 mg tablets only. Two tablets until Monday.")
        press(Qt.Key.Key_Return, CTRL)
        until(
            lambda: self.page.visit is not None and self.page.visit.addenda,
            "the addendum to be stored",
        )
        settle(400)
        self.camera.take("finalized-with-addendum", self.window)

    def printed(self) -> None:
        """The same visit as PDF, its first page."""
        services, record = self.app.services, self.page.record_id
        if services is None or record is None:
            raise Failed("no visit is open")
        press(Qt.Key.Key_P, CTRL)
        until(lambda: "Print this visit" in words_of(self.window), "the question of printing")
        self.camera.take("print", self.window)
        press(Qt.Key.Key_Escape)
        target = self.home / "visit.pdf"
        errand = save_pdf(self.window, services, record)
        until(lambda: errand.printed is not None, "the visit to be read")
        until(lambda: bool(self.window.findChildren(QFileDialog)), "the question where to")
        chooser = child(self.window, QFileDialog)
        name = child(chooser, QLineEdit)
        name.setFocus()
        name.setText(str(target))
        press(Qt.Key.Key_Return)
        until(target.exists, "the PDF")
        # A window manager would bring the window to the front again.
        self.window.activateWindow()
        until(lambda: "The PDF was saved" in words_of(self.window), "the word that it was saved")
        click(button(child(self.window, Dialog), "OK"))
        document = pypdfium2.PdfDocument(target)
        page = document[0].render(scale=1.75).to_pil().convert("RGB")
        document.close()
        content = page.tobytes()
        form = QImage.Format.Format_RGB888
        picture = QImage(content, page.width, page.height, page.width * 3, form)
        self.camera.keep("pdf", picture.copy())

    def settings(self) -> None:
        """Theme, text size, clinic, limits of vitals, scanner folder."""
        self.window.settings_requested.emit()
        until(lambda: shown(self.window, SettingsDialog), "the settings")
        settle(400)
        self.camera.take("settings", self.window)
        click(button(child(self.window, SettingsDialog), "Cancel"))

    def larger_text(self) -> None:
        """130 %: the panel on the right becomes a rail, nothing is cut."""
        press(Qt.Key.Key_Plus, CTRL, times=3)
        until(lambda: self.theme.text_percent == 130, "text of 130 %")
        self.open_visit_of("LINDQVIST")
        until(lambda: not self.window.toast.isVisible(), "the toast to go")
        settle(400)
        self.camera.take("larger-text", self.window)
