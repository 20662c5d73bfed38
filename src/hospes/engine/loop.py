"""The loop that hospes starts where the engine serves: asyncio's, with one wait for both.

Any other loop watches the engine's epoll descriptor and calls the engine, which asks the kernel once more: a turn costs two looks
at the kernel and some Python, whether it brings one event or two hundred. Here it is the other way round. The loop waits by a
*selector*, as asyncio lets it be given one, and that has the engine wait, which watches the selector's descriptor among its
connections:

    run_forever ─▶ select ─▶ Engine.turn ─▶ the kernel: connections, and what the selector watches
                      │          └─ requests are answered; nothing for the loop: wait again
                      └─ the loop's own descriptors, where one is ready

Laws:

* `select` returns as soon as there is something for the loop: a handle that waits to be run, one of its descriptors, a timer that
  is due, or another one that has become the next. So nothing waits for longer than elsewhere.
* A turn that is full returns, too: what else runs on the loop gets its turn.
* What is interrupted in a handler is raised out of `select`, as the loop would have raised it out of a callback.
* One engine waits for a loop. Others, and all where the loop is to be debugged, are watched like any descriptor.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from selectors import EpollSelector, SelectorKey
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hospes.engine import _core


class Turns(EpollSelector):
    """A selector that lets an engine wait."""

    def __init__(self) -> None:
        super().__init__()
        self.engine: _core.Engine | None = None
        self._loop: Any = None
        self._context = contextvars.Context()

    def begin(self, loop: asyncio.AbstractEventLoop, engine: _core.Engine) -> bool:
        """Let an engine wait from now on; False where it cannot be.

        Args:
            loop: Whose selector this is.
            engine: Who waits.
        """
        handles, timers = _handles(loop), _timers(loop)
        if self.engine is not None or loop.get_debug() or type(handles) is not deque or type(timers) is not list:
            return False
        engine.begin_turns(self.fileno(), _handles(loop))
        self.engine, self._loop, self._context = engine, loop, contextvars.copy_context()
        return True

    def end(self) -> None:
        """Wait alone again."""
        self.engine = self._loop = None
        self._context = contextvars.Context()

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """See `selectors.BaseSelector.select`."""
        engine, loop = self.engine, self._loop
        if engine is None:
            return super().select(timeout)
        if engine.polling:  # a handler that runs the loop inside of the loop, where timers come and go unseen
            engine.leave()
            return super().select(timeout)
        try:
            if not self._context.run(engine.turn, timeout, _timers(loop)):
                return []
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            loop.call_exception_handler({"message": "a turn of the engine failed", "exception": error})
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """asyncio's loop, whose waiting an engine may do."""

    def __init__(self) -> None:
        self._turns = Turns()
        super().__init__(self._turns)

    def begin_turns(self, engine: _core.Engine) -> bool:
        """Let an engine wait from now on; False where it cannot be.

        Args:
            engine: Who waits; until `end_turns`.
        """
        return self._turns.begin(self, engine)

    def end_turns(self, engine: _core.Engine) -> bool:
        """Wait alone again; False where the engine was not the one who waits.

        Args:
            engine: Who has waited.
        """
        if self._turns.engine is not engine:
            return False
        self._turns.end()
        return True

    def stop(self) -> None:
        """See `asyncio.loop.stop`."""
        super().stop()
        if self._turns.engine is not None:
            self._turns.engine.leave()


def _handles(loop: asyncio.AbstractEventLoop) -> Any:
    """Those that it runs next; None where they are not kept as they are today."""
    return getattr(loop, "_ready", None)


def _timers(loop: asyncio.AbstractEventLoop) -> Any:
    """Those that are set, the next one first; None likewise."""
    return getattr(loop, "_scheduled", None)
