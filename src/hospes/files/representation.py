"""From an open file to a response: validators, preconditions, the whole or parts of it (RFC 9110 §8.8, §13 and §14).

Laws:

* Whoever calls `respond` hands the file over: it is in the response's content, or closed.
* A tag is strong: it changes with size, time of change and inode, and with the content coding. One inode that is written twice
  within one tick of the file system's clock, to the same size, keeps its tag; who replaces files (as deployments do) is safe.
* Only GET is answered in parts, and only GET and HEAD are conditional: another method has had its effect before the file came.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Iterator
from hashlib import blake2b
from io import FileIO
from typing import Final, NamedTuple

from hospes.errors import HttpError
from hospes.http.conditional import ETag, Outcome, evaluate, if_range_applies
from hospes.http.content import FileContent, Stream
from hospes.http.ranges import ByteRange, MultipartRanges, content_range, multipart_ranges, parse_range
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import KiB
from hospes.wire import format_date

REVALIDATE: Final = "no-cache"
"""Keep it, and ask each time whether it is still the same: a 304 is cheap, and without a word caches guess for how long a file
stays good (RFC 9111 §4.2.2), which is how visitors come to see last week's script with today's page."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""Keep it for a year and do not ask, not even on reload (RFC 8246): for names that carry a version or a digest."""

_PIECE: Final = 64 * KiB
_NANOSECONDS: Final = 1_000_000_000
_ASKS: Final = frozenset({b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})


class Representation(NamedTuple):
    """An open file and how it is to be presented."""

    file: FileIO
    stat: os.stat_result
    content_type: str
    cache_control: str
    coding: str = ""
    """The content coding the file has been stored in; "" for none."""
    vary: str = ""
    """The request fields that chose this file."""
    disposition: str = ""

    @property
    def tag(self) -> str:
        """The opaque part of its entity tag."""
        state = self.stat
        # A digest, for inode numbers are nobody's business (CVE-2003-1418); not a secret one, for all workers must agree.
        text = f"{state.st_mtime_ns} {state.st_size} {state.st_ino} {self.coding}"
        return blake2b(text.encode(), digest_size=12).hexdigest()


def respond(request: Request, representation: Representation) -> Response:
    """Answer with a file, as the request's conditions and ranges will have it: 200, 206 or 304.

    Args:
        request: The request.
        representation: The open file; it is this function's from now on.

    Raises:
        HttpError: 412 if a precondition fails, 416 if no range asked for is there.
    """
    try:
        response = _respond(request, representation)
    except BaseException:
        representation.file.close()
        raise
    if isinstance(response.content, bytes):
        representation.file.close()
    return response


def _respond(request: Request, representation: Representation) -> Response:
    head = request.head
    if head.method not in {"GET", "HEAD"}:
        return _whole(representation)
    now = time.time()
    # RFC 9110 §8.8.2.1: a time that is still to come is given as the present.
    modified = min(representation.stat.st_mtime_ns // _NANOSECONDS, int(now))
    tag = representation.tag
    ranges: list[ByteRange] | None = None
    # Most requests ask for nothing special, and need not have their fields decoded.
    if request.has("headers") or not _ASKS.isdisjoint([name for name, _ in head.fields]):
        outcome = evaluate(head.method, request.headers.get, ETag(tag), modified)
        if outcome is Outcome.PRECONDITION_FAILED:
            raise HttpError(412, "", "The file is not, or no longer, the one the request is about.")
        if outcome is Outcome.NOT_MODIFIED:
            return _validated(_described(Response(None, 304), representation), tag, modified)
        ranges = _ranges(request, representation, ETag(tag), modified, now)
    response = _whole(representation) if ranges is None else _partial(representation, ranges)
    response.headers["Accept-Ranges"] = "bytes"
    return _validated(response, tag, modified)


def _ranges(request: Request, representation: Representation, etag: ETag, modified: int, now: float) -> list[ByteRange] | None:
    """The parts to send; None for the whole."""
    value = request.headers.get("range")
    # RFC 9110 §14.2: Range means something to GET only. It comes after all other conditions (§13.2.2).
    if value is None or request.head.method != "GET":
        return None
    if not if_range_applies(request.headers.get("if-range"), etag, modified, now=now):
        return None
    ranges = parse_range(value, representation.stat.st_size)
    if ranges is not None and len(ranges) > 1 and representation.coding:
        return None  # Content-Encoding would be taken to speak of the multipart body, which is not encoded
    return ranges


def _whole(representation: Representation) -> Response:
    content = FileContent(representation.file, 0, representation.stat.st_size)
    return _typed(Response(content, content_type=representation.content_type), representation)


def _partial(representation: Representation, ranges: list[ByteRange]) -> Response:
    size = representation.stat.st_size
    if len(ranges) > 1:
        framed = multipart_ranges(ranges, size, representation.content_type)
        stream = Stream(Parts(representation.file, framed), framed.length)
        return _typed(Response(stream, 206, content_type=framed.content_type), representation)
    part = ranges[0]
    content = FileContent(representation.file, part.start, part.stop - part.start)
    response = Response(content, 206, content_type=representation.content_type)
    response.headers["Content-Range"] = content_range(part, size)
    return _typed(response, representation)


def _typed(response: Response, representation: Representation) -> Response:
    """Add what describes the content."""
    if representation.coding:
        response.headers["Content-Encoding"] = representation.coding
    if representation.disposition:
        response.headers["Content-Disposition"] = representation.disposition
    return _described(response, representation)


def _described(response: Response, representation: Representation) -> Response:
    """Add what 200, 206 and 304 have in common (RFC 9110 §15.4.5)."""
    response.headers["Cache-Control"] = representation.cache_control
    if representation.vary:
        response.headers["Vary"] = representation.vary
    return response


def _validated(response: Response, tag: str, modified: int) -> Response:
    response.headers["ETag"] = f'"{tag}"'
    response.headers["Last-Modified"] = format_date(modified)
    return response


class Parts:
    """The source of an answer of several ranges: their heads, and pieces of the file, read as they are wanted.

    A class, for the file is to be closed even if nobody ever asks for the first piece; a generator that was not begun runs no
    `finally`.
    """

    __slots__ = ("_file", "_framed")

    def __init__(self, file: FileIO, framed: MultipartRanges) -> None:
        self._file = file
        self._framed = framed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces.

        Raises:
            OSError: if the file cannot be read.
        """
        for head, part in zip(self._framed.heads, self._framed.ranges, strict=True):
            yield head
            for piece in self._read(part):
                yield piece
        yield self._framed.end

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, part: ByteRange) -> Iterator[bytes]:
        self._file.seek(part.start)
        left = part.stop - part.start
        while left > 0:
            piece = self._file.read(min(left, _PIECE))
            if not piece:
                # Were it passed over, the rest would slide into the hole, under a length that seems right.
                raise OSError("the file has become shorter while it was sent")
            left -= len(piece)
            yield piece
