"""Colours, type and sizes: the design tokens made into a palette, a stylesheet and icons.

A screen names tokens ("accent", "text2") and pixels at 100 %; it never writes a colour or a fixed
size of its own. Text size scales everything.
"""

import json
import re
from functools import lru_cache
from string import Template
from typing import Any, Literal

from PySide6.QtCore import QByteArray, QEvent, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget
from shiboken6 import isValid

from medrec_desktop.shipped import resources

Mode = Literal["system", "light", "dark"]
SMALLEST_PERCENT, LARGEST_PERCENT = 90, 200
_PIXELS = re.compile(r"(?<![\w.])(\d+)px")


class Theme(QObject):
    """The look of the application; `changed` tells painters and icons to look again."""

    changed = Signal()

    def __init__(self, mode: Mode = "system", text_percent: int = 100) -> None:
        super().__init__()
        self._tokens: dict[str, Any] = json.loads(
            (resources() / "tokens.json").read_text(encoding="utf-8")
        )
        self._template = (resources() / "style.qss").read_text(encoding="utf-8")
        self._mode: Mode = mode
        self._percent = _within(text_percent)
        self._application: QApplication | None = None
        self._by_window = False
        self._windows: list[QWidget] = []
        self._sheet = ""

    @property
    def mode(self) -> Mode:
        """What was chosen; `dark` says what is shown."""
        return self._mode

    @property
    def text_percent(self) -> int:
        """Text size, 90 to 200."""
        return self._percent

    @property
    def dark(self) -> bool:
        """Whether the dark colours are shown."""
        if self._mode == "system":
            scheme = QGuiApplication.styleHints().colorScheme()
            return scheme == Qt.ColorScheme.Dark
        return self._mode == "dark"

    def colour(self, token: str) -> QColor:
        """The colour behind a token's name."""
        return _colour(self._colours()[token])

    def px(self, pixels: float) -> int:
        """Pixels of the design at the user's text size; hairlines stay hairlines."""
        return round(pixels) if pixels <= 2 else round(pixels * self._percent / 100)

    def font(
        self,
        pixels: float = 13,
        weight: int = 400,
        *,
        mono: bool = False,
        tabular: bool = False,
    ) -> QFont:
        """A font for painters; `tabular` for figures below each other. Not for prose: Inter's
        tabular hyphen is as wide as a figure."""
        font = QFont(self._tokens["type"]["mono" if mono else "family"])
        font.setPixelSize(self.px(pixels))
        font.setWeight(QFont.Weight(weight))
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        if tabular:
            font.setFeature(QFont.Tag("tnum"), 1)
        return font

    def icon(self, name: str, colour: str = "text2", size: int = 16) -> QIcon:
        """An icon from resources/icons in a token's colour. Icons do not follow a change of theme
        by themselves: fetch again on `changed` (the buttons of ui/widgets do)."""
        icon = QIcon(self.pixmap(name, colour, size))
        icon.addPixmap(self.pixmap(name, "edge", size), QIcon.Mode.Disabled)
        return icon

    def pixmap(self, name: str, colour: str = "text2", size: int = 16) -> QPixmap:
        """An icon for a painter or a label, sharp on the finest screen."""
        ratio = self._application.devicePixelRatio() if self._application else 1.0
        return _pixmap(name, self.colour(colour).name(), self.px(size), ratio)

    def apply(self, application: QApplication, *, by_window: bool = False) -> None:
        """Dress the application and follow the system's scheme from now on.

        `by_window`: each window is dressed by `dress`, the application is not. Under a sheet of
        the application Qt works out the look of a whole branch again each time the branch gets a
        parent, which doubles the time that a screen takes to be made."""
        if self._application is None:
            self._by_window = by_window
            self._application = application
            application.setStyle(QStyleFactory.create("Fusion"))
            for file in sorted((resources() / "fonts").glob("*.ttf")):
                QFontDatabase.addApplicationFont(str(file))
            QGuiApplication.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)
            application.aboutToQuit.connect(_pixmap.cache_clear)
            # Where widgets find the look of their application, as they find its style.
            self.setParent(application)
            application.setProperty("medrecTheme", self)
        self._dress()

    def dress(self, window: QWidget) -> None:
        """Put the sheet on a window without a parent and keep it up to date; after everything
        in it is made."""
        if self._by_window:
            self._windows = [one for one in self._windows if isValid(one)]
            self._windows.append(window)
            window.setStyleSheet(self._sheet)

    def set(self, *, mode: Mode | None = None, text_percent: int | None = None) -> None:
        """Choose another look; it shows at once."""
        before = (self._mode, self._percent)
        self._mode = mode or self._mode
        self._percent = _within(text_percent if text_percent is not None else self._percent)
        if self._application is not None and before != (self._mode, self._percent):
            if before[1] != self._percent:
                from medrec_desktop.ui.rescale import rescale

                rescale(before[1], self._percent)
            self._dress()

    def _on_scheme_changed(self, _scheme: Qt.ColorScheme) -> None:
        if self._mode == "system":
            self._dress()

    def _dress(self) -> None:
        application = self._application
        if application is None:
            return
        application.setFont(self.font())
        application.setPalette(self._palette())
        self._sheet = self._stylesheet()
        if self._by_window:
            self._windows = [one for one in self._windows if isValid(one)]
            for window in self._windows:
                window.setStyleSheet(self._sheet)
        else:
            application.setStyleSheet(self._sheet)
        self.changed.emit()

    def _colours(self) -> dict[str, str]:
        colours: dict[str, str] = self._tokens["dark" if self.dark else "light"]
        return colours

    def _stylesheet(self) -> str:
        values = {name: _qss(_colour(value)) for name, value in self._colours().items()}
        values["icons"] = (resources() / "icons").as_posix()
        values["scheme"] = "dark" if self.dark else "light"
        values["mono"] = self._tokens["type"]["mono"]
        sheet = Template(self._template).substitute(values)
        return _PIXELS.sub(lambda found: f"{self.px(int(found[1]))}px", sheet)

    def _palette(self) -> QPalette:
        role, palette = QPalette.ColorRole, QPalette()
        for names, token in (
            ((role.Window, role.Button, role.AlternateBase), "window"),
            ((role.Base, role.ToolTipBase), "surface"),
            ((role.WindowText, role.Text, role.ButtonText, role.ToolTipText), "text"),
            ((role.Highlight, role.Accent, role.Link), "accent"),
            ((role.HighlightedText, role.BrightText), "onAccent"),
            ((role.PlaceholderText,), "text3"),
            ((role.Mid, role.Dark, role.Shadow), "edge"),
            ((role.Midlight, role.Light), "border"),
        ):
            for name in names:
                palette.setColor(name, self.colour(token))
        for name in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, name, self.colour("text3"))
        return palette


def current() -> Theme:
    """The theme the application wears."""
    application = QApplication.instance()
    theme = application.property("medrecTheme") if application else None
    if not isinstance(theme, Theme):
        raise LookupError("Theme.apply comes before the first widget")  # noqa: TRY004 - no argument has a wrong type
    return theme


def px(pixels: float) -> int:
    """Pixels of the design at the user's text size."""
    return current().px(pixels)


def icon(name: str, colour: str = "text2", size: int = 16) -> QIcon:
    """An icon of the application's theme."""
    return current().icon(name, colour, size)


def restyled(event: QEvent) -> bool:
    """Whether a `changeEvent` means that colours or sizes may have changed."""
    return event.type() == QEvent.Type.StyleChange


def set_look(widget: QWidget, name: str, value: object) -> None:
    """Set a property the stylesheet selects by, and show it."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()


@lru_cache(maxsize=512)
def _pixmap(name: str, colour: str, pixels: int, ratio: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(_svg(name).replace(b"currentColor", colour.encode())))
    pixmap = QPixmap(QSize(pixels, pixels) * ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


@lru_cache(maxsize=128)
def _svg(name: str) -> bytes:
    return (resources() / "icons" / f"{name}.svg").read_bytes()


def _colour(value: str) -> QColor:
    """A token's #RRGGBB or #RRGGBBAA; Qt itself would read the alpha first."""
    colour = QColor(value[:7])
    if len(value) == 9:
        colour.setAlpha(int(value[7:], 16))
    return colour


def _qss(colour: QColor) -> str:
    return f"rgba({colour.red()}, {colour.green()}, {colour.blue()}, {colour.alpha()})"


def _within(percent: int) -> int:
    return max(SMALLEST_PERCENT, min(LARGEST_PERCENT, percent))
