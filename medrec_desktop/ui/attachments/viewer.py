"""Shows one kept file: picture, page of a PDF, text, first frame of a DICOM file, or the sentence
that says why not. The file is decoded by the service, in another process; nothing is opened here.
"""

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import (
    QImage,
    QKeySequence,
    QPainter,
    QPixmap,
    QResizeEvent,
    QShortcut,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGraphicsPixmapItem,
    QGraphicsScene,
    QGraphicsView,
    QPlainTextEdit,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from medrec_desktop.domain.attachments import Attachment, Preview
from medrec_desktop.domain.dates import shown
from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.patients import Patient
from medrec_desktop.domain.roles import RULES, Action
from medrec_desktop.ui import theme
from medrec_desktop.ui.attachments import dialogs
from medrec_desktop.ui.attachments.files import facts
from medrec_desktop.ui.attachments.thumbnails import image_of
from medrec_desktop.ui.background import Operation
from medrec_desktop.ui.may import offers
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.widgets import ElidedLabel, IconButton, PlainButton, column, label, row

SHARP_PX = 2000
STEP, SMALLEST, LARGEST = 1.25, 0.05, 8.0


class FileViewer(QWidget):
    """A window of its own beside the visit; it names the patient, so no file lacks an owner."""

    def __init__(
        self, services: Services, patient: Patient, file: Attachment, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("window")
        self.setWindowTitle(f"{file.file_name} – {patient.display_name}")
        self.resize(theme.px(900), theme.px(860))
        self._services, self._file = services, file
        self._page, self._pages = 1, max(file.pages or 1, 1)
        self._drawing: Operation | None = None

        self.picture = PictureView()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(file.file_name)
        self._sentence = label("", "body2", wrap=True)
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        for part in (self.picture, self.text, _centred(self._sentence)):
            self._stack.addWidget(part)
        self._note = label("", "meta", wrap=True, tone="warn")
        self._note.hide()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head(patient))
        layout.addLayout(row(self._note, margins=(16, 0, 16, 0)))
        layout.addWidget(self._stack, 1)
        self._add_keys()
        self.show_page(1)

    def show_page(self, page: int) -> None:
        """Have this page drawn; an older wish is dropped."""
        if self._drawing is not None:
            self._drawing.forget()
        self._page = max(1, min(page, self._pages))
        self._say_page()
        self._note.hide()
        if self._stack.currentWidget() is not self.picture or not self.picture.has_picture:
            self._say("Drawing the file…")
        service = self._services.attachments
        self._drawing = self._services.background.slow(
            self, service.preview, self._file.id, page=self._page, max_px=SHARP_PX
        )
        self._drawing.then(self._on_drawn).failed(self._on_failed)

    def shows(self, attachment_id: AttachmentId) -> bool:
        """Whether it is this file's."""
        return self._file.id == attachment_id

    @property
    def note(self) -> str:
        """What stands above the picture."""
        return self._note.text() if not self._note.isHidden() else ""

    @property
    def words(self) -> str:
        """What is shown when there is no picture and no text."""
        return self._sentence.text()

    def next_page(self) -> None:
        """One page on."""
        if self._page < self._pages:
            self.show_page(self._page + 1)

    def previous_page(self) -> None:
        """One page back."""
        if self._page > 1:
            self.show_page(self._page - 1)

    # --- building ------------------------------------------------------------------------------

    def _head(self, patient: Patient) -> QFrame:
        head = QFrame()
        head.setProperty("pane", "bar")
        name = label(patient.display_name, "title")
        born = f"Born {shown(patient.birth_date)}" if patient.birth_date else "Birth date not known"
        who = label(f"{born}  ·  Record no. {patient.record_no}", "meta")
        title = ElidedLabel(self._file.file_name, "strong")
        details = "  ·  ".join(words for _, words in facts(self._file))
        what = ElidedLabel(" – ".join(w for w in (self._file.description, details) if w), "meta")
        self._where = label("", "meta")
        self._back = IconButton("chevron-left", "Previous page")
        self._on = IconButton("chevron-right", "Next page")
        self._smaller = IconButton("minus", "Smaller")
        self._larger = IconButton("plus", "Larger")
        self._fit = PlainButton("Fit")
        save = PlainButton("Save as…", "download")
        if not offers(self._services.user, Action.SAVE_COPY):
            save.hide()
        for button, slot in (
            (self._back, self.previous_page),
            (self._on, self.next_page),
            (self._smaller, self.picture.smaller),
            (self._larger, self.picture.larger),
            (self._fit, self.picture.fit),
            (save, self._save),
        ):
            button.clicked.connect(slot)
        names = column(name, who, spacing=2)
        top = row(names, None, save)
        below = row(spacing=6)
        below.addLayout(column(title, what, spacing=2), 1)
        for part in (self._back, self._where, self._on, self._smaller, self._larger, self._fit):
            below.addWidget(part)
        head.setLayout(column(top, below, spacing=10, margins=(16, 12, 16, 12)))
        return head

    def _add_keys(self) -> None:
        for keys, slot in (
            ("Esc", self.close),
            ("PgDown", self.next_page),
            ("PgUp", self.previous_page),
            ("Ctrl++", self.picture.larger),
            ("Ctrl+=", self.picture.larger),
            ("Ctrl+-", self.picture.smaller),
            ("Ctrl+0", self.picture.fit),
            ("Ctrl+S", self._save),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(slot)

    # --- showing -------------------------------------------------------------------------------

    def _on_drawn(self, preview: Preview) -> None:
        image = image_of(preview)
        if not image.isNull():
            self._pages = max(preview.pages, 1)
            self.picture.show_image(image)
            self.picture.setAccessibleName(f"{self._file.file_name}, page {self._page}")
            self._stack.setCurrentWidget(self.picture)
            self._note.setText(preview.sentence)
            self._note.setVisible(bool(preview.sentence))
        elif preview.text:
            self.text.setPlainText(preview.text)
            self._stack.setCurrentWidget(self.text)
            self._note.setText(preview.sentence)
            self._note.setVisible(bool(preview.sentence))
        else:
            self._say(preview.sentence or "There is nothing to show in this file.")
        self._say_page()

    def _on_failed(self, error: BaseException) -> None:
        if not isinstance(error, MedrecError):
            self._say("The file could not be shown because of a fault in the program.")
            self._services.background.error_unhandled.emit(error)
            return
        self._say(str(error))

    def _say(self, sentence: str) -> None:
        self._sentence.setText(sentence)
        self._stack.setCurrentIndex(2)
        self._say_page()

    def _say_page(self) -> None:
        drawn = self._stack.currentWidget() is self.picture
        many = self._pages > 1
        self._where.setText(f"Page {self._page} of {self._pages}" if many else "")
        for button in (self._back, self._on):
            button.setVisible(many)
        self._back.setEnabled(self._page > 1)
        self._on.setEnabled(self._page < self._pages)
        for tool in (self._smaller, self._larger, self._fit):
            tool.setVisible(drawn)

    def _save(self) -> None:
        if not offers(self._services.user, Action.SAVE_COPY):
            self._note.setText(RULES[Action.SAVE_COPY].refusal)
            self._note.show()
            return
        dialogs.save_copy(self, self._services, self._file)


class PictureView(QGraphicsView):
    """A picture that fits until it is made larger; Ctrl and the wheel zoom, dragging moves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.setDragMode(QGraphicsView.DragMode.ScrollHandDrag)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self._scene = QGraphicsScene(self)
        self._item = QGraphicsPixmapItem()
        self._item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
        self._scene.addItem(self._item)
        self.setScene(self._scene)
        self._fitted = True

    @property
    def has_picture(self) -> bool:
        """Whether there is one."""
        return not self._item.pixmap().isNull()

    @property
    def zoom(self) -> float:
        """1.0 is a pixel of the picture on a pixel of the screen."""
        return self.transform().m11()

    def show_image(self, image: QImage) -> None:
        """Another picture; the zoom stays when it was chosen."""
        self._item.setPixmap(QPixmap.fromImage(image))
        self._scene.setSceneRect(QRectF(image.rect()))
        self.verticalScrollBar().setValue(0)
        if self._fitted:
            self.fit()

    def fit(self) -> None:
        """As large as the window allows, never larger than it is."""
        self._fitted = True
        room, picture = self.viewport().size(), self._item.pixmap().size()
        if picture.isEmpty():
            return
        scale = min(
            (room.width() - theme.px(24)) / picture.width(),
            (room.height() - theme.px(24)) / picture.height(),
            1.0,
        )
        self._scale(max(scale, SMALLEST))

    def larger(self) -> None:
        """A step nearer."""
        self._step(STEP)

    def smaller(self) -> None:
        """A step away."""
        self._step(1 / STEP)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep fitting."""
        super().resizeEvent(event)
        if self._fitted:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl and the wheel zoom."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._step(STEP if event.angleDelta().y() > 0 else 1 / STEP)
            event.accept()
        else:
            super().wheelEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event):
            self.setBackgroundBrush(theme.current().colour("subtle"))

    def _step(self, factor: float) -> None:
        self._fitted = False
        self._scale(max(SMALLEST, min(self.zoom * factor, LARGEST)))

    def _scale(self, scale: float) -> None:
        self.resetTransform()
        self.scale(scale, scale)


def _centred(part: QWidget) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(*(theme.px(40) for _ in range(4)))
    layout.addStretch(1)
    layout.addWidget(part)
    layout.addStretch(1)
    return page
