"""Reads one line of the visits NDJSON ("visits/1") into what the importers store.

Pure: a line in, a dataclass out, or `Unreadable` with a reason that holds nothing of the line.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID, uuid5

from medrec_desktop.domain.ids import DiagnosisId
from medrec_desktop.domain.patients import Sex
from medrec_desktop.domain.records import Diagnosis, LabTest, Prescription
from medrec_desktop.domain.vitals import Vitals
from medrec_desktop.exchange.incoming import (
    IncomingAllergy,
    IncomingPatient,
    IncomingVisit,
    encounter_class,
)
from medrec_desktop.exchange.json_reading import (
    Json,
    Unreadable,
    day,
    inner,
    inners,
    moment,
    number,
    parsed,
    storable_json,
    text,
    texts,
)

Row = TypeVar("Row")

_ROWS = UUID("5e0b2f5e-51d3-4d0f-8f68-0d1f5d0a7c11")
_SEXES: Mapping[str, Sex] = {"male": "male", "female": "female", "other": "other"}
_SYSTEMS = {"SNOMED": "SNOMED CT", "RXNORM": "RxNorm", "CVX": "CVX"}
_TAG = re.compile(
    r"\s*\((procedure|finding|disorder|situation|environment|regime/therapy|event)\)\s*$"
)
_UNITS = {"h": "hour", "d": "day", "wk": "week", "mo": "month", "min": "minute"}
# The column of diagnoses is that wide; longer ones are no ICD code.
_LONGEST_CODE = 20


def read_line(line: bytes) -> IncomingPatient | IncomingVisit | None:
    """The patient or visit of this line, None for an empty one; raises Unreadable."""
    if not line.strip():
        return None
    found = parsed(line)
    kind = found.get("k")
    try:
        if kind == "patient":
            return _patient(found)
        if kind == "visit":
            return _visit(found)
    except (OverflowError, RecursionError):
        raise Unreadable("a value is out of every range") from None
    raise Unreadable('its kind "k" is neither patient nor visit')


def _patient(found: Json) -> IncomingPatient:
    pid = text(found, "pid")
    if not pid:
        raise Unreadable("it has no patient id (pid)")
    family, given = text(found, "family"), " ".join(texts(found, "given"))
    if not family and not given:
        raise Unreadable("the patient has no name")
    allergies = tuple(_allergy(one) for one in inners(found, "allergies"))
    kept = ("src", "mrn", "national_id", "prefix", "marital", "language", "race", "ethnicity")
    return IncomingPatient(
        source_id=f"visits:{pid}",
        family=family,
        given=given,
        sex=_SEXES.get(text(found, "sex").casefold(), "unknown"),
        birth_date=day(found.get("birth_date"), "birth_date"),
        deceased_on=day(found.get("deceased"), "deceased"),
        phone=text(found, "phone"),
        address=_address(found.get("address")),
        record_no=text(found, "mrn"),
        # An empty list does not say whether anybody asked.
        allergy_state="has" if allergies else "not_asked",
        allergies=allergies,
        extra={name: text(found, name) for name in kept if text(found, name)},
    )


def _allergy(found: Json) -> IncomingAllergy:
    code, system = text(found, "code"), _system(found)
    return IncomingAllergy(
        substance=text(found, "text") or _coded_name(system, code) or "Not named",
        # How dangerous it may become is not how severe it was: kept in the source's words.
        reaction="criticality high" if text(found, "criticality") == "high" else "",
        code=code[:40],
        system=system,
    )


def _address(found: object) -> str:
    if isinstance(found, str):
        return text({"": found}, "")
    if not isinstance(found, dict):
        return ""
    town = " ".join(part for part in (text(found, "state"), text(found, "postal")) if part)
    parts = (text(found, "line"), text(found, "city"), town, text(found, "country"))
    return ", ".join(part for part in parts if part)


def _visit(found: Json) -> IncomingVisit:
    vid, pid = text(found, "vid"), text(found, "pid")
    if not vid or not pid:
        raise Unreadable("it has no visit id (vid) or no patient id (pid)")
    start = moment(found.get("start"), "start")
    if start is None:
        raise Unreadable("the visit has no start")
    uid = uuid5(_ROWS, vid)
    kind, reason = inner(found, "type"), inner(found, "reason")
    extra: dict[str, Any] = {
        name: text(found, name)
        for name in ("class", "end", "practitioner", "facility")
        if text(found, name)
    }
    extra |= {
        name: found[name]
        for name in ("type", "reason", "diagnoses", "procedures", "immunizations")
        if found.get(name)
    }
    if "bmi" in inner(found, "vitals"):
        extra["bmi"] = inner(found, "vitals")["bmi"]
    return IncomingVisit(
        source_id=f"visits:{vid}",
        patient=f"visits:{pid}",
        visit_date=start,
        encounter_class=encounter_class(text(found, "class")),
        complaint=_plain(text(reason, "text") or text(kind, "text")),
        vitals=_vitals(inner(found, "vitals")),
        diagnoses=_diagnoses(found, uid, text(reason, "code"), visit_day=text(found, "start")[:10]),
        prescriptions=_numbered(found, "prescriptions", uid, _prescription),
        labs=_numbered(found, "labs", uid, _lab),
        notes=_notes(found),
        extra=storable_json(extra),
    )


def _numbered(
    found: Json,
    name: str,
    uid: UUID,
    read: Callable[[Json, UUID], Row],
) -> tuple[Row, ...]:
    return tuple(read(one, uuid5(uid, f"{name}:{n}")) for n, one in enumerate(inners(found, name)))


def _diagnoses(found: Json, uid: UUID, reason: str, *, visit_day: str) -> tuple[Diagnosis, ...]:
    """Primary is what the patient came for, where one of them is that; else the first."""
    rows = [(one, uuid5(uid, f"diagnoses:{n}")) for n, one in enumerate(inners(found, "diagnoses"))]
    rows.sort(key=lambda row: not reason or text(row[0], "code") != reason)
    return tuple(
        _diagnosis(one, row, primary=n == 0, visit_day=visit_day)
        for n, (one, row) in enumerate(rows)
    )


def _diagnosis(found: Json, uid: UUID, *, primary: bool, visit_day: str) -> Diagnosis:
    icd10, code, system = text(found, "icd10cm"), text(found, "code"), _system(found)
    if len(icd10) > _LONGEST_CODE:
        icd10 = ""
    days = [
        f"{word} {when}"
        for word, when in (("since", text(found, "onset")), ("resolved", text(found, "resolved")))
        # A problem that began with its visit needs no date of its own.
        if when and when != visit_day
    ]
    return Diagnosis(
        id=DiagnosisId(uid),
        name=_plain(text(found, "text")) or _coded_name(system, code) or "Not named",
        code=icd10,
        kind="primary" if primary else "secondary",
        note=", ".join(([] if icd10 else [_coded_name(system, code)]) + days),
        system="ICD-10-CM" if icd10 else system,
    )


def _prescription(found: Json, uid: UUID) -> Prescription:
    code, system = text(found, "code"), _system(found)
    status = text(found, "status")
    parts = (text(found, "sig") or _dose(found), "" if status == "active" else status)
    return Prescription(
        uid=str(uid),
        medicine=text(found, "text") or _coded_name(system, code) or "Not named",
        directions="; ".join(part for part in parts if part),
        code=code,
        system=system,
    )


def _dose(found: Json) -> str:
    """`1, 1 time every 6 hours`: the numbers of the source, no form of the medicine is guessed."""
    dose, often, period = (number(found.get(name)) for name in ("dose", "freq", "period"))
    unit = _UNITS.get(text(found, "period_unit"), text(found, "period_unit"))
    words = [f"dose {dose}" if dose else ""]
    if often and period and unit:
        times = "once" if often == "1" else f"{often} times"
        words.append(f"{times} every {f'{period} {unit}s' if period != '1' else unit}")
    if found.get("prn") is True:
        words.append("as needed")
    return ", ".join(word for word in words if word)


def _lab(found: Json, uid: UUID) -> LabTest:
    value = found.get("value")
    result = number(value) if isinstance(value, int | float) else text(found, "value")
    code = text(found, "loinc")
    return LabTest(
        uid=str(uid),
        name=text(found, "text") or _coded_name("LOINC", code) or "Not named",
        status="resulted" if result else "ordered",
        value=result,
        unit=text(found, "unit"),
        code=code,
        system="LOINC" if code else "",
    )


def _vitals(found: Json) -> Vitals:
    high, low = _millimetres(found, "bp_systolic"), _millimetres(found, "bp_diastolic")
    return Vitals(
        # One of the pair alone is kept as typed; it is asked about where it is shown.
        blood_pressure=f"{high}/{low}" if high or low else "",
        pulse=number(found.get("pulse")),
        temperature=number(found.get("temp_c")),
        spo2=number(found.get("spo2")),
        respiration=number(found.get("resp")),
        weight=number(found.get("weight_kg")),
        height=number(found.get("height_cm")),
        pain=number(found.get("pain_0_10")),
    )


def _millimetres(found: Json, name: str) -> str:
    """Blood pressure is read to whole millimetres; an instrument's decimals are rounded away."""
    value = found.get(name)
    if isinstance(value, float) and abs(value) < 1000:
        return str(round(value))
    return number(value)


def _notes(found: Json) -> str:
    """What has no field of its own, in words that a reader of the visit sees."""
    lines = []
    for title, name in (("Procedures", "procedures"), ("Immunizations", "immunizations")):
        names = [_plain(text(one, "text")) for one in inners(found, name)]
        if names:
            lines.append(f"{title}: {'; '.join(n for n in names if n)}")
    seen = [
        f"{word} {who}"
        for word, who in (
            ("by", text(found, "practitioner")),
            ("at", text(found, "facility")),
        )
        if who
    ]
    if seen:
        lines.append(f"Seen {' '.join(seen)}")
    return "\n".join(lines)


def _plain(text: str) -> str:
    return _TAG.sub("", text)


def _coded_name(system: str, code: str) -> str:
    return f"{system} {code}".strip() if code else ""


def _system(found: Json) -> str:
    system = text(found, "sys")
    return _SYSTEMS.get(system.upper(), system)[:40]
