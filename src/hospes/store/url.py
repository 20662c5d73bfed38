"""Which store a URL names.

| URL | engine |
|---|---|
| `sqlite:///hospes.db` | the file hospes.db in the working directory |
| `sqlite:////var/lib/shop/hospes.db` | a file by its absolute path |
| `memory:` | nothing is kept when the process ends |

The path is percent-decoded, so `%3F` is how a question mark gets into a file's name.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import unquote

from hospes.errors import SetupError
from hospes.store.contract import Clock, Store


def open_store(url: str, clock: Clock = time.time) -> Store:
    """The store that `url` names; it touches nothing until its own `open` is awaited.

    Args:
        url: As in the table above.
        clock: Tells the time in seconds since the epoch; `time.time` by default.

    Raises:
        SetupError: if no engine has this URL's scheme, or the URL is incomplete.
    """
    scheme, colon, rest = url.partition(":")
    engine = _ENGINES.get(scheme.lower()) if colon else None
    if engine is None:
        # A URL may hold a password: only its scheme is repeated.
        named = f"scheme {scheme!r}" if colon else "no scheme"
        raise SetupError(f"the store's URL has {named}, which no engine answers to", remedy=_REMEDY)
    return engine(rest, clock)


def _sqlite(rest: str, clock: Clock) -> Store:
    from hospes.store.sqlite import SqliteStore  # here, so that a program without it does not pay for its import

    path = unquote(rest.removeprefix("///"))
    if not rest.startswith("///") or not path or "?" in rest or "#" in rest or "\0" in path:
        raise SetupError("the store's URL sqlite: names no file, or more than a file", remedy=_REMEDY)
    return SqliteStore(path, clock)


def _memory(rest: str, clock: Clock) -> Store:
    from hospes.store.memory import MemoryStore

    if rest.strip("/"):
        raise SetupError("the store's URL memory: takes nothing behind the colon", remedy=_REMEDY)
    return MemoryStore(clock)


_ENGINES: dict[str, Callable[[str, Clock], Store]] = {"sqlite": _sqlite, "memory": _memory}
_REMEDY = 'Write "sqlite:///hospes.db" (a file), "sqlite:////absolute/path.db" or "memory:" (kept until the process ends).'
