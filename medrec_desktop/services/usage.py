"""What this doctor and this clinic use, as weights for a search, and the clinic's own words. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2

from medrec_desktop.domain.search_log import as_counted
from medrec_desktop.domain.terminology import CodeMatch

# Times its own score that a row may gain. A search moves rows only among those that fit about as
# well, so that even the largest never passes what has more of the words.
_PATIENT, _STARRED, _DOCTOR_EACH, _DOCTOR_MOST = 0.6, 0.8, 0.08, 0.45
_CLINIC_EACH, _CLINIC_MOST = 0.03, 0.2
# For the very same words; what a doctor picks for them again and again ends first of its equals.
_PICKED_EACH, _PICKED_MOST = 0.3, 1.0
# From here on a code is "common" in a clinic.
_COMMON = 5
# Free texts are offered with their code from the second time on, and from so many letters on.
_TIMES, _LETTERS, _MOST_OFFERED = 2, 4, 2


@dataclass(frozen=True, slots=True)
class Usage:
    """Codes in use. `doctor` and `clinic` count how often of late."""

    patient: frozenset[str] = frozenset()
    stars: tuple[str, ...] = ()
    doctor: Mapping[str, int] = field(default_factory=dict)
    clinic: Mapping[str, int] = field(default_factory=dict)
    picked: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Words -> code -> how often this doctor picked it for them on this computer."""
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Free text -> code -> how often this clinic gave it that code."""

    def named(self, text: str) -> tuple[tuple[str, str], ...]:
        """(code, free text) for the clinic's own words that are being typed, the commonest first."""
        typed = as_counted(text)
        found = [
            (times, code, words)
            for words, codes in self.words.items()
            if words == typed or (len(typed) >= _LETTERS and words.startswith(typed))
            for code, times in codes.items()
            if times >= _TIMES
        ]
        found.sort(key=lambda one: (-one[0], one[2], one[1]))
        return tuple((code, words) for _, code, words in found[:_MOST_OFFERED])

    def weights(self, text: str = "") -> dict[str, float]:
        """Code -> how far it may move up for these words."""
        found: dict[str, float] = {}
        for code, times in self.clinic.items():
            found[code] = min(_CLINIC_EACH * log2(1 + times), _CLINIC_MOST)
        for code, times in self.doctor.items():
            gain = min(_DOCTOR_EACH * log2(1 + times), _DOCTOR_MOST)
            found[code] = found.get(code, 0.0) + gain
        for code in self.stars:
            found[code] = found.get(code, 0.0) + _STARRED
        for code in self.patient:
            found[code] = found.get(code, 0.0) + _PATIENT
        for code, times in self.picked.get(as_counted(text), {}).items():
            found[code] = found.get(code, 0.0) + min(_PICKED_EACH * times, _PICKED_MOST)
        return found

    def marked(self, rows: Sequence[CodeMatch]) -> tuple[CodeMatch, ...]:
        """The rows with what is known of them."""
        return tuple(self.mark(row) for row in rows)

    def mark(self, row: CodeMatch) -> CodeMatch:
        """One row with what is known of it: the patient's before the doctor's before the clinic's."""
        code = row.code
        starred, mine = code in self.stars, self.doctor.get(code, 0)
        if code in self.patient:
            return replace(row, known="patient", used=mine, starred=starred)
        if starred or mine:
            return replace(
                row, known="starred" if starred else "doctor", used=mine, starred=starred
            )
        times = self.clinic.get(code, 0)
        return replace(row, known="clinic", used=times) if times >= _COMMON else row
