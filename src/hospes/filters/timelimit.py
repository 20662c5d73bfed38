"""A bound on how long a handler may take before its answer begins.

Laws:

* What takes longer is cancelled, and the answer is 503: everything inside sees that as any cancellation, and lets go of what it
  has.
* A plain handler in its thread cannot be stopped from outside. It is waited for, because what it uses must not be taken from
  under it, and answered with 503 then; so let blocking calls have times of their own.
* An answer that streams has begun: it is not bounded here.
"""

from __future__ import annotations

import asyncio
from math import isfinite

from hospes.errors import HttpError
from hospes.http.handler import CallNext
from hospes.http.request import Request
from hospes.http.response import Response


class TimeLimit:
    """A filter that cancels what takes too long: 503.

    Args:
        seconds: How long it may take.

    Raises:
        ValueError: for a time that is none.
    """

    def __init__(self, seconds: float) -> None:
        if type(seconds) not in (int, float) or not (seconds > 0 and isfinite(seconds)):
            raise ValueError(f"TimeLimit({seconds!r}): a positive number of seconds")
        self.seconds = seconds

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Have a request answered in time.

        Raises:
            HttpError: 503 where it was not.
        """
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                return await call_next(request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise HttpError(503, "This took too long", f"It was stopped after {self.seconds:g} seconds.") from None
