"""The list to review as a page of the main window."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from medrec_desktop.ui.today.empty import nothing_to_review

if TYPE_CHECKING:
    from medrec_desktop.ui.main_window import MainWindow
    from medrec_desktop.ui.screen import Services


def review_page(window: "MainWindow", services: "Services | None") -> QWidget:
    """The page; a clinic on this computer alone has nothing to review."""
    if services is None or services.server is None:
        return nothing_to_review()
    from medrec_desktop.ui.review.page import ReviewPage

    page = ReviewPage(services.server, services.clock, user=services.user)
    page.later.connect(window.show_today)
    page.visit_requested.connect(window.open_visit)
    page.chart_requested.connect(window.open_chart)
    page.told.connect(window.toast.say)
    return page
