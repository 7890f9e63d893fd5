import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from medrec_desktop.attachments.refusal import refused
from medrec_desktop.attachments.sniff import Glimpse, decode_text, file_type, glimpse
from medrec_desktop.domain.attachments import MAX_FILE_SIZE, size_text
from medrec_desktop.domain.filenames import stored_name

PE = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0" + bytes(100)
POLYGLOT = b"MZ" + bytes(58) + struct.pack("<I", 0x90) + bytes(64) + b"DICM" + bytes(12) + b"PE\0\0"
FAR_POLYGLOT = b"MZ" + bytes(58) + struct.pack("<I", 70_000) + bytes(64) + b"DICM" + bytes(80_000)
WELCOME = "can’t be attached. Scans, photos, PDFs and documents can."


def seen(content: bytes, name: str = "scan") -> Glimpse:
    return glimpse(io.BytesIO(content), stored_name(name))


@pytest.mark.parametrize(
    ("name", "content", "thing"),
    [
        ("setup.exe", b"anything", "a program"),
        ("lab.pdf", PE, "a program"),
        ("lab.pdf", b"MZ\x90\x00" + os.urandom(4000), "a program"),
        ("x.dcm", POLYGLOT, "a program"),
        ("x.dcm", FAR_POLYGLOT, "a program"),
        ("tool", b"\x7fELF\x02\x01\x01" + bytes(100), "a program"),
        ("tool", bytes.fromhex("cffaedfe") + bytes(100), "a program"),
        ("setup.msi", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "a program"),
        ("report.exe. ", b"%PDF-1.4", "a program"),
        ("photo\u202egpj.exe", b"\xff\xd8\xff", "a program"),
        ("photo.ex\u200be", b"\xff\xd8\xff", "a program"),
        ("run.bat", b"dir", "a script"),
        ("notes.txt", b"#!/bin/sh\nrm -rf /\n", "a script"),
        ("macro.vbs", b"x = 1", "a script"),
        ("a.js", b"alert(1)", "a script"),
        ("letter.html", b"plain", "a web page"),
        ("letter.txt", b"\xef\xbb\xbf  <!DOCTYPE html><p>hi", "a web page"),
        ("letter.txt", "<html><script>".encode("utf-16"), "a web page"),
        ("letter.xml", b"<?xml version='1.0'?><!-- <a> --><html xmlns='x'>", "a web page"),
        ("x.png", b"<svg xmlns='http://www.w3.org/2000/svg'>", "a drawing"),
        (
            "x.xml",
            b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a '<b>'>]>\n<s:svg >",
            "a drawing",
        ),
        ("scan.lnk", b"x", "a shortcut"),
        ("scan.pdf", b"L\x00\x00\x00\x01\x14\x02\x00" + bytes(80), "a shortcut"),
        ("scan.txt", b"[InternetShortcut]\nURL=file:///c:/x", "a shortcut"),
        ("cd.iso", b"x", "a disk image"),
        ("cd.bin", bytes(32_769) + b"CD001" + bytes(100), "a disk image"),
        ("d.bin", bytes(1000) + b"koly" + bytes(508), "a disk image"),
    ],
)
def test_what_can_run_is_refused_by_content_or_name(name: str, content: bytes, thing: str) -> None:
    sentence = refused(seen(content, name))
    assert f"is {thing}" in sentence
    assert sentence.endswith(WELCOME)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lab.pdf", b"%PDF-1.4 <html>"),
        ("COM1.dcm", b"%PDF-1.4"),
        ("letter.txt", b"MZ is how my notes begin"),
        ("ccda.xml", b"<?xml version='1.0'?><ClinicalDocument xmlns='urn:hl7-org:v3'>"),
        ("note.txt", b"<5 mg/l is normal; html was mentioned"),
        ("x.dcm", b"MZ" + bytes(126) + b"DICM" + bytes(100)),
        ("data.zip", b"PK\x03\x04" + bytes(100)),
        ("table.csv", b"=1+1;cmd"),
    ],
)
def test_documents_are_taken(name: str, content: bytes) -> None:
    assert refused(seen(content, name)) == ""


def test_empty_and_huge_files_are_refused_with_their_size() -> None:
    assert "is empty (0 bytes)" in refused(seen(b"", "scan.pdf"))
    huge = Glimpse("film.mp4", MAX_FILE_SIZE + 1, b"x", b"x")
    assert "too large (2.0 GB, limit 2 GB)" in refused(huge)
    assert refused(Glimpse("film.mp4", MAX_FILE_SIZE, b"x", b"x")) == ""


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1, "1 byte"), (947, "947 bytes"), (12_345, "12 KB"), (1_500_000, "1.4 MB"),
     (25_000_000, "24 MB"), (1023 * 1024, "1.0 MB"), (2_500_000_000, "2.3 GB")],
)  # fmt: skip
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    assert size_text(size) == text


def office(*members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for member in members:
            archive.writestr(member, "x")
    return packed.getvalue()


def test_office_files_with_macros_are_kept_but_are_no_documents() -> None:
    plain = office("[Content_Types].xml", "word/document.xml")
    macros = office("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")
    assert file_type(seen(plain, "a.docx")).kind == "office"
    assert file_type(seen(macros, "a.docx")).kind == "other"
    legacy = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    project = "_VBA_PROJECT".encode("utf-16-le")
    assert file_type(seen(legacy, "a.doc")).kind == "office"
    assert file_type(seen(legacy + project, "a.doc")).kind == "other"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_text_is_read_in_any_unicode_encoding(encoding: str) -> None:
    text = "Überweisung für Frau Grün, Größe 1,72 m\n" * 3
    assert decode_text(text.encode(encoding)) == text
    assert file_type(seen(text.encode(encoding), "a.txt")).mime == "text/plain"


def test_text_cut_inside_a_character_is_still_text() -> None:
    assert decode_text("größe ü".encode()[:-1]) == "größe "


def test_old_windows_text_is_text_and_noise_is_not() -> None:
    assert decode_text("Größe".encode("cp1252")) == "Größe"
    assert decode_text(bytes(range(256)) * 4) is None
    assert file_type(seen(bytes(range(256)) * 4)).kind == "other"


def test_a_file_is_looked_at_without_moving_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    with path.open("rb") as stream:
        glimpse(stream, "a")
        assert stream.read() == b"abc"
