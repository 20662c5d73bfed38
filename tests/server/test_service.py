"""What connections share: counting them, and closing what nobody sends."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator

import pytest
from tests.server.support import plain

from hospes.execution import Driver
from hospes.http.content import FileContent, Stream
from hospes.limits import Limits, Timeouts
from hospes.server import Connection
from hospes.server.service import Service


def make(limits: Limits | None = None) -> Service:
    return Service(plain, limits or Limits(), Timeouts(), Driver())


def test_addresses_are_counted() -> None:
    async def run() -> None:
        service = make(Limits(connections_per_address=2))
        gone: list[int] = []
        service.on_lost = lambda: gone.append(len(service.connections))
        first, second = Connection(service), Connection(service)
        service.connections.update((first, second))
        assert [service.admit("a"), service.admit("a"), service.admit("a"), service.admit("b")] == [True, True, False, True]
        service.lost(first, "a")
        service.lost(second, "a")
        service.lost(second, None)
        assert service.admit("a")
        assert gone == [1, 0, 0]

    asyncio.run(run())


def test_without_a_limit_an_address_may_have_any_number() -> None:
    async def run() -> None:
        service = make()
        assert all(service.admit("a") for _ in range(10_000))

    asyncio.run(run())


def test_what_is_not_sent_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    class Source:
        def __init__(self, name: str) -> None:
            self.name = name

        def __aiter__(self) -> AsyncIterator[bytes]:
            raise AssertionError

        async def aclose(self) -> None:
            await asyncio.sleep(0)
            closed.append(self.name)
            if self.name == "bad":
                raise ValueError("closing failed")

    async def run() -> None:
        service = make()
        file = tempfile.TemporaryFile()  # noqa: SIM115  # discard closes it
        service.discard(FileContent(file, 0, 1))
        assert file.closed
        service.discard(Stream(Source("good")))
        service.discard(Stream(Source("bad")))
        service.discard(b"octets")
        service.discard(None)
        await service.settle()

    asyncio.run(run())
    assert sorted(closed) == ["bad", "good"]
    assert "closing the source of a response that is not sent failed" in caplog.text


def test_settle_waits_for_handlers_too() -> None:
    ended: list[str] = []

    async def handler(request: object) -> str:
        await asyncio.sleep(0.01)
        ended.append("handler")
        return ""

    async def sender() -> None:
        await asyncio.sleep(0.02)
        ended.append("sender")

    def done(answer: str | None, failure: BaseException | None) -> None:
        ended.append("done")

    async def run() -> None:
        service = make()
        service.spawn(sender())
        service.driver.start(handler, object(), done)
        await service.settle()

    asyncio.run(run())
    assert ended == ["handler", "done", "sender"]
