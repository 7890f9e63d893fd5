"""One unit that two people changed: its name, both versions, and what else can be done with it."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from medrec_desktop.domain.reviewing import Clash, Decision, combined_text, word_differences
from medrec_desktop.ui import theme
from medrec_desktop.ui.review.version import Version
from medrec_desktop.ui.widgets import GhostButton, LinkButton, TextArea, column, label, row

GUTTER = 118
BETWEEN = 12


class ClashRow(QWidget):
    """`decided` with each choice; keys 1, 2, B and E choose, arrows move."""

    decided = Signal(object)
    """A Decision"""
    moved = Signal(int)
    """The row above (-1) or below (1) is wanted."""

    def __init__(
        self,
        clash: Clash,
        names: tuple[str, str],
        *,
        choosable: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.clash = clash
        self.decision: Decision | None = None
        self.setAccessibleName(clash.title)
        mine, theirs = word_differences(clash.mine, clash.theirs)
        strong = not clash.long_text and not clash.unit.startswith("follow_up")
        self.mine, self.theirs = (
            Version(
                pieces,
                note,
                f"{clash.title}, {name}",
                strong=strong,
                choosable=choosable,
            )
            for pieces, note, name in (
                (mine, clash.mine_note, names[0]),
                (theirs, clash.theirs_note, names[1]),
            )
        )
        self.mine.chosen.connect(self.choose_mine)
        self.theirs.chosen.connect(self.choose_theirs)
        self.both = LinkButton(clash.both, "plus")
        self.both.clicked.connect(self.choose_both)
        self._both_note = label(clash.both_note, "caption")
        self.edit = LinkButton("Edit the combined text", "pencil")
        self.edit.clicked.connect(self.open_editor)
        # Only hidden here: shown without a parent they would come as windows of their own.
        if not (choosable and clash.both):
            self.both.hide()
            self._both_note.hide()
        if not (choosable and clash.long_text):
            self.edit.hide()
        self._editor = self._make_editor()

        gutter = QWidget()
        gutter.setFixedWidth(theme.px(GUTTER))
        gutter.setLayout(
            column(label(clash.title, "section", wrap=True), label(clash.below, "caption"), None)
        )
        versions = row(self.mine, self.theirs, spacing=BETWEEN)
        versions.setStretch(0, 1)
        versions.setStretch(1, 1)
        side = QVBoxLayout()
        side.setSpacing(theme.px(2))
        side.addLayout(versions)
        side.addLayout(row(self.both, self._both_note, self.edit, None, margins=(2, 0, 0, 0)))
        side.addWidget(self._editor)
        layout = row(gutter, spacing=0, margins=(0, 4, 0, 6))
        layout.addLayout(side, 1)
        layout.setAlignment(gutter, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)

    @property
    def editor(self) -> TextArea:
        """Where the combined text is typed."""
        return self._text

    def show_decision(self, decision: Decision | None) -> None:
        """Mark what is taken."""
        self.decision = decision
        way = decision.way if decision else ""
        self.mine.set_chosen(way in {"mine", "both"})
        self.theirs.set_chosen(way in {"theirs", "both"})
        theme.set_look(self._editor, "chosen", way == "text")
        if way != "text":
            self._editor.hide()

    def choose_mine(self) -> None:
        """Key 1."""
        self._decide(Decision(self.clash.unit, "mine"))

    def choose_theirs(self) -> None:
        """Key 2."""
        self._decide(Decision(self.clash.unit, "theirs"))

    def choose_both(self) -> None:
        """Key B, where both may be right."""
        if self.clash.both:
            self._decide(Decision(self.clash.unit, "both"))

    def open_editor(self) -> None:
        """Key E: begin with the chosen text, else with all sentences of both."""
        if not self.clash.long_text:
            return
        way = self.decision.way if self.decision else ""
        start = {"mine": self.clash.mine, "theirs": self.clash.theirs}.get(
            way, combined_text(self.clash.mine, self.clash.theirs)
        )
        # What was typed before stays, also when a version was chosen in between.
        if not self._text.toPlainText():
            self._text.setPlainText(start)
        self._editor.show()
        self._text.setFocus(Qt.FocusReason.OtherFocusReason)
        self._on_typed()

    def focus_first(self) -> None:
        """Keys go to what is chosen, else to the left version."""
        taken = self.decision is not None and self.decision.way == "theirs"
        chosen = self.theirs if taken else self.mine
        chosen.radio.setFocus(Qt.FocusReason.TabFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """1 left, 2 right, B both, E edit; arrows."""
        actions = {
            Qt.Key.Key_1: self.choose_mine,
            Qt.Key.Key_Left: self.choose_mine,
            Qt.Key.Key_2: self.choose_theirs,
            Qt.Key.Key_Right: self.choose_theirs,
            Qt.Key.Key_B: self.choose_both,
            Qt.Key.Key_E: self.open_editor,
        }
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        others = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if others or self._text.hasFocus() or self.mine.radio.isHidden():
            super().keyPressEvent(event)
        elif step is not None:
            self.moved.emit(step)
        elif (action := actions.get(Qt.Key(event.key()))) is not None:
            action()
        else:
            super().keyPressEvent(event)

    def _make_editor(self) -> QFrame:
        box = QFrame()
        box.setProperty("choice", True)
        self._text = TextArea(f"{self.clash.title}, combined text", lines=3)
        self._text.textChanged.connect(self._on_typed)
        drop = GhostButton("Drop this text")
        drop.clicked.connect(self._on_dropped)
        head = row(label("Combined text", "strong"), None, drop)
        box.setLayout(column(head, self._text, margins=(12, 8, 12, 10), spacing=6))
        box.hide()
        return box

    def _on_typed(self) -> None:
        if not self._editor.isHidden():
            self._decide(Decision(self.clash.unit, "text", self._text.toPlainText()))

    def _on_dropped(self) -> None:
        self._editor.hide()
        self._text.setPlainText("")
        self._decide(None)
        self.focus_first()

    def _decide(self, decision: Decision | None) -> None:
        self.show_decision(decision)
        self.decided.emit(decision)
