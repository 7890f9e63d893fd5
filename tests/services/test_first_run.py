from pathlib import Path

import pytest

from medrec_desktop.data import migrate
from medrec_desktop.domain.changes import Changes
from medrec_desktop.domain.errors import Cancelled, Conflict, Denied, Invalid, NotFound
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.context import open_context
from medrec_desktop.services.first_run import create_clinic, create_demo, is_clinic, open_clinic
from medrec_desktop.services.patients import Patients
from tests.factories import FakeClock
from tests.fakes.keyrings import MemoryKeyring

PASSPHRASE = "correct horse battery"


def never() -> str | None:
    pytest.fail("A passphrase was asked for")


def test_clinic_under_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "clinic"
    create_clinic(
        folder, clinic_name=" Hill Clinic\x00 ", doctor_name="Dr. Ada", passphrase=PASSPHRASE
    )
    with pytest.raises(Denied):
        open_clinic(folder, lambda: "wrong horse battery")
    with pytest.raises(Cancelled):
        open_clinic(folder, lambda: None)
    db = open_clinic(folder, lambda: PASSPHRASE)
    context = open_context(db, changes=Changes(), clock=FakeClock())
    assert context.actor.name == "Dr. Ada"
    clinic = Clinic(context).clinic()
    assert (clinic.name, clinic.demo) == ("Hill Clinic\ufffd", False)
    assert clinic.tenant.removeprefix("tenant_").isdigit()
    db.close()
    assert {"medrec.db", "vault", "tmp", "key.json"} <= {path.name for path in folder.iterdir()}
    assert [path.name for path in folder.parent.iterdir()] == ["clinic"]


def test_clinic_with_a_keyring_asks_nothing(tmp_path: Path) -> None:
    keyring = MemoryKeyring()
    folder = tmp_path / "clinic"
    create_clinic(folder, clinic_name="Hill", doctor_name="Ada", keyring=keyring)
    open_clinic(folder, never, keyring=keyring).close()
    assert len(keyring.kept) == 1
    moved = tmp_path / "moved"
    folder.rename(moved)
    open_clinic(moved, never, keyring=keyring).close()


def test_names_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as raised:
        create_clinic(tmp_path / "c", clinic_name=" ", doctor_name="", passphrase=PASSPHRASE)
    assert list(raised.value.fields) == ["clinic_name", "doctor_name"]
    assert not is_clinic(tmp_path / "c")


def test_existing_clinic_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "clinic"
    create_clinic(folder, clinic_name="Hill", doctor_name="Ada", passphrase=PASSPHRASE)
    before = (folder / "medrec.db").read_bytes()
    with pytest.raises(Conflict):
        create_clinic(folder, clinic_name="Lake", doctor_name="Eve", passphrase=PASSPHRASE)
    with pytest.raises(Conflict):
        create_demo(folder)
    assert (folder / "medrec.db").read_bytes() == before


def test_failure_half_way_leaves_no_clinic_and_the_next_try_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "clinic"
    folder.mkdir()
    (folder / "lock").touch()
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "upgrade", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            create_clinic(folder, clinic_name="Hill", doctor_name="Ada", passphrase=PASSPHRASE)
    assert not is_clinic(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["clinic"]
    with pytest.raises(NotFound):
        open_clinic(folder, never)
    # What a cut power leaves: a key that opens nothing, and a folder that was being made.
    (folder / "key.json").write_text("{}")
    (tmp_path / "clinic.making-1").mkdir()
    keyring = MemoryKeyring()
    create_clinic(folder, clinic_name="Hill", doctor_name="Ada", keyring=keyring)
    open_clinic(folder, never, keyring=keyring).close()
    assert [path.name for path in tmp_path.iterdir()] == ["clinic"]


def test_demo_opens_at_once_and_says_that_it_is_one(tmp_path: Path) -> None:
    pytest.importorskip("medrec_desktop.exchange.demo")
    folder = tmp_path / "demo"
    create_demo(folder)
    db = open_clinic(folder, never)
    context = open_context(db, changes=Changes(), clock=FakeClock())
    assert Clinic(context).clinic().demo
    assert len(Patients(context).search("").rows) > 10
    db.close()
