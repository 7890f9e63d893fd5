"""Where a question for a file begins: Qt remembers the folder that was used last, and begins in
the folder the program was started from, which means nothing to anybody."""

from PySide6.QtCore import QDir, QStandardPaths
from PySide6.QtWidgets import QFileDialog


def begin_in_documents(chooser: QFileDialog) -> None:
    """In the user's documents, unless another folder was used before."""
    if chooser.directory() != QDir(QDir.currentPath()):
        return
    place = QStandardPaths.StandardLocation
    for wanted in (place.DocumentsLocation, place.HomeLocation):
        folder = QStandardPaths.writableLocation(wanted)
        if folder and QDir(folder).exists():
            chooser.setDirectory(folder)
            return
