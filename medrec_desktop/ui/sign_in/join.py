"""Joining a clinic's server: address and join code, whose server it is, who works here first, and the
first download. Keyboard alone; Back at every step.

It only asks; what blocks is one of the `Joining` calls, on background threads.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.errors import Cancelled, Invalid, MedrecError
from medrec_desktop.domain.joining import FoundClinic, Seen
from medrec_desktop.domain.link import Download
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Background, Operation
from medrec_desktop.ui.sign_in.join_pages import (
    CertificatePage,
    ClinicPage,
    FetchingPage,
    PlacePage,
)
from medrec_desktop.ui.sign_in.joining import Joining
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.widgets import (
    FilledButton,
    Logo,
    PlainButton,
    column,
    hairline,
    label,
    row,
    scrolled,
)
from medrec_desktop.ui.widgets.dialog import paint_card

PLACE, CERTIFICATE, CLINIC, FETCHING = range(4)


class JoinRun(QWidget):
    """The card in the middle of its own window, as the first run."""

    left = Signal()
    """Back from the first step."""
    joined = Signal(str)
    """joined(recovery code): the clinic is on this computer and can be opened."""
    _progressed = Signal(object)

    def __init__(
        self, look: Theme, joining: Joining, background: Background, address: str = ""
    ) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setWindowTitle("MedRec Desktop")
        self.setMinimumSize(960, 660)
        self.resize(1120, 760)
        self._look, self._joining, self._background = look, joining, background
        self._seen: Seen | None = None
        self._busy = False
        self._stop: threading.Event | None = None
        self.typed_password = ""
        """Of whoever joined: who has just typed it twice is not asked again."""
        self.place = PlacePage(address)
        self.certificate = CertificatePage()
        self.certificate.authority_chosen.connect(self._look_at)
        self.clinic = ClinicPage()
        self.fetching = FetchingPage()
        self._pages = (self.place, self.certificate, self.clinic, self.fetching)
        self._stack = QStackedWidget()
        for page in self._pages:
            self._stack.addWidget(scrolled(page))
        self._problem = label("", "body", wrap=True, tone="danger")
        self._problem.hide()
        self.back_button = PlainButton("Back")
        self.next_button = FilledButton("Continue")
        self.back_button.clicked.connect(self.back)
        self.next_button.clicked.connect(self.go_on)
        self.card = QFrame(self)
        self.card.setLayout(
            column(
                row(Logo(24), label("Join a clinic server", "caption"), None),
                8,
                self._stack,
                self._problem,
                8,
                hairline(),
                10,
                row(self.back_button, None, self.next_button),
                margins=(44, 36, 44, 26),
                spacing=4,
            )
        )
        outer = QVBoxLayout(self)
        outer.addStretch(1)
        outer.addLayout(row(None, self.card, None))
        outer.addStretch(1)
        self._progressed.connect(self._on_progress, Qt.ConnectionType.QueuedConnection)
        self._show(PLACE)
        look.dress(self)
        look.changed.connect(self._fit)

    @property
    def step(self) -> int:
        """Which page is shown."""
        return self._stack.currentIndex()

    @property
    def problem(self) -> str:
        """What went wrong; "" when nothing did."""
        return "" if self._problem.isHidden() else self._problem.text()

    def go_on(self) -> None:
        """The next step, or the work that leads to it."""
        if self._busy:
            return
        self._say("")
        if self.step == PLACE and self.place.check():
            self._look_at(None)
        elif self.step == CERTIFICATE and self.next_button.isEnabled():
            self._find()
        elif self.step == CLINIC and self.clinic.check():
            self._join()

    def back(self) -> None:
        """The step before; from the first one, out. A download is stopped first."""
        if self._stop is not None:
            self._stop.set()
            self._say("Stopping…", tone="text2")
        elif self._busy:
            return
        elif self.step == PLACE:
            self.left.emit()
        else:
            self._say("")
            self._show(PLACE)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter goes on, Escape goes back."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            focused = self.focusWidget()
            if isinstance(focused, QPushButton) and focused is not self.next_button:
                focused.click()
            else:
                self.go_on()
        elif event.key() == Qt.Key.Key_Escape:
            self.back()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Ground, shadow and card."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillRect(self.rect(), self._look.colour("window"))
            paint_card(painter, QRectF(self.card.geometry()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The card takes its room."""
        super().resizeEvent(event)
        self._fit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """A download goes on when the program is started again."""
        if self._stop is not None:
            self._stop.set()
        super().closeEvent(event)

    # --- the steps -----------------------------------------------------------------------------

    def _read(self, work: Callable[..., object], *args: object) -> Operation:
        return self._background.slow(self, work, *args).failed(self._on_failed)

    def _look_at(self, authority: Path | None) -> None:
        self._begin("Asking the server for its certificate…")
        self._read(self._joining.look, self.place.address, authority).then(self._on_seen)

    def _on_seen(self, seen: Seen) -> None:
        self._seen = seen
        self._end()
        certificate = seen.certificate
        if certificate is not None and not certificate.trusted:
            self.certificate.show_seen(seen)
            self._show(CERTIFICATE)
            self.next_button.setEnabled(not seen.stranger)
        else:
            self._find()

    def _find(self) -> None:
        if self._seen is not None:
            self._begin("Logging in to the clinic’s server…")
            self._read(self._joining.find, self._seen, self.place.code).then(self._on_found)

    def _on_found(self, found: FoundClinic) -> None:
        self._end()
        if self._seen is not None:
            self.clinic.show_found(found, self._seen)
            self._show(CLINIC)

    def _join(self) -> None:
        user = self.clinic.user
        if self._seen is None or user is None:
            return
        self._stop = threading.Event()
        self.fetching.show_progress(Download())
        self._show(FETCHING)
        self._begin("")
        progress = self._progressed.emit
        work = self._background.write(
            self,
            self._joining.join,
            self._seen,
            self.place.code,
            user,
            self.clinic.password,
            progress,
            self._stop,
        )
        work.then(self._on_joined).failed(self._on_not_joined)

    def _on_progress(self, download: Download) -> None:
        self.fetching.show_progress(download)

    def _on_joined(self, recovery_code: str) -> None:
        self._stop = None
        self._end()
        self.typed_password = self.clinic.password
        self.clinic.forget()
        self.joined.emit(recovery_code)

    def _on_not_joined(self, error: BaseException) -> None:
        self._stop = None
        self._show(CLINIC)
        if isinstance(error, Cancelled):
            self._end()
        else:
            self._on_failed(error)

    def _on_failed(self, error: BaseException) -> None:
        self._end()
        if isinstance(error, Invalid) and self.place.show_problems(error.fields):
            self._show(PLACE)
        elif isinstance(error, Invalid) and "authority" in error.fields:
            self.next_button.setEnabled(False)
            self._say(str(error))
        elif isinstance(error, Invalid) and self.clinic.show_problems(error.fields):
            self._show(CLINIC)
        elif isinstance(error, MedrecError):
            self._say(str(error))
        else:
            self._background.error_unhandled.emit(error)

    # --- what is shown -------------------------------------------------------------------------

    def _show(self, step: int) -> None:
        self._stack.setCurrentIndex(step)
        self.next_button.setText(
            {CERTIFICATE: "It is the same", CLINIC: "Join and fetch"}.get(step, "Continue")
        )
        self.next_button.setVisible(step != FETCHING)
        self.back_button.setText("Stop" if step == FETCHING else "Back")
        self._pages[step].focus_first()

    def _begin(self, words: str) -> None:
        self._busy = True
        self.next_button.setEnabled(False)
        self.back_button.setEnabled(self._stop is not None)
        self._stack.setEnabled(self._stop is not None)
        self._say(words, tone="text2")

    def _end(self) -> None:
        self._busy = False
        for part in (self.next_button, self.back_button, self._stack):
            part.setEnabled(True)
        self._say("")

    def _say(self, words: str, *, tone: str = "danger") -> None:
        self._problem.setText(words)
        theme.set_look(self._problem, "tone", tone)
        self._problem.setVisible(bool(words))

    def _fit(self) -> None:
        self.card.setFixedSize(
            min(theme.px(820), self.width() - 48), min(theme.px(580), self.height() - 48)
        )
