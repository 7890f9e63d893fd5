"""Tries that failed while nobody could write in the trail: they wait in the file of accounts."""

from dataclasses import replace

from medrec_desktop.data.audit import add_entry
from medrec_desktop.data.local import LocalDb
from medrec_desktop.security import accounts_file as store
from medrec_desktop.security.accounts_file import has_accounts, held


def write_failed(db: LocalDb) -> None:
    """Put the tries that failed in the trail, and forget them in the file."""
    folder = db.path.parent
    if not has_accounts(folder):
        return
    with held(folder):
        accounts = store.read(folder)
        if not accounts.failed:
            return
        with db.begin() as session:
            for one in accounts.failed:
                detail = "" if one.user is not None else "recovery code"
                add_entry(session, "sign_in.failed", at=one.at, actor=one.user, outcome="denied", detail=detail)  # fmt: skip
        store.write(folder, replace(accounts, failed=()))
