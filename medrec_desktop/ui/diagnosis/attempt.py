"""From the first letter of a search to its end: which words were searched for and not answered
well enough to pick from. No widget here.
"""

_LEAST = 3
_BEGUN_ANEW = 2


class Attempt:
    """One search as a person sees it, however many letters were asked for on the way."""

    def __init__(self) -> None:
        self._words = ""

    def answered(self, text: str) -> None:
        """The list shows the answer to this. Deleting letters does not make it another search."""
        words = _said(text)
        if not _said(self._words).startswith(words):
            self._words = text.strip()

    def typed(self, text: str) -> str:
        """The words that were given up, when the box was emptied or begun anew; else ""."""
        words = _said(text)
        anew = len(words) <= _BEGUN_ANEW and not _said(self._words).startswith(words)
        return self.end() if not words or anew else ""

    def end(self) -> str:
        """The words it was about, forgotten from now on; "" where nothing worth counting was."""
        words, self._words = self._words, ""
        return words if len(words) >= _LEAST else ""


def _said(text: str) -> str:
    return " ".join(text.casefold().split())
