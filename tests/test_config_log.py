import logging
from pathlib import Path

import pytest

from medrec_desktop import log
from medrec_desktop.__main__ import NO_DISPLAY, main
from medrec_desktop.config import clinic_dir, load
from tests.logfail import ExpectLog


def test_home_comes_from_argument_then_environment(tmp_path: Path) -> None:
    environ = {"MEDREC_HOME": str(tmp_path / "env")}
    assert load([], environ).home == tmp_path / "env"
    config = load(["--home", str(tmp_path / "arg"), "--demo"], environ)
    assert config.home == tmp_path / "arg"
    assert config.clinic == clinic_dir(config.home, demo=True) == tmp_path / "arg" / "demo"


def test_wrong_argument_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load(["--nonsense"], {})
    assert ended.value.code == 2


def test_without_a_display_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main([]) == 4
    assert NO_DISPLAY in capsys.readouterr().err


def test_crash_is_logged_by_place_and_never_by_what_was_typed(
    tmp_path: Path, expect_log: ExpectLog
) -> None:
    typed = "OKAFOR, Amara"
    log.start(tmp_path)
    number = ""
    try:
        with expect_log("medrec_desktop.log", logging.ERROR):
            try:
                try:
                    dict[str, str]()[typed]
                except KeyError as cause:
                    raise ValueError(typed) from cause
            except ValueError as error:
                number = log.report(error)
    finally:
        log.stop()
    written = (tmp_path / log.FILE).read_text(encoding="utf-8")
    assert number
    assert number in written
    assert "KeyError" in written
    assert "test_config_log.py" in written
    assert "OKAFOR" not in written


def test_log_that_cannot_be_written_does_not_stop_the_program(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log.start(tmp_path / "file")
    log.stop()
