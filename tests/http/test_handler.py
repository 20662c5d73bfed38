"""The shape at the waist: plain functions have it, with and without await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from hospes.http.handler import CallNext, Filter, Handler
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader


def request() -> Request:
    reader = RequestReader(Limits())
    reader.receive(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, Connection(Address("127.0.0.1", 5), Address("127.0.0.1", 80), "http", Limits()))


def inline(request: Request) -> Response:
    return Response(request.path)


async def awaited(request: Request) -> Response:
    await asyncio.sleep(0)
    return Response(request.path)


def either(request: Request) -> Response | Awaitable[Response]:
    return inline(request) if request.path == "/x" else awaited(request)


class Object:
    def __call__(self, request: Request) -> Response:
        return Response(request.path)


async def shout(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.body = response.body.upper()
    return response


def around(layer: Filter, inner: CallNext) -> Handler:
    return lambda request: layer(request, inner)


async def answer(handler: Handler) -> Response:
    given = handler(request())
    return given if isinstance(given, Response) else await given


def test_a_response_at_once_or_when_awaited() -> None:
    handlers: list[Handler] = [inline, awaited, either, Object()]
    for handler in handlers:
        assert asyncio.run(answer(handler)).body == b"/x"


def test_a_filter_around_a_handler_is_a_handler() -> None:
    assert asyncio.run(answer(around(shout, awaited))).body == b"/X"
