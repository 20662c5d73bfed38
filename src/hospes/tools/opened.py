"""The store that a command works on.

Law: a store that does not do what it is asked to ends the command with its message, like any other mistake.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hospes.errors import SetupError
from hospes.store import Store, StoreError, open_store

T = TypeVar("T")


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Store]:
    """The store that a URL names, open inside the block.

    Raises:
        SetupError: if the URL names none, or the store cannot be used.
    """
    store = open_store(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do a command's work.

    Raises:
        SetupError: for what a store refuses, too.
    """
    try:
        return asyncio.run(work)
    except StoreError as error:
        raise SetupError(f"the store failed: {error}") from error
