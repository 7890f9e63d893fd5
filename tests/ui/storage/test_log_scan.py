"""A whole run with everything that goes wrong in it, and what the log says afterwards: ids."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from medrec_desktop import log
from medrec_desktop.domain.storage import Secret
from tests.factories import a_patient
from tests.logfail import ExpectLog
from tests.ui.storage.conftest import BUCKET, SECRET, Bucket, Start, close, desk_of, settings_for
from tests.ui.storage.test_small_picture import scan
from tests.ui.storage.test_storage_screens import CONTENT

WRONG = Secret("AKIDWRONGTEST", "a-wrong-secret")
# What may stand in no log: keys, signatures, where files are, whose they are, what they are called.
SECRETS = (
    SECRET.access_key, SECRET.secret_key, WRONG.access_key, WRONG.secret_key,
    "signature", "x-amz", "aws4-hmac", "authorization", "credential=",
    BUCKET, "tenant_", "medical-records", "preview-", "127.0.0.1", "http:",
    "adaeze", "nwachukwu", "rc-77310", "hiv", "chest", "wrong patient", "haemoglobin",
)  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Path]:
    """The program's own log, with everything our own modules could say."""
    before = logging.getLogger().level
    log.start(tmp_path / "logs")
    logging.getLogger("medrec_desktop").setLevel(logging.DEBUG)
    yield tmp_path / "logs"
    log.stop()
    logging.getLogger("medrec_desktop").setLevel(logging.NOTSET)
    logging.getLogger().setLevel(before)


def test_the_log_of_a_whole_run_says_nothing_but_ids(
    qtbot: QtBot,
    start: Start,
    bucket: Bucket,
    tmp_path: Path,
    written: Path,
    expect_log: ExpectLog,
) -> None:
    app = start()
    assert app.window is not None
    assert app.services is not None
    desk, files = desk_of(app), app.services.attachments
    # No network: nothing answers.
    desk.set_up.save(settings_for(app, bucket), WRONG)
    patient = app.services.patients.register(a_patient("Nwachukwu", "Adaeze", record_no="RC-77310"))
    record = app.services.visits.start(patient)
    app.window.open_visit(record)
    sources = [tmp_path / "Nwachukwu HIV result.txt", tmp_path / "Adaeze chest.png"]
    sources[0].write_bytes(CONTENT)
    sources[1].write_bytes(scan())
    files.keep(record, sources)
    qtbot.waitUntil(lambda: desk.overview.failed == 2, timeout=60_000)
    # Wrong keys: refused.
    bucket.plug_in()
    desk.retry()
    qtbot.waitUntil(lambda: bool(desk.overview.stopped), timeout=60_000)
    assert not desk.set_up.test(settings_for(app, bucket), WRONG).works
    # No bucket of this name.
    desk.set_up.save(replace(settings_for(app, bucket), bucket="never-made"), SECRET)
    desk.retry()
    qtbot.waitUntil(lambda: "no bucket" in desk.overview.stopped, timeout=60_000)
    # All is well.
    desk.set_up.save(settings_for(app, bucket), SECRET)
    qtbot.waitUntil(lambda: len(bucket.objects()) == 2, timeout=60_000)
    qtbot.waitUntil(lambda: desk.overview.left == 0, timeout=60_000)
    upkeep = desk.uploads._upkeep
    assert upkeep is not None
    upkeep.look()
    letter, picture = files.list(record)
    for one in (letter, picture):
        desk.uploads._vault.remove(one.id)
        assert desk.uploads.small(one.id) is None or one is picture
        desk.uploads.fetch(one.id)
        files.preview(one.id)
    desk.stored.share_link(letter.id)
    # The object is damaged, and gone.
    first = next(one for one in bucket.objects() if one.name.endswith(".txt"))
    desk.uploads._vault.remove(letter.id)
    first.write_bytes(first.read_bytes()[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(Exception) as caught:  # noqa: PT011  # damaged first, then not there
            desk.uploads.fetch(letter.id)
        with expect_log("medrec_desktop.log", logging.ERROR):
            log.report(caught.value)
        first.unlink(missing_ok=True)
    files.remove(picture.id, "wrong patient")
    close(app)
    logging.getLogger(__name__).info("the end")
    log.stop()

    text = "".join(one.read_text(encoding="utf-8") for one in written.iterdir())
    assert "the end" in text
    assert len(re.findall(r"upload stored [0-9a-f-]{36}", text)) == 2
    assert "StorageDenied" in text
    said = text.lower()
    assert [word for word in SECRETS if word.lower() in said] == []
