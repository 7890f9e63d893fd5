"""A FHIR bundle as a web of resources: finds what a reference names, reads what is in many of them.

Knows JSON and FHIR's shapes, not what becomes of them here.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from medrec_desktop.exchange.fhir_codes import NAMES
from medrec_desktop.exchange.json_reading import Json, Unreadable, inner, inners, text


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource, and what its owner calls it ("" when it has no name at all)."""

    resource: Json
    own: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A CodeableConcept: its words, and its codes by the system's name here (or its address)."""

    name: str
    codes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


class Bundle:
    """The resources of one bundle by type, and by every name a reference may call them."""

    def __init__(self, found: Json) -> None:
        if text(found, "resourceType") != "Bundle":
            raise Unreadable("it is not a FHIR bundle")
        if text(found, "type") not in {"transaction", "collection", "batch", "document", ""} | {
            "searchset",
            "history",
            "message",
        }:
            raise Unreadable("it is a kind of bundle that does not exist")
        self._by_type: dict[str, list[Entry]] = defaultdict(list)
        self._by_name: dict[str, Entry] = {}
        for entry in inners(found, "entry"):
            resource = inner(entry, "resource")
            kind, own = text(resource, "resourceType"), text(resource, "id")
            if not kind:
                continue
            url = text(entry, "fullUrl")
            own = own or re.split("[:/]", url)[-1]
            found_entry = Entry(resource, own)
            self._by_type[kind].append(found_entry)
            for name in (url, f"{kind}/{own}" if own else "", f"urn:uuid:{own}" if own else ""):
                if name:
                    self._by_name.setdefault(name, found_entry)

    def each(self, kind: str) -> Iterator[Entry]:
        """Every resource of this type, in the bundle's order."""
        yield from self._by_type.get(kind, ())

    def kinds(self) -> dict[str, int]:
        """How many of each type there are."""
        return {kind: len(found) for kind, found in self._by_type.items()}

    def named(self, owner: Json, reference: Json, *, kind: str) -> Entry | None:
        """The resource of type `kind` that `reference` (inside `owner`) means, if it is here."""
        wanted = text(reference, "reference")
        if wanted.startswith("#"):
            for inside in inners(owner, "contained"):
                if text(inside, "id") == wanted[1:] and text(inside, "resourceType") == kind:
                    return Entry(inside, "")
            return None
        # `Patient/1/_history/2` and `http://server/fhir/Patient/1` mean Patient/1.
        short = wanted.split("/_history/", maxsplit=1)[0]
        tail = "/".join(short.rsplit("/", 2)[-2:])
        for name in (wanted, short, tail):
            found = self._by_name.get(name)
            if found is not None and text(found.resource, "resourceType") == kind:
                return found
        return None


def coded(concept: Json) -> Coded:
    """The words and codes of a CodeableConcept; the name is a code where there are no words."""
    codes: dict[str, str] = {}
    versions: dict[str, str] = {}
    display = ""
    for coding in inners(concept, "coding"):
        code, uri = text(coding, "code"), text(coding, "system")
        name = NAMES.get(uri, uri)
        if code and name not in codes:
            codes[name] = code
            versions[name] = text(coding, "version")
        display = display or text(coding, "display")
    words = text(concept, "text") or display
    if not words and codes:
        system, code = next(iter(codes.items()))
        words = f"{system} {code}".strip()
    return Coded(words, codes, versions)


def entered_in_error(resource: Json) -> bool:
    """Whether its owner has taken it back."""
    taken_back = {"entered-in-error"}
    if text(resource, "resourceType") in {"Encounter", "Observation"}:
        taken_back.add("cancelled")  # it did not happen; a cancelled medicine was prescribed
    if text(resource, "status") in taken_back:
        return True
    verified = coded(inner(resource, "verificationStatus")).codes.values()
    return not {"entered-in-error", "refuted"}.isdisjoint(verified)
