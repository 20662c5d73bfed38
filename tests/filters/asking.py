"""What the filters' tests share: requests, and content decoded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hospes.client.decoding import Decoding
from hospes.http.request import Request
from hospes.http.response import Response

BROWSER = "gzip, deflate, br, zstd"


def decoded(content: bytes, coding: str) -> bytes:
    """Content as it was before its coding; a broken end is an error."""
    return b"".join(opened(coding)(content, finish=True))


def opened(coding: str) -> Callable[..., list[bytes]]:
    """Undoes a coding piece by piece: what can be decoded of what has come."""
    undo = Decoding([coding] if coding else [], 10_000)

    def feed(octets: bytes, *, finish: bool = False) -> list[bytes]:
        pieces = list(undo.pieces(octets))
        if finish:
            undo.finish()
        return pieces

    return feed


def answers(response: Response) -> Any:
    """A `call_next` that always gives this response."""

    async def call_next(request: Request) -> Response:
        return response

    return call_next
