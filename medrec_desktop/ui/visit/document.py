"""The words of a visit for paper: sections, tables, addenda, in one QTextDocument.

Text goes in by cursor, never as HTML, so nothing that was typed can be taken for markup. Black on
white whatever the theme. Needs no window and may run on a worker.
"""

from collections.abc import Sequence
from datetime import date, datetime

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextLength,
    QTextOption,
    QTextTableFormat,
)

from medrec_desktop.domain.attachments import Attachment, size_text
from medrec_desktop.domain.dates import read_date, shown, shown_long, shown_time
from medrec_desktop.domain.finishing import visit_day
from medrec_desktop.domain.patients import Patient, age_on
from medrec_desktop.domain.records import Addendum, Diagnosis, LabTest, Prescription, Visit
from medrec_desktop.domain.typed import says_something
from medrec_desktop.domain.vitals import LABELS, UNITS, Vitals, bmi

FAMILY, MONO = "Inter", "JetBrains Mono"
BODY_PT, SMALL_PT = 10.0, 8.5
GREY = "#4D4D4D"
_LONGEST_BLOCK = 3_000

_SECTIONS: dict[str, str] = {
    "complaint": "Complaint",
    "vitals": "Vitals",
    "diagnoses": "Diagnoses",
    "assessment": "Assessment",
    "plan": "Plan",
    "prescriptions": "Prescriptions",
    "labs": "Labs",
    "notes": "Notes",
    "follow_up": "Follow-up",
    "attachments": "Attachments",
}


def document_of(
    visit: Visit, attachments: Sequence[Attachment], *, clinic_name: str
) -> QTextDocument:
    """The body of the print; the frame of each page is drawn around it."""
    return _Writer(visit, attachments, clinic_name).document


def identity(patient: Patient, day: date) -> str:
    """What tells this patient from another, beside the name."""
    born = "Birth date not known"
    if patient.birth_date is not None:
        age = age_on(patient.birth_date, patient.deceased_on or day)
        born = f"Born {shown(patient.birth_date)}" + (f" ({age})" if age else "")
    sex = "Sex not known" if patient.sex == "unknown" else f"Sex {patient.sex.capitalize()}"
    return f"{born}  ·  {sex}  ·  Record no. {patient.record_no or 'not known'}"


def allergies(patient: Patient) -> str:
    """Has, none known and not asked are three different sentences."""
    if patient.allergy_state == "not_asked":
        return "Allergies not asked"
    if patient.allergy_state == "none_known":
        return "No known allergies"
    named = (
        one.substance + (f" – {one.reaction}" if one.reaction else "") for one in patient.allergies
    )
    return "Allergies: " + ("; ".join(named) or "recorded, not named")


def signature(visit: Visit) -> str:
    """Who signed, when, and the start of the seal; or that nobody did."""
    if visit.status == "draft" or visit.finalized_at is None:
        return "Draft – not signed"
    seal = f"  ·  seal {visit.seal[:16]}" if visit.seal else ""
    return f"{visit.signed_words} {shown_time(visit.finalized_at)}{seal}"


def paper_font(points: float, *, bold: bool = False) -> QFont:
    """The font of all print."""
    font = QFont(FAMILY)
    font.setPointSizeF(points)
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    # Hinted for a screen, letters would stand apart on paper.
    font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    # Inter raises hyphens beside capitals by glyphs of no letter: who copies or searches the PDF
    # would find "12?Mar".
    font.setFeature(QFont.Tag("calt"), 0)
    return font


class _Writer:
    """Writes one visit from top to bottom."""

    def __init__(self, visit: Visit, attachments: Sequence[Attachment], clinic_name: str) -> None:
        self._visit = visit
        self._day = visit_day(visit.draft)
        self.document = QTextDocument()
        self.document.setUndoRedoEnabled(False)
        self.document.setDocumentMargin(0)
        self.document.setDefaultFont(paper_font(BODY_PT))
        option = QTextOption()
        # A word as long as a page must not run off the paper.
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.document.setDefaultTextOption(option)
        self._at = QTextCursor(self.document)
        self._first = True
        self._addenda = list(visit.addenda)
        self._write(attachments, clinic_name)

    def _write(self, attachments: Sequence[Attachment], clinic_name: str) -> None:
        visit, draft = self._visit, self._visit.draft
        self._paragraph("Visit", _format(15, bold=True), space=2)
        day = shown_time(draft.visit_date)
        self._paragraph(f"{day}  ·  {visit.doctor}  ·  {clinic_name}", _format(grey=True), space=2)
        known = visit.patient.allergy_state == "has"
        self._paragraph(allergies(visit.patient), _format(bold=known), space=2)
        if visit.voided_reason:
            self._paragraph(f"Entered in error: {visit.voided_reason}", _format(bold=True), space=2)

        self._text("complaint", draft.complaint)
        self._vitals(draft.vitals)
        self._diagnoses(draft.diagnoses, none_made=draft.no_diagnosis)
        self._text("assessment", draft.assessment)
        self._text("plan", draft.plan)
        self._prescriptions(draft.prescriptions)
        self._labs(draft.labs)
        self._text("notes", draft.notes)
        self._follow_up(draft.follow_up)
        self._attachments(attachments)
        self._rest_of_addenda()
        self._paragraph("", _format(), space=6)
        self._paragraph(signature(visit), _format(bold=True), space=6)

    # --- sections ------------------------------------------------------------------------------

    def _text(self, section: str, typed: str) -> None:
        if says_something(typed):
            self._head(_SECTIONS[section])
            self._lines(typed)
        self._addenda_of(section, headed=says_something(typed))

    def _vitals(self, vitals: Vitals) -> None:
        cells = [
            (LABELS[name], f"{typed.strip()} {UNITS[name]}")
            for name in LABELS
            if says_something(typed := getattr(vitals, name))
        ]
        index = bmi(vitals.weight, vitals.height)
        if index is not None:
            cells.append(("BMI", f"{index:.1f} kg/m²"))
        if cells:
            self._head(_SECTIONS["vitals"])
            self._table(
                [
                    [f"{name}\n{value}" for name, value in cells[n : n + 5]]
                    + [""] * (5 - len(cells[n : n + 5]))
                    for n in range(0, len(cells), 5)
                ],
                (20,) * 5,
                two_tone=True,
            )
        self._addenda_of("vitals", headed=bool(cells))

    def _diagnoses(self, rows: tuple[Diagnosis, ...], *, none_made: bool) -> None:
        filled = [one for one in rows if says_something(one.name) or says_something(one.code)]
        if filled:
            self._head(_SECTIONS["diagnoses"])
            self._table(
                [
                    [
                        "Primary" if one.kind == "primary" else "Secondary",
                        one.code or "uncoded",
                        one.name + (f"\n{one.note}" if says_something(one.note) else ""),
                        " ".join(part for part in (one.system, one.release) if part),
                    ]
                    for one in filled
                ],
                (12, 13, 50, 25),
                mono=1,
            )
        elif none_made:
            self._head(_SECTIONS["diagnoses"])
            self._lines("No diagnosis made")
        self._addenda_of("diagnoses", headed=bool(filled) or none_made)

    def _prescriptions(self, rows: tuple[Prescription, ...]) -> None:
        filled = [one for one in rows if says_something(one.medicine + one.directions)]
        if filled:
            self._head(_SECTIONS["prescriptions"])
            self._table(
                [
                    [
                        one.medicine,
                        one.directions,
                        one.quantity,
                        # "2" alone would say nothing; "2 repeats" says it already.
                        f"Repeats {one.repeats}" if one.repeats.isdecimal() else one.repeats,
                    ]
                    for one in filled
                ],
                (32, 38, 16, 14),
            )
        self._addenda_of("prescriptions", headed=bool(filled))

    def _labs(self, rows: tuple[LabTest, ...]) -> None:
        filled = [one for one in rows if says_something(one.name + one.value)]
        if filled:
            self._head(_SECTIONS["labs"])
            self._table(
                [
                    [
                        one.name,
                        f"{one.value} {one.unit}".strip() or "–",
                        "Result" if one.status == "resulted" else "Ordered",
                    ]
                    for one in filled
                ],
                (46, 34, 20),
            )
        self._addenda_of("labs", headed=bool(filled))

    def _follow_up(self, typed: str) -> None:
        if says_something(typed):
            self._head(_SECTIONS["follow_up"])
            day = read_date(typed, today=self._day)
            self._lines(shown_long(day) if day else typed)
        self._addenda_of("follow_up", headed=says_something(typed))

    def _attachments(self, files: Sequence[Attachment]) -> None:
        if files:
            self._head(_SECTIONS["attachments"])
            self._table(
                [
                    [
                        one.file_name + (f"\n{one.description}" if one.description else ""),
                        size_text(one.file_size),
                        shown_time(one.created_at) + ("\nafter signing" if one.late else ""),
                    ]
                    for one in files
                ],
                (60, 15, 25),
            )
        self._addenda_of("attachments", headed=bool(files))

    # --- addenda -------------------------------------------------------------------------------

    def _addenda_of(self, section: str, *, headed: bool) -> None:
        """Beneath the section that they correct; an empty one gets its head for them."""
        mine = [one for one in self._addenda if _section_of(one) == section]
        if mine and not headed:
            self._head(_SECTIONS[section])
        for one in mine:
            self._addendum(one)
            self._addenda.remove(one)

    def _rest_of_addenda(self) -> None:
        if self._addenda:
            self._head("Addenda to the whole visit")
        for one in self._addenda:
            self._addendum(one)

    def _addendum(self, one: Addendum) -> None:
        named = "" if _section_of(one) in _SECTIONS or not one.section else f" to {one.section}"
        head = f"Addendum{named}  ·  {shown_time(one.written_at)}  ·  {one.author}"
        form = QTextTableFormat()
        form.setBorder(0)
        form.setCellPadding(4)
        form.setLeftMargin(12)
        form.setTopMargin(4)
        form.setBackground(QBrush(QColor("#F2F2F2")))
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 96))
        table = self._insert_table(1, 1, form)
        self._at = table.cellAt(0, 0).firstCursorPosition()
        self._at.insertText(head, _format(SMALL_PT, bold=True))
        for line in _split(one.text):
            self._at.insertBlock()
            self._at.insertText(line, _format())
        self._after_table()

    # --- small things --------------------------------------------------------------------------

    def _head(self, title: str) -> None:
        block = QTextBlockFormat()
        block.setTopMargin(10)
        block.setBottomMargin(2)
        self._block(block, _format(11, bold=True))
        self._at.insertText(title, _format(11, bold=True))

    def _lines(self, text: str) -> None:
        for line in _split(text):
            self._block(QTextBlockFormat(), _format())
            self._at.insertText(line, _format())

    def _paragraph(self, text: str, form: QTextCharFormat, *, space: int) -> None:
        block = QTextBlockFormat()
        block.setBottomMargin(space)
        self._block(block, form)
        self._at.insertText(" ".join(text.split("\n")), form)

    def _block(self, block: QTextBlockFormat, form: QTextCharFormat) -> None:
        if self._first:
            self._first = False
            self._at.setBlockFormat(block)
            self._at.setBlockCharFormat(form)
        else:
            self._at.insertBlock(block, form)

    def _table(
        self,
        rows: Sequence[Sequence[str]],
        widths: tuple[int, ...],
        *,
        mono: int | None = None,
        two_tone: bool = False,
    ) -> None:
        form = QTextTableFormat()
        form.setBorder(0.5)
        form.setBorderBrush(QBrush(QColor("#B0B0B0")))
        form.setBorderCollapse(True)
        form.setCellPadding(3)
        form.setCellSpacing(0)
        form.setWidth(QTextLength(QTextLength.Type.PercentageLength, 100))
        form.setColumnWidthConstraints(
            [QTextLength(QTextLength.Type.PercentageLength, width) for width in widths]
        )
        table = self._insert_table(len(rows), len(widths), form)
        for number, cells in enumerate(rows):
            for column, text in enumerate(cells):
                at = table.cellAt(number, column).firstCursorPosition()
                for line_number, line in enumerate(_split(text)):
                    if line_number:
                        at.insertBlock()
                    second = bool(line_number) != two_tone
                    small = _format(SMALL_PT, grey=True)
                    at.insertText(
                        line, small if second else _format(mono=column == mono, bold=two_tone)
                    )
        self._after_table()

    def _insert_table(self, rows: int, columns: int, form: QTextTableFormat):  # type: ignore[no-untyped-def]  # noqa: ANN202 - QTextTable
        self._block(QTextBlockFormat(), _format(1))
        return self._at.insertTable(rows, columns, form)

    def _after_table(self) -> None:
        self._at = QTextCursor(self.document)
        self._at.movePosition(QTextCursor.MoveOperation.End)


def _section_of(addendum: Addendum) -> str:
    """The field an addendum corrects, given as field, title or a part ("vitals.pulse")."""
    named = addendum.section.strip().casefold().split(".")[0].replace("-", "_").replace(" ", "_")
    return {title.casefold().replace("-", "_"): key for key, title in _SECTIONS.items()}.get(
        named, named
    )


def _split(text: str) -> list[str]:
    """Lines; a cursor would make blocks of them with formats of its own. A line is cut at a space
    where it would be longer than a page: laying out one block takes the square of its length."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        rest = line
        while len(rest) > _LONGEST_BLOCK:
            cut = rest.rfind(" ", _LONGEST_BLOCK // 2, _LONGEST_BLOCK) + 1 or _LONGEST_BLOCK
            lines.append(rest[:cut])
            rest = rest[cut:]
        lines.append(rest)
    return lines


def _format(
    points: float = BODY_PT, *, bold: bool = False, grey: bool = False, mono: bool = False
) -> QTextCharFormat:
    form = QTextCharFormat()
    form.setFontFamilies([MONO if mono else FAMILY])
    form.setFontPointSize(points)
    form.setFontWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    form.setForeground(QBrush(QColor(GREY) if grey else QColor(Qt.GlobalColor.black)))
    return form


def printed_line(now: datetime) -> str:
    """When this paper was made: a draft may have changed since."""
    return f"Printed {shown_time(now)}"
