"""Fails a test that logs a warning or worse, unless the test says that it expects it.

A warning that nobody reads in the tests is a warning that nobody reads in the clinic.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

ExpectLog = Callable[..., AbstractContextManager[list[logging.LogRecord]]]


class _LogWatch:
    """Every record of WARNING or above that was made while a test ran, from any thread."""

    def __init__(self) -> None:
        self.unexpected: list[logging.LogRecord] = []
        self._expected: list[tuple[str, int, list[logging.LogRecord]]] = []

    def see(self, record: logging.LogRecord) -> None:
        for logger, level, seen in self._expected:
            of_logger = record.name == logger or record.name.startswith(f"{logger}.")
            if of_logger and record.levelno <= level:
                seen.append(record)
                return
        self.unexpected.append(record)

    @contextmanager
    def expect(
        self, logger: str, level: int = logging.WARNING
    ) -> Iterator[list[logging.LogRecord]]:
        """Allow records of `logger` up to `level` inside the block, and require at least one."""
        seen: list[logging.LogRecord] = []
        entry = (logger, level, seen)
        self._expected.append(entry)
        try:
            yield seen
        finally:
            self._expected = [other for other in self._expected if other is not entry]
        assert seen, f"expected a record of {logger!r} of WARNING or above, saw none"


@pytest.fixture(autouse=True)
def log_watch() -> Iterator[_LogWatch]:
    """The watch over this test's log; fails the test at its end."""
    watch = _LogWatch()
    make_record = logging.getLogRecordFactory()

    # The factory and not a handler: code under test may replace the handlers, and loggers that do
    # not propagate never reach the root.
    def watched(*args: object, **kwargs: object) -> logging.LogRecord:
        record: logging.LogRecord = make_record(*args, **kwargs)
        # makeLogRecord() asks for an empty record, whose level is None.
        if (record.levelno or 0) >= logging.WARNING:
            watch.see(record)
        return record

    logging.setLogRecordFactory(watched)
    yield watch
    logging.setLogRecordFactory(make_record)
    if watch.unexpected:
        lines = "\n".join(f"  {r.levelname} {r.name}: {r.getMessage()}" for r in watch.unexpected)
        pytest.fail(f"The test logged what it did not expect:\n{lines}", pytrace=False)


@pytest.fixture
def expect_log(log_watch: _LogWatch) -> ExpectLog:
    """Allow a wanted warning in a block, and require it.

    `with expect_log("medrec_desktop.data", logging.ERROR) as records: ...`
    """
    return log_watch.expect
