"""`import visits`, `import fhir` and `export patient`."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from medrec_desktop.admin.clinics import now, opened
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.schema import patients
from medrec_desktop.domain.errors import Conflict, NotFound, Unavailable
from medrec_desktop.domain.ids import PatientId
from medrec_desktop.domain.roles import Action
from medrec_desktop.exchange.fhir_in import import_fhir
from medrec_desktop.exchange.fhir_out import patient_bundle
from medrec_desktop.exchange.filing import Importer
from medrec_desktop.exchange.incoming import ImportReport, Progress
from medrec_desktop.exchange.visits_ndjson import import_visits
from medrec_desktop.services.authorize import authorize
from medrec_desktop.services.context import zone_name
from medrec_desktop.services.trail import note_alone

_SHOWN = 50


def bring_in_visits(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin import visits FILE`."""
    return _bring_in(
        options,
        passphrases,
        lambda db, importer, bar: import_visits(db, options.file, importer, progress=bar),
    )


def bring_in_fhir(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin import fhir FILE|FOLDER`."""
    return _bring_in(
        options,
        passphrases,
        lambda db, importer, bar: import_fhir(db, options.path, importer, progress=bar),
    )


def _bring_in(
    options: argparse.Namespace,
    passphrases: Passphrases,
    run: Callable[[LocalDb, Importer, Progress], ImportReport],
) -> int:
    with opened(options, passphrases) as context, closing(Bar("Importing")) as bar:
        at = now()
        importer = Importer(context.actor.id, zone_name(at), at, stored_as=options.stored_as)
        report = run(context.db, importer, bar)
    _tell(report, options)
    return 0


def _tell(report: ImportReport, options: argparse.Namespace) -> None:
    if report.resumed_at:
        print(f"Went on after line {report.resumed_at:,}, where the last import stopped.")
    kind = "as drafts" if options.stored_as == "draft" else "as finalized records"
    print(f"Imported {report.patients:,} patients and {report.visits:,} visits {kind}.")
    if report.known_patients or report.known_visits:
        print(
            f"Already here, left as they are: {report.known_patients:,} patients, "
            f"{report.known_visits:,} visits."
        )
    if report.other_kinds:
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(report.other_kinds.items()))
        print(f"Of kinds that this program does not keep: {kinds}.")
    for skipped in report.skipped[:_SHOWN]:
        print(f"Skipped {skipped.where}: {skipped.why}.", file=sys.stderr)
    if report.skipped_count > _SHOWN:
        print(f"… and {report.skipped_count - _SHOWN:,} more.", file=sys.stderr)
    if report.skipped_count:
        print(f"Skipped {report.skipped_count:,} entries; everything else is in.")


def send_out_patient(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """`medrec-admin export patient ID --fhir`."""
    with opened(options, passphrases) as context:
        authorize(context, Action.EXPORT_PATIENT)
        with context.db.read() as session:
            found = session.scalars(
                sa.select(patients.c.uid).where(_is_called(options.id)).limit(1)
            ).first()
            if found is None:
                raise NotFound(
                    "No patient has this record number. Nothing was exported. "
                    "The number stands under the patient's name, for example RC-000 001."
                )
            bundle = patient_bundle(session, PatientId(found))
        note_alone(context, "patient.export", patient=found)
    content = json.dumps(bundle, ensure_ascii=False, indent=1) + "\n"
    if options.output is None:
        sys.stdout.write(content)
        return 0
    _write(options.output, content)
    print(f"Exported one patient with {len(bundle['entry']):,} entries.")
    return 0


def _is_called(asked: str) -> sa.ColumnElement[bool]:
    try:
        return patients.c.uid == UUID(asked)
    except ValueError:
        plain = asked.strip()
        return patients.c.record_no.in_({plain, plain.upper()})


def _write(path: Path, content: str) -> None:
    """A new file that only its owner reads: it holds a patient's record."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise Conflict("There is already a file of this name. Nothing was exported.") from None
    except OSError as error:
        raise Unavailable(
            "The file could not be written there. Choose another folder, then try again."
        ) from error
