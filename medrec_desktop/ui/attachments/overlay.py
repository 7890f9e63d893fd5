"""The sheet over the whole window while files hang over it: it names the patient they go to."""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets import IconLabel, label, row


class DropOverlay(QWidget):
    """Covers `window` until hidden. It takes no events: the window itself takes the drop."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self._icon = IconLabel("download", "accent", 24)
        self._title = label("", "title", wrap=False)
        self._title.setObjectName("drop-title")
        self._second = label("", "meta")
        words = QVBoxLayout()
        words.setSpacing(theme.px(4))
        words.addWidget(self._title)
        words.addWidget(self._second)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addLayout(row(None, self._icon, words, None, spacing=16))
        layout.addStretch(1)
        window.installEventFilter(self)
        self.hide()

    def show_for(self, title: str, second: str, *, usable: bool = True) -> None:
        """Say where the files go, or why they can't."""
        self._title.setText(title)
        self._second.setText(second)
        self._icon.set_icon("download" if usable else "warning", "accent" if usable else "warn")
        self.setAccessibleName(f"{title}. {second}")
        self.setGeometry(self.window().rect())
        self.show()
        self.raise_()

    @property
    def words(self) -> str:
        """Both lines, as shown."""
        return f"{self._title.text()}\n{self._second.text()}"

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cover the window whatever its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self.window().rect())
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The scrim, and the dashed frame around the words."""
        look = theme.current()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            veil = QColor(look.colour("window"))
            veil.setAlpha(200)
            painter.fillRect(self.rect(), veil)
            pen = QPen(look.colour("accent"), 2, Qt.PenStyle.CustomDashLine)
            pen.setDashPattern([5, 3])
            edge = look.px(12)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(edge, edge, -edge, -edge), look.px(12), look.px(12)
            )
            words = QRectF(self._title.geometry()).united(QRectF(self._second.geometry()))
            box = words.united(QRectF(self._icon.geometry()))
            wide, high = look.px(40), look.px(28)
            painter.setBrush(look.colour("accentSoft"))
            painter.drawRoundedRect(box.adjusted(-wide, -high, wide, high), look.px(8), look.px(8))
