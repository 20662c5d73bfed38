"""Which store a URL names.

| URL | engine |
|---|---|
| `sqlite:///hospes.db` | the file hospes.db in the working directory |
| `sqlite:////var/lib/shop/hospes.db` | a file by its absolute path |
| `memory:` | nothing is kept when the process ends |
| `redis://user:password@host:6379/0` | a Redis or Valkey server; `rediss:` over TLS |
| `postgresql://user:password@host:5432/database` | a PostgreSQL server; `postgres:` is the same |

A path is percent-decoded, so `%3F` is how a question mark gets into a file's name, and `%40` an @ into a password. Behind a `?`,
`redis:` takes `patience`, `prefix`, `durable` and `ca` (see `RedisOptions`), and `postgresql:` takes `patience`, `schema` and
`durable` (see `PostgresOptions`) and what libpq knows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, TypeVar
from urllib.parse import unquote

from msgspec.structs import replace

from hospes.errors import SetupError
from hospes.store.contract import Clock, Store
from hospes.store.place import Place, parse_place

C = TypeVar("C")


def open_store(url: str, clock: Clock = time.time) -> Store:
    """The store that `url` names; it touches nothing until its own `open` is awaited.

    Args:
        url: As in the table above.
        clock: Tells the time in seconds since the epoch; `time.time` by default.

    Raises:
        SetupError: if no engine has this URL's scheme, or the URL is incomplete.
    """
    if not hasattr(url, "partition"):
        raise SetupError(f"the store's URL is no text, but {type(url).__qualname__}", remedy=_REMEDY)
    scheme, colon, _ = url.partition(":")
    engine = _ENGINES.get(scheme.lower()) if colon else None
    if engine is None:
        # A URL may hold a password: only its scheme is repeated.
        named = f"scheme {scheme!r}" if colon else "no scheme"
        raise SetupError(f"the store's URL has {named}, which no engine answers to", remedy=_REMEDY)
    return engine(url, clock)


def file_of(url: str) -> str | None:
    """The file that a store's URL names, as it is written there; None where the store is no file."""
    scheme, _, rest = url.partition(":")
    return unquote(rest.removeprefix("///")) if scheme.lower() == "sqlite" else None


def _sqlite(url: str, clock: Clock) -> Store:
    from hospes.store.sqlite import SqliteStore  # here, so that a program without it does not pay for its import

    rest, path = url.partition(":")[2], file_of(url)
    if not rest.startswith("///") or not path or "?" in rest or "#" in rest or "\0" in path:
        raise SetupError("the store's URL sqlite: names no file, or more than a file", remedy=_REMEDY)
    return SqliteStore(path, clock)


def _memory(url: str, clock: Clock) -> Store:
    from hospes.store.memory import MemoryStore

    if url.partition(":")[2].strip("/"):
        raise SetupError("the store's URL memory: takes nothing behind the colon", remedy=_REMEDY)
    return MemoryStore(clock)


def _redis(url: str, clock: Clock) -> Store:
    place = _place(url)
    options = dict(place.parameters)
    durable, patience = _durable(options, _REDIS_DURABLE), _patience(options)
    prefix, ca = options.pop("prefix", "hospes:"), options.pop("ca", "")
    if options or not place.host or not (place.path or "0").isdecimal() or not prefix:
        raise _wrong(place.scheme, "names no host, a database that is no number, or a parameter that there is not")
    with _needing("redis", "redis"):
        from hospes.store.redis import RedisStore
        from hospes.store.redis_link import RedisOptions
    return RedisStore(place, clock, RedisOptions(patience=patience, prefix=prefix, durable=durable, ca=ca))


def _postgres(url: str, clock: Clock) -> Store:
    place = _place(url)
    options = dict(place.parameters)
    durable, patience = _durable(options, _POSTGRES_DURABLE), _patience(options)
    schema = options.pop("schema", "hospes")
    if not _IDENTIFIER.fullmatch(schema):
        raise _wrong(place.scheme, "has a schema that is no plain name: take a-z, 0-9 and _")
    with _needing("psycopg", "postgres"):
        from hospes.store.postgres import PostgresStore
        from hospes.store.postgres_link import PostgresOptions
    return PostgresStore(
        replace(place, parameters=options), clock, PostgresOptions(patience=patience, schema=schema, durable=durable)
    )


def _place(url: str) -> Place:
    try:
        return parse_place(url)
    except ValueError as error:
        raise _wrong(url.partition(":")[0].lower(), f"cannot be read: {error}") from None


def _durable(options: dict[str, str], choices: dict[str, C]) -> C:
    chosen = choices.get(options.pop("durable", "yes"))
    if chosen is None:
        raise SetupError(f"the store's URL has a durable that is none of {', '.join(choices)}", remedy=_REMEDY)
    return chosen


def _patience(options: dict[str, str]) -> float:
    written = options.pop("patience", "5")
    if not _SECONDS.fullmatch(written) or float(written) == 0:
        raise SetupError("the store's URL has a patience that is no positive number of seconds", remedy=_REMEDY)
    return float(written)


def _wrong(scheme: str, how: str) -> SetupError:
    return SetupError(f"the store's URL {scheme}: {how}", remedy=_REMEDY)


@contextmanager
def _needing(package: str, extra: str) -> Generator[None, None, None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise SetupError(
            f"the store's URL needs the package {package}, which is not installed", remedy=f"pip install 'hospes[{extra}]'"
        ) from None


_ENGINES: dict[str, Callable[[str, Clock], Store]] = {
    "sqlite": _sqlite,
    "memory": _memory,
    "redis": _redis,
    "rediss": _redis,
    "postgresql": _postgres,
    "postgres": _postgres,
}
_REDIS_DURABLE: dict[str, Literal["yes", "second", "no"]] = {"yes": "yes", "second": "second", "no": "no"}
_POSTGRES_DURABLE = {"yes": True, "no": False}
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_REMEDY = (
    'Write "sqlite:///hospes.db" (a file), "sqlite:////absolute/path.db", "redis://host/0", "postgresql://user@host/database" '
    'or "memory:" (kept until the process ends).'
)
