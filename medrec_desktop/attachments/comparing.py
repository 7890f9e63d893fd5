"""Compares the rows with the bucket: what is missing, what nobody knows, what is not what it was.

Looks at listings and headers alone: it never reads an object, so archived ones stay archived and
nothing is paid for. Nothing here changes either side.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from medrec_desktop.attachments.small_pictures import small_key
from medrec_desktop.attachments.store import ObjectStore
from medrec_desktop.data.stored_files import StoredRow
from medrec_desktop.domain.ids import AttachmentId


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing`: called stored, not in the bucket. `wrong`: there, but its size, hash or id is not
    the row's. `orphaned`: keys no row knows
    (a file's small picture belongs to its row). `waiting`: not stored yet, which is no fault."""

    right: int = 0
    waiting: int = 0
    missing: tuple[AttachmentId, ...] = ()
    wrong: tuple[AttachmentId, ...] = ()
    orphaned: tuple[str, ...] = field(default=())

    @property
    def agrees(self) -> bool:
        """Whether rows and bucket say the same."""
        return not (self.missing or self.wrong or self.orphaned)


def compare(
    store: ObjectStore,
    rows: Iterable[StoredRow],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """One listing, and a HEAD for each stored file."""
    known = list(rows)
    listed = {found.key: found.size for found in store.list_objects()}
    right, missing, wrong = 0, [], []
    for number, row in enumerate(known, 1):
        progress(number, len(known))
        if not row.stored:
            continue
        if row.s3_key not in listed:
            missing.append(row.uid)
        elif listed[row.s3_key] != row.kept.kept_size or not _same(store, row):
            wrong.append(row.uid)
        else:
            right += 1
    keys = {row.s3_key for row in known} | {small_key(row.s3_key, row.uid) for row in known}
    return Comparison(
        right=right,
        waiting=sum(not row.stored for row in known),
        missing=tuple(missing),
        wrong=tuple(wrong),
        orphaned=tuple(sorted(set(listed) - keys)),
    )


def _same(store: ObjectStore, row: StoredRow) -> bool:
    found = store.head(row.s3_key)
    return (
        found is not None
        and found.size == row.kept.kept_size
        and found.metadata.get("attachment-id") == str(row.uid)
        and found.metadata.get("sha256") == row.kept.sha256
        and (not row.s3_version or found.version_id in {"", row.s3_version})
    )
