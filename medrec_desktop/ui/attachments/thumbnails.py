"""Small pictures of kept files, fetched one at a time when a line is first painted."""

from collections import OrderedDict

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from medrec_desktop.domain.attachments import Preview
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.ui.screen import Services

MOST = 300


def image_of(preview: Preview) -> QImage:
    """The drawn page; null when there is none."""
    if not preview.rgba or preview.width <= 0 or preview.height <= 0:
        return QImage()
    stride = preview.width * 4
    shown = QImage(
        preview.rgba, preview.width, preview.height, stride, QImage.Format.Format_RGBA8888
    )
    # The bytes belong to the preview; the image must not outlive them.
    return shown.copy()


class Thumbnails(QObject):
    """`get` answers at once with what is there and asks for the rest."""

    arrived = Signal()

    def __init__(self, services: Services, parent: QObject) -> None:
        super().__init__(parent)
        self._services = services
        self._pictures: OrderedDict[AttachmentId, QPixmap | None] = OrderedDict()
        self._wanted: list[AttachmentId] = []
        self._drawing: AttachmentId | None = None

    def get(self, attachment_id: AttachmentId) -> QPixmap | None:
        """The picture, None while there is none (yet)."""
        if attachment_id in self._pictures:
            return self._pictures[attachment_id]
        if attachment_id not in self._wanted and attachment_id != self._drawing:
            self._wanted.append(attachment_id)
            self._next()
        return None

    @property
    def busy(self) -> bool:
        """Whether pictures are still on their way."""
        return self._drawing is not None or bool(self._wanted)

    def forget(self) -> None:
        """Another visit is shown: what was not drawn yet is not wanted any more; what could not be
        had may be there the next time."""
        self._wanted.clear()
        for nothing in [key for key, picture in self._pictures.items() if picture is None]:
            del self._pictures[nothing]

    def _next(self) -> None:
        if self._drawing is not None or not self._wanted:
            return
        # One at a time: decoding forty scans at once would take the whole computer.
        self._drawing = self._wanted.pop(0)
        service = self._services.attachments
        drawing = self._services.background.slow(self, service.thumbnail, self._drawing)
        drawing.then(self._on_drawn).failed(self._on_failed)

    def _on_drawn(self, preview: Preview) -> None:
        image = image_of(preview)
        self._keep(QPixmap.fromImage(image) if not image.isNull() else None)

    def _on_failed(self, _error: BaseException) -> None:
        # The line keeps its icon; the viewer says what is wrong when the file is opened.
        self._keep(None)

    def _keep(self, picture: QPixmap | None) -> None:
        if self._drawing is not None:
            self._pictures[self._drawing] = picture
            while len(self._pictures) > MOST:
                self._pictures.popitem(last=False)
        self._drawing = None
        if picture is not None:
            self.arrived.emit()
        self._next()
