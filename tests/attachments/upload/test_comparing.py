"""Rows against the bucket, by listing and headers alone: each kind of difference is seen."""

from dataclasses import replace
from uuid import UUID

import pytest

from medrec_desktop.attachments.comparing import compare
from medrec_desktop.data.stored_files import rows_with_key
from tests.attachments.upload.conftest import Sending
from tests.fakes.bucket import FakeBucket


@pytest.mark.parametrize("harm", ["", "size", "hash", "id", "version", "gone"])
def test_what_is_not_the_rows_is_called_wrong_or_missing(
    sending: Sending, fake: FakeBucket, harm: str
) -> None:
    uid = sending.keep(1000)
    sending.run()
    key = sending.row(uid).s3_key
    found = fake.objects[key]
    match harm:
        case "size":
            found.content += b"!"
        case "hash":
            found.headers = replace(found.headers, sha256_of_original="00" * 32)
        case "id":
            found.headers = replace(found.headers, attachment_id=UUID(int=7))
        case "version":
            found.version = "later"
        case "gone":
            del fake.objects[key]
    with sending.setting.context.db.read() as session:
        rows = rows_with_key(session)
    seen = compare(fake, rows)
    wrong = () if harm in {"", "gone"} else (uid,)
    assert (seen.wrong, seen.missing) == (wrong, (uid,) if harm == "gone" else ())
    assert (seen.right, seen.agrees) == (int(not harm), not harm)
    assert fake.calls["get"] == 0
