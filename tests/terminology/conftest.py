import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop.shipped import resources
from medrec_desktop.terminology import build, lists
from medrec_desktop.terminology.search import INDEX, Icd10

# These read the index and do not decide what is in it.
_READING_ONLY = {
    *("search.py", "ranking.py", "matching.py", "readings.py", "held.py", "code_file.py"),
    *(
        "roots.py",
        "understood.py",
        "varying.py",
        "spelling.py",
        "ordering.py",
        "installed.py",
        "__init__.py",
    ),
}


@pytest.fixture(scope="session")
def index_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the installed release; built here if that of the checkout is out of date."""
    sources = [
        *Path(build.__file__).parent.glob("*.py"),
        *(resources() / lists.FOLDER).glob("*.txt"),
    ]
    newest = max(source.stat().st_mtime for source in sources if source.name not in _READING_ONLY)
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
