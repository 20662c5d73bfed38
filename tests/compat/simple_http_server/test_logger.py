"""Loggers by their tags."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from hospes.compat.simple_http_server import logger


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    kept = [logging.getLogger(name) for name in ("hospes", "my_log_fac")]
    before = [(each, each.level, list(each.handlers), each.propagate) for each in kept]
    yield
    for each, level, handlers, propagate in before:
        for handler in each.handlers:
            if handler not in handlers:
                handler.close()
        each.setLevel(level)
        each.handlers[:] = handlers
        each.propagate = propagate


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


def test_a_factory_of_its_own() -> None:
    kept = Kept()
    factory = logger.get_logger_factory("my_log_fac")
    factory.set_handler(kept)
    factory.log_level = "DEBUG"
    log = factory.get_logger("my_service")
    assert log is logger.get_logger("my_service", "my_log_fac")
    log.debug("heard")
    factory.flush()
    assert kept.lines == ["my_log_fac.my_service DEBUG heard"]
    assert factory.log_level == "DEBUG"


def test_the_frameworks_factory() -> None:
    first, second = Kept(), Kept()
    logger.set_handler(first)
    logger.add_handler(second)
    logger.set_level("WARN")
    logger.get_logger("tag").info("not heard")
    logging.getLogger("hospes.server").warning("heard")
    logger.remove_handler(second)
    logger.get_logger("tag").error("again")
    logger.get_logger_factory().flush()
    assert first.lines == ["hospes.server WARNING heard", "hospes.tag ERROR again"]
    assert second.lines == first.lines[:1]
