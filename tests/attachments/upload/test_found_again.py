"""A computer that went back to a backup sends what it holds, though its queue no longer says so."""

import sqlalchemy as sa

from medrec_desktop.attachments.upkeep import Upkeep
from medrec_desktop.data.schema import upload_queue
from tests.attachments.upload.conftest import Sending


def test_bytes_that_are_owed_and_in_no_queue_are_sent(sending: Sending) -> None:
    setting = sending.setting
    kept, elsewhere, done = sending.keep(), sending.keep(), sending.keep()
    with setting.context.db.begin() as session:
        session.execute(sa.delete(upload_queue))
    setting.vault.path(elsewhere).unlink()
    upkeep = Upkeep(
        setting.context.db,
        setting.vault,
        sending.store,
        setting.context.changes,
        setting.clock,
        quota=lambda: 0,
    )
    upkeep.look()
    assert len(sending.queued()) == 2
    sending.run()
    assert [sending.row(uid).upload_state for uid in (kept, elsewhere, done)] == [
        *("stored", "pending", "stored")
    ]
    upkeep.look()
    assert sending.queued() == []
