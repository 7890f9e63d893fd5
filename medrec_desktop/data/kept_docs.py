"""Documents that are kept to be compared with one day: squeezed, for there are as many of them as
rows, and hardly any is ever read.

The shared beginning below is part of the format: a text squeezed with it is read with it alone. A
document that lies there as plain JSON is read too.
"""

import zlib
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from medrec_desktop.data.json_text import parsed, written

try:
    from isal import isal_zlib as _zlib

    _QUICK = 0
except ImportError:  # no wheel for this computer: the same, later
    import zlib as _zlib  # type: ignore[no-redef]  # the same functions, slower

    _QUICK = 1
# Never changed. What every visit says, most frequent last.
_SHARED: Final = (
    b'{"name": "", "value": "", "family": "", "given": "", "sex": "unknown", "birth_date": "19'
    b'", "deceased_on": null, "phone": "", "address": "", "record_no": "", "allergy_state": "'
    b'none_known", "allergies": [], "substance": "", "reaction": "", "severity": "", "code": "", '
    b'"system": "", "s3_key": "", "s3_bucket": "", "s3_version": "", "file_name": "", "file_type": '
    b'"application/pdf", "file_size": , "description": "", "kind": "other", "pages": , "sha256": "'
    b'", "kept_size": , "kept_sha256": "", "upload_state": "stored", "held_by": null, "late": false,'
    b' "uploaded_by": "", "author_id": "", "written_at": "", "seal_sha256": "", "amends_sha256": "",'
    b' "section": "", "text": "", "seal": {"zone": "", "device": "", "signed_at": "", "signed_by": '
    b'"", "canonical": "", "printed_name": "", "previous_sha256": "", "status": "finalized", '
    b'{"uid": "", "unit": "", "typed": "", "medicine": "", "directions": "", "lab_results": [], '
    b'"blood_pressure": {"uid": "", "seal": null, "extra": null, "notes": null, "status": "draft", '
    b'"diagnosis": "", "diagnoses": [{"uid": "", "notes": null, "icd_code": "", "position": 0, '
    b'"full_name": null, "voided_at": null, "created_at": "2026-01-01T00:00:00.000000Z", '
    b'"code_system": "icd-10-cm", "code_release": "2026", "diagnosis_name": "", "diagnosis_type": '
    b'"secondary"}], "doctor_id": "", "source_id": null, "voided_at": null, "voided_by": null, '
    b'"created_at": "", "patient_id": "", "updated_at": "", "visit_date": "2026-01-01T00:00:00'
    b'.000000Z", "lab_results": null, "vital_signs": null, "void_reason": null, "finalized_at": '
    b'null, "finalized_by": null, "no_diagnosis": false, "prescriptions": null, "follow_up_date": '
    b'null, "follow_up_text": null, "treatment_plan": "", "chief_complaint": "", "encounter_class": '
    b'null, "follow_up_required": false, "finalize_accepted_at": null}'
)


def squeezed(text: str) -> bytes:
    """The document's text as it is kept."""
    one = _zlib.compressobj(_QUICK, zdict=_SHARED)
    return bytes(one.compress(text.encode()) + one.flush())


def unsqueezed(kept: bytes | str) -> Any:
    """The document."""
    if isinstance(kept, str):
        return parsed(kept)
    return parsed(zlib.decompressobj(zdict=_SHARED).decompress(kept).decode())


class KeptDoc(sa.types.UserDefinedType[Any]):
    """A column of such documents; None is NULL."""

    cache_ok = True

    def get_col_spec(self, **_more: Any) -> str:
        """As it was when the documents were plain."""
        return "JSON"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], bytes | None]:  # noqa: ARG002  # SQLAlchemy's signature
        """Squeeze."""
        return lambda doc: None if doc is None else squeezed(written(doc))

    def result_processor(self, dialect: sa.Dialect, coltype: Any) -> Callable[[Any], Any]:  # noqa: ARG002  # as above
        """Read either form."""
        return lambda kept: None if kept is None else unsqueezed(kept)
