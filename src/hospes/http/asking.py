"""What a request gives that has to be waited for: awaited on the loop, and in a thread simply there.

    user = await request.get_user()     async, on the loop
    user = request.get_user()           plain, in a thread, which waits

Laws:

* Where the application's loop does not run, whoever asks gets the thing itself; an async function on a loop of its own awaits it.
* On the loop nobody can wait without `await`: to use what was not awaited is an error that says so.
* Who asks when the answer has left holds no turn, and what he asks for has to be there already: an answer that has left brings
  no cookie.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Final, NoReturn, TypeAlias

from hospes.http.response import Response

Finisher: TypeAlias = "Callable[[Response | None], Awaitable[None]]"
"""What has to happen between the handler's answer and its leaving: a visitor's record is stored, provided objects are closed.

It gets None where there will be no answer, because the request was cancelled: then only what is held is let go of. So it is for
`LEFT`, the answer that has left, where somebody has asked too late for anything else."""

LEFT: Final = Response()
"""Stands for an answer that has left."""


class Answered(list[Finisher]):
    """The finishers of a request whose answer has left: of what is asked for now nothing is held."""


ANSWERED: Final = Answered()
"""That nobody has asked yet; `Request.finish_with` puts a list of the request's own in its place."""


class Asked(Coroutine[Any, Any, Any]):
    """What the loop gives who asks: to be awaited.

    Args:
        call: Gives the coroutine.
        name: The method that was called, for messages.
    """

    __slots__ = ("_call", "_coroutine", "_name")

    def __init__(self, call: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        self._call = call
        self._name = name
        self._coroutine: Coroutine[Any, Any, Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._call().__await__()

    def send(self, value: Any) -> Any:
        """Go on; for whoever runs coroutines."""
        if self._coroutine is None:
            self._coroutine = self._call()
        return self._coroutine.send(value)

    def throw(self, typ: Any, val: BaseException | object = None, tb: TracebackType | None = None) -> Any:  # the base's signature
        """Raise where it waits; for whoever runs coroutines."""
        if self._coroutine is None:
            self._coroutine = self._call()
        return self._coroutine.throw(typ)

    def close(self) -> None:
        """End; for whoever runs coroutines."""
        if self._coroutine is not None:
            self._coroutine.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __getitem__(self, name: str) -> NoReturn:
        self._refuse()

    def __setitem__(self, name: str, value: object) -> NoReturn:
        self._refuse()

    def __contains__(self, name: object) -> NoReturn:
        self._refuse()

    def __iter__(self) -> NoReturn:
        self._refuse()

    def __bool__(self) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RuntimeError(
            f"request.{self._name}() was not awaited: on the loop write `await request.{self._name}()`; a plain function there "
            "cannot wait, so let it take what it needs as a parameter (`user: User`, `session: Session`), or run in a thread"
        )


def ask(call: Callable[[], Coroutine[Any, Any, Any]], loop: asyncio.AbstractEventLoop | None, name: str) -> Any:
    """What a coroutine of an application's loop gives, for whoever asks.

    Args:
        call: Gives the coroutine.
        loop: The loop; None where only whoever awaits it can know.
        name: The method that was called, for messages.

    Returns:
        In a thread, the value; where a loop runs, what gives it when it is awaited.
    """
    running = running_loop()
    if loop is None or running is loop:
        return Asked(call, name)
    asked = asyncio.run_coroutine_threadsafe(call(), loop)
    return asked.result() if running is None else asyncio.wrap_future(asked)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs in this thread; None where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
