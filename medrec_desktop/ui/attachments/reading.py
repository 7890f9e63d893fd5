"""What a reading thread fetches for the panel: the files of a visit and where their bytes are."""

from typing import TYPE_CHECKING

from medrec_desktop.domain.ids import RecordId
from medrec_desktop.ui.attachments.files import Files

if TYPE_CHECKING:
    from medrec_desktop.services.attachments import Attachments
    from medrec_desktop.ui.storage.desk import FileStorage


def read_files(service: "Attachments", storage: "FileStorage | None", record_id: RecordId) -> Files:
    """On a reading thread. Files on their way are asked last: one kept in between would otherwise
    be in neither. So is the queue of uploads asked before the list, and what is stored in between
    is listed as stored."""
    under_way = service.keeping(record_id)
    uploads = storage.uploads.of_record(record_id) if storage is not None else {}
    kept = service.list(record_id)
    still = {one.job for one in service.keeping(record_id)}
    plain = Files(
        kept=kept,
        keeping=tuple(one for one in under_way if one.job in still),
        removed=service.removed(record_id),
    )
    if storage is None:
        return plain
    return Files(
        kept=plain.kept,
        keeping=plain.keeping,
        removed=plain.removed,
        uploads=uploads,
        times=storage.stored.times(record_id),
        elsewhere=frozenset(one.id for one in kept if not storage.uploads.here(one.id)),
    )
