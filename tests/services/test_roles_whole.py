"""Nothing among the services escapes the matrix of `test_roles.py`: a class, or a function that can
reach a clinic's records, is in it, or is named here with the reason why nobody is asked.
"""

import inspect
import re
from typing import Any

from tests.services.test_roles import FUNCTIONS, NOT_ASKED, NOT_SERVICES, classes, modules

# Made with no clinic; what they remember is asked through a service.
CLASSES = {
    "Sitting": "what is remembered while a clinic is open; holds no record",
    "Buckets": "how the uploader finds the storage",
    "Usage": "which codes a doctor uses; a part of Diagnoses, and asked there",
}
# They take a folder, a session or a server's engine.
REACHING = {
    # Before a clinic is open: a password, a code or the key itself is what they ask for.
    "begin_accounts": "takes the key itself",
    "forget_first_release": "takes a key away",
    "create_clinic": "there is no clinic yet; on a server, its owner's account",
    "found_clinic": "there is no clinic yet",
    "create_demo": "there is no clinic yet",
    "is_clinic": "looks whether there is one",
    "made_beside": "there is no clinic yet",
    "open_clinic": "asks for the passphrase, or the keyring",
    "open_by_recovery": "asks for the recovery code",
    "open_signed_in": "asks for a sign-in",
    "known_users": "names, which are shown before anybody has signed in",
    "sign_in": "asks for the password",
    "choose_password": "asks for the first password",
    "recover": "asks for the recovery code",
    "open_by_code": "asks for the recovery code",
    "checked": "asks for the password",
    "with_password": "takes the key itself",
    "restore": "asks for the passphrase of the backup",
    "look": "what a server says of itself",
    "find": "asks for the join code",
    "join": "asks for the join code and a password",
    "contact_of": "asks for the key that a sign-in opened",
    # Below a service's method, which asked.
    "is_revoked": "says whether this computer may still",
    "list_computers": "a part of Accounts, and asked there",
    "revoke": "a part of Accounts, and asked there",
    "require_ready": "a part of Visits, and asked there",
    # For whoever looks after the server: its database asks for a login.
    "plan": "the server's owner",
    "rehearse": "the server's owner",
    "migrate_shared": "the server's owner",
    "migrate_all": "the server's owner",
    "transaction": "the server's owner",
    "set_up": "the server's owner",
    "upgrade_shared": "the server's owner",
    "database_of": "the server's owner",
    "clinics": "the server's owner",
    "require_set_up": "the server's owner",
    "renew_join_code": "the server's owner",
    "archive": "the server's owner",
    "check": "the server's owner",
}
_REACHES = re.compile(r"\b(Path|Session|Connection|Engine|Row)\b")


def own(kind: Any) -> list[tuple[str, Any]]:
    """What is defined among the services and is of this kind."""
    return [
        (name, one)
        for module in modules()
        for name, one in vars(module).items()
        if kind(one) and one.__module__ == module.__name__ and not name.startswith("_")
    ]


def test_every_class_that_does_something_is_in_the_matrix_or_named() -> None:
    doing = {
        name
        for name, one in own(inspect.isclass)
        if any(inspect.isfunction(m) for n, m in vars(one).items() if not n.startswith("_"))
    }
    assert doing - set(classes()) - set(CLASSES) == set()
    assert set(CLASSES).isdisjoint(classes())


def test_every_function_that_reaches_records_is_in_the_matrix_or_named() -> None:
    reaching = set()
    for name, one in own(inspect.isfunction):
        taken = [str(p.annotation) for p in inspect.signature(one).parameters.values()]
        if any(_REACHES.search(words) for words in taken):
            reaching.add(name)
    # What asks and what writes the trail stands below every service.
    below = {"note", "note_look", "note_refusal", "note_alone", "first_edit", "edit_noted"}
    known = {*REACHING, *FUNCTIONS, *NOT_ASKED, *below}
    assert reaching - known == set()
    assert NOT_SERVICES
