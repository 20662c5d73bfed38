"""Carriers: what takes connections and carries octets, as a server sees it, and which one serves.

| carrier  | where                                                                     |
|----------|---------------------------------------------------------------------------|
| engine   | where it was built (Linux, CPython, a C compiler), for plain HTTP         |
| portable | everywhere else, and for TLS                                              |

Laws:

* A server does not notice which carrier it has: the same limits, timeouts, answers and ends.
* `HOSPES_CARRIER=engine` or `=portable` decides; a carrier that is demanded and not there is an error, not another carrier.
* The engine is looked up by name: it stands on this package, which does without it.
* A loop that the program has chosen, by asyncio's policy, is the one that serves. Else it is one that suits the carrier.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from hospes.errors import SetupError
from hospes.server.listening import Acceptor, capacity
from hospes.server.service import LOG, Service
from hospes.server.supervision import Supervisor, interval

if TYPE_CHECKING:
    import ssl
    from socket import socket

Result = TypeVar("Result")

ENGINE: Final = "engine"
PORTABLE: Final = "portable"
_VARIABLE: Final = "HOSPES_CARRIER"
_OUTDATED: Final = "the engine was built from other sources than those that are here"
_BUILD: Final = "`make install`, or `pip install --editable .`"


class Carrier(Protocol):
    """What a server wants of its carrier."""

    @property
    def connections(self) -> int:
        """Connections that are open."""
        ...

    async def start(self) -> None:
        """Take connections, and look after them."""

    async def stop_accepting(self, quiet: float) -> None:
        """Take those that the kernel holds, then no more, and close what was listened on.

        Args:
            quiet: Seconds for TLS handshakes under way.
        """

    def stop_idle(self, since: float) -> None:
        """Close the connections that have had no request under way since this time of the monotonic clock."""

    def abort(self) -> int:
        """End all connections at once; gives how many there were."""
        ...

    def end(self) -> None:
        """Leave nothing on the loop. There are no connections any more."""


class PortableCarrier:
    """The carrier in pure Python.

    Args:
        service: What the connections share.
        sockets: Where they come from.
        context: For TLS; None without.
    """

    def __init__(self, service: Service, sockets: list[socket], context: ssl.SSLContext | None) -> None:
        self._service = service
        self._acceptor = Acceptor(service, sockets, context, capacity(service.limits.connections))
        self._supervisor = Supervisor(service.driver.loop, service.connections, interval(service.timeouts))

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._service.connections)

    async def start(self) -> None:
        """Take connections, and look after them."""
        self._supervisor.start()
        await self._acceptor.start()

    async def stop_accepting(self, quiet: float) -> None:
        """Take those that the kernel holds, then no more, and close what was listened on."""
        self._acceptor.close()
        await self._acceptor.settle(quiet)

    def stop_idle(self, since: float) -> None:
        """Close the connections that have had no request under way since then."""
        for connection in tuple(self._service.connections):
            connection.stop_if_idle(since)

    def abort(self) -> int:
        """End all connections at once; gives how many there were."""
        left = tuple(self._service.connections)
        for connection in left:
            connection.abort()  # and with it its handler
        return len(left)

    def end(self) -> None:
        """Leave nothing on the loop."""
        self._supervisor.stop()


class EngineModule(Protocol):
    """What `hospes.engine.carrier` offers."""

    def EngineCarrier(self, service: Service, sockets: list[socket]) -> Carrier:
        """Make the carrier."""
        ...


class SourcesModule(Protocol):
    """What `hospes.engine.sources` offers."""

    are_others: Callable[[], bool]


class LoopModule(Protocol):
    """What `hospes.engine.loop` offers."""

    Loop: Callable[[], asyncio.AbstractEventLoop]


def carrier_name(*, tls: bool = False) -> str:
    """Which carrier serves here, "engine" or "portable".

    Args:
        tls: Whether connections are to be encrypted.

    Raises:
        SetupError: if `HOSPES_CARRIER` names no carrier, or one that is not there.
    """
    wish = os.environ.get(_VARIABLE, "")
    if wish not in {"", ENGINE, PORTABLE}:
        raise SetupError(
            f"{_VARIABLE}={wish}: there is no such carrier", remedy=f"Set it to {ENGINE} or {PORTABLE}, or not at all."
        )
    if tls or wish == PORTABLE:
        return PORTABLE
    if find_spec("hospes.engine._core") is None:
        if wish == ENGINE:
            raise SetupError(
                f"{_VARIABLE}={ENGINE}: the engine was not built here",
                remedy="Install hospes with a C compiler and the headers of Python at hand, or leave the variable away.",
            )
        return PORTABLE
    if _is_outdated():
        if wish == ENGINE:
            raise SetupError(f"{_VARIABLE}={ENGINE}: {_OUTDATED}", remedy=f"Build it anew: {_BUILD}.")
        return PORTABLE
    return ENGINE


def _is_outdated() -> bool:
    """Whether the engine, which is there, was built from other sources than those that are here."""
    return cast(SourcesModule, import_module("hospes.engine.sources")).are_others()


def make_carrier(service: Service, sockets: list[socket], context: ssl.SSLContext | None) -> Carrier:
    """Make the carrier that serves here; it owns the sockets.

    Args:
        service: What the connections share.
        sockets: Where they come from.
        context: For TLS; None without.

    Raises:
        SetupError: as `carrier_name`.
    """
    if carrier_name(tls=context is not None) == PORTABLE:
        if context is None and not os.environ.get(_VARIABLE) and find_spec("hospes.engine._core") is not None:
            LOG.warning("%s, so pure Python serves; build it anew: %s", _OUTDATED, _BUILD)
        return PortableCarrier(service, sockets, context)
    return cast(EngineModule, import_module("hospes.engine.carrier")).EngineCarrier(service, sockets)


def run_on_loop(main: Coroutine[Any, Any, Result]) -> Result:
    """As `asyncio.run`, on a loop that suits the carrier.

    Args:
        main: What to run.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


def new_loop() -> asyncio.AbstractEventLoop:
    """As `asyncio.new_event_loop`; where that gives asyncio's own, and the engine serves here, one that suits it."""
    chosen = asyncio.new_event_loop()
    if type(chosen) is asyncio.SelectorEventLoop:
        with suppress(SetupError):  # which is told when the carrier is made
            if carrier_name() == ENGINE:
                chosen.close()
                chosen = cast(LoopModule, import_module("hospes.engine.loop")).Loop()
    return chosen
