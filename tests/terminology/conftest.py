import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.terminology import build, words
from medrec_desktop.terminology.search import INDEX, Icd10


@pytest.fixture(scope="session")
def index_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the installed release; built here if that of the checkout is out of date."""
    sources = [Path(build.__file__), Path(words.__file__)]
    newest = max(source.stat().st_mtime for source in sources)
    if INDEX.exists() and INDEX.stat().st_mtime >= newest:
        return INDEX
    target = tmp_path_factory.mktemp("terminology") / "icd10cm.sqlite"
    # In a process of its own, as at installation: the library stays out of this one.
    subprocess.run([sys.executable, build.__file__, str(target)], check=True)
    return target


@pytest.fixture(scope="session")
def icd10(index_file: Path) -> Iterator[Icd10]:
    with Icd10(index_file) as index:
        yield index
