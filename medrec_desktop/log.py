"""The log: ids and constant sentences in rotating files, never a name, a complaint or a file name.

A crash is written as types and places in the code; messages of exceptions are left out, because
they may quote what was typed.
"""

import logging
from pathlib import Path

log = logging.getLogger(__name__)

FILE = "medrec.log"
_BYTES, _FILES = 1_000_000, 5
# At DEBUG these have written session tokens and request bodies.
_LOUD = ("botocore", "boto3", "urllib3", "s3transfer", "sqlalchemy", "alembic", "keyring", "PIL")


def start(folder: Path) -> None:
    """Write the program's log into `folder`; without it (full disk) the program works on."""
    from logging.handlers import RotatingFileHandler

    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            folder / FILE, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8", delay=True
        )
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)


def stop() -> None:
    """Close the files that `start` opened."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, logging.FileHandler):
            root.removeHandler(handler)
            handler.close()


def report(error: BaseException) -> str:
    """Write down a fault of the program; the number by which it is found again."""
    import secrets
    import traceback

    number = f"{secrets.token_hex(2)}-{secrets.token_hex(2)}".upper()
    lines: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        places = traceback.format_list(traceback.extract_tb(seen.__traceback__))
        lines.append(f"{type(seen).__module__}.{type(seen).__qualname__}\n{''.join(places)}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    log.error("fault %s\n%s", number, "caused by\n".join(lines))
    return number
