"""What signing a visit writes: the bytes, their seal, the record's end, and the entry."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from medrec_desktop.data import records, seals
from medrec_desktop.data.clinic import get_clinic, get_user, user_key
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.session import Session
from medrec_desktop.domain import sealing
from medrec_desktop.domain.ids import RecordId
from medrec_desktop.domain.records import Visit
from medrec_desktop.services.context import Context, zone_name
from medrec_desktop.services.trail import note


def seal_visit(
    context: Context,
    session: Session,
    row: sa.Row[Any],
    visit: Visit,
    *,
    version: int,
    now: datetime,
) -> None:
    """Sign the visit in the name of the user who acts. Whether they may, and whether it can be
    finalized, was asked before."""
    signer = user_key(session, context.actor.id)
    name = get_user(session, context.actor.id).name
    zone = zone_name(now)
    previous = seals.latest_seal(session, device=context.device)
    content = sealing.visit_document(
        visit.draft,
        doctor=visit.doctor_id,
        clinic=get_clinic(session).id,
        attachments=seals.sealed_files(session, row.id),
        signer=context.actor.id,
        signed_at=now,
        zone=zone,
        previous=previous,
        printed_name=name,
        device=context.device,
        follow_up_date=row.follow_up_date,
    )
    seal = sealing.seal_of(content)
    seals.insert_seal(
        session,
        record=row.id,
        canonical=content,
        sha256=seal,
        previous=previous,
        signer=signer,
        printed_name=name,
        now=now,
        zone=zone,
        device=context.device,
    )
    # The seal first: the triggers close a record only when its seal is there.
    records.set_finalized(session, row, version=version, signer=signer, now=now)
    record_id, owner = RecordId(row.uid), visit.draft.patient_id
    note(context, session, "visit.finalize", patient=owner, record=record_id, detail=seal)
    mark(session, "record", record_id, now=now)
