"""Moving this computer's clinic to a server, from Settings: where, whose certificate it is, sending,
the join code. It only asks; what blocks is the service's, on background threads.

Left at any point, nothing is half done: before the place is made the clinic stays as it was, and
afterwards it belongs to the server and what is not there yet waits.
"""

import threading
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QWidget

from medrec_desktop.domain.errors import Cancelled, Invalid, MedrecError
from medrec_desktop.domain.joining import JoinCode, Seen
from medrec_desktop.ui import theme
from medrec_desktop.ui.background import Background
from medrec_desktop.ui.sign_in.join_pages import CertificatePage
from medrec_desktop.ui.sign_in.pages import Page
from medrec_desktop.ui.sync.move import Move
from medrec_desktop.ui.sync.move_pages import MovedPage, SendingPage, ServerPage
from medrec_desktop.ui.widgets import Dialog, FilledButton, PlainButton, label

SERVER, CERTIFICATE, SENDING, MOVED = range(4)
WHOLE = "Everything is on the server. From now on this computer keeps in step with it."
STOPPED = "Stopped. Nothing is lost: what is not on the server yet waits on this computer."
LEFT = "The clinic belongs to the server now. What is not there yet is sent while you work."


class MoveDialog(Dialog):
    """`moved` when the dialog goes and the clinic has its place on the server."""

    moved = Signal()
    _progressed = Signal(int, int)

    def __init__(self, parent: QWidget, move: Move, background: Background) -> None:
        super().__init__(parent, "Move this clinic to a server", width=640)
        self._move, self._background = move, background
        self._seen: Seen | None = None
        self._busy = self._placed = False
        self._stop: threading.Event | None = None
        self.server, self.certificate = ServerPage(), CertificatePage()
        self.sending, self.result = SendingPage(), MovedPage()
        self.certificate.authority_chosen.connect(self._look_at)
        self._pages: tuple[Page, ...] = (
            self.server,
            self.certificate,
            self.sending,
            self.result,
        )
        for page in self._pages:
            self.body.addWidget(page)
        self._problem = label("", "body", wrap=True, tone="danger")
        self._problem.hide()
        self.body.addWidget(self._problem)
        self.leave, self.next = PlainButton("Cancel"), FilledButton("Continue")
        self.leave.clicked.connect(self.go_back)
        self.next.clicked.connect(self.go_on)
        self.add_foot(None, self.leave, self.next)
        self.set_default(self.next)
        self._progressed.connect(self._on_progress, Qt.ConnectionType.QueuedConnection)
        self.step = SERVER
        self._show(SERVER)

    @property
    def problem(self) -> str:
        """What went wrong; "" when nothing did."""
        return "" if self._problem.isHidden() else self._problem.text()

    def open(self) -> None:
        """Show it; keys go to the first field."""
        super().open()
        self.server.focus_first()

    def go_on(self) -> None:
        """The next step, or the work that leads to it."""
        if self._busy:
            return
        self._say("")
        if self.step == SERVER and self.server.check():
            self._look_at(None)
        elif self.step == CERTIFICATE:
            self._begin_place()
        elif self.step == SENDING:
            self._send()
        elif self.step == MOVED:
            self.accept()

    def go_back(self) -> None:
        """Stop what is under way; else a step back, or out."""
        if self._stop is not None:
            self._stop.set()
            self._say("Stopping…", tone="text2")
        elif self.step == CERTIFICATE and not self._busy:
            self._say("")
            self._show(SERVER)
        elif self.step == SENDING and not self._busy:
            # Stopped: the rest is sent behind the window. The code is shown first.
            self._say("")
            self.result.show_state(LEFT)
            self._show(MOVED)
        elif not self._busy:
            self.reject()

    def reject(self) -> None:
        """Escape and the cross: a step back where something would be lost from sight."""
        if self._busy and self._stop is None:
            return
        if self._stop is not None or self.step == SENDING:
            self.go_back()
        elif self.step == MOVED:
            self.accept()
        else:
            super().reject()

    def hideEvent(self, event: QHideEvent) -> None:
        """The window goes: what is not sent yet waits."""
        super().hideEvent(event)
        if self._stop is not None and not event.spontaneous():
            self._stop.set()

    def _finish(self, *, accepted: bool) -> None:
        self.server.forget()
        super()._finish(accepted=accepted)
        if self._placed:
            self._placed = False
            self.moved.emit()

    # --- the steps -----------------------------------------------------------------------------

    def _look_at(self, authority: Path | None) -> None:
        self._begin("Asking the server for its certificate…")
        looking = self._background.slow(self, self._move.look, self.server.address, authority)
        looking.then(self._on_seen).failed(self._on_failed)

    def _on_seen(self, seen: Seen) -> None:
        self._seen = seen
        self._end()
        certificate = seen.certificate
        if certificate is not None and not certificate.trusted:
            self.certificate.show_seen(seen)
            self._show(CERTIFICATE)
            self.next.setEnabled(not seen.stranger)
        else:
            self._begin_place()

    def _begin_place(self) -> None:
        if self._seen is None:
            return
        self._begin("Making the clinic’s place on the server…")
        making = self._background.slow(
            self, self._move.begin, self._seen, self.server.account, self.server.password
        )
        making.then(self._on_placed).failed(self._on_not_placed)

    def _on_placed(self, code: JoinCode | None) -> None:
        self._placed = True
        self.server.forget()
        self.result.show_code(code)
        self._end()
        self._send()

    def _on_not_placed(self, error: BaseException) -> None:
        # Most likely name or password: there they are typed.
        self._show(SERVER)
        self._on_failed(error)

    def _send(self) -> None:
        self._stop = threading.Event()
        if self.step != SENDING:
            self.sending.show_progress(0, 0)
        self._show(SENDING)
        self._begin("")
        work = self._background.slow(self, self._move.send, self._progressed.emit, self._stop)
        work.then(self._on_sent).failed(self._on_not_sent)

    def _on_progress(self, done: int, whole: int) -> None:
        self.sending.show_progress(done, whole)

    def _on_sent(self, _changes: int) -> None:
        self._stop = None
        self._end()
        self.result.show_state(WHOLE)
        self._show(MOVED)

    def _on_not_sent(self, error: BaseException) -> None:
        self._stop = None
        self._end()
        self._show(SENDING)
        if isinstance(error, Cancelled):
            self._say(STOPPED, tone="warn")
        else:
            self._on_failed(error)

    def _on_failed(self, error: BaseException) -> None:
        self._end()
        if isinstance(error, Invalid) and self.server.show_problems(error.fields):
            self._show(SERVER)
        elif isinstance(error, MedrecError):
            if isinstance(error, Invalid) and "authority" in error.fields:
                self.next.setEnabled(False)
            self._say(str(error))
        else:
            self._background.error_unhandled.emit(error)

    # --- what is shown -------------------------------------------------------------------------

    def _show(self, step: int) -> None:
        self.step = step
        for number, page in enumerate(self._pages):
            page.setVisible(number == step)
        words = {CERTIFICATE: "It is the same", SENDING: "Go on", MOVED: "Close"}
        self.next.setText(words.get(step, "Continue"))
        back = {SERVER: "Cancel", CERTIFICATE: "Back", SENDING: "Send the rest while I work"}
        self.leave.setText("Stop" if self._stop is not None else back.get(step, ""))
        self.leave.setVisible(step != MOVED)
        self.next.setVisible(step != SENDING or self._stop is None)
        self._pages[step].focus_first()
        if step in {SENDING, MOVED} and self.isVisible():
            (self.next if self.next.isVisibleTo(self) else self.leave).setFocus()
        self.fit()

    def _begin(self, words: str) -> None:
        self._busy = True
        self.next.setEnabled(False)
        self.leave.setEnabled(self._stop is not None)
        self.close_button.setEnabled(self._stop is not None)
        for page in self._pages[:SENDING]:
            page.setEnabled(False)
        self._say(words, tone="text2")

    def _end(self) -> None:
        self._busy = False
        for part in (self.next, self.leave, self.close_button, *self._pages):
            part.setEnabled(True)
        self._say("")

    def _say(self, words: str, *, tone: str = "danger") -> None:
        self._problem.setText(words)
        theme.set_look(self._problem, "tone", tone)
        self._problem.setVisible(bool(words))
        self.fit()
