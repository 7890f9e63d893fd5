"""What uploads and fetches say of themselves: one sentence, one colour, one word to click. No Qt
here, and no percentage of anything but bytes the storage has confirmed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from medrec_desktop.domain.attachments import size_text
from medrec_desktop.domain.storage import FileRoomNow
from medrec_desktop.domain.uploads import FileUpload, UploadsOverview

Tone = Literal["text2", "ok", "warn", "danger"]
Word = Literal["pause", "resume", "resume all", "retry", "stop", "standard", "urgent"]

SAFE = "The file is safe here."
ARCHIVED = "Archived. Retrieve: standard 3–5 h / urgent minutes."
RETRIEVING = "Being retrieved from the archive. You are told when it is there."
RETRIEVED = "Back from the archive – opens when needed"
IN_STORAGE = "In storage – opens when needed"
NOT_SENT_THERE = "On another computer – comes when that one has sent it"


@dataclass(frozen=True, slots=True)
class Line:
    """A state as a line shows it. `share` is 0-1 or None; `urgent` shows the words to click without
    the pointer there."""

    state: str
    tone: Tone = "text2"
    mark: str = ""
    share: float | None = None
    words: tuple[Word, ...] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """A file on its way back, or why it is not. `done` of `total` are bytes that arrived."""

    state: Literal["fetching", "failed", "archived", "retrieving", "retrieved"]
    done: int = 0
    total: int = 0
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What was stored since the queue was last empty: "2 of 5" needs the two."""

    files: int = 0
    size: int = 0

    def after(self, before: UploadsOverview, now: UploadsOverview) -> "Batch":
        """With what left the queue between two looks at it."""
        if not now.left or not now.configured:
            return Batch()
        if before.left > len(before.files) or now.left > len(now.files):
            # Only the first ones are listed: then their number has to do.
            gone = max(before.left - now.left, 0)
            return Batch(self.files + gone, self.size + max(before.bytes_left - now.bytes_left, 0))
        still = {one.attachment_id for one in now.files}
        stored = [one for one in before.files if one.attachment_id not in still]
        return Batch(self.files + len(stored), self.size + sum(one.total for one in stored))


@dataclass(frozen=True, slots=True)
class Totals:
    """The status bar: `words` of what is under way, `trouble` of what is not, `share` for the bar."""

    words: str = ""
    trouble: str = ""
    share: float | None = None

    @property
    def text(self) -> str:
        """All of it in a line."""
        return "  ·  ".join(part for part in (self.words, self.trouble) if part)


def clock_time(at: datetime, now: datetime) -> str:
    """ "10:47" of today, "12-Nov 10:47" of another day; local time."""
    there, here = at.astimezone(), now.astimezone()
    return f"{there:%H:%M}" if there.date() == here.date() else f"{there:%d-%b %H:%M}"


def uploaded(at: datetime | None, now: datetime) -> Line:
    """Verified in the storage."""
    return Line(f"Uploaded {clock_time(at, now)}" if at else "Uploaded", "ok", "check")


def upload_line(file: FileUpload, seen: UploadsOverview, now: datetime) -> Line:
    """A file that is not stored yet; `seen` says whether anything is sent just now."""
    share = file.arrived / file.total if file.total and file.arrived else None
    done = f" at {_percent(share)}" if share is not None else ""
    if file.state == "attention":
        why = file.sentence or "It could not be sent."
        return Line(f"Needs attention: {why}", "danger", "warning", words=("retry",), urgent=True)
    if seen.paused:
        words = f"Paused{done}" if done else "Saved here – uploads are paused"
        return Line(words, "text2", "clock", share, ("resume all",), urgent=True)
    if file.state == "paused":
        words = f"Paused{done}" if done else "Paused – saved here"
        return Line(words, "text2", "clock", share, ("resume",), urgent=True)
    if seen.stopped:
        words = f"Paused{done} – {SAFE}" if done else "Saved here – uploads have stopped"
        return Line(words, "warn", "clock", share, ("retry",))
    if file.state == "uploading":
        words = f"Uploading {_percent(share)}" if share is not None else "Uploading…"
        return Line(words, "text2", "upload", share, ("pause",), urgent=True)
    if file.state == "failed" and file.next_try_at is not None:
        time = clock_time(file.next_try_at, now)
        words = f"Failed – retrying at {time}"
        return Line(words, "warn", "warning", share, ("retry",), urgent=True)
    if share is not None:
        words = f"Paused{done} – continues when online"
        return Line(words, "text2", "clock", share)
    waits = "connection" if seen.held_until is not None else "upload"
    words = "Saved here – waiting for connection" if waits == "connection" else WAITING
    return Line(words, "text2", "clock")


WAITING = "Saved here – waiting to upload"


def fetch_line(fetch: Fetch) -> Line:
    """A file that is being brought back, or is not."""
    match fetch.state:
        case "fetching":
            share = min(fetch.done / fetch.total, 1.0) if fetch.total else 0.0
            words = f"Fetching {_percent(share)}"
            return Line(words, "text2", "download", share, ("stop",), urgent=True)
        case "archived":
            return Line(ARCHIVED, "text2", "clock", None, ("standard", "urgent"), urgent=True)
        case "retrieving":
            return Line(RETRIEVING, "text2", "clock")
        case "retrieved":
            return Line(RETRIEVED, "text2", "download")
        case _:
            return Line(fetch.sentence, "warn", "warning", None, ("retry",), urgent=True)


def totals(seen: UploadsOverview, batch: Batch, now: datetime) -> Totals:
    """The status bar's figures; nothing when all is stored, or when there is no storage."""
    if not seen.configured or not seen.left:
        return Totals()
    left = size_text(seen.bytes_left)
    trouble = _trouble(seen, now)
    sent = batch.size + sum(one.arrived for one in seen.files)
    share = sent / (batch.size + seen.bytes_left) if batch.size + seen.bytes_left else 0.0
    share = min(share, 1.0)
    if seen.paused:
        return Totals(f"Uploads paused  ·  {_files(seen.left)} waiting  ·  {left}", trouble, share)
    if seen.stopped:
        return Totals("", f"Uploads stopped  ·  {_files(seen.left)} safe here")
    if seen.uploading:
        at = min(batch.files + 1, batch.files + seen.left)
        whole = batch.files + seen.left
        return Totals(f"Uploading {at} of {whole}  ·  {left} left", trouble, share)
    if seen.held_until is not None:
        time = clock_time(seen.held_until, now)
        return Totals("", f"{_files(seen.left)} waiting for connection  ·  next try {time}")
    if not seen.waiting:
        return Totals(f"{_files(seen.held)} paused  ·  {left}" if seen.held else "", trouble)
    return Totals(f"{_files(seen.waiting)} waiting to upload  ·  {left}", trouble)


def still_sending(files: Collection[FileUpload], seen: UploadsOverview) -> str:
    """Of a visit's files that are not stored yet; "" when all are, or when nothing sends them."""
    if not files or not seen.configured:
        return ""
    stuck = sum(one.state == "attention" for one in files)
    if stuck == len(files):
        return f"{_files(stuck)} {'needs' if stuck == 1 else 'need'} attention – fine to go on"
    held = all(one.state in {"attention", "paused"} for one in files)
    waits = held or seen.paused or seen.stopped or seen.held_until is not None
    what = "to upload later" if waits else "still uploading"
    return f"{_files(len(files) - stuck)} {what} – fine to go on"


def summary(seen: UploadsOverview, now: datetime) -> tuple[str, Tone]:
    """The sentence at the head of the list of uploads."""
    if not seen.configured:
        return "No storage is set up: files are kept on this computer.", "text2"
    if not seen.left:
        return "Everything is uploaded.", "ok"
    waiting = f"{_files(seen.left)} to upload, {size_text(seen.bytes_left)}."
    if seen.stopped:
        return f"Uploads have stopped: {seen.stopped}", "warn"
    if seen.paused:
        return f"Uploads are paused. {waiting} They are safe here.", "warn"
    if seen.held == seen.left:
        return f"{_files(seen.held)} paused, {size_text(seen.bytes_left)}. Safe here.", "text2"
    if seen.held_until is not None:
        time = clock_time(seen.held_until, now)
        return (
            f"{seen.held_because} The next try is at {time}.",
            "warn",
        )
    speed = f" About {size_text(int(seen.bytes_per_s))} a second." if seen.bytes_per_s > 0 else ""
    return f"{waiting}{speed}", "text2"


def room_words(room: FileRoomNow) -> str:
    """What files take on this computer, and why it may be more than they should."""
    used = f"They take {size_text(room.used)} now."
    if not room.quota_gb:
        return f"{used} Those in the storage leave only when the disk is nearly full."
    if room.over and room.only_here > room.quota_gb * 10**9:
        return (
            f"{used} {size_text(room.only_here)} of it is not in the storage yet, so it stays here "
            "until it is."
        )
    if room.over:
        return f"{used} What is in the storage leaves as soon as the storage can be asked."
    return (
        f"{used} When there is more, the files in the storage that were not used for longest leave "
        "first. They come back when they are opened."
    )


def away_words(away: int) -> str:
    """What removing the storage means for files that are there alone."""
    if not away:
        return ""
    what = "1 file is" if away == 1 else f"{away:,} files are"
    verb = "opens" if away == 1 else "open"
    return f"{what} only in the bucket and {verb} again once it is set up again."


def _trouble(seen: UploadsOverview, now: datetime) -> str:
    parts = []
    if seen.failed:
        times = [f.next_try_at for f in seen.files if f.state == "failed" and f.next_try_at]
        at = f" at {clock_time(min(times), now)}" if times else ""
        parts.append(f"{seen.failed} {'retry' if seen.failed == 1 else 'retries'}{at}")
    if seen.attention:
        verb = "needs" if seen.attention == 1 else "need"
        parts.append(f"{seen.attention} {verb} attention")
    return "  ·  ".join(parts)


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"


def _percent(share: float) -> str:
    """Never 100 % before it is stored."""
    return f"{min(int(share * 100), 99)} %"
