"""A line of the file list: what a kept file, or one on its way, says of itself. No Qt here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.attachments import Attachment, Keeping, Kind, size_text
from medrec_desktop.domain.ids import AttachmentId
from medrec_desktop.domain.uploads import UNDO, FileUpload, UploadsOverview
from medrec_desktop.ui.storage.words import (
    IN_STORAGE,
    NOT_SENT_THERE,
    WAITING,
    Fetch,
    Line,
    Tone,
    clock_time,
    fetch_line,
    upload_line,
    uploaded,
)

Action = Literal[
    "open", "remove", "cancel", "retry", "anyway", "dismiss", "pause", "resume", "resume all", "stop",
    "standard", "urgent", "restore", "visit",
]  # fmt: skip

WORDS: dict[Action, str] = {
    "open": "Preview",
    "remove": "Remove",
    "cancel": "Cancel",
    "retry": "Retry now",
    "anyway": "Attach anyway",
    "dismiss": "Dismiss",
    "pause": "Pause",
    "resume": "Resume",
    "resume all": "Resume all",
    "stop": "Cancel",
    "standard": "In 3–5 hours",
    "urgent": "Urgent",
    "restore": "Undo",
    "visit": "Open visit",
}
# Shown only under the pointer, on the second line, so that they take no room.
QUIET: frozenset[Action] = frozenset({"remove", "visit"})
_KINDS: dict[Kind, str] = {
    "pdf": "PDF",
    "image": "Image",
    "dicom": "DICOM",
    "text": "Text",
    "office": "Document",
    "audio": "Audio",
    "video": "Video",
    "other": "File",
}
_ICONS: dict[str, str] = {"image": "image", "dicom": "image", "audio": "play", "video": "play"}


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line. `progress` is 0-1 or None; `actions` are the words to click, the first one is what
    Enter does where there is nothing to preview; `urgent` shows them (but "remove") without the
    pointer there. `here`: the bytes are on this computer."""

    key: UUID
    name: str
    detail: str
    state: str
    tone: Tone = "text2"
    mark: str = ""
    icon: str = "file"
    progress: float | None = None
    actions: tuple[Action, ...] = ()
    urgent: bool = False
    attachment: Attachment | None = None
    keeping: Keeping | None = None
    here: bool = True

    @property
    def removed(self) -> bool:
        """Whether the file was taken away."""
        return self.attachment is not None and self.attachment.removed_at is not None

    @property
    def description(self) -> str:
        """The user's words about a kept file."""
        return self.attachment.description if self.attachment else ""


@dataclass(frozen=True, slots=True)
class Files:
    """What was read of a visit. `uploads` are not stored yet, `times` say when the others were,
    and the bytes of `elsewhere` are not on this computer."""

    kept: tuple[Attachment, ...] = ()
    keeping: tuple[Keeping, ...] = ()
    removed: tuple[Attachment, ...] = ()
    uploads: Mapping[AttachmentId, FileUpload] = field(default_factory=dict)
    times: Mapping[AttachmentId, datetime] = field(default_factory=dict)
    elsewhere: frozenset[AttachmentId] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What else decides what a line says."""

    now: datetime
    seen: UploadsOverview = field(default_factory=UploadsOverview)
    fetches: Mapping[AttachmentId, Fetch] = field(default_factory=dict)
    finalized: bool = False
    show_removed: bool = False
    keeps: bool = True
    """Whoever works here attaches files and takes them back."""


def gave_up(before: Files, now: Files) -> bool:
    """Whether a file that was on its way failed, or went away without having been kept."""
    known = {file.id for file in before.kept}
    still = {one.job for one in now.keeping if one.state != "failed"}
    tried = {one.job for one in before.keeping if one.state != "failed"}
    return len(tried - still) > sum(file.id not in known for file in now.kept)


def rows_of(files: Files, standing: Standing) -> tuple[FileRow, ...]:
    """Newest first; a file keeps its place when it is kept. Removed ones are last, if shown."""
    under_way = [of_keeping(one) for one in files.keeping]
    kept = [of_attachment(one, files, standing) for one in files.kept]
    removed = [of_removed(one, standing) for one in files.removed if standing.show_removed]
    return (*reversed(under_way), *reversed(kept), *reversed(removed))


def of_attachment(file: Attachment, files: Files, standing: Standing) -> FileRow:
    """A kept file, wherever it is."""
    line = _line(file, files, standing)
    late = "Added after signing · " if file.late else ""
    return replace(
        _plain(file),
        state=f"{late}{line.state}",
        tone=line.tone,
        mark=line.mark,
        progress=line.share,
        actions=("remove", *line.words) if standing.keeps else line.words,
        urgent=line.urgent,
        here=file.id not in files.elsewhere,
    )


def of_removed(file: Attachment, standing: Standing) -> FileRow:
    """A file that was taken away: who, when and why stay."""
    at = file.removed_at or standing.now
    state = f"Removed {clock_time(at, standing.now)} by {file.removed_by}".removesuffix(" by ")
    if file.removed_reason:
        state = f"{state} – {file.removed_reason}"
    back = standing.keeps and (not standing.finalized or standing.now - at <= UNDO)
    actions: tuple[Action, ...] = ("restore",) if back else ()
    return replace(_plain(file), state=state, mark="trash", actions=actions, urgent=back)


def _plain(file: Attachment) -> FileRow:
    return FileRow(
        key=file.id,
        name=file.file_name,
        detail=_detail(file),
        state="",
        icon=_ICONS.get(file.kind, "file"),
        attachment=file,
    )


def _line(file: Attachment, files: Files, standing: Standing) -> Line:
    if file.id in files.elsewhere:
        fetch = standing.fetches.get(file.id)
        if fetch is not None:
            return fetch_line(fetch)
        stored = file.upload_state == "stored"
        return Line(IN_STORAGE, mark="download") if stored else Line(NOT_SENT_THERE, mark="laptop")
    if not standing.seen.configured:
        return Line("Kept on this computer", mark="check")
    if file.upload_state == "stored":
        return uploaded(files.times.get(file.id), standing.now)
    upload = files.uploads.get(file.id)
    if upload is None:
        return Line(WAITING, mark="clock")
    return upload_line(upload, standing.seen, standing.now)


def of_keeping(file: Keeping) -> FileRow:
    """A file on its way into the vault, or one that needs an answer."""
    row = FileRow(
        key=file.job,
        name=file.file_name,
        detail=size_text(file.total) if file.total else "",
        state=file.error,
        urgent=True,
        keeping=file,
    )
    match file.state:
        case "waiting":
            return replace(row, state="Waiting to be kept", mark="clock", actions=("cancel",))
        case "refused":
            return replace(row, tone="danger", mark="warning", actions=("dismiss",))
        case "failed":
            return replace(row, tone="warn", mark="warning", actions=("retry", "dismiss"))
        case "duplicate":
            return replace(row, tone="warn", mark="copy", actions=("anyway", "dismiss"))
        case _:
            share = min(file.done / file.total, 1.0) if file.total else 0.0
            words = f"Keeping… {round(share * 100)} %"
            return replace(row, state=words, progress=share, actions=("cancel",))


def spoken(row: FileRow) -> str:
    """A line for a screen reader."""
    return ", ".join(part for part in (row.name, row.description, row.detail, row.state) if part)


def facts(file: Attachment) -> tuple[tuple[str, str], ...]:
    """What the viewer says about a file."""
    return (
        ("Attached", f"{_local(file.created_at)} by {file.uploaded_by}".removesuffix(" by ")),
        ("Kind", _KINDS[file.kind]),
        ("Size", _sizes(file)),
    )


def short_name(name: str) -> str:
    """Start and end of a name that is too long for a sentence."""
    return name if len(name) <= 30 else f"{name[:18]}…{name[-10:]}"


def _detail(file: Attachment) -> str:
    pages = ""
    if file.kind == "dicom":
        pages = "DICOM" if not file.pages or file.pages == 1 else f"DICOM, {file.pages} frames"
    elif file.pages:
        pages = "1 page" if file.pages == 1 else f"{file.pages} pages"
    elif file.kind == "image":
        pages = "1 image"
    else:
        pages = _KINDS[file.kind]
    return "  ·  ".join(part for part in (pages, _sizes(file)) if part)


def _sizes(file: Attachment) -> str:
    before, after = size_text(file.file_size), size_text(file.kept_size)
    # What compression did not make smaller is not worth an arrow.
    smaller = file.kept_size and file.kept_size < file.file_size and after != before
    return f"{before} → {after}" if smaller else before


def _local(at: datetime) -> str:
    return f"{at.astimezone():%d-%b-%Y %H:%M}"
