"""The paper itself: the pages of a visit drawn on a printer or into a PDF. Identity, clinic and
"Page x of y" stand on every page, and so does the mark of a draft, of a demo clinic and of a visit
entered in error.

Runs on a worker; asks nothing and shows nothing.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from PySide6.QtCore import (
    QBuffer,
    QByteArray,
    QEventLoop,
    QIODevice,
    QMarginsF,
    QRectF,
    QSizeF,
    Qt,
)
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFontMetricsF,
    QPagedPaintDevice,
    QPageLayout,
    QPageSize,
    QPainter,
    QPalette,
    QPdfWriter,
    QPen,
)
from PySide6.QtPrintSupport import QPrinter

from medrec_desktop.domain.attachments import Attachment
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.finishing import visit_day
from medrec_desktop.domain.people import Clinic
from medrec_desktop.domain.records import Visit
from medrec_desktop.ui.visit.document import (
    document_of,
    identity,
    paper_font,
    printed_line,
    signature,
)

Paper = Literal["A4", "Letter"]
RESOLUTION = 1200
MARGIN_MM = 15.0
HEAD_MM, FOOT_MM = 17.0, 11.0
DEMO = "Demo – not real patients"
NOT_WRITTEN = (
    "The PDF could not be written there. The visit itself is safe. "
    "Choose another folder or free some space, then try again."
)
NOT_PRINTED = (
    "The printer did not take the visit. The visit itself is safe. "
    "Check the printer, or save the visit as PDF."
)


@dataclass(frozen=True)
class Printed:
    """All that a print needs, read at once."""

    visit: Visit
    attachments: tuple[Attachment, ...]
    clinic: Clinic
    paper: Paper
    now: datetime


def render_pdf(
    visit: Visit,
    attachments: Sequence[Attachment],
    clinic: Clinic,
    *,
    paper: Paper = "A4",
    now: datetime | None = None,
) -> bytes:
    """The visit as a PDF file. Runs on any thread."""
    at = now or datetime.now(UTC)
    return _pdf(Printed(visit, tuple(attachments), clinic, paper, at))


def write_pdf(printed: Printed, path: Path) -> Path:
    """Write the whole file beside its name, then give it the name."""
    content = _pdf(printed)
    try:
        handle, part = tempfile.mkstemp(prefix=".medrec-", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unavailable(NOT_WRITTEN) from error
    return path


def print_on(printer: QPrinter, printed: Printed) -> None:
    """Send every page to the printer."""
    if not draw(printer, printed):
        raise Unavailable(NOT_PRINTED)


def suggested_name(visit: Visit) -> str:
    """OKAFOR Amara 2026-11-22.pdf; signs that a file name cannot hold are left out."""
    name = visit.patient.display_name.replace(",", "")
    clean = " ".join(
        re.sub(
            r'[\x00-\x1f\x7f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069]', "", name
        ).split()
    )
    return f"{clean[:80].strip('. ') or 'Visit'} {visit_day(visit.draft).isoformat()}.pdf"


def _pdf(printed: Printed) -> bytes:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(RESOLUTION)
    writer.setPageSize(page_size(printed.paper))
    writer.setTitle(suggested_name(printed.visit).removesuffix(".pdf"))
    writer.setCreator("MedRec Desktop")
    done = draw(writer, printed)
    buffer.close()
    if not done:
        raise Unavailable(NOT_WRITTEN)
    return bytes(content.data())


def draw(device: QPagedPaintDevice, printed: Printed) -> bool:
    """Draw all pages; False when the device refused one."""
    # Laying out text starts timers, which on a bare worker thread have nothing to run on.
    timers = QEventLoop()
    device.setPageMargins(QMarginsF(*(MARGIN_MM,) * 4), QPageLayout.Unit.Millimeter)
    painter = QPainter()
    if not painter.begin(device):
        return False
    try:
        return _Pages(device, painter, printed).draw()
    finally:
        painter.end()
        timers.exit()


class _Pages:
    """The frame around the document, page after page."""

    def __init__(self, device: QPagedPaintDevice, painter: QPainter, printed: Printed) -> None:
        self._device, self._painter, self._printed = device, painter, printed
        self._mm = device.logicalDpiX() / 25.4
        self._width = float(device.width())
        self._height = float(device.height())
        self._top = HEAD_MM * self._mm
        self._room = self._height - self._top - FOOT_MM * self._mm

    def draw(self) -> bool:
        printed = self._printed
        document = document_of(printed.visit, printed.attachments, clinic_name=printed.clinic.name)
        layout = document.documentLayout()
        layout.setPaintDevice(self._device)
        document.setPageSize(QSizeF(self._width, self._room))
        # A part at a time: Python's lock is held while Qt lays out, and the window needs it too.
        block = document.begin()
        while block.isValid():
            layout.blockBoundingRect(block)
            block = block.next()
        pages = document.pageCount()
        for page in range(pages):
            if page and not self._device.newPage():
                return False
            self._marks()
            self._head()
            self._foot(page + 1, pages)
            self._body(layout, page)
        return True

    def _body(self, layout: QAbstractTextDocumentLayout, page: int) -> None:
        painter = self._painter
        painter.save()
        painter.translate(0, self._top - page * self._room)
        clip = QRectF(0, page * self._room, self._width, self._room)
        painter.setClipRect(clip)
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = clip
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Text, Qt.GlobalColor.black)
        context.palette = palette
        layout.draw(painter, context)
        painter.restore()

    def _head(self) -> None:
        visit = self._printed.visit
        day = visit_day(visit.draft)
        half = self._width * 0.62
        line = 5.2 * self._mm
        self._say(QRectF(0, 0, half, line), visit.patient.display_name, 12, bold=True)
        self._say(QRectF(0, line, self._width, line), identity(visit.patient, day), 8.5)
        rest = QRectF(half, 0, self._width - half, line)
        self._say(rest, self._printed.clinic.name, 9, bold=True, right=True)
        self._rule(self._top - 3 * self._mm)

    def _foot(self, page: int, pages: int) -> None:
        y = self._height - 6 * self._mm
        self._rule(y - 1.5 * self._mm)
        box = QRectF(0, y, self._width, 5 * self._mm)
        self._say(box, f"Page {page} of {pages}", 8.5, right=True)
        left = f"{signature(self._printed.visit)}  ·  {printed_line(self._printed.now)}"
        self._say(box.adjusted(0, 0, -30 * self._mm, 0), left, 8)

    def _marks(self) -> None:
        """Behind the text, across the page: no copy of a draft can pass for a record."""
        visit = self._printed.visit
        marks = []
        if visit.voided_reason:
            marks.append("ENTERED IN ERROR")
        elif visit.status == "draft":
            marks.append("DRAFT")
        if self._printed.clinic.demo:
            marks.append(DEMO)
        painter = self._painter
        for number, words in enumerate(marks):
            painter.save()
            painter.translate(self._width / 2, self._height * (0.40 + 0.28 * number))
            painter.rotate(-35)
            font = paper_font(96 if len(words) < 8 else 40, bold=True)
            metrics = QFontMetricsF(font, self._device)
            painter.setFont(font)
            painter.setPen(QColor("#E2E2E2"))
            wide = metrics.horizontalAdvance(words)
            painter.drawText(
                QRectF(-wide, -wide / 2, 2 * wide, wide), Qt.AlignmentFlag.AlignCenter, words
            )
            painter.restore()

    def _say(
        self, box: QRectF, words: str, points: float, *, bold: bool = False, right: bool = False
    ) -> None:
        font = paper_font(points, bold=bold)
        metrics = QFontMetricsF(font, self._device)
        one_line = " ".join(words.split("\n"))
        # The name is never cut: it shrinks instead.
        while bold and points > 6 and metrics.horizontalAdvance(one_line) > box.width():
            points -= 0.5
            font = paper_font(points, bold=bold)
            metrics = QFontMetricsF(font, self._device)
        cut = metrics.elidedText(one_line, Qt.TextElideMode.ElideRight, box.width())
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        self._painter.setFont(font)
        self._painter.setPen(Qt.GlobalColor.black)
        flags = side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        self._painter.drawText(box, int(flags), cut)

    def _rule(self, y: float) -> None:
        self._painter.setPen(QPen(QColor("#808080"), 0.2 * self._mm))
        self._painter.drawLine(0, round(y), round(self._width), round(y))


def page_size(paper: Paper) -> QPageSize:
    """What the clinic prints on, as Qt calls it."""
    wanted = QPageSize.PageSizeId.Letter if paper == "Letter" else QPageSize.PageSizeId.A4
    return QPageSize(wanted)
