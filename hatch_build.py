"""Builds the ICD-10-CM search index before the project is packed or installed.

Loaded by hatchling, and run by itself from the Makefile (`python hatch_build.py`). It does nothing
when the index is newer than the code that builds it. It must not import the package: in an isolated
build neither Qt nor the database libraries are there.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by itself, with no build backend installed
    BuildHookInterface = object  # type: ignore[assignment, misc]  # only ever subclassed

ROOT = Path(__file__).resolve().parent
BUILDER = ROOT / "medrec_desktop" / "terminology" / "build.py"
INDEX = BUILDER.with_name("icd10cm.sqlite")


class TerminologyIndex(BuildHookInterface):  # type: ignore[type-arg]  # generic in its stubs alone
    """Makes sure that a wheel never leaves without its index."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Build the index when it is missing or older than its builder."""
        build_index()


def build_index() -> None:
    """Write the index beside its builder, unless it is already up to date."""
    if INDEX.exists() and INDEX.stat().st_mtime >= BUILDER.stat().st_mtime:
        return
    spec = importlib.util.spec_from_file_location("terminology_build", BUILDER)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {BUILDER}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print("Building the ICD-10-CM index (once, a few seconds)")
    module.build(INDEX)


if __name__ == "__main__":
    build_index()
