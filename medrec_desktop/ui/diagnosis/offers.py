"""The notes of a code list ("Use additional code … (Z79.4)") as codes one can search for.

Reads the wording of the list only; what it cannot read is shown as it is and leads nowhere.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from medrec_desktop.domain.coding import names_code
from medrec_desktop.domain.terminology import CodeNotes
from medrec_desktop.ui.diagnosis.narrowing import same_start

Kind = Literal["code_first", "use_additional", "code_also"]

ASKS: dict[Kind, str] = {
    "code_first": "Code first",
    "use_additional": "Use additional code",
    "code_also": "Code also",
}
_BRACKETS = re.compile(r"\s*\(([A-Z][0-9][0-9A-Z.,\s-]*)\)")
_CODE = re.compile(r"[A-Z][0-9A-Z]+(?:\.[0-9A-Z]+)?")
_LEAD = re.compile(r"^(use |an? )?(additional |any )?code(s)?,? ?(also )?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Offer:
    """A code that goes with another: what it says, what to search for, which codes fulfil it.
    Without a `query` the list names no code."""

    kind: Kind
    text: str
    query: str = ""
    note: str = ""
    """The note as it stands in the list, with its codes."""

    def fulfilled_by(self, codes: Iterable[str]) -> bool:
        """Whether one of these codes is one it asks for."""
        return any(names_code(self.note, code) for code in codes)


def offers(notes: CodeNotes) -> tuple[Offer, ...]:
    """Everything the list says goes with this code, as it is worded there."""
    found = (
        *_read("code_first", notes.code_first),
        *_read("use_additional", notes.use_additional),
        *_read("code_also", notes.code_also),
    )
    # A code and its heading may say the same.
    return tuple(dict.fromkeys(found))


def _read(kind: Kind, texts: Iterable[str]) -> Iterator[Offer]:
    for text in texts:
        if text.rstrip().endswith(":"):
            continue  # the line above a list; each of its lines is read by itself
        words = _LEAD.sub("", _BRACKETS.sub("", text)).strip(" ,;")
        words = words.removeprefix("to identify ").removeprefix("for ")
        if words:
            yield Offer(kind, words, _query(text), text)


def _query(text: str) -> str:
    """The longest beginning that all of the named codes share, as one types it."""
    codes = [
        code.replace(".", "")
        for listed in _BRACKETS.findall(text)
        for code in _CODE.findall(listed)
    ]
    shared = codes[0][: same_start(codes)] if codes else ""
    return f"{shared[:3]}.{shared[3:]}" if len(shared) > 3 else shared
