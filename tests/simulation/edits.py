"""What somebody types into a visit: one word, anywhere."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from medrec_desktop.domain.records import VisitDraft
from tests.factories import a_diagnosis, a_lab, a_medicine

TEXTS = ("complaint", "assessment", "plan", "notes")


def edited(rng: random.Random, draft: VisitDraft, word: str) -> tuple[VisitDraft, str]:
    """The draft with the word somewhere; what it was typed over."""
    what = rng.choice([*TEXTS, "vitals", "rx", "lab", "diagnosis", "follow_up"])
    if what in TEXTS:
        old = getattr(draft, what)
        if rng.random() < 0.5:
            return changed(draft, **{what: f"{old} {word}".strip()}), ""
        return changed(draft, **{what: word}), old
    if what == "vitals":
        old = draft.vitals.pulse
        return replace(draft, vitals=replace(draft.vitals, pulse=word)), old
    if what == "follow_up":
        return replace(draft, follow_up=word), draft.follow_up
    kinds: dict[str, tuple[str, Callable[[], Any]]] = {
        "rx": ("prescriptions", lambda: a_medicine(word)),
        "lab": ("labs", lambda: a_lab(word)),
        "diagnosis": ("diagnoses", lambda: a_diagnosis(name=word, kind="secondary")),
    }
    name, make = kinds[what]
    rows = list(getattr(draft, name))
    way = rng.random()
    if rows and way < 0.25:
        old = rows.pop(rng.randrange(len(rows)))
        return changed(draft, **{name: tuple(rows)}, notes=f"{draft.notes} {word}"), repr(old)
    if rows and way < 0.5:
        at = rng.randrange(len(rows))
        old = rows[at]
        field = "medicine" if name == "prescriptions" else "name"
        rows[at] = replace(old, **{field: word})
        return changed(draft, **{name: tuple(rows)}), repr(old)
    made = make()
    if name == "diagnoses":
        made = replace(made, id=UUID(int=rng.getrandbits(128), version=4))
    else:
        made = replace(made, uid=str(UUID(int=rng.getrandbits(128), version=4)))
    rows.insert(rng.randint(0, len(rows)), made)
    return changed(draft, **{name: tuple(rows)}), ""


def changed(draft: VisitDraft, **fields: Any) -> VisitDraft:
    """The draft with other values in these fields."""
    return replace(draft, **fields)
