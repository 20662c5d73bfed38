"""What all of a process shares, because simple_http_server's programs say `route(…)` and `server.stop()` and name no object.

Law: this is the only place of the face that holds state, and what it holds are ordinary objects that can be made without it.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any, Final, Protocol

from hospes.sessions import SessionFactory


class Running(Protocol):
    """A server, as far as a process has to know it."""

    ready: bool

    def shutdown(self) -> None:
        """Stop in order."""

    def wait(self) -> None:
        """Wait until it has stopped."""


class Process:
    """What a process shares.

    Attributes:
        confs: The AppConfs by their tags.
        session_factory: The one that was set.
        server: What `server.start()` runs.
        templates: The environments of jinja by their tags.
        lock: Held while `server` changes.
    """

    def __init__(self) -> None:
        self.confs: dict[str, Any] = {}
        self.session_factory: SessionFactory | None = None
        self.server: Running | None = None
        self.templates: dict[str, Any] = {}
        self.lock = threading.Lock()


PROCESS: Final = Process()

CURRENT: Final[ContextVar[Any]] = ContextVar("simple_http_server_app_conf", default=None)
"""The AppConf that the modules' decorators write into; None for the process's default one."""
