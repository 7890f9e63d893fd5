"""Another key for a clinic, step by step, so that whatever is cut short the clinic opens.

1. `accounts.json` gets the new key beside the old one, in everybody's lock.
2. The database is rewritten under the new key, in one transaction of its own.
3. The database is opened by the new key and read; only then the old key goes.

Cut short before 2 is done, the old key opens the database; after it the new one does. Both are in
the file until 3, and the next sign-in finds out which (`sign_in`).
"""

from collections.abc import Callable

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.rekeying import opens
from medrec_desktop.domain.errors import Conflict, Corrupt
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import Accounts, held
from medrec_desktop.security.keys import new_key
from medrec_desktop.security.user_locks import is_marked


def change_key(db: LocalDb, progress: Callable[[str], None]) -> None:
    """`Unavailable` while another program has the clinic open; then nothing was changed."""
    folder, old, new = db.path.parent, db.key, new_key()
    with held(folder):
        accounts = store.read(folder)
        if accounts.changing():
            accounts = accounts.settled(old, changed=False)
        _require_ours(accounts, old)
        progress("Locking the new key")
        store.write(folder, accounts.with_next(new))
        try:
            progress("Encrypting the database again")
            db.rekey(new)
            progress("Reading it back")
        finally:
            changed = opens(db.path, new)
            store.write(
                folder, store.read(folder).settled(new if changed else old, changed=changed)
            )
        if not changed:
            raise Conflict("The clinic’s key was not changed. Nothing was lost.")
    for left in folder.glob(f"{db.path.name}.before-*"):
        left.unlink(missing_ok=True)  # copies from before an update, under the key that goes


def _require_ours(accounts: Accounts, key: bytes) -> None:
    """A new key is sealed for nobody whom no key of this clinic has let in."""
    for who, lock in accounts.locks():
        if not is_marked(lock, key, accounts.about(who)):
            name = "the recovery code" if who is None else accounts.account(who).name
            raise Corrupt(
                f"The account of {name} was changed past the program. The key was not changed. "
                "Give them a new password, or make a new recovery code, then try again."
            )
