import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pypdfium2
import pytest
import sqlalchemy as sa
from PySide6.QtCore import Qt
from PySide6.QtPrintSupport import QPrintDialog
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from medrec_desktop.data.schema import audit_entries
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import AddendumId, ClinicId, PatientId, UserId
from medrec_desktop.domain.patients import Allergy, Patient
from medrec_desktop.domain.people import Clinic
from medrec_desktop.domain.records import Addendum, Diagnosis, Visit
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.services.context import Context
from medrec_desktop.ui.screen import Services
from medrec_desktop.ui.theme import Theme
from medrec_desktop.ui.visit.paper import DEMO, Printed, render_pdf, suggested_name, write_pdf
from medrec_desktop.ui.visit.printing import Errand, print_visit
from medrec_desktop.ui.widgets import Dialog, Label
from tests.factories import NOON, a_diagnosis, a_draft, a_lab, a_medicine, a_visit

CLINIC = Clinic(ClinicId(uuid4()), "Hill Clinic", "tenant_1")


def a_shown_visit(**fields: Any) -> Visit:
    """A visit as the page has it; fields of the draft and of the visit."""
    of_visit = {k: fields.pop(k) for k in list(fields) if k in Visit.__dataclass_fields__}
    patient = Patient(
        PatientId(uuid4()), "RC-004 218", "Okafor", "Amara", "female", NOON.date().replace(1987)
    )
    visit = Visit(
        draft=a_draft(**fields),
        patient=patient,
        doctor_id=UserId(uuid4()),
        doctor="Dr. Efua Mensah",
        status="draft",
        saved_at=NOON,
    )
    return replace(visit, **of_visit)


def a_signed_visit(**fields: Any) -> Visit:
    return a_shown_visit(
        status="finalized",
        finalized_at=NOON + timedelta(minutes=38),
        finalized_by="Dr. Efua Mensah",
        seal="1a2b3c4d5e6f7890" * 4,
        **fields,
    )


def pages(content: bytes) -> list[str]:
    """The text of each page, its white space made even."""
    document = pypdfium2.PdfDocument(content)
    try:
        texts = []
        for page in document:
            text = page.get_textpage()
            texts.append(" ".join(text.get_text_range().split()))
            text.close()
            page.close()
        return texts
    finally:
        document.close()


def printed(visit: Visit, **kwargs: Any) -> list[str]:
    return pages(render_pdf(visit, (), kwargs.pop("clinic", CLINIC), **kwargs))


def test_every_page_says_whose_it_is_and_which_of_how_many(theme: Theme) -> None:
    notes = "\n".join(f"Line {n}: seen, examined, explained at length." for n in range(1_800))
    texts = printed(a_signed_visit(notes=notes))
    assert len(texts) >= 30
    for number, text in enumerate(texts, start=1):
        assert "OKAFOR, Amara" in text
        assert "Record no. RC-004 218" in text
        assert "Born 12-Mar-1987 (39y)" in text
        assert "Hill Clinic" in text
        assert f"Page {number} of {len(texts)}" in text
        assert "Signed Dr. Efua Mensah" in text
    whole = " ".join(texts)
    for n in range(1_800):
        assert f"Line {n}:" in whole


def test_a_draft_is_marked_on_every_page_and_a_signed_visit_on_none(theme: Theme) -> None:
    notes = "word " * 3_000
    draft = printed(a_shown_visit(notes=notes))
    assert len(draft) > 1
    assert all("DRAFT" in text and "Draft – not signed" in text for text in draft)
    signed = printed(a_signed_visit(notes=notes))
    assert not any("DRAFT" in text or "not signed" in text for text in signed)


def test_an_imported_visit_says_where_it_is_from_and_not_that_somebody_signed_it(
    theme: Theme,
) -> None:
    visit = replace(a_signed_visit(), finalized_by="Imported from visits.ndjson")
    (text,) = printed(visit)
    assert "Imported from visits.ndjson" in text
    assert "Signed" not in text


def test_a_demo_clinic_is_marked_on_every_page(theme: Theme) -> None:
    texts = printed(a_signed_visit(notes="word " * 3_000), clinic=replace(CLINIC, demo=True))
    assert len(texts) > 1
    assert all(DEMO in text for text in texts)


def test_a_visit_entered_in_error_says_so(theme: Theme) -> None:
    (text,) = printed(a_signed_visit(voided_reason="Wrong patient"))
    assert "ENTERED IN ERROR" in text
    assert "Entered in error: Wrong patient" in text


def test_everything_of_the_visit_stands_on_the_paper(theme: Theme) -> None:
    visit = a_signed_visit(
        complaint="Morning headaches",
        vitals=Vitals(blood_pressure="162/98", pulse="84", weight="78.4", height="164"),
        diagnoses=(
            a_diagnosis("I10", "Essential (primary) hypertension", note="above target"),
            Diagnosis(id=a_diagnosis().id, name="Worries about work"),
        ),
        assessment="Not controlled",
        plan="Increase amlodipine",
        prescriptions=(a_medicine("Amlodipine 10 mg", directions="1 in the morning", repeats="1"),),
        labs=(a_lab("HbA1c"), a_lab("Creatinine", status="resulted", value="88", unit="µmol/l")),
        notes="Prefers once daily.",
        follow_up="+2w",
    )
    allergy = Allergy(uuid4(), "Penicillin", "anaphylaxis", "severe")
    visit = replace(
        visit, patient=replace(visit.patient, allergy_state="has", allergies=(allergy,))
    )
    (text,) = printed(visit)
    for words in (
        "Allergies: Penicillin – anaphylaxis",
        "Morning headaches",
        "162/98 mmHg",
        "84 bpm",
        "BMI 29.1 kg/m²",
        "Primary I10 Essential (primary) hypertension above target ICD-10-CM 2026",
        "uncoded Worries about work",
        "Not controlled",
        "Increase amlodipine",
        "Amlodipine 10 mg 1 in the morning Repeats 1",
        "HbA1c – Ordered",
        "Creatinine 88 µmol/l Result",
        "Prefers once daily.",
        "26-Mar-2026 Thursday",
        "seal 1a2b3c4d5e6f7890",
    ):
        assert words in text, words


def test_the_three_states_of_allergy_are_three_sentences(theme: Theme) -> None:
    for state, words in (
        ("not_asked", "Allergies not asked"),
        ("none_known", "No known allergies"),
    ):
        visit = a_signed_visit()
        patient = replace(visit.patient, allergy_state=state)  # type: ignore[arg-type]
        (text,) = printed(replace(visit, patient=patient))
        assert words in text


def test_addenda_stand_where_they_apply_with_date_and_author(theme: Theme) -> None:
    def addendum(section: str, text: str) -> Addendum:
        return Addendum(AddendumId(uuid4()), section, text, "Dr. Yaw Boateng", NOON)

    visit = a_signed_visit(
        complaint="Cough",
        plan="Rest",
        notes="Chest clear",
        addenda=(
            addendum("plan", "Antibiotic after all"),
            addendum("labs", "CRP 88 came by phone"),
            addendum("", "Seen with her sister"),
        ),
    )
    (text,) = printed(visit)
    order = [
        text.index(words)
        for words in (
            "Plan Rest",
            "Antibiotic after all",
            "Labs Addendum",
            "CRP 88 came by phone",
            "Notes Chest clear",
            "Addenda to the whole visit",
            "Seen with her sister",
        )
    ]
    assert order == sorted(order)
    assert text.count("Addendum · 12-Mar-2026") == 3
    assert text.count("Dr. Yaw Boateng") == 3


def test_markup_is_printed_as_it_was_typed(theme: Theme) -> None:
    hostile = "<b>bold</b> &lt;i&gt; <img src='file:///etc/passwd'> <script>alert(1)</script>"
    visit = a_signed_visit(complaint=hostile, notes=hostile, diagnoses=(a_diagnosis("X", hostile),))
    visit = replace(visit, patient=replace(visit.patient, family="<H1>Big</H1>"))
    text = printed(visit)[0]
    assert text.count("<b>bold</b> &lt;i&gt;") == 3
    assert "<H1>BIG</H1>, Amara" in text


@pytest.mark.parametrize(
    "typed",
    [
        "\x00\x01\x02",
        "\ufdd0\ufdd1\ufffc",
        "a\u2028b\u2029c",
        "x" * 20_000,
        "שלום ١٢٣ abc",
        "\n" * 500,
    ],
)
def test_strange_text_is_printed_without_breaking_the_frame(theme: Theme, typed: str) -> None:
    texts = printed(a_signed_visit(notes=typed, plan="The end", complaint=typed))
    assert "The end" in " ".join(texts)
    assert all(f"Page {n} of {len(texts)}" in text for n, text in enumerate(texts, 1))


def test_a_word_longer_than_the_line_is_broken_not_lost(theme: Theme) -> None:
    texts = printed(a_signed_visit(notes="x" * 5_000))
    assert sum(text.count("x") for text in texts) >= 5_000


def test_a_megabyte_without_a_space_is_printed(theme: Theme) -> None:
    document = pypdfium2.PdfDocument(render_pdf(a_signed_visit(notes="x" * 1_000_000), (), CLINIC))
    assert len(document) > 100
    document.close()


def test_paper_has_the_size_that_was_asked_for(theme: Theme) -> None:
    for paper, size in (("A4", (595, 842)), ("Letter", (612, 792))):
        content = render_pdf(a_signed_visit(), (), CLINIC, paper=paper)  # type: ignore[arg-type]
        document = pypdfium2.PdfDocument(content)
        width, height = document[0].get_size()
        document.close()
        assert (round(width), round(height)) == size


def test_dark_theme_still_prints_black_on_white(theme: Theme) -> None:
    theme.set(mode="dark")
    document = pypdfium2.PdfDocument(render_pdf(a_signed_visit(notes="word " * 200), (), CLINIC))
    image = document[0].render(scale=1).to_pil().convert("L")
    document.close()
    shades = image.histogram()
    assert shades[255] > 0.85 * image.width * image.height
    assert sum(shades[:64]) > 200


def test_a_pdf_is_rendered_off_the_ui_thread(theme: Theme) -> None:
    def on_worker() -> tuple[str, bytes]:
        return threading.current_thread().name, render_pdf(a_signed_visit(), (), CLINIC)

    with ThreadPoolExecutor(1, thread_name_prefix="slow") as lane:
        thread, content = lane.submit(on_worker).result(30)
    assert thread.startswith("slow")
    assert "OKAFOR, Amara" in pages(content)[0]


def test_a_pdf_that_cannot_be_written_says_so_and_leaves_nothing(
    theme: Theme, tmp_path: Path
) -> None:
    job = Printed(a_signed_visit(), (), CLINIC, "A4", NOON)
    with pytest.raises(Unavailable, match="could not be written"):
        write_pdf(job, tmp_path / "missing" / "visit.pdf")
    target = tmp_path / "visit.pdf"
    assert write_pdf(job, target) == target
    assert [path.name for path in tmp_path.iterdir()] == ["visit.pdf"]


def test_the_suggested_name_is_a_file_name(theme: Theme) -> None:
    visit = a_signed_visit()
    assert suggested_name(visit) == "OKAFOR Amara 2026-03-12.pdf"
    odd = replace(visit, patient=replace(visit.patient, family="../a:b", given="\u202ex"))
    assert suggested_name(odd) == "AB x 2026-03-12.pdf"


def test_what_was_saved_a_moment_ago_is_in_the_pdf(
    clinic: Context, services: Services, qtbot: QtBot, tmp_path: Path
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(800, 600)
    window.show()
    record = a_visit(clinic, complaint="Sore throat since Monday")
    errand = print_visit(window, services, record)
    qtbot.waitUntil(lambda: bool(window.findChildren(Dialog)))
    words = [one.text() for one in window.findChildren(Label)]
    assert "OKAFOR, Ama" in words
    assert "This visit is a draft: every page is marked DRAFT." in words
    target = tmp_path / "visit.pdf"
    errand.write_to(str(target))
    qtbot.waitUntil(target.exists)
    qtbot.waitUntil(lambda: any("The PDF was saved" in one.text() for one in labels(window)))
    (text,) = pages(target.read_bytes())
    assert "Sore throat since Monday" in text
    with clinic.db.read() as session:
        told = session.scalars(sa.select(audit_entries.c.record).where(audit_entries.c.what == "visit.print"))  # fmt: skip
        assert list(told) == [record]


def test_printing_that_is_called_off_leaves_no_file_no_question_and_no_errand(
    clinic: Context, services: Services, qtbot: QtBot, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(800, 600)
    field = QLineEdit(window)
    window.show()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    record = a_visit(clinic, complaint="Sore throat since Monday")

    def question() -> Dialog:
        print_visit(window, services, record)
        qtbot.waitUntil(lambda: bool(window.findChildren(Dialog)))
        return window.findChildren(Dialog)[0]

    def gone() -> bool:
        return not window.findChildren(Dialog) and not window.findChildren(Errand)

    def asked(kind: type[QWidget]) -> bool:
        return bool(window.findChildren(kind))

    # Cancel on the question itself.
    click(question(), "Cancel")
    qtbot.waitUntil(gone)
    assert field.hasFocus()
    # Cancel on the system's dialogs that follow.
    for words, kind in (("Save as PDF…", QFileDialog), ("Print…", QPrintDialog)):
        click(question(), words)
        qtbot.waitUntil(partial(asked, kind))
        window.findChildren(kind)[0].reject()
        qtbot.waitUntil(lambda: gone() and not asked(QFileDialog) and not asked(QPrintDialog))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def click(dialog: Dialog, words: str) -> None:
    button = next(one for one in dialog.findChildren(QPushButton) if one.text() == words)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def labels(window: QWidget) -> list[Label]:
    return [one for one in window.findChildren(Label) if one.isVisible()]
