"""The files of the demo clinic, drawn by ourselves: reports as PDF, a photo as PNG, plain text.

Written byte by byte, so that they are the same on every computer and nobody's work is shipped.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paper:
    """A file for the visit that `visit` names (see demo.fill)."""

    visit: str
    name: str
    content: bytes


def pdf(title: str, pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF of text lines with the title on top of each page (ASCII only)."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for n, lines in enumerate(pages, 1):
        shown = [title, f"Page {n} of {len(pages)}", "", *lines]
        text = b"".join(
            b"BT /F1 %d Tf 56 %d Td (%s) Tj ET\n"
            % (18 if k == 0 else 11, 780 - 24 * k, _escaped(one))
            for k, one in enumerate(shown)
        )
        stream = b"0.05 0.39 0.47 rg 56 770 483 2 re f 0 g\n" + text
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    references = b" ".join(b"%d 0 R" % kid for kid in kids)
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (references, len(kids))
    body, offsets = b"%PDF-1.4\n", []
    for n, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (n, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(body))
    )


def _escaped(text: str) -> bytes:
    raw = text.encode("ascii", "replace")
    return raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def diary_png(readings: Sequence[tuple[int, int]], *, width: int = 640, height: int = 400) -> bytes:
    """A chart of blood pressures, two bars a day, as a photograph of a diary would show it."""
    paper, grid, high, low = b"\xfb\xf8\xef", b"\xd9\xd2\xc3", b"\x0e\x64\x78", b"\x8f\xb8\xc2"
    columns: list[tuple[int, int, bytes]] = []
    step = width // (len(readings) + 1)
    for n, (systolic, diastolic) in enumerate(readings):
        left = step // 2 + n * step
        columns += [(left, systolic, high), (left + step // 3, diastolic, low)]
    rows = bytearray()
    for y in range(height):
        level = 200 - y * 160 // height
        row = bytearray((grid if y % 50 == 0 else paper) * width)
        for left, value, colour in columns:
            if level <= value:
                end = min(left + step // 4, width)
                row[left * 3 : end * 3] = colour * (end - left)
        rows += b"\0" + row
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def papers() -> tuple[Paper, ...]:
    """What hangs on the demo clinic's visits."""
    diary = [(168, 101), (164, 99), (171, 102), (159, 96), (162, 98), (160, 95), (166, 99)]
    return (
        Paper(
            "today OKAFOR Amara",
            "Lab report - HbA1c.pdf",
            pdf(
                "Riverside Laboratory (demo)",
                [
                    ["Patient: OKAFOR, Amara", "HbA1c            7.4 %      (below 7.0)", "Glucose, fasting 7.9 mmol/L (3.9-5.6)"],
                    ["Creatinine  78 umol/L (45-84)", "eGFR  88 mL/min"],
                    ["Made-up results for the demo clinic."],
                ],
            ),
        ),
        Paper("today OKAFOR Amara", "BP diary photo.png", diary_png(diary)),
        Paper(
            "today OKAFOR Amara",
            "Referral letter.pdf",
            pdf(
                "Referral to cardiology (demo)",
                [
                    ["Dear colleague,", "thank you for seeing this 39-year-old teacher with", "hypertension that stays above target."],
                    ["With kind regards", "Dr M. Haddad"],
                ],
            ),
        ),
        Paper(
            "today OKAFOR Amara",
            "Consent form.pdf",
            pdf("Consent (demo)", [["I agree that my records are shared with cardiology.", "Signed: A. Okafor"]]),
        ),
        Paper(
            "today OKAFOR Amara",
            "Call from pharmacy.txt",
            b"Pharmacy rang: amlodipine 10 mg is in stock, 5 mg is not.\r\nMade up for the demo clinic.\r\n",
        ),
        Paper(
            "today LINDQVIST Per",
            "X-ray report right knee.pdf",
            pdf("Radiology report (demo)", [["Right knee, two views:", "medial joint space narrowed, small osteophytes.", "No fracture."]]),
        ),
    )  # fmt: skip
