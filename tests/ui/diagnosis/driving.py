"""Driving the section of diagnoses by its keys."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from medrec_desktop.ui.diagnosis.box import DiagnosisSection
from medrec_desktop.ui.diagnosis.row import DiagnosisRow
from tests.factories import a_diagnosis

Key, Mod = Qt.Key, Qt.KeyboardModifier
HYPERTENSION = a_diagnosis("I10", "Essential (primary) hypertension")
DIABETES = a_diagnosis("E11.9", "Type 2 diabetes mellitus", kind="secondary")
ASTHMA = a_diagnosis("J45.909", "Unspecified asthma, uncomplicated", kind="secondary")


def codes(section: DiagnosisSection) -> list[tuple[str, str]]:
    return [(d.code, d.kind) for d in section.value()]


def rows(section: DiagnosisSection) -> list[DiagnosisRow]:
    return section._widgets


def shown(section: DiagnosisSection) -> list[str]:
    """The codes in the list beneath the box."""
    return [match.code for match in section.search.popup.model.rows]


def type_and_wait(qtbot: QtBot, section: DiagnosisSection, text: str) -> None:
    section.search.selectAll()
    qtbot.keyClicks(section.search, text)
    qtbot.waitUntil(
        lambda: section.search._answer is not None and section.search._answer.text == text
    )


def press(
    qtbot: QtBot,
    section: DiagnosisSection,
    key: Qt.Key,
    held: Qt.KeyboardModifier = Mod.NoModifier,
) -> None:
    qtbot.keyClick(QApplication.focusWidget() or section.search, key, held)
