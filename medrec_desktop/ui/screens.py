"""The real screens of the window. Each is imported when it is first shown, or before, in idle time."""

from PySide6.QtWidgets import QWidget

from medrec_desktop.ui.screen import Screens, Services


def _visit(services: Services, parent: QWidget) -> QWidget:
    from medrec_desktop.ui.visit.page import VisitPage

    # In pieces, between two turns of the event loop; in one go when it is opened before.
    return VisitPage(services, parent, at_once=False)


def _chart(services: Services, parent: QWidget) -> QWidget:
    from medrec_desktop.ui.patients.chart import ChartPage

    return ChartPage(services, parent)


def _patients(services: Services, parent: QWidget) -> QWidget:
    from medrec_desktop.ui.patients.page import PatientsPage

    return PatientsPage(services, parent)


def _find(services: Services, parent: QWidget) -> QWidget:
    from medrec_desktop.ui.patients.find import FindBox

    return FindBox(services, parent)


def _files(services: Services, parent: QWidget) -> QWidget:
    from medrec_desktop.ui.attachments.panel import AttachmentPanel

    return AttachmentPanel(services, parent)


def _load_screens() -> None:
    from importlib import import_module

    from PySide6 import QtWidgets

    for module in (
        "visit.page",
        "attachments.panel",
        "patients.chart",
        "patients.page",
        "visit.printing",
        "settings.dialog",
    ):
        import_module(f"medrec_desktop.ui.{module}")
    # PySide makes a class when it is first named, and all of them at once for the first widget
    # that it has to find the class of: in the middle of a click that would be a pause.
    for name in dir(QtWidgets):
        getattr(QtWidgets, name)
    # The first near spelling would wait for it while somebody types.
    import_module("rapidfuzz.process")


SCREENS = Screens(
    visit=_visit,
    chart=_chart,
    patients=_patients,
    find=_find,
    attachments=_files,
    load=_load_screens,
)
