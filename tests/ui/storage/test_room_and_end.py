"""How much files may take here, forgetting the keys, removing the storage: in the real program."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from medrec_desktop.domain.storage import FileRoomNow
from medrec_desktop.ui.storage.set_up_dialog import (
    FORGET_ASKED,
    KEYS_FORGOTTEN,
    REMOVED,
    StorageDialog,
)
from medrec_desktop.ui.storage.words import away_words, room_words
from medrec_desktop.ui.widgets import Dialog, Label
from tests.fakes.keyrings import MemoryKeyring
from tests.ui.storage.conftest import SECRET, Bucket, Start, desk_of, settings_for
from tests.ui.storage.test_storage_screens import a_panel, set_up_dialog

GB = 10**9


def question(dialog: StorageDialog, title: str) -> Dialog:
    """What it asks just now, over the same window, where the program may ask for a first
    password at any moment."""
    (found,) = [
        one
        for one in dialog.window().findChildren(Dialog)
        if one.isVisible() and one.accessibleName() == title
    ]
    return found


def words_of(dialog: Dialog) -> str:
    return " ".join(one.text() for one in dialog.findChildren(Label))


def test_the_room_for_files_is_kept_without_a_network(
    qtbot: QtBot, start: Start, bucket: Bucket
) -> None:
    app = start()
    desk = desk_of(app)
    assert desk.set_up.save(settings_for(app, bucket), SECRET) == "kept"
    dialog = set_up_dialog(app, qtbot)
    assert dialog.fields.quota.text() == "20"
    dialog.fields.quota.setText("a few")
    dialog.save()
    assert not dialog.fields._problems["quota"].isHidden()
    dialog.fields.quota.setText("7")
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        dialog.save()
    assert dialog.lines == []  # nothing was tried: nothing else was changed
    assert desk.set_up.now().room.quota_gb == 7
    again = set_up_dialog(app, qtbot)
    again.fields.quota.clear()
    with qtbot.waitSignal(again.accepted, timeout=20_000):
        again.save()
    assert desk.set_up.now().room.quota_gb == 0


def test_the_keys_are_forgotten_on_this_computer_when_asked_for(
    qtbot: QtBot, start: Start, bucket: Bucket, keyring: MemoryKeyring
) -> None:
    app = start()
    desk = desk_of(app)
    desk.set_up.save(settings_for(app, bucket), SECRET)
    dialog = set_up_dialog(app, qtbot)
    told: list[str] = []
    dialog.told.connect(told.append)
    dialog.forget_it.click()
    asked = question(dialog, "Forget the keys?")
    assert FORGET_ASKED in words_of(asked)
    asked.reject()
    assert desk.set_up.now().has_keys
    dialog.forget_it.click()
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        question(dialog, "Forget the keys?").accept()
    qtbot.waitUntil(lambda: told == [KEYS_FORGOTTEN])
    now = desk.set_up.now()
    assert (now.configured, now.has_keys) == (True, False)
    assert not [one for one in keyring.kept.values() if SECRET.secret_key in one]
    qtbot.waitUntil(lambda: "keys" in desk.overview.stopped, timeout=20_000)
    assert not set_up_dialog(app, qtbot).forget_it.isVisible()


def test_a_removed_storage_leaves_every_file_where_it_is(
    qtbot: QtBot, start: Start, bucket: Bucket, tmp_path: Path
) -> None:
    bucket.plug_in()
    app = start()
    assert app.services is not None
    desk, files = desk_of(app), app.services.attachments
    desk.set_up.save(settings_for(app, bucket), SECRET)
    _panel, record = a_panel(app, qtbot)
    for number in range(2):
        source = tmp_path / f"Report {number}.txt"
        source.write_bytes(b"Haemoglobin %d\n" % number * 400)
        files.keep(record, [source])
    qtbot.waitUntil(lambda: len(bucket.objects()) == 2, timeout=60_000)
    gone, here = (one.id for one in files.list(record))
    # In the bucket and noted as there: not the same moment.
    qtbot.waitUntil(
        lambda: {one.upload_state for one in files.list(record)} == {"stored"}, timeout=30_000
    )
    desk.uploads._vault.remove(gone)
    qtbot.waitUntil(lambda: desk.set_up.now().away == 1, timeout=30_000)

    dialog = set_up_dialog(app, qtbot)
    dialog.remove_it.click()
    assert away_words(1) in words_of(question(dialog, "Remove the storage?"))
    told: list[str] = []
    dialog.told.connect(told.append)
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        question(dialog, "Remove the storage?").accept()
    qtbot.waitUntil(lambda: told == [REMOVED])
    now = desk.set_up.now()
    assert (now.configured, now.has_keys, now.settings.bucket) == (False, False, "")
    qtbot.waitUntil(lambda: not desk.overview.configured, timeout=20_000)
    assert len(bucket.objects()) == 2
    assert desk.uploads.here(here)
    # Set up again, what is only there opens again.
    desk.set_up.save(settings_for(app, bucket), SECRET)
    desk.uploads.fetch(gone)
    assert desk.uploads.here(gone)


def test_what_files_take_is_said_with_what_happens_next() -> None:
    assert "They take 3.0 GB now." in room_words(FileRoomNow(3 * 2**30, 20, 0))
    assert "were not used for longest leave first" in room_words(FileRoomNow(3 * GB, 20, 0))
    assert "nearly full" in room_words(FileRoomNow(3 * GB, 0, 0))
    assert "stays here until it is" in room_words(FileRoomNow(30 * GB, 20, 25 * GB))
    assert "as soon as the storage can be asked" in room_words(FileRoomNow(30 * GB, 20, 2 * GB))
    assert away_words(0) == ""
    assert away_words(1200).startswith("1,200 files are only in the bucket")
