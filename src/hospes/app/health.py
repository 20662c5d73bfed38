"""Health: two paths for whoever watches the application from outside, a load balancer or an orchestrator.

| path      | answers 200 as long as                                    | no answer, or 503, means              |
|-----------|-----------------------------------------------------------|---------------------------------------|
| `/livez`  | the loop goes on                                          | start this process again              |
| `/readyz` | it does not drain, its store answers, the checks all pass | send requests elsewhere, for now      |

Laws:

* A store that is away makes nobody restart a process that would not find it either: `/livez` does not ask.
* Each check has a bound in time. The first thing that a stop does is to say no here.
* An answer names what is not ready; why that is so stands in the log, once for each change, for anybody may ask.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from hospes.http.response import Response

WITHIN: Final = 2.0
"""Seconds for each check."""
_LOG: Final = logging.getLogger("hospes.app")
_HEADERS: Final = {"Cache-Control": "no-store"}

Check = Callable[[], Any]
"""Says whether something is ready: it is not where it returns False or raises. It may be async."""


class Health:
    """Answers both paths.

    Args:
        store: Says why the store cannot be used, "" if it can.
        checks: The program's own.
    """

    def __init__(self, store: Callable[[float], Awaitable[str]], checks: tuple[Check, ...]) -> None:
        self._store = store
        self._checks = checks
        self._said: dict[str, str] = {}
        self.draining = False
        """Whether the server is about to stop."""

    async def live(self) -> Response:
        """Whether this process goes on; that this runs is the answer."""
        return Response("alive\n", headers=_HEADERS)

    async def ready(self) -> Response:
        """Whether requests may be sent here."""
        problems = {"stopping": "the server is about to stop"} if self.draining else await self._problems()
        self._tell(problems)
        if problems:
            return Response(f"not ready: {', '.join(problems)}\n", 503, _HEADERS)
        return Response("ready\n", headers=_HEADERS)

    async def _problems(self) -> Mapping[str, str]:
        found = {"store": await self._store(WITHIN)}
        for check in self._checks:
            found[getattr(check, "__name__", type(check).__name__)] = await _problem(check)
        return {name: problem for name, problem in found.items() if problem}

    def _tell(self, problems: Mapping[str, str]) -> None:
        for name, problem in problems.items():
            if name not in self._said:
                _LOG.warning("not ready: %s: %s", name, problem)
        for name in self._said:
            if name not in problems:
                _LOG.info("ready again: %s", name)
        self._said = dict(problems)


async def _problem(check: Check) -> str:
    """Why a check does not pass; "" if it does."""
    try:
        async with asyncio.timeout(WITHIN):
            outcome = check()
            if inspect.isawaitable(outcome):
                outcome = await outcome
    except TimeoutError:
        return f"it did not answer within {WITHIN:g} s"
    except Exception as error:
        return repr(error)
    return "it says no" if outcome is False else ""
