"""What a user is told of changes that wait, or were not taken. Sentences, no codes."""

GONE = (
    "This has been decided on another computer meanwhile, or what it was about has changed. "
    "Nothing was changed. Look at the list again."
)
SIGNED = (
    "The visit is finalized and can no longer be changed. Nothing was changed. Add the words as an "
    "addendum, or leave them out."
)
VOIDED = (
    "This was entered in error and takes no words any more. Nothing was changed. Leave the words "
    "out; they are kept in the history."
)
CLAIM = (
    "This signature did not hold: somebody else had changed the visit first. Look at the visit and "
    "sign it again."
)
SECOND = "Somebody else signed this visit first. That signature holds; this one was not needed."
ADDENDUM = (
    "This addendum was written to a signature that did not hold. Sign the visit first, then add the "
    "words again."
)
KEPT = (
    "The server keeps these words and could not put them into the record. Everything is safe. "
    "Ask whoever looks after the server."
)
TODO = (
    "It is safe on this computer and kept on the server. Change it and it is sent again, or ask "
    "whoever looks after the server."
)
STILL_HERE = (
    "It is safe on this computer and tried again every ten minutes; everything else is sent. Ask "
    "whoever looks after the server to look into its log."
)
OVERTAKEN = "It was changed on another computer at the same time, and that version holds."
LOOK = (
    "Look at it, and change it again if it is not right. The other version is kept on the server."
)
WHAT = {
    "user": "A user of the clinic",
    "record": "A visit",
    "patient": "A patient's details",
    "attachment": "A file",
}


def why(reason: str) -> str:
    """Why the server keeps a change instead of applying it."""
    if reason == "stuck":
        return "The server fails each time this is sent."
    if reason.startswith("unknown_field"):
        return "The server is older than this program and does not know a part of it."
    if reason.startswith("unknown_user"):
        return "The server does not know the user who wrote it."
    if reason.startswith("unknown_"):
        return "The server does not have what it belongs to."
    return "A rule of the server's database does not allow it."
