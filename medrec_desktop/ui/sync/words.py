"""How the link to the clinic's server stands, in words. No widgets.

Green only after the server has answered; offline is amber text, never a dialog.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from medrec_desktop.domain.link import CLOCK_TOLERATED, Download, Link, Waiting
from medrec_desktop.domain.reviewing import Review
from medrec_desktop.domain.uploads import UploadsOverview
from medrec_desktop.ui.storage.words import clock_time
from medrec_desktop.ui.widgets.labels import Tone

SAFE = "Everything is saved on this computer"
NOT_SENT = f"{SAFE} and will be sent when the connection returns."

NO_CODE_HELPS = (
    "No join code undoes that. To be worked on again, this computer joins the clinic anew, as a new "
    "one. Ask an administrator of the clinic."
)


@dataclass(frozen=True, slots=True)
class Sign:
    """One icon ("" is a green point), one sentence, one colour; `below` says what is safe."""

    words: str
    tone: Tone
    icon: str
    below: str


def sign(link: Link, now: datetime) -> Sign:
    """The status bar's sentence, and the popover's head."""
    since = f" since {clock_time(link.since, now)}" if link.since else ""
    match link.state:
        case "connected":
            return Sign("Clinic server connected", "text2", "", f"{SAFE} and sent as you work.")
        case "connecting":
            return Sign("Connecting to the clinic server…", "text2", "server", f"{SAFE}.")
        case "offline":
            return Sign(f"Working offline{since}", "warn", "cloud-off", f"Keep working. {SAFE}.")
        case "refused":
            return Sign("Signed out by the server", "warn", "lock", link.because)
        case "update":
            return Sign(
                "Update needed to send",
                "warn",
                "download",
                f"Keep working. {SAFE} and will be sent once this program is updated; what others "
                "write still arrives.",
            )
        case "full":
            return Sign(
                "Others’ changes wait for room",
                "warn",
                "warning",
                "This computer’s disk has too little room to take what others write. What is "
                "written here is saved and sent. Free some space on the disk; it goes on by itself.",
            )
        case _:
            return Sign("Sending has stopped", "danger", "warning", link.because)


def changes(number: int) -> str:
    """6 changes."""
    return "1 change" if number == 1 else f"{number:,} changes"


def visits(number: int) -> str:
    """2 visits."""
    return "1 visit" if number == 1 else f"{number:,} visits"


def waiting_words(waiting: Waiting, files: int) -> str:
    """6 changes and 4 files waiting; nothing when nothing waits."""
    parts = [changes(waiting.changes)] if waiting.changes else []
    if files:
        parts.append("1 file" if files == 1 else f"{files:,} files")
    return f"{' and '.join(parts)} waiting" if parts else ""


def waiting_detail(waiting: Waiting) -> str:
    """2 visits, 1 new patient."""
    parts = [visits(waiting.visits)] if waiting.visits else []
    if waiting.patients:
        parts.append(f"{waiting.patients:,} patient{'s' if waiting.patients != 1 else ''}")
    if waiting.other:
        parts.append(f"{waiting.other:,} other{'s' if waiting.other != 1 else ''}")
    return ", ".join(parts)


def files_waiting(seen: UploadsOverview | None) -> int:
    """Files that wait for a connection: those on their way are said by the uploads themselves."""
    if seen is None or not seen.configured or seen.uploading:
        return 0
    return seen.waiting


def times(link: Link, now: datetime) -> str:
    """Last full sync 10:03 · next try in 40 s."""
    last = (
        f"Last full sync {clock_time(link.last_full, now)}"
        if link.last_full
        else "No full sync since the program was started"
    )
    if link.busy:
        return f"{last}  ·  trying now"
    if link.next_try is None:
        return last
    left = max(round((link.next_try - now).total_seconds()), 0)
    soon = f"{left} s" if left < 90 else f"{round(left / 60)} min"
    return f"{last}  ·  next try in {soon}"


def clock_words(link: Link) -> str:
    """E13; nothing while the clock is right enough."""
    off = link.clock_ahead
    if abs(off) < CLOCK_TOLERATED:
        return ""
    minutes = round(abs(off) / 60)
    by = f"{minutes:,} min" if minutes < 180 else f"{round(minutes / 60):,} h"
    way = "ahead of" if off > 0 else "behind"
    return (
        f"This computer’s clock is {by} {way} the server. Correct it; times on records depend on "
        "it."
    )


def download_words(download: Download) -> str:
    """The first download; nothing once it is over."""
    if download.finished or not download.total:
        return ""
    percent = min(download.done * 100 // download.total, 99)
    words = f"First download {percent} %  ·  {download.done:,} of {download.total:,}"
    return f"{words}  ·  newest first, so you can work" if download.usable else words


def review_words(number: int) -> str:
    """1 to review."""
    return f"{number} to review" if number else ""


def review_reason(reviews: Sequence[Review]) -> str:
    """Why visits wait, and where to choose."""
    if all(one.kind == "edit" for one in reviews):
        return "Two people changed the same field. Choose under “To review”."
    return "Two people worked on it at the same time. See what is left to do under “To review”."
