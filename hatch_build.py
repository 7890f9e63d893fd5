"""Builds the ICD-10-CM search index before the project is packed or installed.

Loaded by hatchling, and run by itself from the Makefile (`python hatch_build.py`). It does nothing
when the index is newer than the code that builds it. It may import that code alone: in an isolated
build neither Qt nor the database libraries are there.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by itself, with no build backend installed
    BuildHookInterface = object  # type: ignore[assignment, misc]  # only ever subclassed

ROOT = Path(__file__).resolve().parent
TERMINOLOGY = ROOT / "medrec_desktop" / "terminology"
INDEX = TERMINOLOGY / "icd10cm.sqlite"
# What decides its content, beside the release itself, which the lock file pins.
SOURCES = (
    *(
        TERMINOLOGY / f"{name}.py"
        for name in (
            *("build", "words", "tabular", "alphabetic", "stems", "entries", "lists"),
            "xml_reading",
        )
    ),
    *sorted((ROOT / "resources" / "terminology").glob("*.txt")),
    ROOT / "requirements.lock",
)


class TerminologyIndex(BuildHookInterface):  # type: ignore[type-arg]  # generic in its stubs alone
    """Makes sure that a wheel never leaves without its index."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Build the index when it is missing or older than what it is made from."""
        build_index()


def build_index() -> None:
    """Write the index beside its builder, unless it is already up to date."""
    newest = max(source.stat().st_mtime for source in SOURCES if source.exists())
    if INDEX.exists() and INDEX.stat().st_mtime >= newest:
        return
    sys.path.insert(0, str(ROOT))
    try:
        builder = importlib.import_module("medrec_desktop.terminology.build")
    finally:
        sys.path.remove(str(ROOT))
    print("Building the ICD-10-CM index (once, some seconds)", flush=True)
    # A name of its own: two builds at a time must not take each other's file away.
    unfinished = INDEX.with_name(f"{INDEX.stem}.{os.getpid()}.sqlite")
    try:
        builder.build(unfinished)
        unfinished.replace(INDEX)
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    build_index()
