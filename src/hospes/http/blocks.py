"""Blocks that hold something of a request for a moment: `async with` on the loop, `with` in a thread, which waits there.

    async with user.turn(): …       async, on the loop
    with user.turn(): …             plain, in a thread

Laws:

* A block inside of another one of the same task, or thread, is part of that.
* On the loop nobody can wait without `async`: a plain `with` there is an error that says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, Protocol

from hospes.http.asking import running_loop


class BlockKeeper(Protocol):
    """What a block holds."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where it is."""
        ...

    async def begin(self, kept: Any) -> bool:
        """Take it; False where whoever asks (see `owner`) has it already.

        Args:
            kept: What the program sees of it.
        """
        ...

    async def end(self, failed: bool) -> None:
        """Keep what the block changed, or drop it if the block failed, and give it back."""
        ...


class Block:
    """A block; to be entered once.

    Args:
        keeper: What it holds; None for nothing.
        kept: What the program sees of that.
    """

    __slots__ = ("_began", "_keeper", "_kept", "_mark")

    def __init__(self, keeper: BlockKeeper | None, kept: Any = None) -> None:
        self._keeper = keeper
        self._kept = kept
        self._began = False
        self._mark: Token[object] | None = None

    async def __aenter__(self) -> Any:
        if self._keeper is not None:
            self._began = await self._keeper.begin(self._kept)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._keeper is not None and self._began:
            await self._keeper.end(kind is not None)

    def __enter__(self) -> Any:
        keeper = self._keeper
        if keeper is None:
            return
        if _THREAD.get() is None:
            self._mark = _THREAD.set(object())
        try:
            self._began = _wait(keeper.begin(self._kept), keeper.loop)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._keeper is not None and self._began:
                _wait(self._keeper.end(kind is not None), self._keeper.loop)
        finally:
            self._leave()

    def _leave(self) -> None:
        if self._mark is not None:
            _THREAD.reset(self._mark)
            self._mark = None


def owner() -> object:
    """To whom a block belongs that begins now: the thread that has entered one, else the running task."""
    return _THREAD.get() or asyncio.current_task()


def _wait(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Any:
    if running_loop() is not None:
        coroutine.close()
        raise RuntimeError("a plain `with` waits, and on the loop nobody may: write `async with`")
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


_THREAD: Final[ContextVar[object]] = ContextVar("hospes_block", default=None)
"""Stands for the thread that is in a block; what it has the loop do sees it, too."""
