"""Buttons. One filled button a screen; everything else is plain, ghost, link or icon."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from medrec_desktop.ui import theme


class KeyButton(QPushButton):
    """Enter presses it too: outside a dialog Qt gives a button the space bar alone, and who comes
    with Tab and presses Enter would wait for nothing."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter without another key, once however long it is held."""
        others = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not others:
            event.accept()
            if not event.isAutoRepeat():
                self.click()
        else:
            super().keyPressEvent(event)


class _Button(KeyButton):
    """A button of one kind; `icon` names a picture of the icon set."""

    kind = "plain"
    icon_colour = "text"

    def __init__(self, text: str = "", icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", self.kind)
        self.setText(text)
        # A wide layout must not stretch a button over it.
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._icon_name = icon
        self._icon_size = 16
        self._show_icon()

    def setText(self, text: str) -> None:
        """The words as they are: "&" is an ampersand, not an underline."""
        super().setText(text.replace("&", "&&"))

    def set_icon(self, name: str, colour: str | None = None) -> None:
        """Another picture or colour."""
        self._icon_name = name
        if colour is not None:
            self.icon_colour = colour
        self._show_icon()

    def set_large(self) -> None:
        """The taller form of dialogs and first-run pages."""
        theme.set_look(self, "large", True)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event):
            self._show_icon()

    def _show_icon(self) -> None:
        name = getattr(self, "_icon_name", "")
        if name:
            pixels = theme.px(self._icon_size)
            self.setIcon(theme.icon(name, self.icon_colour, self._icon_size))
            self.setIconSize(QSize(pixels, pixels))


class PlainButton(_Button):
    """The ordinary button."""


class FilledButton(_Button):
    """The one thing this screen is for."""

    kind = "filled"
    icon_colour = "onAccent"


class DangerButton(_Button):
    """Does harm that cannot be undone here."""

    kind = "danger"
    icon_colour = "onAccent"


class GhostButton(_Button):
    """A quiet action: "+ Add files…"."""

    kind = "ghost"
    icon_colour = "text2"


class LinkButton(_Button):
    """A word to click in a line of text."""

    kind = "link"
    icon_colour = "accent"


class IconButton(_Button):
    """A picture only; `name` is what a screen reader says and the pointer shows."""

    kind = "icon"
    icon_colour = "text2"

    def __init__(
        self, icon: str, name: str, parent: QWidget | None = None, *, colour: str = "text2"
    ) -> None:
        self.icon_colour = colour
        super().__init__("", icon, parent)
        self.set_name(name)

    def set_name(self, name: str) -> None:
        """Say something else to a screen reader and the pointer."""
        self.setAccessibleName(name)
        # A tooltip guesses rich text: only the program's own words may stand in it.
        self.setToolTip(name)
