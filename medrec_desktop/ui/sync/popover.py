"""The card over the status bar: how the link stands, what waits, when the next try is.

A part of the window, not a window of its own; Escape or a click beside it closes it.
"""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QVBoxLayout, QWidget
from shiboken6 import isValid

from medrec_desktop.domain.attachments import size_text
from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.uploads import UploadsOverview
from medrec_desktop.ui import theme
from medrec_desktop.ui.sync.desk import ServerDesk
from medrec_desktop.ui.sync.words import (
    changes,
    clock_words,
    download_words,
    sign,
    times,
    visits,
    waiting_detail,
)
from medrec_desktop.ui.widgets import (
    IconLabel,
    LinkButton,
    PlainButton,
    column,
    hairline,
    label,
    row,
)
from medrec_desktop.ui.widgets.dialog import paint_card
from medrec_desktop.ui.widgets.labels import Tone
from medrec_desktop.ui.widgets.layout import replace

WIDTH = 440
SECOND_MS = 1_000


class SyncPopover(QWidget):
    """Made anew each time it is opened; follows the desk while it is open."""

    review_requested = Signal()
    details_requested = Signal()
    closed = Signal()

    def __init__(
        self, window: QWidget, desk: ServerDesk, uploads: UploadsOverview | None, *, foot: int
    ) -> None:
        """`foot` is how much of the window's foot stays free: the status bar."""
        super().__init__(window)
        self._desk, self._uploads, self._foot = desk, uploads, foot
        self._before = QApplication.focusWidget()
        self.setAccessibleName("Clinic server")
        self.card = QFrame(self)
        self._inside = QVBoxLayout(self.card)
        self._inside.setContentsMargins(*(theme.px(n) for n in (18, 16, 18, 14)))
        self._inside.setSpacing(theme.px(10))
        self._body = QWidget()
        self._inside.addWidget(self._body)
        self._times = label("", "caption", wrap=True)
        self.details = LinkButton("Details…")
        self.details.clicked.connect(self._on_details)
        self.try_now = PlainButton("Try now", "refresh")
        self.try_now.clicked.connect(desk.try_now)
        self._inside.addWidget(hairline())
        foot_row = row(self._times, self.details, self.try_now)
        foot_row.setStretch(0, 1)
        self._inside.addLayout(foot_row)
        self._second = QTimer(self)
        self._second.setInterval(SECOND_MS)
        self._second.timeout.connect(self._show_times)
        desk.changed.connect(self._show)
        desk.reviews_changed.connect(self._show)
        window.installEventFilter(self)
        self._show()

    @property
    def words(self) -> str:
        """Everything that is said."""
        return "\n".join(self._said)

    def open(self) -> None:
        """Show it and take the keys."""
        self.setGeometry(self.window().rect())
        self.show()
        self.raise_()
        self._place()
        self._second.start()
        self.try_now.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_it(self) -> None:
        """Give the keys back and go."""
        if self.isHidden():
            return
        self._second.stop()
        self.window().removeEventFilter(self)
        self.hide()
        if self._before is not None and isValid(self._before) and self._before.isVisible():
            self._before.setFocus(Qt.FocusReason.OtherFocusReason)
        self.closed.emit()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the window's size."""
        if event.type() == QEvent.Type.Resize and watched is self.window():
            self.setGeometry(self.window().rect())
            self._place()
        return super().eventFilter(watched, event)

    def event(self, event: QEvent) -> bool:
        """Keys of the window beneath do not fire."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes it; Enter presses what has the keys."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_it()
        event.accept()

    def focusNextPrevChild(self, next: bool) -> bool:  # noqa: A002 - Qt's own name
        """Tab stays inside."""
        wanted = Qt.FocusPolicy.TabFocus
        stops = [
            one
            for one in self.card.findChildren(QWidget)
            if one.focusPolicy() & wanted and one.isEnabled() and one.isVisibleTo(self)
        ]
        if not stops:
            return False
        focused = QApplication.focusWidget()
        at = stops.index(focused) if focused in stops else -1
        stops[(at + (1 if next else -1)) % len(stops)].setFocus(Qt.FocusReason.TabFocusReason)
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click beside the card closes it."""
        if not self.card.geometry().contains(event.position().toPoint()):
            self.close_it()
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The card with its shadow."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            paint_card(painter, QRectF(self.card.geometry()))

    # --- what it says --------------------------------------------------------------------------

    def _show(self) -> None:
        desk, now = self._desk, self._desk.now
        self._said: list[str] = []
        body = QWidget()
        lines = column(spacing=8)
        seen = sign(desk.link, now)
        lines.addLayout(
            self._line(seen.icon or "server", seen.tone, seen.words, seen.below, size=18)
        )
        lines.addWidget(hairline())
        lines.addSpacing(theme.px(2))
        for words in (download_words(desk.download), clock_words(desk.link), *desk.link.said):
            if words:
                lines.addLayout(self._line("info", "warn", words, ""))
        waiting = desk.waiting
        if waiting.changes:
            what = f"{changes(waiting.changes)} waiting to send"
            lines.addLayout(self._line("clock", "text2", what, waiting_detail(waiting)))
        else:
            lines.addLayout(self._line("check", "ok", "Nothing waits to be sent", ""))
        if waiting.failed:
            what = f"{changes(len(waiting.failed))} not taken by the server"
            lines.addLayout(self._line("warning", "warn", what, "Safe here. See the details."))
        if (files := self._uploads) is not None and files.configured and files.left:
            number = "1 file" if files.left == 1 else f"{files.left:,} files"
            what = f"{number} waiting to upload  ·  {size_text(files.bytes_left)}"
            lines.addLayout(self._line("upload", "text2", what, ""))
        if desk.reviews:
            first = desk.reviews[0]
            name = first.patient.display_name
            more = f" and {len(desk.reviews) - 1} more" if len(desk.reviews) > 1 else ""
            day = shown(first.visit_date.astimezone().date())
            what = f"{visits(len(desk.reviews))} to review"
            line = self._line("arrows-up-down", "warn", what, f"{name}  ·  {day}{more}")
            review = LinkButton("Review")
            review.clicked.connect(self._on_review)
            line.addWidget(review)
            lines.addLayout(line)
        body.setLayout(lines)
        replace(self._inside, self._body, body)
        self._body = body
        self._show_times()
        self._place()

    def _line(
        self, icon: str, tone: Tone, words: str, below: str, *, size: int = 16
    ) -> QHBoxLayout:
        self._said += [part for part in (words, below) if part]
        text = column(label(words, "strong" if size > 16 else "body", wrap=True), spacing=0)
        if below:
            text.addWidget(label(below, "meta", wrap=True))
        line = row(IconLabel(icon, tone or "text2", size), spacing=12)
        line.addLayout(text, 1)
        return line

    def _show_times(self) -> None:
        self._times.setText(times(self._desk.link, self._desk.now))
        self.try_now.setEnabled(not self._desk.link.busy)

    def _place(self) -> None:
        if not self.isVisible():
            return
        for part in self.card.findChildren(QWidget):
            part.ensurePolished()
        room = self.rect()
        width = min(theme.px(WIDTH), room.width() - theme.px(24))
        # Words that wrap know their height only at their real width.
        self.card.resize(width, self.card.height())
        self._inside.activate()
        needed = self._inside.totalHeightForWidth(width)
        height = max(needed, self._inside.totalMinimumSize().height())
        height = min(height, room.height() - self._foot - theme.px(24))
        top = room.height() - self._foot - height - theme.px(8)
        self.card.setGeometry(theme.px(12), top, width, height)
        self.update()

    def _on_review(self) -> None:
        self.close_it()
        self.review_requested.emit()

    def _on_details(self) -> None:
        self.close_it()
        self.details_requested.emit()
