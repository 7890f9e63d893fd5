"""Where the clinic's files are stored: its settings, this computer's keys, and a test of both.

Every method but `settings` may block for seconds (keyring, network): never on the UI thread.
"""

import threading
from contextlib import suppress
from typing import Any, Literal

from medrec_desktop.attachments.connection import try_connection
from medrec_desktop.attachments.s3 import Bucket
from medrec_desktop.data import clinic as store
from medrec_desktop.data.outbox import mark
from medrec_desktop.data.session import Session
from medrec_desktop.domain.changes import Changed
from medrec_desktop.domain.errors import Denied, Invalid, NotFound
from medrec_desktop.domain.roles import Action
from medrec_desktop.domain.storage import ConnectionReport, Secret, StorageSettings
from medrec_desktop.security.storage_keys import StorageKeys
from medrec_desktop.services.authorize import needs
from medrec_desktop.services.context import Context
from medrec_desktop.services.storage_settings import (
    NAME,
    storage_problems,
    storage_settings_of,
    stored_storage_settings,
)
from medrec_desktop.services.trail import note, note_alone


class Storage:
    """The storage of the open clinic. One object a program: keys that no keyring keeps live in it."""

    def __init__(self, context: Context, *, keyring: Any = None) -> None:
        """`keyring` is for tests; None is the system's."""
        self._context = context
        self._keyring = keyring
        self._lock = threading.Lock()
        self._unkept: Secret | None = None

    @needs(Action.SEE_CLINIC)
    def settings(self) -> StorageSettings | None:
        """What every computer of the clinic shares; None when no storage is set up."""
        with self._context.db.read() as session:
            stored = store.read_clinic_settings(session)
            return storage_settings_of(stored, store.get_clinic(session).tenant)

    @needs(Action.SEE_CLINIC)
    def blank(self) -> StorageSettings:
        """Settings to begin with: this clinic's prefix, everything else still to choose."""
        with self._context.db.read() as session:
            return StorageSettings(bucket="", tenant=store.get_clinic(session).tenant)

    @needs(Action.SET_UP_STORAGE)
    def save(
        self, settings: StorageSettings, secret: Secret | None = None
    ) -> Literal["kept", "until the program ends"]:
        """Store the settings, and `secret` in this computer's keyring; without one the keys stay
        as they are. `Invalid` names the fields that make no sense. The keys go first, so that
        settings never stand without the keys that were entered with them."""
        if problems := storage_problems(settings):
            raise Invalid(problems)
        kept = True
        if secret is not None:
            kept = self._keep(secret)
        now = self._context.clock()
        wanted = stored_storage_settings(settings)
        with self._context.db.begin() as session:
            if store.read_clinic_settings(session).get(NAME) != wanted[NAME]:
                store.write_clinic_settings(session, wanted, now=now)
                note(self._context, session, "storage.change", detail=settings.bucket)
                mark(session, "settings", store.get_clinic(session).id, now=now)
        self._context.changes.publish(Changed("settings"))
        return "kept" if kept else "until the program ends"

    @needs(Action.SEE_CLINIC)
    def has_keys(self) -> bool:
        """Whether this computer has access keys for the storage."""
        try:
            self._secret()
        except (NotFound, Denied):
            return False
        return True

    @needs(Action.SET_UP_STORAGE)
    def remove(self) -> None:
        """Have no storage any more, on every computer of the clinic; this one forgets its keys.
        What is in the bucket stays there, what is here stays here, and nothing is sent."""
        now = self._context.clock()
        with self._context.db.begin() as session:
            if self._is_stored(session):
                store.write_clinic_settings(session, {NAME: {}}, now=now)
                note(self._context, session, "storage.change", detail="none any more")
                mark(session, "settings", store.get_clinic(session).id, now=now)
        self.forget_keys()

    @staticmethod
    def _is_stored(session: Session) -> bool:
        return bool(store.read_clinic_settings(session).get(NAME))

    @needs(Action.SET_UP_STORAGE)
    def forget_keys(self) -> None:
        """Remove the access keys from this computer. Files that wait stay safely here."""
        note_alone(self._context, "storage.forget_keys")
        with self._lock:
            self._unkept = None
        with suppress(Denied):  # no keyring, so nothing was ever in it
            self._keys().delete()
        self._context.changes.publish(Changed("settings"))

    @needs(Action.SET_UP_STORAGE)
    def test(self, settings: StorageSettings, secret: Secret | None = None) -> ConnectionReport:
        """Try them before they are stored; with the keys of this computer if none are given.
        Every failure that is expected is a line of the report, missing keys excepted."""
        if problems := storage_problems(settings):
            raise Invalid(problems)
        return try_connection(settings, secret or self._secret(), clock=self._context.clock)

    def bucket(self) -> Bucket | None:
        """The bucket, ready to use; None when no storage is set up. `NotFound` when this computer
        has no keys for it, `Unavailable` when its keyring is locked. Close it."""
        settings = self.settings()
        return None if settings is None else Bucket(settings, self._secret())

    def _secret(self) -> Secret:
        with self._lock:
            if self._unkept is not None:
                return self._unkept
        return self._keys().load()

    def _keep(self, secret: Secret) -> bool:
        """Whether the keyring kept it; else it is remembered until the program ends."""
        try:
            self._keys().save(secret)
        except Denied:
            with self._lock:
                self._unkept = secret
            return False
        with self._lock:
            self._unkept = None
        return True

    def _keys(self) -> StorageKeys:
        with self._context.db.read() as session:
            clinic = store.get_clinic(session).id
        return StorageKeys(clinic, self._keyring)
