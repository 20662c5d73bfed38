"""Requests as the wire reads them, and what an answer holds."""

from __future__ import annotations

import asyncio

from hospes.http.content import FileContent, Stream
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader

CONNECTION = Connection(Address("192.0.2.1", 50_000), Address("192.0.2.2", 80), "http", Limits())


def request(target: str = "/", method: str = "GET", **fields: str) -> Request:
    """A request for a target; `If_Match="…"` is the field If-Match."""
    lines = [f"{method} {target} HTTP/1.1", "Host: h", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    reader = RequestReader(Limits())
    reader.receive("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, CONNECTION)


def content(response: Response) -> bytes:
    """What a carrier would send; the content is closed."""
    if isinstance(response.content, bytes):
        return response.content
    if isinstance(response.content, FileContent):
        with response.content.file as file:
            file.seek(response.content.offset)
            octets = file.read(response.content.length)
        assert len(octets) == response.content.length
        return octets
    assert isinstance(response.content, Stream)
    return asyncio.run(_streamed(response.content))


async def _streamed(stream: Stream) -> bytes:
    octets = b"".join([piece async for piece in stream])
    await stream.aclose()
    assert stream.length == len(octets)
    return octets
