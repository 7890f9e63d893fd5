"""Any file whatever: an import reads it, or names what it leaves out; it never fails with a bug."""

import gzip
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medrec_desktop.domain.errors import MedrecError
from medrec_desktop.exchange.fhir_in import import_fhir
from medrec_desktop.exchange.fhir_reading import read_bundle
from medrec_desktop.exchange.filing import Importer
from medrec_desktop.exchange.json_reading import Unreadable
from medrec_desktop.exchange.visits_ndjson import import_visits
from medrec_desktop.exchange.visits_reading import read_line
from medrec_desktop.services.backup import restore
from medrec_desktop.services.context import Context
from tests.exchange.test_fhir import a_person, an_encounter
from tests.exchange.test_visits_ndjson import PATIENT, VISIT

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["\0", "\ud800", "=1+1", "9999-99-99", "0000-01-01T25:61:00Z", "../x", "x" * 3000]),
)  # fmt: skip
JSON = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [{"resource": a_person()}, {"resource": an_encounter()}],
}


@st.composite
def spoiled(draw: st.DrawFn, whole: Any) -> Any:
    """`whole` with one to three of its members, however deep, exchanged for anything."""
    made = deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = made
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            at[key] = draw(JSON)
            break
    return made


def as_bytes(value: Any) -> bytes:
    """As another program may write it: with NaN, and halves of characters."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def read_either(read: Any, content: bytes) -> None:
    try:
        read(content)
    except Unreadable:
        return


FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
WHOLE = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@FEW
@given(line=spoiled(PATIENT) | spoiled(VISIT))
def test_any_line_of_visits_is_read_or_named(line: Any) -> None:
    read_either(read_line, as_bytes(line))


@FEW
@given(bundle=spoiled(BUNDLE))
def test_any_bundle_is_read_or_named(bundle: Any) -> None:
    read_either(read_bundle, as_bytes(bundle))


@FEW
@given(content=st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000]))
def test_any_bytes_are_no_fault(content: bytes) -> None:
    read_either(read_line, content)
    read_either(read_bundle, content)


@WHOLE
@given(
    lines=st.lists(spoiled(PATIENT) | spoiled(VISIT), min_size=1, max_size=4),
    cut=st.integers(0, 40),
)
def test_any_file_of_visits_goes_in_as_far_as_it_can(
    clinic: Context, importer: Importer, tmp_path: Path, lines: list[Any], cut: int
) -> None:
    whole = gzip.compress(b"\n".join(as_bytes(line) for line in [PATIENT, *lines]) + b"\n")
    file = tmp_path / "visits.ndjson.gz"
    file.write_bytes(whole[: len(whole) - cut])
    import_visits(clinic.db, file, importer)
    assert clinic.db.check() == []


@WHOLE
@given(bundle=spoiled(BUNDLE))
def test_any_bundle_goes_in_as_far_as_it_can(
    clinic: Context, importer: Importer, tmp_path: Path, bundle: Any
) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(as_bytes(bundle))
    import_fhir(clinic.db, file, importer)
    assert clinic.db.check() == []


@WHOLE
@given(head=st.sampled_from([b"", b"medrec-backup/1\n"]), content=st.binary(max_size=120))
def test_no_bytes_are_taken_for_a_backup(tmp_path: Path, head: bytes, content: bytes) -> None:
    file = tmp_path / "any.backup"
    file.write_bytes(head + content)
    with pytest.raises(MedrecError):
        restore(file, tmp_path / "restored", "words of somebody")
    assert not (tmp_path / "restored" / "medrec.db").exists()
