"""Text fields beyond Qt's own: a search box with its hint, a text area that grows."""

import math

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal
from PySide6.QtGui import (
    QInputMethodEvent,
    QKeyEvent,
    QResizeEvent,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSizePolicy, QWidget

from medrec_desktop.ui import theme
from medrec_desktop.ui.widgets.folding import (
    FOLDED_FROM,
    PIECE,
    folded,
    free_sign,
    is_long,
    unfolded,
)
from medrec_desktop.ui.widgets.labels import IconLabel, KeyHint, Label

_LONGEST_WORD = 5_000


class SearchBox(QLineEdit):
    """A line edit with a lens, a key hint while empty and a note ("6 matches") while not.

    Arrow keys, Enter and Escape are offered as signals so that a list beside it can be driven
    while the caret stays here.
    """

    moved = Signal(int)
    picked = Signal()
    escaped = Signal()

    def __init__(self, placeholder: str, hint: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self._lens = IconLabel("search", "text3", 16, self)
        self._hint = KeyHint(hint, self) if hint else None
        self._note = Label("", "meta", self)
        for part in (self._lens, self._hint, self._note):
            if part is not None:
                part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setProperty("search", True)
        self.textChanged.connect(self._place)
        self._place()

    def set_note(self, note: str) -> None:
        """Words at the end of the box while something is typed."""
        self._note.setText(note)
        self._place()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up, Down, Page keys, Enter and Escape are the list's; the rest is text."""
        steps = {
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_PageUp: -8,
            Qt.Key.Key_PageDown: 8,
        }
        key = Qt.Key(event.key())
        if key in steps and event.modifiers() in {
            Qt.KeyboardModifier.NoModifier,
            Qt.KeyboardModifier.KeypadModifier,
        }:
            self.moved.emit(steps[key])
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.modifiers():
            self.picked.emit()
        elif key == Qt.Key.Key_Escape:
            self.escaped.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep hint and note at the end."""
        super().resizeEvent(event)
        self._place()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme."""
        super().changeEvent(event)
        if theme.restyled(event) and hasattr(self, "_note"):
            self._place()

    def _place(self) -> None:
        typed = bool(self.text())
        self._note.setVisible(typed and bool(self._note.text()))
        if self._hint is not None:
            self._hint.setVisible(not typed)
        _as_hinted(self._lens)
        self._lens.move(theme.px(11), (self.height() - self._lens.height()) // 2)
        start = self._lens.width() + theme.px(9)
        part = self._note if typed else self._hint
        if part is None:
            self.setTextMargins(start, 0, 0, 0)
            return
        _as_hinted(part)
        x = self.width() - part.width() - theme.px(9)
        part.move(max(x, 0), (self.height() - part.height()) // 2)
        self.setTextMargins(start, 0, part.width() + theme.px(4), 0)


def _as_hinted(part: QWidget) -> None:
    """`adjustSize` takes a millisecond, and this is done at each key."""
    hint = part.sizeHint()
    if part.size() != hint:
        part.resize(hint)


class LineEdit(QLineEdit):
    """A line of a record: while it is closed it takes nothing, not even the end of a composition,
    which Qt itself would put there."""

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """As a key."""
        if self.isReadOnly():
            event.ignore()
        else:
            super().inputMethodEvent(event)


class TextArea(QPlainTextEdit):
    """Several lines of plain text; grows with what is typed, Tab leaves it."""

    def __init__(
        self, name: str, *, lines: int = 3, most: int = 18, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self._lines, self._most = lines, most
        self._sign = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    @property
    def folded(self) -> bool:
        """Whether the document has other positions than its text: long paragraphs are folded."""
        return bool(self._sign)

    def toPlainText(self) -> str:
        """What is typed, without folds."""
        # Qt's own reading makes ordinary spaces of those that do not break.
        raw = self.document().toRawText().replace("\u2029", "\n").replace("\u2028", "\n")
        return unfolded(raw, self._sign)

    def setPlainText(self, text: str) -> None:
        """Show a text; of any length and with no space in it."""
        self._wrap_for(text, otherwise=QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._sign = free_sign(text) if is_long(text) else ""
        super().setPlainText(folded(text, self._sign) if self._sign else text)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What is typed or deleted at a fold never parts its two halves."""
        key = Qt.Key(event.key())
        if event.text() or key in {Qt.Key.Key_Backspace, Qt.Key.Key_Delete}:
            self._keep_fold(key)
        super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """As a key: what may not be typed in takes nothing. Qt itself would put the end of a
        composition into a field that was closed meanwhile, where it can never be stored."""
        if self.isReadOnly():
            event.ignore()
            return
        if event.commitString() or event.preeditString():
            self._keep_fold(None)
        super().inputMethodEvent(event)

    def createMimeDataFromSelection(self) -> QMimeData:
        """Copy or drag: no fold leaves the field."""
        copied = super().createMimeDataFromSelection()
        copied.setText(unfolded(copied.text(), self._sign))
        return copied

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste."""
        text = source.text()
        self._keep_fold(None)
        self._wrap_for(text, otherwise=self.wordWrapMode())
        # One paste after another into the same paragraph makes a long one too.
        crowded = self.textCursor().block().length() > FOLDED_FROM // 2 and len(text) > PIECE
        if self._sign and self._sign in text:
            self._insert_anew(text)
        elif crowded or is_long(text):
            self._sign = self._sign or free_sign(text, self.toPlainText())
            pasted = QMimeData()
            pasted.setText(_pasted(text, self._sign, apart=crowded) if self._sign else text)
            super().insertFromMimeData(pasted)
        else:
            super().insertFromMimeData(source)

    def _insert_anew(self, text: str) -> None:
        """What is pasted has the sign of the folds: all folds get another, and undo ends here."""
        cursor, shown = self.textCursor(), super().toPlainText()
        units = shown.encode("utf-16-le", "surrogatepass")
        before, after = units[: 2 * cursor.selectionStart()], units[2 * cursor.selectionEnd() :]
        head, tail = (
            unfolded(part.decode("utf-16-le", "surrogatepass"), self._sign)
            for part in (before, after)
        )
        self.setPlainText(head + text + tail)
        self.moveCursor(QTextCursor.MoveOperation.End)

    def _keep_fold(self, key: Qt.Key | None) -> None:
        """The end of a folded line lies between the sign and its new line. What is typed there
        would stand between them, and what is deleted would leave the new line to the text."""
        if not self._sign:
            return
        cursor = self.textCursor()
        anchor, at = cursor.selectionStart(), cursor.selectionEnd()
        document = self.document()

        def fold_before(place: int) -> bool:
            """Whether a sign ends just here, and its line too."""
            ends = document.characterAt(place) == "\u2029"
            return ends and place > 0 and document.characterAt(place - 1) == self._sign

        if anchor == at and key == Qt.Key.Key_Backspace and fold_before(at - 1):
            anchor = at = at - 1
        if fold_before(at):
            anchor, at = min(anchor, at - 1), at - 1
        if anchor == at and key == Qt.Key.Key_Delete and fold_before(at + 1):
            anchor = at = at + 2
        if (anchor, at) != (cursor.selectionStart(), cursor.selectionEnd()):
            cursor.setPosition(anchor)
            cursor.setPosition(at, QTextCursor.MoveMode.KeepAnchor)
            self.setTextCursor(cursor)

    def _wrap_for(self, text: str, *, otherwise: QTextOption.WrapMode) -> None:
        # Qt looks for the end of a word from each of its lines anew: a megabyte without a space
        # would hold the window for minutes.
        endless = (
            len(text) > _LONGEST_WORD and max(map(len, text.split()), default=0) > _LONGEST_WORD
        )
        self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere if endless else otherwise)

    def sizeHint(self) -> QSize:
        """As wide as there is, as high as set."""
        return QSize(theme.px(240), self.minimumHeight())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the text size."""
        super().changeEvent(event)
        if event.type() in {QEvent.Type.FontChange, QEvent.Type.StyleChange}:
            self._fit()

    def _fit(self, *_: object) -> None:
        # QPlainTextEdit's document counts its height in lines.
        shown = math.ceil(self.document().size().height())
        lines = max(self._lines, min(shown, self._most))
        frame = 2 * (self.frameWidth() + round(self.document().documentMargin())) + theme.px(2)
        height = lines * self.fontMetrics().lineSpacing() + frame
        if height != self.minimumHeight():
            self.setFixedHeight(height)


def _pasted(text: str, sign: str, *, apart: bool) -> str:
    return f"{sign}\n{folded(text, sign)}" if apart else folded(text, sign)
