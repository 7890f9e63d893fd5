"""Where the files that are shipped beside the code lie: resources and migrations.

They stand at the top of a checkout and inside the package of an installed wheel. Nothing here
reads them, and nothing here knows where a clinic keeps its own files.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resources() -> Path:
    """The folder with fonts, icons, stylesheets and abbreviation lists."""
    return _folder("resources")


def migrations() -> Path:
    """The folder with Alembic's `env.py` and `versions`."""
    return _folder("migrations")


def _folder(name: str) -> Path:
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"The program's own folder {name!r} is missing: install it again.")
