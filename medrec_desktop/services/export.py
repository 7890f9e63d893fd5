"""One patient as a file that other programs read: a FHIR R4 bundle."""

import json
from pathlib import Path
from uuid import uuid4

from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.roles import Action
from medrec_desktop.exchange.fhir_out import patient_bundle
from medrec_desktop.services.authorize import authorize
from medrec_desktop.services.context import Context
from medrec_desktop.services.trail import note_alone


def export_patient(context: Context, patient_id: PatientId, target: Path) -> Path:
    """Write the patient's bundle to `target`, whole or not at all. The file is not encrypted; that
    it is wanted is written down before."""
    authorize(context, Action.EXPORT_PATIENT)
    with context.db.read() as session:
        bundle = patient_bundle(session, patient_id)
    note_alone(context, "patient.export", patient=patient_id)
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        part.write_text(json.dumps(bundle, ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable(
            "The file could not be written there. The record is unchanged. "
            "Free some space or choose another folder, then try again."
        ) from error
    return target
