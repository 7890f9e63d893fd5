"""The suite's own guards: each is seen to fail a test that does what it forbids."""

import os
from pathlib import Path

import psycopg
import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py")


@pytest.fixture
def guarded(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A small suite of its own under the guards of this one."""
    root = CONFTEST.parent.parent
    monkeypatch.setenv("PYTHONPATH", str(root))
    pytester.makeconftest(CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyprojecttoml(
        '[tool.pytest.ini_options]\nqt_api = "pyside6"\nqt_log_level_fail = "WARNING"\n'
        'filterwarnings = ["error"]\naddopts = ["-p", "no:cacheprovider", "-p", "no:xdist"]\n'
    )
    return pytester


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import logging; logging.getLogger('x').warning('lost a row')", "lost a row"),
        ("import warnings; warnings.warn('old call')", "old call"),
        ("from PySide6.QtCore import qWarning; qWarning('bad parent')", "bad parent"),
        (
            "import threading as t; t.Thread(target=t.Event().wait, args=[3], name='forgotten').start()",
            "forgotten",
        ),
        (
            "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)",
            "tried to reach 192.0.2.1",
        ),
    ],
    ids=["log", "warning", "qt", "thread", "network"],
)
def test_a_guard_fails_the_test_that_breaks_it(
    guarded: pytest.Pytester, body: str, says: str
) -> None:
    guarded.makepyfile(f"def test_it(qapp):\n    {body}\n")
    result = guarded.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert says in result.stdout.str()


def test_a_test_in_which_the_process_died_says_where_it_was(guarded: pytest.Pytester) -> None:
    guarded.makepyfile(
        "import os\ndef died_here():\n    os.abort()\ndef test_it():\n    died_here()\n"
    )
    guarded.makepyprojecttoml("[tool.pytest.ini_options]\n")
    result = guarded.runpytest_subprocess("-n1", "-p", "no:cacheprovider")
    # From the lines of the failure on: the worker's own standard error comes before them.
    failure = result.stdout.str().partition("= FAILURES =")[2]
    assert "crashed while running" in failure
    assert "in died_here" in failure


def test_an_expected_warning_passes_and_a_missing_one_fails(guarded: pytest.Pytester) -> None:
    guarded.makepyfile(
        """
        import logging

        def test_seen(expect_log):
            with expect_log("clinic") as records:
                logging.getLogger("clinic.disk").warning("nearly full")
            assert len(records) == 1

        def test_missing(expect_log):
            with expect_log("clinic"):
                pass

        def test_worse_than_expected(expect_log):
            with expect_log("clinic"):
                logging.getLogger("clinic").warning("nearly full")
                logging.getLogger("clinic").error("full")
        """
    )
    guarded.runpytest_subprocess().assert_outcomes(passed=2, failed=1, errors=1)


def test_the_real_keyring_and_folders_are_out_of_reach() -> None:
    import keyring
    import platformdirs

    assert type(keyring.get_keyring()).__module__ == "keyring.backends.fail"
    if os.name == "posix" and "XDG_DATA_HOME" in os.environ:
        assert "medrec-tests-" in platformdirs.user_data_dir("medrec")


def test_each_test_gets_an_empty_database_that_knows_accents(tenant_database: str) -> None:
    plain = tenant_database.replace("+psycopg", "")
    with psycopg.connect(plain) as connection:
        tables = connection.execute(
            "select count(*) from pg_tables where schemaname = 'public'"
        ).fetchone()
        folded = connection.execute("select lower('ÉŁ')").fetchone()
    assert tables == (0,)
    assert folded == ("éł",)
