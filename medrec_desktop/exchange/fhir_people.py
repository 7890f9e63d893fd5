"""Reads FHIR Patient and AllergyIntolerance resources."""

from collections.abc import Mapping

from medrec_desktop.domain.patients import Sex
from medrec_desktop.exchange.fhir_bundle import coded
from medrec_desktop.exchange.fhir_codes import NO_KNOWN_ALLERGY
from medrec_desktop.exchange.incoming import IncomingAllergy, IncomingPatient, Severity
from medrec_desktop.exchange.json_reading import Json, Unreadable, day, inner, inners, text, texts

_SEXES: Mapping[str, Sex] = {"male": "male", "female": "female", "other": "other"}
_WHOLE_DAY = 10
_SEVERITIES: Mapping[str, Severity] = {
    "mild": "mild",
    "moderate": "moderate",
    "severe": "severe",
}


def patient_of(found: Json) -> IncomingPatient:
    """The person, without a source id yet; raises Unreadable when there is no name."""
    names = sorted(inners(found, "name"), key=lambda name: text(name, "use") != "official")
    name = names[0] if names else {}
    family, given = text(name, "family"), " ".join(texts(name, "given"))
    if not family and not given:
        family = text(name, "text")
    if not family and not given:
        raise Unreadable("the patient has no name")
    extra = {}
    birth = text(found, "birthDate")
    if birth and len(birth) < _WHOLE_DAY:
        extra["birth_date"] = birth  # a year alone is no day; it is kept as the source says it
    dead = text(found, "deceasedDateTime")
    if (dead and len(dead) < _WHOLE_DAY) or found.get("deceasedBoolean") is True:
        extra["deceased"] = dead or "yes"
    return IncomingPatient(
        source_id="",
        family=family,
        given=given,
        sex=_SEXES.get(text(found, "gender"), "unknown"),
        birth_date=day(birth, "birthDate") if len(birth) >= _WHOLE_DAY else None,
        deceased_on=day(dead, "deceasedDateTime") if len(dead) >= _WHOLE_DAY else None,
        phone=_phone(found),
        address=_address(found),
        record_no=_record_no(found),
        extra=extra,
    )


def _phone(found: Json) -> str:
    numbers = [one for one in inners(found, "telecom") if text(one, "system") == "phone"]
    return next((text(one, "value") for one in numbers if text(one, "value")), "")


def _record_no(found: Json) -> str:
    for identifier in inners(found, "identifier"):
        kind = inners(inner(identifier, "type"), "coding")
        if any(text(coding, "code") == "MR" for coding in kind):
            return text(identifier, "value")
    return ""


def _address(found: Json) -> str:
    for address in inners(found, "address"):
        if text(address, "text"):
            return text(address, "text")
        town = " ".join(p for p in (text(address, "state"), text(address, "postalCode")) if p)
        parts = [*texts(address, "line"), text(address, "city"), town, text(address, "country")]
        if any(parts):
            return ", ".join(part for part in parts if part)
    return ""


def allergy_of(found: Json) -> IncomingAllergy | None:
    """The allergy; None for the statement that none is known."""
    what = coded(inner(found, "code"))
    if NO_KNOWN_ALLERGY in what.codes.values():
        return None
    if not what.name:
        raise Unreadable("it names no substance")
    reactions = inners(found, "reaction")
    happened = [coded(one).name for row in reactions for one in inners(row, "manifestation")]
    severity = next((text(row, "severity") for row in reactions if text(row, "severity")), "")
    words = [one for one in happened if one]
    if text(found, "criticality") == "high" and not words:
        words = ["criticality high"]
    system = next(iter(what.codes), "")
    return IncomingAllergy(
        substance=what.name,
        reaction=", ".join(words),
        severity=_SEVERITIES.get(severity, ""),
        system=system[:40],
    )
