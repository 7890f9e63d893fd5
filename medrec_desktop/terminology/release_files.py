"""Reads what a clinic downloaded: the yearly tabular list and alphabetic index, as XML, as the zip
they come in, or the index as a table. Every refusal is a sentence; nothing is written here.
"""

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from medrec_desktop.domain.errors import Invalid, Unavailable
from medrec_desktop.terminology import alphabetic, tabular, xml_reading
from medrec_desktop.terminology.alphabetic import Reference
from medrec_desktop.terminology.build import release_of
from medrec_desktop.terminology.tabular import Item
from medrec_desktop.terminology.xml_reading import MOST_BYTES, Refused

_MOST_MEMBERS = 100
_DAMAGE = "the archive is damaged or locked"
# What the decompressors raise, each of its own; that of bzip2 raises OSError without a number.
_DAMAGED = (zlib.error, lzma.LZMAError, EOFError)
_START = 4
_ZIP = b"PK\x03\x04"


@dataclass(slots=True)
class ReleaseFiles:
    """What was found in a file. `items` is empty when it brought no tabular list, `references`
    when no alphabetic index; `passed_over` names what is not used, with the reason."""

    release: str = ""
    items: list[Item] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def read(path: Path) -> ReleaseFiles:
    """What the file holds. Invalid when it holds nothing of use, Unavailable when unreadable."""
    found = ReleaseFiles()
    try:
        with path.open("rb") as stream:
            start = stream.read(_START)
            stream.seek(0)
            if start == _ZIP:
                _read_zip(stream, path.name, found)
            else:
                _read_one(stream, path.name, found)
    except OSError as error:
        if error.errno is None:
            raise _useless(path, _DAMAGE) from error
        raise Unavailable(
            f"{path.name} cannot be read. Nothing was changed. Check that it is there and that "
            "you may read it."
        ) from error
    except Refused as error:
        raise _useless(path, str(error)) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *_DAMAGED) as error:
        raise _useless(path, _DAMAGE) from error
    if not found.items and not found.references:
        why = "; ".join(found.passed_over) or "nothing in it is a list of codes"
        raise _useless(path, why)
    return found


def _read_zip(stream: BinaryIO, name: str, found: ReleaseFiles) -> None:
    with zipfile.ZipFile(stream) as archive:
        members = [
            one
            for one in archive.infolist()
            if not one.is_dir() and one.filename.lower().endswith((".xml", ".csv"))
        ]
        if len(members) > _MOST_MEMBERS or sum(one.file_size for one in members) > 2 * MOST_BYTES:
            raise Refused("the archive holds more than any code list")
        for member in members:
            try:
                # What a member says of its size need not be true: reading it is bounded as well.
                with archive.open(member) as inside:
                    _read_one(inside, Path(member.filename).name, found)  # type: ignore[arg-type]  # a reader of bytes
            except Refused as error:
                found.passed_over.append(f"{Path(member.filename).name}: {error}")
        found.release = found.release or release_of(name)


def _read_one(stream: BinaryIO, name: str, found: ReleaseFiles) -> None:
    if name.lower().endswith(".csv"):
        try:
            with _text(stream) as table:
                found.references += alphabetic.references_of_table(table)
        except csv.Error as error:
            raise Refused("the table is not written like the index") from error
        return
    root = xml_reading.read(stream)
    if root.tag == tabular.ROOT:
        found.items, year = tabular.items_of(root)
        # A year's list is in force from October of the year before.
        guess = f"{int(year) - 1}-10" if year.isdecimal() else ""
        found.release = release_of(name) or guess
        if not found.release:
            raise Refused("the file does not say which year it is for")
    else:
        found.references += alphabetic.references_of(root)


@contextmanager
def _text(stream: BinaryIO) -> Iterator[io.StringIO]:
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Refused("the file is larger than any code list")
    try:
        yield io.StringIO(content.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise Refused("the table is not text in UTF-8") from error


def _useless(path: Path, why: str) -> Invalid:
    return Invalid(
        {
            "file": f"{path.name} was not imported: {why}. Nothing was changed. Choose the tabular "
            "list or the alphabetic index of ICD-10-CM as XML, or the zip they come in."
        }
    )
