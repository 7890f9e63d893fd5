"""Two versions of one document side by side: what clashes, and the document with what was chosen. Pure;
who may choose is `services/sync.py`'s business."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from medrec_desktop.data.authors import Part
from medrec_desktop.data.reviews import Chain
from medrec_desktop.domain import merging
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.reviewing import Clash, Decision, combined_text
from medrec_desktop.domain.syncing import Aggregate, Document
from medrec_desktop.domain.text import storable
from medrec_desktop.domain.unit_words import TEXTS, title_of, words_of_unit


def written(chain: Chain, doc: Document) -> dict[str, Any]:
    """What the author of the chain had written, unit by unit, the newest last."""
    tbl, mine = chain.last.op.tbl, dict(doc)
    for one in chain.ops:
        source = merging.as_author_saw(tbl, one.op.base, one.op.patch)
        for unit in one.op.base:
            mine = merging.with_unit(tbl, mine, source, unit)
    return mine


def clashes_of(chain: Chain, doc: Document) -> tuple[Clash, ...]:
    """What the chain wrote and `doc` says otherwise, for a person to choose."""
    tbl = chain.last.op.tbl
    wrote = written(chain, doc)
    mine, theirs = merging.units_of(tbl, wrote), merging.units_of(tbl, doc)
    units = dict.fromkeys(unit for one in chain.ops for unit in one.op.base)
    return tuple(
        _clash(unit, mine.get(unit), theirs.get(unit))
        for unit in units
        if unit != merging.SIGNATURE and not merging.same_value(mine.get(unit), theirs.get(unit))
    )


def changed_clashes(tbl: Aggregate, parts: Iterable[Part], doc: Document) -> tuple[Clash, ...]:
    """What was signed, and what `doc` says now, where others changed it: shown, not chosen."""
    now = merging.units_of(tbl, doc)
    return tuple(replace(_clash(one.unit, one.before, now.get(one.unit)), both="") for one in parts)


def _clash(unit: str, mine: Any, theirs: Any) -> Clash:
    title, below = title_of(unit)
    ours, others = words_of_unit(unit, mine), words_of_unit(unit, theirs)
    long_text = unit in TEXTS
    return Clash(
        unit=unit,
        title=title,
        mine=ours,
        theirs=others,
        below=below,
        long_text=long_text,
        both="Write both, one after the other" if long_text and ours and others else "",
    )


def with_choice(
    tbl: Aggregate,
    doc: dict[str, Any],
    mine: Mapping[str, Any],
    clash: Clash,
    chosen: Decision,
    at: str,
) -> dict[str, Any]:
    """`doc` with what a person chose for this unit; Invalid for what cannot be chosen there."""
    if chosen.way == "theirs":
        return doc
    if chosen.way == "mine":
        return merging.with_unit(tbl, doc, mine, clash.unit)
    if clash.unit not in TEXTS:
        raise Invalid({clash.unit: "Choose one of the two versions."})
    both = combined_text(clash.mine, clash.theirs)
    text = both if chosen.way == "both" else storable(chosen.text)
    return doc | {clash.unit: text or None, "updated_at": at}
