"""One attempt of a request: until when it may last, and how far it has come.

The transport's library calls our connections without telling them for which request. So the attempt under way is in a
ContextVar while the library works, and connections report to it, and ask it for the time that is left.

Law: a connection waits no longer than its own timeout, nor beyond the attempt's deadline.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from hospes.client.errors import Step
from hospes.client.url import Url

_current: ContextVar[Attempt] = ContextVar("hospes_client_attempt")


@dataclass(slots=True)
class Attempt:
    """How far an attempt has come."""

    url: Url
    """Whom it asks."""
    deadline: float
    """When it has to be over, by `time.monotonic`."""
    step: Step = "wait"
    """What it does now."""
    is_fresh: bool = False
    """Whether a connection was made for it; else it uses one that was there."""
    write_failed: bool = False
    """Whether the server stopped taking the request. It may answer all the same (RFC 9112 §9.5)."""
    source_error: BaseException | None = None
    """What the program's own content raised while it was sent."""

    def left(self, timeout: float) -> float:
        """Seconds that the next wait may take.

        Raises:
            TimeoutError: if there are none.
        """
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for the whole call is over")
        return min(left, timeout)

    @contextmanager
    def under_way(self) -> Generator[None]:
        """Be the attempt that connections report to."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def current() -> Attempt:
    """The attempt that the library works for."""
    return _current.get()
