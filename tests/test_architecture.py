"""Rules of the house that import-linter has no words for."""

import ast
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from medrec_desktop import shipped

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "medrec_desktop"


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            yield node.module or ""


def test_domain_imports_the_standard_library_alone() -> None:
    files = sorted((PACKAGE / "domain").rglob("*.py"))
    assert files
    foreign = {
        f"{file.name}: {name}"
        for file in files
        for name in _imported(file)
        if name.split(".")[0] not in sys.stdlib_module_names
        and not f"{name}.".startswith("medrec_desktop.domain.")
    }
    assert not foreign


def test_no_file_is_two_rooms() -> None:
    # At 400 lines a file asks to be split; at 500 it is.
    lengths = {
        file.relative_to(PACKAGE): len(file.read_text(encoding="utf-8").splitlines())
        for file in PACKAGE.rglob("*.py")
    }
    assert not {f: n for f, n in lengths.items() if n > 500}


def test_every_package_states_its_rule() -> None:
    packages = list(PACKAGE.rglob("__init__.py"))
    silent = [f for f in packages if not ast.get_docstring(ast.parse(f.read_text("utf-8")))]
    assert not silent


def _borrowed_by_a_timer(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("singleShot")
            and len(node.args) == 3
            and isinstance(slot := node.args[2], ast.Attribute)
            and ast.unparse(slot.value) != ast.unparse(node.args[1])
        ):
            yield f"{file.name}:{node.lineno}: {ast.unparse(node)}"


def test_a_timer_calls_a_method_of_its_own_context_only() -> None:
    # PySide 6.11 borrows the object of a bound method given to singleShot and asks the context
    # alone whether it still lives: with another context the call reads freed memory.
    assert not [one for file in PACKAGE.rglob("*.py") for one in _borrowed_by_a_timer(file)]


def test_a_borrowed_method_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "borrowed.py"
    file.write_text(
        "QTimer.singleShot(0, self.window, self._go)\nQTimer.singleShot(0, self, self._go)"
    )
    assert len(list(_borrowed_by_a_timer(file))) == 1


def _painters_left_open(file: Path) -> Iterator[str]:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    closed = [
        item.context_expr for node in nodes if isinstance(node, ast.With) for item in node.items
    ]
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and node not in closed
            and ast.unparse(node) == "QPainter(self)"
        ):
            yield f"{file.name}:{node.lineno}"


def test_what_fails_while_it_paints_does_not_end_the_program() -> None:
    # Its painter would live on in the traceback, and end when the widget's surface is gone: the
    # process dies of it, and nothing says why.
    assert not [one for file in PACKAGE.rglob("*.py") for one in _painters_left_open(file)]


def test_a_painter_left_open_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "painting.py"
    file.write_text("with QPainter(self) as painter: pass\npainter = QPainter(self)")
    assert len(list(_painters_left_open(file))) == 1


def test_shipped_folders_are_found() -> None:
    assert (shipped.resources() / "fonts" / "Inter-Regular.ttf").is_file()
    assert (shipped.migrations() / "env.py").is_file()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_hold_names_versions_and_hashes_alone(lock: str) -> None:
    for line in (REPOSITORY / lock).read_text(encoding="utf-8").splitlines():
        stripped = line.strip().removesuffix("\\").strip()
        is_hash = stripped.startswith("--hash=sha256:") and len(stripped) == 14 + 64
        assert is_hash or ("==" in stripped and "/" not in stripped and "@" not in stripped), line


def test_the_wheel_is_whole(tmp_path: Path) -> None:
    import os
    import subprocess

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        env=os.environ,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "medrec_desktop/_resources/fonts/Inter-Regular.ttf" in names
    assert "medrec_desktop/_migrations/env.py" in names
    assert "medrec_desktop/_migrations/sql/sync/push.sql" in names
    assert "medrec_desktop/terminology/icd10cm.sqlite" in names
    assert not [n for n in names if "__pycache__" in n or n.startswith(("tests/", "resources/"))]
