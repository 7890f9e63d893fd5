import json
import os
import subprocess
import sys

import pytest

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
AND_SAY = (
    "import sys\n"
    "from medrec_desktop.__main__ import main\n"
    "code = main(sys.argv[1:])\n"
    "qt = [name for name in sys.modules if name.startswith(('PySide6', 'sqlalchemy'))]\n"
    "print(qt, file=sys.stderr)\n"
    "sys.exit(code)\n"
)
START = (
    "import gc, sys\n"
    "from medrec_desktop.__main__ import settle_python\n"
    "settle_python()\n"
    "from medrec_desktop import bootstrap\n"
    "print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
)
LATER = {"sqlalchemy", "sqlcipher3", "alembic", "keyring", "argon2", "boto3", "PIL", "cryptography"}


def test_program_draws_files_as_its_own_child_without_a_window() -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    }
    done = subprocess.run(
        [sys.executable, "-c", AND_SAY, "--decode-file", "image", "1", "100", "10"],
        input=PIXEL,
        capture_output=True,
        env=environment,
        check=False,
    )
    answer, _, pixels = done.stdout.partition(b"\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(answer)["width"] == 1
    assert len(pixels) == 4
    assert done.stderr.strip() == b"[]"


def test_window_waits_for_no_library_of_the_database() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    assert not LATER & set(json.loads(done.stdout.replace("'", '"')))


@pytest.mark.parametrize("module", ["data.local", "data.visit_lists", "services.first_run"])
def test_local_clinic_needs_neither_the_orm_nor_the_servers_dialect(module: str) -> None:
    code = (
        f"import sys, medrec_desktop.{module}\n"
        "heavy = ('sqlalchemy.orm', 'sqlalchemy.dialects.postgresql', 'keyring', 'argon2')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
