"""The connection to a Redis or Valkey server: what it must be before it is trusted, and what its errors mean.

It is redis-py's `Connection`, used without redis-py's pool: the line (see `hospes.store.line`) already has one batch at a time
under way, and what redis-py would retry, only the line can tell whether it may be.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import redis.asyncio.connection as connections
import redis.exceptions as errors

from hospes.errors import SetupError
from hospes.store.contract import StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from hospes.store.place import Place
from hospes.store.redis_scripts import SCHEMA, SCRIPTS

Command = tuple[str | bytes | int | float, ...]
"""A command and its arguments, as they are sent."""


class Connection(Protocol):
    """What we use of redis-py's connection."""

    async def connect(self) -> None:
        """Connect, log in, choose the database."""
        ...

    async def disconnect(self, nowait: bool = False) -> None:
        """Close it."""
        ...

    async def send_command(self, *arguments: str | bytes, check_health: bool = True) -> None:
        """Send one command."""
        ...

    async def send_packed_command(self, command: Sequence[bytes], check_health: bool = True) -> None:
        """Send what was packed."""
        ...

    def pack_commands(self, commands: Sequence[Command]) -> Sequence[bytes]:
        """The octets of commands."""
        ...

    async def read_response(self, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 (redis-py's name)
        """The next answer; None where none came within `timeout` seconds."""
        ...


_GONE = (errors.ReadOnlyError, errors.ClusterDownError, errors.TryAgainError)
"""Answers of a server that is not, or no longer, the one we connected to."""

_PORT = 6379
_OR_NOT = "or, if visitors may be forgotten, add ?durable=no to the store's URL."
_OR_SECOND = "or, if its last seconds may be lost with it, add ?durable=second to the store's URL."
_SECONDS = 5.0  # for a TCP connection; the line's patience bounds all of it


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How the Redis store behaves.

    Args:
        patience: Seconds until an operation is given up while the server is away or slow; 5 by default.
        lease: Seconds after which the turn of a machine that was lost is free; 5 by default. It is renewed while its holder
            lives, however long his request takes.
        prefix: What the names of all its keys begin with; "hospes:" by default.
        durable: What a server must keep that is not refused: "yes", the default, all that it acknowledged (`appendfsync always`);
            "second", all but what it acknowledged in its last moments; "no", nothing.
        ca: File of the certificates to trust, in PEM; the system's by default.

    Raises:
        ValueError: if a number is not positive, or the prefix is empty.
    """

    patience: float = 5.0
    lease: float = 5.0
    prefix: str = "hospes:"
    durable: Literal["yes", "second", "no"] = "yes"
    ca: str = ""

    def __post_init__(self) -> None:
        if not self.patience > 0 or not self.lease > 0 or not self.prefix:
            raise ValueError("RedisOptions: patience and lease are positive numbers of seconds, and the prefix is not empty")


def connection_maker(place: Place, options: RedisOptions) -> Callable[[], Connection]:
    """What makes connections to a server; they connect later."""
    kind: Callable[..., Any] = connections.SSLConnection if place.scheme == "rediss" else connections.Connection
    arguments: dict[str, Any] = {
        "host": place.host,
        "port": place.port or _PORT,
        "db": int(place.path or 0),
        "username": place.user or None,
        "password": place.password or None,
        "protocol": 2,
        "socket_timeout": None,
        "socket_connect_timeout": _SECONDS,
        "socket_keepalive": True,
    }
    if place.scheme == "rediss":
        arguments |= {"ssl_min_version": ssl.TLSVersion.TLSv1_2, "ssl_ca_certs": options.ca or None}
    return lambda: kind(**arguments)


def translate(error: Exception) -> StoreError:
    """The contract's name for what a command failed with; an error of the contract stays."""
    if isinstance(error, StoreError):
        return error
    text = str(error)
    # MISCONF: it could not write its file, and takes no writes until it can; reads go on.
    if isinstance(error, errors.OutOfMemoryError) or text.startswith("MISCONF"):
        return StoreFull(f"there is no room left in the store: {text}")
    return StoreUnavailable(f"the store failed: {text}")


class RedisLink:
    """A connection that is looked at before it is used; a `Link` for a line.

    Args:
        make: Makes the connection.
        options: How the store behaves.
        name: What the server is called in errors.
    """

    def __init__(self, make: Callable[[], Connection], options: RedisOptions, name: str) -> None:
        self._make = make
        self._options = options
        self._name = name
        self._connection: Connection | None = None

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as we know."""
        # A server that has closed an idle connection has said so, if we look. redis-py has no name for that which all its
        # releases know; should this one be gone too, the next request meets it.
        reader = getattr(self._connection, "_reader", None)
        return self._connection is not None and not (reader is not None and reader.at_eof())

    async def connect(self) -> None:
        """Connect, look at the server, and give it the scripts.

        Raises:
            StoreUnavailable: if it is away, or not ready yet.
            SetupError: if it does not let us in, or could not keep the contract's laws.
        """
        await self.disconnect()
        self._connection = connection = self._make()
        try:
            await connection.connect()
            (information,) = await self._exchange(connection, [("INFO",)], at_start=True)
            _check_server(information, self._options.durable != "no", self._name)
            if self._options.durable == "yes":
                _check_fsync(await self._ask_fsync(connection), self._name)
            (schema,) = await self._exchange(connection, [("GET", self._options.prefix + "schema")], at_start=True)
            _check_schema(schema, self._name)
            await self._load(connection)
        except errors.AuthenticationError as error:
            raise self._refused(f"refuses the user or the password: {error}") from None
        except (errors.NoPermissionError, errors.ResponseError) as error:
            raise self._refused(f"refuses a command: {error}") from None
        except (errors.RedisError, OSError) as error:
            raise StoreUnavailable(f"no answer from the store at {self._name}: {error}") from error

    async def run(self, requests: Sequence[Command]) -> list[Any]:
        """Send commands together; gives the answers.

        Raises:
            StoreUnavailable: if the connection broke.
        """
        assert self._connection is not None
        try:
            outcomes = await self._exchange(self._connection, requests)
            if forgotten := [i for i, each in enumerate(outcomes) if isinstance(each, errors.NoScriptError)]:
                # Somebody flushed the scripts; what was to use them has not happened.
                await self._load(self._connection)
                for i, outcome in zip(
                    forgotten, await self._exchange(self._connection, [requests[i] for i in forgotten]), strict=True
                ):
                    outcomes[i] = outcome
        except (errors.RedisError, OSError) as error:
            raise StoreUnavailable(f"the connection to the store at {self._name} broke: {error}") from error
        if any(isinstance(each, _GONE) for each in outcomes):
            await self.disconnect()
        return [translate(each) if isinstance(each, Exception) else each for each in outcomes]

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    async def _ask_fsync(self, connection: Connection) -> bytes:
        try:
            ((_, policy),) = await self._exchange(connection, [("CONFIG", "GET", "appendfsync")], at_start=True)
        except (errors.ResponseError, ValueError):  # not allowed, or, with a managed server, not there
            return b""
        return bytes(policy)

    async def _load(self, connection: Connection) -> None:
        await self._exchange(connection, [("SCRIPT", "LOAD", script.text) for script in SCRIPTS], at_start=True)

    async def _exchange(self, connection: Connection, commands: Sequence[Command], *, at_start: bool = False) -> list[Any]:
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        outcomes = list[Any]()
        for _ in commands:
            try:
                outcomes.append(await connection.read_response())
            except errors.ResponseError as error:
                if at_start:
                    raise
                outcomes.append(error)
        return outcomes

    def _refused(self, why: str) -> SetupError:
        return SetupError(
            f"the store's server {self._name} {why}", remedy="See docs/guide/stores.md for what its user must be allowed."
        )


def _check_schema(schema: Any, name: str) -> None:
    if schema is None:
        return
    if not isinstance(schema, bytes) or not schema.isdigit() or int(schema) < 1:
        raise StoreCorrupt(
            f"the keys in {name} are of some other program",
            remedy="They were left as they are. Name another database in the store's URL, or add ?prefix=NAME: to it.",
        )
    if int(schema) > SCHEMA:
        raise SetupError(
            f"the store in {name} was made by a newer release (schema {int(schema)}, this one knows {SCHEMA})",
            remedy="It was left as it is. Update hospes, or name another database in the store's URL.",
        )


def _check_server(information: bytes, durable: bool, name: str) -> None:
    """Refuse a server that would break the laws of the contract one day, when nobody looks."""
    lines = information.decode(errors="replace").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    if facts.get("loading") == "1":
        raise StoreUnavailable(f"the store's server {name} still loads its data")
    if facts.get("role") == "slave":
        raise StoreUnavailable(f"the store's server {name} is a replica, which takes no writes")
    if facts.get("cluster_enabled") == "1":
        raise SetupError(
            f"the store's server {name} is part of a cluster", remedy="Name a server that stands alone, or has replicas."
        )
    if not durable:
        return
    if facts.get("aof_enabled") != "1":
        raise SetupError(
            f"the store's server {name} forgets what it acknowledged when it stops: it writes no append-only file",
            remedy=f"Set `appendonly yes` there; {_OR_NOT}",
        )
    policy = facts.get("maxmemory_policy", "")
    if facts.get("maxmemory", "0") != "0" and policy != "noeviction":
        raise SetupError(
            f"the store's server {name} throws records away when its memory is full: maxmemory-policy {policy}",
            remedy=f"Set `maxmemory-policy noeviction` there; {_OR_NOT}",
        )


def _check_fsync(policy: bytes, name: str) -> None:
    """Refuse a server that acknowledges before it has written: between two fsyncs it may not even have handed its file over."""
    if not policy:
        raise SetupError(
            f"the store's server {name} does not say when it writes: CONFIG GET appendfsync is refused",
            remedy=f"Allow its user `+config|get`; {_OR_SECOND}",
        )
    if policy != b"always":
        raise SetupError(
            f"the store's server {name} acknowledges before it has written: appendfsync {policy.decode(errors='replace')}",
            remedy=f"Set `appendfsync always` there; {_OR_SECOND}",
        )
