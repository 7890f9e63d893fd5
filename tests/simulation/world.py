"""A clinic of several desktops, one server and everything that can go wrong, from one seed.

One thread, one source of chance: a seed that failed fails again.
"""

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from medrec_desktop.data.clinic import read_device
from medrec_desktop.data.schema import medical_records, patients
from medrec_desktop.domain.ids import PatientId, RecordId
from medrec_desktop.domain.merging import units_of
from medrec_desktop.domain.patients import Allergy
from medrec_desktop.domain.reviewing import Decision, Way, addendum_text
from medrec_desktop.services.sync import Sync
from tests.factories import a_diagnosis, a_patient
from tests.simulation import files
from tests.simulation.clinic import LOCKED, SimulatedServer
from tests.simulation.desktop import Chance, Crash, Desktop
from tests.simulation.edits import edited
from tests.simulation.files import Bucket, Kept

# From this seed on a clinic works for months; before, all is done in a day.
DAYS_FROM = 80_000
# docs/server.md says so.
OLDEST_COPY = timedelta(days=60)


@dataclass
class Word:
    """A token somebody typed. `replaced`: where somebody typed over it who saw it. `lost`: he was not told that it
    is stored, or it was never sent and the computer's disk was replaced."""

    text: str
    desktop: str
    replaced: str = ""
    lost: bool = True


class World:
    """Runs one seed."""

    def __init__(
        self,
        seed: int,
        folder: Path,
        template: Path,
        server: SimulatedServer,
        *,
        desktops: int = 3,
        often: Mapping[str, float] | None = None,
        chance: Chance | None = None,
    ) -> None:
        self.seed, self.rng = seed, random.Random(seed)
        # New rows too are called the same whenever a seed is run.
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("medrec_desktop.data.ids.uuid7", self._new_uid)
        self.server = server
        self.words: dict[str, Word] = {}
        self.files: dict[UUID, Kept] = {}
        self.bucket = Bucket(server.tenant)
        self.seen: dict[str, set[tuple[str, str, str]]] = {}
        self.signed: dict[UUID, list[Any]] = {}
        self.counts: dict[str, int] = {}
        self.log: list[str] = []
        self.backwards: list[str] = []
        self.rewound = False
        self.server_copies = 0
        self.passed = self._copied = timedelta()
        self._days = random.Random(f"days of {seed}") if seed >= DAYS_FROM else None
        self._next = 0
        self._step = self._held_until = 0
        server.clear()
        if self._days is not None:
            server.begin_users()
        self.desktops = []
        for n in range(desktops):
            desktop = Desktop(
                f"pc{n}",
                folder,
                server,
                self.rng,
                server.users[n % len(server.users)][0],
                page=self.rng.choice([2, 7, 50]),
                skew=timedelta(days=self.rng.choice([0, 0, -400, 400, 1])),
                bucket=self.bucket,
            )
            if self._days is not None:
                desktop.passed = lambda: self.passed
            desktop.install(template)
            desktop.chance = self._chance() if chance is None else replace(chance)
            desktop.type_something = lambda desktop=desktop: self._type(desktop)  # type: ignore[misc]
            self.desktops.append(desktop)
            self.seen[desktop.name] = set()
        self._begin()
        self._weights = {
            name: self.rng.choice([1, 1, 2, 4]) * weight
            for name, weight in {
                "round": 12,
                "type": 14,
                "start": 3,
                "register": 1,
                "patient": 2,
                "finalize": 3,
                "addendum": 1,
                "void": 0.4,
                "decide": 2,
                "restart": 0.5,
                "copy": 0.5,
                "restore": 0.4,
                "server_copy": 0.3,
                "server_restore": 0.25,
                "stranger": 0.6,
                "forger": 0.5,
                "holder": 0.4,
                "attach": 1.5,
                "file": 0.7,
                "send": 2,
                "upkeep": 0.4,
            }.items()
        } | dict(often or {})

    def _chance(self) -> Chance:
        def some(most: float) -> float:
            return self.rng.choice([0.0, most / 4, most])

        return Chance(
            lost_request=some(0.1),
            lost_reply=some(0.15),
            twice=some(0.1),
            late=some(0.1),
            crash=some(0.06),
            disk_full=some(0.03),
            typing=some(0.3),
        )

    def _begin(self) -> None:
        """A patient and a visit that everybody has: what follows is about something."""
        one = self.desktops[0]
        chances = [desktop.chance for desktop in self.desktops]
        for desktop in self.desktops:
            desktop.chance = Chance()
        one.visits.start(one.patients.register(a_patient()))
        for desktop in self.desktops:
            desktop.cycle.run(_NEVER)
        for desktop, chance in zip(self.desktops, chances, strict=True):
            desktop.chance = chance
            self._look(desktop)

    # --- what happens -----------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        """So many things happen, one after the other."""
        names, weights = list(self._weights), list(self._weights.values())
        for step in range(steps):
            if step >= self._held_until:
                self.server.let_go(commit=self.rng.random() < 0.7)
            self._step = step
            if self._days is not None and self._days.random() < 0.1:
                self.passed += timedelta(days=self._days.randint(1, 30))
            desktop = self.rng.choice(self.desktops)
            what = self.rng.choices(names, weights)[0]
            act = getattr(self, f"_{what}")
            first = self._next
            outcome = desktop.attempt(lambda act=act, desktop=desktop: act(desktop))  # type: ignore[misc]
            self._count(f"{what} {outcome}".strip())
            words = " ".join(f"w{n}w" for n in range(first + 1, self._next + 1))
            self.log.append(f"{desktop.name} {what} {outcome} {words}".strip())
            self._look(desktop)

    def heal(self, rounds: int = 60) -> int:
        """Nothing goes wrong any more; until everybody has everything. How many rounds it took."""
        self.server.let_go(commit=self.rng.random() < 0.5)
        for desktop in self.desktops:
            desktop.chance = Chance()
        slept = False
        for n in range(rounds):
            busy = False
            for desktop in self.desktops:
                desktop.files.look_after()
                busy = busy or bool(desktop.files.send())
                done = desktop.cycle.run(_NEVER)
                with desktop.db.read() as session:
                    desktop.devices.add(read_device(session))
                busy = busy or bool(done.pulled or done.pushed or done.more or desktop.waits())
                self._look(desktop)
            if not busy and slept:
                return n
            if not busy:
                # What only one computer has of a server before waits for the others for a day.
                slept = True
                for desktop in self.desktops:
                    desktop.skew += timedelta(days=2)
        return rounds

    def _new_uid(self) -> UUID:
        return UUID(int=self.rng.getrandbits(128), version=4)

    def close(self) -> None:
        """Switch everything off."""
        self._patch.undo()
        for desktop in self.desktops:
            desktop.stop()

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def _word(self, desktop: Desktop) -> str:
        self._next += 1
        text = f"w{self._next}w"
        self.words[text] = Word(text, desktop.name)
        return text

    def _look(self, desktop: Desktop) -> None:
        """The user sees what his screen shows."""
        if not desktop.anything_new():
            return
        seen = self.seen[desktop.name]
        for (tbl, uid), doc in desktop.documents(desktop.shown).items():
            for unit, value in units_of(tbl, doc).items():  # type: ignore[arg-type]
                seen.add((str(uid), unit, json.dumps(value, sort_keys=True)))
        versions = desktop.versions()
        for uid, version in desktop.copies.items():
            if versions.get(uid, 0) < version and not self.rewound:
                self.backwards.append(f"I7 {desktop.name} went back on {uid}")
        desktop.copies = versions

    # --- what users do ------------------------------------------------------------------------------

    def _round(self, desktop: Desktop) -> None:
        desktop.cycle.run(_NEVER)

    def _register(self, desktop: Desktop) -> None:
        word = self._word(desktop)
        self._commit([word], lambda: desktop.patients.register(a_patient(given=word)))

    def _start(self, desktop: Desktop) -> None:
        found = desktop.uids(patients)
        if not found:
            self._register(desktop)
            return
        desktop.visits.start(PatientId(self.rng.choice(found)))

    def _patient(self, desktop: Desktop) -> None:
        found = desktop.uids(patients)
        if not found:
            return
        patient = PatientId(self.rng.choice(found))
        word = self._word(desktop)
        if self.rng.random() < 0.5:
            form = desktop.patients.form(patient)
            column = self.rng.choice(["address", "phone"])
            after = replace(form, **{column: word})  # type: ignore[arg-type]  # a text
            self._commit(
                [word],
                lambda: desktop.patients.update(patient, after),
                old=getattr(form, column),
            )
            return
        known = desktop.patients.get(patient).allergies
        kept = tuple(one for one in known if self.rng.random() < 0.8)
        gone = " ".join(one.substance for one in known if one not in kept)
        new = Allergy(UUID(int=self.rng.getrandbits(128), version=4), word)
        self._commit(
            [word],
            lambda: desktop.patients.set_allergies(patient, "has", (*kept, new)),
            old=gone,
        )

    def drafts(self, desktop: Desktop, status: str = "draft") -> list[UUID]:
        """The visits that are that here, oldest first."""
        table = medical_records.c
        with desktop.db.read() as session:
            return list(
                session.scalars(
                    sa.select(table.uid)
                    .where(table.status == status, table.voided_at.is_(None))
                    .order_by(table.id)
                )
            )

    def _type(self, desktop: Desktop) -> None:
        found = self.drafts(desktop)
        if not found:
            return
        # The newest visits are the ones that two people have open.
        record = RecordId(self.rng.choice(found[-3:]))
        draft = desktop.visits.open(record).draft
        self._look(desktop)
        word = self._word(desktop)
        after, old = edited(self.rng, draft, word)
        self._commit([word], lambda: desktop.visits.save_draft(after), old=old)

    def _finalize(self, desktop: Desktop) -> None:
        found = self.drafts(desktop)
        if not found:
            return
        record = RecordId(self.rng.choice(found[-3:]))
        draft = desktop.visits.open(record).draft
        if not draft.complaint or not any(one.kind == "primary" for one in draft.diagnoses):
            word = self._word(desktop)
            uid = UUID(int=self.rng.getrandbits(128), version=4)
            rows = draft.diagnoses
            if not any(one.kind == "primary" for one in rows):
                rows = (*rows, replace(a_diagnosis(name=word), id=uid))  # type: ignore[arg-type]
            after = replace(draft, complaint=draft.complaint or word, diagnoses=rows)
            self._commit([word], lambda: desktop.visits.save_draft(after))
            draft = desktop.visits.open(record).draft
        desktop.visits.finalize(record, draft.version)

    def _addendum(self, desktop: Desktop) -> None:
        found = self.drafts(desktop, "finalized")
        if not found:
            return
        record, word = RecordId(self.rng.choice(found)), self._word(desktop)
        self._commit([word], lambda: desktop.visits.add_addendum(record, "plan", word))

    def _decide(self, desktop: Desktop) -> None:
        """Somebody looks through what waits for a choice."""
        sync = Sync(desktop.context)
        found = sync.reviews()
        if not found:
            return
        review = self.rng.choice(found)
        if review.kind == "finalized" and self.rng.random() < 0.5:
            sync.propose_addendum(review.id, addendum_text(review) or "nothing")
        elif review.kind != "edit" or self.rng.random() < 0.1:
            sync.dismiss(review.id)
        else:
            ways: list[Way] = ["mine", "theirs"]
            decisions = tuple(
                Decision(one.unit, self.rng.choice([*ways, "both"] if one.both else ways))
                for one in review.clashes
            )
            before = desktop.text()
            try:
                sync.decide(review.id, decisions)
            finally:
                # Whoever decides sees both, and what he chose against he has replaced.
                after = desktop.text()
                for word in self.words.values():
                    if word.text in before and word.text not in after:
                        word.replaced = desktop.name

    def _void(self, desktop: Desktop) -> None:
        found = self.drafts(desktop, self.rng.choice(["draft", "finalized"]))
        if found:
            desktop.visits.void(RecordId(self.rng.choice(found)), "wrong patient")

    def _commit(self, words: list[str], act: Any, *, old: str = "") -> None:
        """What was typed is only owed to the user once it was said to be stored."""
        try:
            act()
        except Crash:
            # The word may or may not be there, nobody was told; so with what it was typed over.
            self._replaced(old, words)
            raise
        for word in words:
            self.words[word].lost = False
        self._replaced(old, words)

    def _replaced(self, old: str, words: list[str]) -> None:
        for one in self.words.values():
            if one.text in old:
                one.replaced = self.words[words[0]].desktop

    def _attach(self, desktop: Desktop) -> None:
        files.attach(self, desktop)

    def _file(self, desktop: Desktop) -> None:
        files.change(self, desktop)

    def _send(self, desktop: Desktop) -> None:
        desktop.files.send()

    def _upkeep(self, desktop: Desktop) -> None:
        desktop.files.look_after()

    # --- what happens to computers --------------------------------------------------------------------

    def _restart(self, desktop: Desktop) -> None:
        desktop.restart()

    def _copy(self, desktop: Desktop) -> None:
        desktop.back_up()

    def _restore(self, desktop: Desktop) -> None:
        sent = self._on_server()
        if desktop.restore():
            desktop.shown, desktop.copies = {}, {}
            for word in self.words.values():
                if word.desktop == desktop.name and word.text not in sent:
                    word.lost = True
            for file in self.files.values():
                if file.desktop == desktop.name and str(file.uid) not in sent:
                    file.lost = True

    def _server_copy(self, desktop: Desktop) -> None:
        self.server.back_up()
        self.server_copies += 1
        self._copied = self.passed

    def _server_restore(self, desktop: Desktop) -> None:
        if not self.server_copies or self.passed - self._copied >= OLDEST_COPY:
            return
        self.server.restore()
        self.rewound = True
        # Gone from the server, and its author's computer was restored as well: no third place.
        sent = self._on_server()
        held = {one.name: one.everything() for one in self.desktops}
        for word in self.words.values():
            if word.text not in sent and word.text not in held[word.desktop]:
                word.lost = True
        for file in self.files.values():
            if str(file.uid) not in sent and str(file.uid) not in held[file.desktop]:
                file.lost = True

    def _on_server(self) -> str:
        rows = self.server.rows(
            "SELECT doc::text FROM {t}.sync_feed UNION ALL SELECT op::text FROM {t}.sync_parked"
        )
        return " ".join(text for (text,) in rows)

    def _stranger(self, desktop: Desktop) -> None:
        """Another program of the clinic writes into the tables it was given."""
        rows = self.server.rows(
            "SELECT uid FROM {t}.medical_records WHERE status = 'draft' AND voided_at IS NULL"
            " ORDER BY id"
        )
        if rows:
            (uid,) = self.rng.choice(rows)
            text = f"s{self.rng.randrange(10**6)}s"
            self.server.as_another_program(
                "UPDATE {t}.medical_records SET notes = %s WHERE uid = %s", text, uid
            )

    def _forger(self, desktop: Desktop) -> None:
        """Somebody tries to change what is signed."""
        rows = self.server.rows(
            "SELECT uid FROM {t}.medical_records WHERE status = 'finalized' ORDER BY id"
        )
        if rows:
            (uid,) = self.rng.choice(rows)
            state = self.server.as_another_program(
                "UPDATE {t}.medical_records SET notes = 'forged' WHERE uid = %s", uid
            )
            assert state in {"P0F01", LOCKED}, state

    def _holder(self, desktop: Desktop) -> None:
        """Another program changes a draft and thinks: meanwhile nobody else writes here."""
        if self.server.holds:
            return
        rows = self.server.rows(
            "SELECT uid FROM {t}.medical_records WHERE status = 'draft' AND voided_at IS NULL"
            " ORDER BY id"
        )
        if rows:
            (uid,) = self.rng.choice(rows)
            text = f"s{self.rng.randrange(10**6)}s"
            self.server.hold("UPDATE {t}.medical_records SET notes = %s WHERE uid = %s", text, uid)
            self._held_until = self._step + self.rng.randint(1, 8)


class _Never:
    """Nobody stops the round."""

    def is_set(self) -> bool:
        return False


_NEVER: Any = _Never()


def fresh(folder: Path) -> Path:
    """An empty folder for one seed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
