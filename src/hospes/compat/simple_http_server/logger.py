"""simple_http_server's loggers, over `hospes.logger`: a thread writes what is logged.

    log = logger.get_logger("my_service", "my_log_fac")
    logger.set_level("DEBUG")

Law: the factory without a tag is the framework's own, "hospes", and that of all loggers that name no other: a program's level and
handlers reach what the server says, and no library beside it.
"""

from __future__ import annotations

import logging
from typing import Final

from hospes.logger import LoggerFactory

__all__ = [
    "LoggerFactory",
    "add_handler",
    "get_logger",
    "get_logger_factory",
    "remove_handler",
    "set_handler",
    "set_level",
]

FRAMEWORK: Final = "hospes"
"""The factory without a tag."""


def get_logger_factory(tag: str = "") -> LoggerFactory:
    """The factory of a tag, with a level and handlers of its own; the framework's without one."""
    return LoggerFactory(tag or FRAMEWORK)


def get_logger(tag: str = "", factory: str = "") -> logging.Logger:
    """A logger, of the factory that is named."""
    return get_logger_factory(factory).get_logger(tag)


def set_level(level: str | int) -> None:
    """Set the level of the framework's factory.

    Raises:
        ValueError: for a level that is none.
    """
    get_logger_factory().log_level = level


def set_handler(handler: logging.Handler) -> None:
    """Have this handler get what the framework's factory logs, and no other."""
    get_logger_factory().set_handler(handler)


def add_handler(handler: logging.Handler) -> None:
    """Have one more handler get it."""
    get_logger_factory().add_handler(handler)


def remove_handler(handler: logging.Handler) -> None:
    """Have a handler get it no more."""
    get_logger_factory().remove_handler(handler)
