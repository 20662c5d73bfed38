"""How many Python functions a plain request calls, from the socket to the socket; a call is what a request costs here."""

from __future__ import annotations

import asyncio
import os
import sys
from types import FrameType

import pytest
from tests.server.support import GET

import hospes
from hospes.execution import Driver
from hospes.http.handler import Handler
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits, Timeouts
from hospes.server import Connection
from hospes.server.service import Service

BUDGET = 14
"""Calls of the carrier, the wire and the driver together."""
ANSWER = Response("Hello, World!")
PACKAGE = os.path.dirname(hospes.__file__) + os.sep


def inline(request: Request) -> Response:
    return ANSWER


async def finishes_at_once(request: Request) -> Response:
    return ANSWER


class Sink(asyncio.Transport):
    """A transport that throws away what it gets, without a Python call."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.write = self.written.append  # type: ignore[method-assign,assignment]  # no call of Python's then

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


@pytest.mark.parametrize("handler", [inline, finishes_at_once])
def test_calls_of_a_plain_request(handler: Handler) -> None:
    calls: list[str] = []
    asked: list[list[str]] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            calls.append(frame.f_code.co_qualname)

    def measure(connection: Connection, sink: Sink) -> None:
        for _ in range(6):  # what is made once is made in the first three; once in a second there is a new Date
            calls.clear()
            sink.written.clear()
            sys.setprofile(note)
            connection.data_received(GET)
            sys.setprofile(None)
            asked.append([*calls])

    async def run() -> None:
        service = Service(handler, Limits(), Timeouts(), Driver())
        connection, sink = Connection(service), Sink()
        connection.connection_made(sink)
        over = asyncio.Event()
        asyncio.get_running_loop().call_soon(measure, connection, sink)
        asyncio.get_running_loop().call_soon(over.set)
        await over.wait()
        assert len(sink.written) == 1
        assert sink.written[0].endswith(b"\r\n\r\nHello, World!")
        connection.connection_lost(None)
        service.driver.close()

    asyncio.run(run())
    cheapest = min(asked[3:], key=len)
    assert len(cheapest) <= BUDGET, "\n".join(cheapest)
