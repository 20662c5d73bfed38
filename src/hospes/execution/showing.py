"""What a Task's repr and stack are made from, for coroutines that stand in a handler's place: they name the handler."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, ClassVar


class Showing(Coroutine[Any, None, Any]):
    """A coroutine that shows another. (Properties, because a `__getattr__` would slow down every attribute.)"""

    __slots__ = ()

    NAME: ClassVar[str]
    """Its own, where there is none to show."""

    coroutine: Any
    """Which it shows, or None; a slot of the subclass."""

    @property
    def __name__(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]  # the stub means a coroutine function's
        return getattr(self.coroutine, "__qualname__", self.NAME)

    @property
    def cr_code(self) -> Any:
        return getattr(self.coroutine, "cr_code", None)

    @property
    def cr_frame(self) -> Any:
        return getattr(self.coroutine, "cr_frame", None)

    @property
    def cr_await(self) -> Any:
        return getattr(self.coroutine, "cr_await", None)

    @property
    def cr_running(self) -> bool:
        return getattr(self.coroutine, "cr_running", False)
