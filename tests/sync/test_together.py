"""Two computers of one clinic and its server: what one writes the other sees, and what both write."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
import sqlalchemy as sa

from medrec_desktop.data import local
from medrec_desktop.data.attachments import (
    attachment_row,
    change_attachment,
    insert_attachment,
    list_attachments,
    record_place,
)
from medrec_desktop.data.clinic import user_key
from medrec_desktop.data.ids import new_uid
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.reviews import count_open
from medrec_desktop.data.schema import medical_records
from medrec_desktop.data.schema_sync import sync_reviews
from medrec_desktop.data.seals import latest_seal, withdrawn
from medrec_desktop.domain.attachments import Kept
from medrec_desktop.domain.errors import Conflict, Invalid, Unavailable
from medrec_desktop.domain.ids import AttachmentId, RecordId, UserId
from medrec_desktop.domain.patients import Allergy
from medrec_desktop.domain.reviewing import Decision
from medrec_desktop.services.clinic import Clinic
from medrec_desktop.services.seals import Seals
from medrec_desktop.services.sync import Sync
from medrec_desktop.sync.sealing import seal_marked
from tests.clinic_servers import ClinicServer
from tests.factories import a_diagnosis, a_medicine, a_patient
from tests.logfail import ExpectLog
from tests.simulation.clinic import SimulatedServer
from tests.simulation.desktop import Desktop, FaultyLine, make_template
from tests.simulation.world import _NEVER

New = Callable[[str], Desktop]
CYCLE = "medrec_desktop.sync.cycle"


@pytest.fixture(scope="module")
def server(
    clinic_server: ClinicServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[SimulatedServer, Path]]:
    made = SimulatedServer.make(clinic_server)
    template = tmp_path_factory.mktemp("template") / "medrec.db"
    make_template(template, made)
    yield made, template
    made.close()


@pytest.fixture
def new(server: tuple[SimulatedServer, Path], tmp_path: Path) -> Iterator[New]:
    """Makes computers of an empty clinic."""
    simulated, template = server
    simulated.clear()
    # As it is when a clinic is made: its users begin the feed.
    simulated.server.run(simulated.named("UPDATE {t}.sync_users SET name = name"))
    made: list[Desktop] = []
    rng = Random(1)

    def make(name: str) -> Desktop:
        user = simulated.users[len(made) % len(simulated.users)][0]
        made.append(Desktop(name, tmp_path, simulated, rng, user))
        made[-1].install(template)
        return made[-1]

    yield make
    for desktop in made:
        desktop.stop()


def together(*desktops: Desktop) -> None:
    """Rounds until everybody has everything."""
    for _ in range(4):
        for desktop in desktops:
            desktop.cycle.run(_NEVER)


def write(desktop: Desktop, record: RecordId, **fields: object) -> None:
    draft = desktop.visits.open(record).draft
    desktop.visits.save_draft(replace(draft, **fields))  # type: ignore[arg-type]  # its own fields


@pytest.fixture
def both(new: New) -> tuple[Desktop, Desktop, RecordId]:
    """Two computers that have the same visit."""
    one, other = new("FRONTDESK-1"), new("ROOM-2")
    patient = one.patients.register(a_patient())
    record = one.visits.start(patient)
    write(one, record, complaint="Cough", plan="Rest", diagnoses=(a_diagnosis(),))
    together(one, other)
    return one, other, record


def test_what_one_writes_the_other_sees(both: tuple[Desktop, Desktop, RecordId]) -> None:
    one, other, record = both
    seen = other.visits.open(record)
    assert (seen.draft.complaint, seen.draft.plan) == ("Cough", "Rest")
    assert seen.draft.diagnoses == one.visits.open(record).draft.diagnoses
    assert seen.patient.family == "Okafor"
    assert Sync(one.context).waiting().changes == 0


def test_whoever_received_needs_no_other_round_unless_it_has_something_to_send(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    one.cycle.run(_NEVER)
    done = other.cycle.run(_NEVER)
    assert (done.pulled > 0, done.more) == (True, False)

    # Somebody else's words reach the server between reading and sending: what is merged with them
    # comes with the last page, and waits.
    def send_from_elsewhere() -> None:
        write(other, record, plan="Honey")
        other.cycle.run(_NEVER)

    one.type_something = send_from_elsewhere
    one.chance.typing = 1.0
    write(one, record, assessment="Bronchitis")
    done = one.cycle.run(_NEVER)
    one.chance.typing = 0.0
    assert (done.pushed > 0, done.more) == (True, True)
    together(one, other)
    assert other.visits.open(record).draft.assessment == "Bronchitis"


def test_different_fields_are_merged(both: tuple[Desktop, Desktop, RecordId]) -> None:
    one, other, record = both
    write(one, record, notes="smokes", prescriptions=(a_medicine("Amoxicillin"),))
    write(other, record, assessment="Bronchitis", prescriptions=(a_medicine("Ibuprofen"),))
    together(one, other)
    drafts = [each.visits.open(record).draft for each in (one, other)]
    assert replace(drafts[0], version=0) == replace(drafts[1], version=0)
    assert (drafts[0].notes, drafts[0].assessment) == ("smokes", "Bronchitis")
    assert {row.medicine for row in drafts[0].prescriptions} == {"Amoxicillin", "Ibuprofen"}
    assert Sync(one.context).reviews() == ()


def test_the_same_field_waits_for_a_person_on_every_computer(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    for each in (one, other):
        (review,) = Sync(each.context).reviews()
        assert (review.kind, review.record_id) == ("edit", record)
        (clash,) = review.clashes
        assert (clash.title, clash.mine, clash.theirs) == ("Plan", "Admit", "Rest and fluids")
        assert (review.mine.computer, review.mine.who) == ("ROOM-2", "Dr Two")
        assert review.mine.here == (each is other)
        assert each.visits.open(record).draft.plan == "Rest and fluids"


@pytest.mark.parametrize(
    ("way", "text", "plan"),
    [
        ("mine", "", "Admit"),
        ("theirs", "", "Rest and fluids"),
        ("text", "Admit tomorrow", "Admit tomorrow"),
    ],
)
def test_a_decision_closes_it_everywhere(
    both: tuple[Desktop, Desktop, RecordId], way: str, text: str, plan: str
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    sync = Sync(one.context)
    (review,) = sync.reviews()
    with pytest.raises(Invalid):
        sync.decide(review.id, ())
    sync.decide(review.id, (Decision(review.clashes[0].unit, way, text),))  # type: ignore[arg-type]
    together(one, other)
    for each in (one, other):
        assert Sync(each.context).reviews() == ()
        assert each.visits.open(record).draft.plan == plan
    with pytest.raises(Conflict):
        sync.dismiss(review.id)


def test_a_signature_made_offline_waits_and_then_holds(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    one.visits.finalize(record, one.visits.open(record).draft.version)
    assert Sync(one.context).signed_waiting(record)
    together(one, other)
    assert not Sync(one.context).signed_waiting(record)
    for each in (one, other):
        assert each.visits.open(record).status == "finalized"
        assert Seals(each.context).check(record).holds
    one.visits.add_addendum(record, "plan", "The other knee.")
    together(one, other)
    (addendum,) = other.visits.open(record).addenda
    assert addendum.text == "The other knee."
    assert Seals(other.context).check(record).holds


def test_a_signature_on_what_somebody_else_changed_comes_back(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, notes="smokes")
    other.visits.finalize(record, other.visits.open(record).draft.version)
    together(one, other)
    visit = other.visits.open(record)
    assert (visit.status, visit.draft.notes, visit.seal) == ("draft", "smokes", "")
    (review,) = Sync(other.context).reviews()
    assert "did not hold" in review.reason
    other.visits.finalize(record, visit.draft.version)
    together(one, other)
    for each in (one, other):
        assert each.visits.open(record).status == "finalized"
        assert Seals(each.context).check(record).holds
        assert Sync(each.context).reviews() == ()


def test_what_comes_after_the_signature_becomes_an_addendum(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    one.visits.finalize(record, one.visits.open(record).draft.version)
    write(other, record, plan="Admit")
    together(one, other)
    assert other.visits.open(record).status == "finalized"
    assert other.visits.open(record).draft.plan == "Rest"
    sync = Sync(other.context)
    (review,) = sync.reviews()
    assert (review.kind, review.clashes[0].mine) == ("finalized", "Admit")
    with pytest.raises(Conflict):
        sync.decide(review.id, (Decision(review.clashes[0].unit, "mine"),))
    sync.propose_addendum(review.id, "Plan: Admit")
    together(one, other)
    assert [one.text for one in one.visits.open(record).addenda] == ["Plan: Admit"]
    assert Sync(one.context).reviews() == ()


def test_allergies_that_two_people_added_are_both_known(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    patient = one.visits.open(record).draft.patient_id
    for each, substance in ((one, "Penicillin"), (other, "Latex")):
        new_uid = each.cycle._new_id()
        each.patients.set_allergies(patient, "has", (Allergy(new_uid, substance),))
    together(one, other)
    for each in (one, other):
        known = {row.substance for row in each.patients.get(patient).allergies}
        assert known == {"Penicillin", "Latex"}


def test_a_file_gets_its_key_from_the_server_and_is_seen_on_both(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    uid = new_uid()
    kept = Kept(1000, "a" * 64, 900, "b" * 64)
    with one.db.begin() as session:
        key = insert_attachment(
            session,
            uid=uid,
            place=record_place(session, record),
            name="Okafor knee.pdf",
            kind="pdf",
            mime="application/pdf",
            pages=1,
            kept=kept,
            s3_key=None,
            by=user_key(session, UserId(one.user)),
            device=one.context.device,
            now=one.clock(),
        )
        mark(session, "attachment", uid, now=one.clock())
    one.visits.finalize(record, one.visits.open(record).draft.version)
    together(one, other)
    for each in (one, other):
        with each.db.read() as session:
            (file,) = list_attachments(session, record)
            row = attachment_row(session, file.id)
        assert (file.file_name, file.late, file.upload_state) == (
            "Okafor knee.pdf",
            False,
            "pending",
        )
        assert row.s3_key.startswith(f"{each.server.tenant}/medical-records/")
        assert "okafor" not in row.s3_key.lower()
        assert Seals(each.context).check(record).holds
    with one.db.begin() as session:
        change_attachment(session, key, upload_state="stored", s3_bucket="clinic", s3_version="1")
        mark(session, "attachment", uid, now=one.clock())
    together(one, other)
    with other.db.read() as session:
        assert attachment_row(session, AttachmentId(uid)).s3_version == "1"


def test_two_patients_with_one_number_are_both_kept(new: New) -> None:
    one, other = new("A"), new("B")
    for each, family in ((one, "Okafor"), (other, "Mensah")):
        each.patients.register(a_patient(family))
    together(one, other)
    for each in (one, other):
        found = each.patients.search("").rows
        assert {row.family for row in found} == {"Okafor", "Mensah"}
        assert len({row.record_no for row in found}) == 2


def test_a_computer_that_went_back_to_its_backup_goes_on_under_a_new_name(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    one.back_up()
    write(one, record, notes="smokes")
    together(one, other)
    before = one.context.device
    one.restore()
    done = one.cycle.run(_NEVER)
    assert any("older copy" in sentence for sentence in done.said)
    one.restart()
    assert one.context.device != before
    together(one, other)
    assert one.visits.open(record).draft.notes == "smokes"


def test_a_server_that_went_back_to_its_backup_gets_everything_again(
    both: tuple[Desktop, Desktop, RecordId], server: tuple[SimulatedServer, Path]
) -> None:
    one, other, record = both
    server[0].back_up()
    write(one, record, notes="smokes")
    together(one, other)
    server[0].restore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medrec_desktop.sync.cycle._log.warning", lambda *_: None)
        done = one.cycle.run(_NEVER)
        assert any("restored from a backup" in sentence for sentence in done.said)
        together(one, other)
    for each in (one, other):
        assert each.visits.open(record).draft.notes == "smokes"
    assert list(one.path.parent.glob("*.before-restored-*"))


def test_what_only_one_computer_has_of_the_server_before_is_brought_back_a_day_later(
    both: tuple[Desktop, Desktop, RecordId], server: tuple[SimulatedServer, Path], new: New
) -> None:
    one, other, _ = both
    server[0].back_up()
    patient = one.patients.register(a_patient(family="Mensah", given="Efua"))
    signed = one.visits.start(patient)
    write(one, signed, complaint="Burn", plan="Dressing", diagnoses=(a_diagnosis(),))
    one.visits.finalize(signed, one.visits.open(signed).draft.version)
    one.visits.add_addendum(signed, "plan", "Again on Friday")
    together(one, other)
    # The computer that wrote it is no more, and the server knows nothing of it.
    one.stop()
    server[0].restore()
    third = new("ROOM-3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medrec_desktop.sync.cycle._log.warning", lambda *_: None)
        together(other, third)
    assert Sync(other.context).waiting().changes == 3  # patient, visit, addendum
    assert [row.family for row in third.patients.search("").rows] == ["Okafor"]
    other.skew += timedelta(days=1)
    together(other, third)
    assert Sync(other.context).waiting().changes == 0
    seen = third.visits.open(signed)
    assert (seen.draft.complaint, seen.status) == ("Burn", "finalized")
    assert [addendum.text for addendum in seen.addenda] == ["Again on Friday"]
    assert third.visits.check_seal(signed).holds


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power cuts here."""
    pragmas = tuple(
        "PRAGMA synchronous = OFF" if "synchronous" in one else one for one in local._PRAGMAS
    )
    monkeypatch.setattr(local, "_PRAGMAS", pragmas)


def test_a_setting_two_people_changed_is_said_and_holds_when_changed_again(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, _ = both
    clinics = [Clinic(each.context) for each in (one, other)]
    for clinic, days in zip(clinics, (frozenset({5}), frozenset({6})), strict=True):
        clinic.save_settings(replace(clinic.settings(), name="Hill Clinic", closed_days=days))
    together(one, other)
    assert [clinic.settings().closed_days for clinic in clinics] == [frozenset({5})] * 2
    assert [each.what for each in Sync(other.context).waiting().failed] == [
        "A setting of the clinic"
    ]
    clinics[1].save_settings(replace(clinics[1].settings(), closed_days=frozenset({6})))
    together(one, other)
    assert [clinic.settings().closed_days for clinic in clinics] == [frozenset({6})] * 2
    assert Sync(one.context).waiting().failed == ()


def test_a_visit_with_two_versions_of_a_field_is_not_signed(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    version = one.visits.open(record).draft.version
    with pytest.raises(Conflict, match="To review"):
        one.visits.finalize(record, version)


def test_a_users_new_name_is_everybodys(both: tuple[Desktop, Desktop, RecordId]) -> None:
    one, other, _ = both
    Clinic(one.context).rename_user(UserId(one.user), "Dr Amina Osei-Mensah")
    together(one, other)
    assert "Dr Amina Osei-Mensah" in {user.name for user in Clinic(other.context).users()}


def test_a_file_the_signer_did_not_see_is_no_part_of_what_he_signed(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    """It reaches the server first, from a computer on which nobody signed."""
    one, other, record = both
    seen = one.files.take(record, "letter.txt", b"a letter")
    unseen = other.files.take(record, "scan.txt", b"a scan")
    other.cycle.run(_NEVER)
    one.visits.finalize(record, one.visits.open(record).draft.version)
    together(one, other)
    for each in (one, other):
        assert Seals(each.context).check(record).holds
        with each.db.read() as session:
            late = {file.id: file.late for file in list_attachments(session, record)}
        assert late == {seen: False, unseen: True}
    # When a file was taken away is said by the clock of the computer it was done on.
    one.skew = timedelta(days=-400)
    assert seen is not None
    one.files.service.remove(AttachmentId(seen), "wrong patient")
    together(one, other)
    for each in (one, other):
        assert Seals(each.context).check(record).holds


@pytest.mark.parametrize("sent_too", [False, True])
def test_what_is_said_of_a_file_that_a_signature_elsewhere_covers_is_shown_over_the_visit(
    both: tuple[Desktop, Desktop, RecordId], sent_too: bool
) -> None:
    """The server refuses it whoever asks how often; that the file is in the storage still arrives."""
    one, other, record = both
    file = other.files.take(record, "scan.txt", b"a scan")
    assert file is not None
    together(one, other)
    other.files.service.describe(AttachmentId(file), "left hand")
    if sent_too:
        other.files.send()
    one.visits.finalize(record, one.visits.open(record).draft.version)
    one.cycle.run(_NEVER)
    together(other, one)
    for each in (one, other):
        with each.db.read() as session:
            (found,) = list_attachments(session, record)
            assert count_open(session, "attachment") == 0
        assert (found.description, found.late) == ("", False)
        assert found.upload_state == ("stored" if sent_too else "pending")
        assert Seals(each.context).check(record).holds
        done = each.cycle.run(_NEVER)
        assert (done.pulled, done.pushed, done.more, each.waits()) == (0, 0, False, False)
    (left,) = other.visits.set_aside(record, uuid4())
    assert left.text == "Description of scan.txt\nleft hand"
    assert one.visits.set_aside(record, uuid4()) == ()


def test_a_file_that_came_after_a_signature_elsewhere_is_late_where_it_was_added_too(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    one.visits.finalize(record, one.visits.open(record).draft.version)
    one.cycle.run(_NEVER)
    other.files.take(record, "letter.txt", b"a letter")
    together(one, other)
    for each in (one, other):
        with each.db.read() as session:
            assert [file.late for file in list_attachments(session, record)] == [True]
        assert Seals(each.context).check(record).holds


def test_the_line_of_a_computers_seals_has_those_in_it_that_did_not_hold(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    """They may yet: a server that was restored takes them, when it has forgotten the others."""
    one, other, record = both
    other.visits.finalize(record, other.visits.open(record).draft.version)
    other.cycle.run(_NEVER)
    one.visits.finalize(record, one.visits.open(record).draft.version)
    with one.db.read() as session:
        lost = latest_seal(session, device=one.context.device)
    together(one, other)
    with one.db.read() as session:
        assert lost
        assert latest_seal(session, device=one.context.device) == lost
        assert lost in withdrawn(session)


def test_a_computer_without_room_sends_what_is_typed_and_takes_the_rest_later(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    room = [False]
    other.cycle._has_room = lambda: room[0]
    write(one, record, plan="Rest, fluids")
    one.cycle.run(_NEVER)
    other.patients.register(a_patient("Full", "Disk"))
    done = other.cycle.run(_NEVER)
    assert (done.pulled, done.pushed > 0, done.no_room) == (0, True, True)
    assert other.visits.open(record).draft.plan == "Rest"
    one.cycle.run(_NEVER)
    assert [found.family for found in one.patients.search("full").rows] == ["Full"]
    room[0] = True
    together(other)
    assert other.visits.open(record).draft.plan == "Rest, fluids"


def test_a_server_restored_twice_while_it_is_being_filled_again_is_filled_from_the_start(
    both: tuple[Desktop, Desktop, RecordId],
    monkeypatch: pytest.MonkeyPatch,
    expect_log: ExpectLog,
) -> None:
    """What was sent anew after the first restore was acknowledged, and went with the second."""
    one, other, record = both
    one.server.back_up()
    write(other, record, plan="Rest, fluids")
    patient = other.patients.register(a_patient("Sent", "Early"))
    together(other)
    one.server.restore()

    def cut(*_: object) -> None:
        raise Unavailable("The line was cut.")

    with expect_log(CYCLE) as restored:
        with monkeypatch.context() as faulty:
            faulty.setattr(FaultyLine, "table_page", cut)
            assert other.round() == "Unavailable"
        one.server.restore()
        other.patients.register(a_patient("Sent", "Late"))
        together(one, other)
    assert len(restored) == 2
    assert one.visits.open(record).draft.plan == "Rest, fluids"
    assert one.patients.get(patient).family == "Sent"


def test_a_restore_in_the_middle_of_a_push_ends_the_round(
    both: tuple[Desktop, Desktop, RecordId], expect_log: ExpectLog
) -> None:
    one, other, record = both
    one.server.back_up()
    write(other, record, plan="Rest, fluids")
    together(other)
    one.server.restore()
    with pytest.raises(Unavailable, match="the next try sends again"):
        other.cycle._called_again()
    with expect_log(CYCLE):
        together(other, one)
    assert one.visits.open(record).draft.plan == "Rest, fluids"


def test_no_version_is_chosen_for_a_visit_that_was_entered_in_error(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    one, other, record = both
    write(one, record, plan="Rest and fluids")
    write(other, record, plan="Admit")
    together(one, other)
    other.visits.void(record, "wrong patient")
    (review,) = Sync(other.context).reviews()
    choice = Decision(review.clashes[0].unit, "mine")
    with pytest.raises(Conflict, match="entered in error"):
        Sync(other.context).decide(review.id, (choice,))
    together(one, other)
    assert one.visits.open(record).voided_reason == "wrong patient"


def test_words_that_come_for_a_closed_visit_wait_for_a_person_and_are_sent_once(
    both: tuple[Desktop, Desktop, RecordId],
) -> None:
    """As a program wrote them that let somebody choose a version after the visit was voided."""
    one, other, record = both
    other.visits.void(record, "wrong patient")
    together(one, other)
    with other.db.begin() as session:
        session.execute(
            sa.update(medical_records).where(medical_records.c.uid == record).values(notes="late")
        )
        mark(session, "record", record, now=other.clock())
    together(one, other)
    for each in (one, other):
        done = each.cycle.run(_NEVER)
        assert (done.pulled, done.pushed, done.more, each.waits()) == (0, 0, False, False)
        assert each.visits.open(record).draft.notes == ""
        (review,) = Sync(each.context).reviews()
        assert [clash.unit for clash in review.clashes] == ["notes"]


def test_a_file_stored_before_a_restored_server_was_met_is_found_where_its_bytes_are(
    new: New, server: tuple[SimulatedServer, Path], expect_log: ExpectLog
) -> None:
    """The server numbers the visits anew, in the order in which they come back."""
    one, other = new("FRONTDESK-1"), new("ROOM-2")
    together(one, other)
    server[0].back_up()
    records = [each.visits.start(each.patients.register(a_patient())) for each in (one, other)]
    files = [
        each.files.take(record, "scan.txt", content)
        for each, record, content in zip((one, other), records, (b"one", b"two"), strict=True)
    ]
    together(one, other)
    server[0].restore()
    assert one.files.send() == 1
    with expect_log(CYCLE):
        together(other, one)
    other.files.send()
    together(other, one)
    for each in (one, other):
        with each.db.read() as session:
            for file, keeper in zip(files, (one, other), strict=True):
                assert file is not None
                row = attachment_row(session, AttachmentId(file))
                assert row.upload_state == "stored"
                assert keeper.bucket.content_at(row.s3_key)
        assert not each.waits()


def test_what_a_restored_server_has_no_visit_for_is_not_taken_for_merged(
    both: tuple[Desktop, Desktop, RecordId],
    server: tuple[SimulatedServer, Path],
    expect_log: ExpectLog,
) -> None:
    """This computer has it in its copy of the server before; that is no more."""
    one, other, _ = both
    server[0].back_up()
    record = one.visits.start(one.patients.register(a_patient("Mensah")))
    together(one, other)
    write(other, record, notes="smokes")
    together(other, one)
    write(one, record, plan="Rest")
    server[0].restore()
    with expect_log(CYCLE):
        together(other)
        together(one, other)
    for each in (one, other):
        with each.db.read() as session:
            table = sync_reviews.c
            docs = session.scalars(sa.select(table.doc).where(table.state == "open")).all()
        waiting = [doc["op"]["patch"].get("notes") for doc in docs]
        assert "smokes" in (each.visits.open(record).draft.notes, *waiting)


def test_words_that_a_lost_version_had_too_wait_for_a_choice_after_a_restore(
    both: tuple[Desktop, Desktop, RecordId], expect_log: ExpectLog
) -> None:
    one, other, record = both
    write(one, record, plan="Honey")
    write(other, record, notes="smokes")
    other.cycle.run(_NEVER)
    # What one wrote is kept, not applied, and it has not heard of that when the backup is made.
    assert seal_marked(one.db, one.cycle._sealer(), _NEVER)
    line = FaultyLine(one)
    one.cycle._push_all(line, _NEVER)
    line.close()
    one.server.back_up()
    write(other, record, plan="Honey")
    other.cycle.run(_NEVER)
    together(one, one)
    states = "SELECT state FROM {t}.sync_parked WHERE kind = 'edit'"
    assert {*one.server.rows(states)} == {("merged",)}
    # The other computer, which alone could send its version again, is gone for good; and somebody
    # else has written meanwhile.
    one.server.restore()
    notes = "UPDATE {t}.medical_records SET notes = 'smokes a lot' WHERE uid = %s"
    assert one.server.as_another_program(notes, record) == ""
    with expect_log(CYCLE):
        for _ in range(3):
            one.cycle.run(_NEVER)
    assert one.visits.open(record).draft.plan == "Rest"
    (review,) = Sync(one.context).reviews()
    assert [(clash.mine, clash.theirs) for clash in review.clashes] == [("Honey", "Rest")]
    assert {*one.server.rows(states)} == {("open",)}
