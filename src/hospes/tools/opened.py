"""The store that a command works on.

Laws:

* A store that does not do what it is asked to ends the command with its message, like any other mistake.
* Only a command that writes makes a store. To any other one a file that is not there is a name mistyped, and not an empty store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from hospes.errors import SetupError
from hospes.store import Store, StoreError, open_store
from hospes.store.url import file_of

T = TypeVar("T")

_WHERE: Final = "--store URL, or HOSPES_STORE"
_REMEDIES: Final = {
    503: f"start it, or name another: {_WHERE}",
    507: "make room, and run the same command again",
    500: "it was left as it is; restore it from a backup, or use the release that wrote it",
}


@asynccontextmanager
async def opened(url: str, *, makes: bool = False) -> AsyncGenerator[Store]:
    """The store that a URL names, open inside the block.

    Args:
        url: The store's.
        makes: Whether it may be a new one.

    Raises:
        SetupError: if the URL names none, the store cannot be used, or is not there.
    """
    store = open_store(url)
    await store.open()
    try:
        _check_there(url, makes)
        yield store
    finally:
        await store.close()


def is_same(url: str, other: str) -> bool:
    """Whether two URLs are one, or name one file."""
    files = file_of(url), file_of(other)
    if files[0] is None or files[1] is None:
        return url == other
    return os.path.realpath(files[0]) == os.path.realpath(files[1])


def _check_there(url: str, makes: bool) -> None:
    file = file_of(url)
    if file is not None:
        if not makes and not os.path.exists(file):
            raise SetupError(
                f"there is no store: the file {os.path.realpath(file)} is not there",
                remedy=f"name the one that the program uses ({_WHERE}); it is made when the first visitor stores something",
            )
    elif url.partition(":")[0].lower() == "memory":
        raise SetupError(
            "what a store in memory keeps is in its program, and gone with that", remedy=f"name a store that lasts: {_WHERE}"
        )


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do a command's work.

    Raises:
        SetupError: for what a store refuses, too.
    """
    try:
        return asyncio.run(work)
    except StoreError as error:
        raise SetupError(f"the store failed: {error.reason}", remedy=_REMEDIES.get(error.code, "")) from error
