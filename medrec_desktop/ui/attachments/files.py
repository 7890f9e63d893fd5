"""A line of the file list: what a kept file, or one on its way, says of itself. No Qt here."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from uuid import UUID

from medrec_desktop.domain.attachments import Attachment, Keeping, Kind, size_text

Action = Literal["open", "remove", "cancel", "retry", "anyway", "dismiss"]
Tone = Literal["text2", "ok", "warn", "danger"]

WORDS: dict[Action, str] = {
    "open": "Preview",
    "remove": "Remove",
    "cancel": "Cancel",
    "retry": "Retry now",
    "anyway": "Attach anyway",
    "dismiss": "Dismiss",
}
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
    Enter does where there is nothing to preview; `urgent` shows them without the pointer there."""

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

    @property
    def description(self) -> str:
        """The user's words about a kept file."""
        return self.attachment.description if self.attachment else ""


def rows_of(
    attachments: Iterable[Attachment], keeping: Iterable[Keeping], *, server: bool
) -> tuple[FileRow, ...]:
    """Newest first; a file keeps its place when it is kept."""
    under_way = [of_keeping(one) for one in keeping]
    kept = [of_attachment(one, server=server) for one in attachments]
    return (*reversed(under_way), *reversed(kept))


def of_attachment(file: Attachment, *, server: bool) -> FileRow:
    """A file in the vault."""
    row = FileRow(
        key=file.id,
        name=file.file_name,
        detail=_detail(file),
        state="",
        icon=_ICONS.get(file.kind, "file"),
        actions=("remove",),
        attachment=file,
    )
    late = "Added after signing · " if file.late else ""
    if not server:
        return replace(row, state=f"{late}Kept on this computer", mark="check")
    match file.upload_state:
        case "stored":
            return replace(row, state=f"{late}Uploaded", tone="ok", mark="check")
        case "uploading":
            return replace(row, state=f"{late}Uploading…", mark="upload")
        case "failed":
            state = f"{late}Upload failed – trying again. The file is safe here."
            return replace(row, state=state, tone="warn", mark="warning")
        case "attention":
            state = f"{late}Upload needs attention. The file is safe here."
            return replace(row, state=state, tone="danger", mark="warning")
        case _:
            return replace(row, state=f"{late}Saved here – waiting to upload", mark="clock")


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
