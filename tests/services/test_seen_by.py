"""A service with a running part, for two users."""

from pathlib import Path

import pytest

from medrec_desktop.attachments.vault import open_vault
from medrec_desktop.services.authorize import NotAllowed
from medrec_desktop.services.context import Context
from medrec_desktop.services.seen_by import seen_by
from medrec_desktop.services.storage_set_up import StorageSetUp
from medrec_desktop.services.uploads import Uploads
from tests.factories import another_user


def test_who_acts_is_the_other_and_what_runs_is_the_same(clinic: Context, tmp_path: Path) -> None:
    whole = Uploads(clinic, open_vault(clinic.db, tmp_path / "vault"))
    desk = another_user(clinic, "Ama Owusu", "front_desk")
    seen = seen_by(whole, desk)
    assert seen_by(whole, clinic) is whole
    assert isinstance(seen, Uploads)
    seen._problem = "asked for keys"
    assert whole._problem == "asked for keys"
    assert whole._context.actor.name != "Ama Owusu"
    seen.pause()
    assert whole.overview().paused
    whole.close()


def test_what_only_the_first_may_do_stays_refused(clinic: Context, tmp_path: Path) -> None:
    whole = StorageSetUp(clinic, open_vault(clinic.db, tmp_path / "vault"))
    seen = seen_by(whole, another_user(clinic, "Ama Owusu", "front_desk"))
    with pytest.raises(NotAllowed):
        seen.forget_keys()
    whole.now()
