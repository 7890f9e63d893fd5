"""The support bundle: what a technician needs to see why a computer does not keep in step, and
nothing of any patient. Figures, versions, states and the log, which holds ids alone."""

import json
import platform
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from medrec_desktop.data.local import LocalDb
from medrec_desktop.data.migrate import head
from medrec_desktop.data.sync_figures import sync_figures
from medrec_desktop.domain.errors import Unavailable
from medrec_desktop.domain.link import Link

_LIBRARIES: Final = ("medrec-desktop", "PySide6", "SQLAlchemy", "psycopg", "sqlcipher3")
_MOST_LOG: Final = 5_000_000


def write_bundle(db: LocalDb, target: Path, *, link: Link, logs: Path) -> Path:
    """Write it as one zip file."""
    with db.read() as session:
        figures = sync_figures(session)
    parts = {
        "program.json": _program(),
        "link.json": _link(link),
        "sync.json": figures,
    }
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, part in parts.items():
                bundle.writestr(name, json.dumps(part, indent=1, default=str))
            left = _MOST_LOG
            for file in sorted(logs.glob("medrec.log*")):
                size = file.stat().st_size
                if size <= left:
                    bundle.write(file, f"log/{file.name}")
                    left -= size
    except OSError as error:
        raise Unavailable(
            "The support bundle could not be written. Choose another folder, then try again."
        ) from error
    return target


def _program() -> dict[str, Any]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return {
        "versions": found,
        "schema": head(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _link(link: Link) -> dict[str, Any]:
    return {
        "state": link.state,
        "since": link.since,
        "because": link.because,
        "last full round": link.last_full,
        "next try": link.next_try,
        "clock ahead of the server, s": round(link.clock_ahead),
        "news": list(link.said),
    }
