"""Finishers: what has to happen between a handler's answer and its leaving, and how one says that it has nothing to wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

if TYPE_CHECKING:
    from hospes.http.response import Response


class Done:
    """What a finisher gives that has nothing to wait for: awaited, it is through at once, and costs no coroutine."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return cast("Generator[Any, Any, None]", iter(()))


DONE: Final = Done()


@runtime_checkable
class QuickFinisher(Protocol):
    """A finisher that most often has nothing to do, and can tell."""

    def __call__(self, response: Response | None) -> Awaitable[None]:
        """Finish, as any finisher."""
        ...

    def finish_quietly(self) -> bool:
        """Finish at once, if that neither waits nor concerns the response. False: nothing has happened, call it."""
        ...


@runtime_checkable
class LaterFinisher(QuickFinisher, Protocol):
    """A finisher that can also say who is to be called when it is through, so that nobody has to await it."""

    def finish_later(self, heard: Callable[[BaseException | None], object]) -> bool:
        """Begin, if the response is not concerned; False: nothing has happened, call it.

        Args:
            heard: Called later and once, on the loop and in no task: with None, or with what went wrong, which is answered then.
        """
        ...
