"""From an open file to a response: validators, preconditions, the whole or parts of it (RFC 9110 §8.8, §13 and §14).

Laws:

* Whoever calls `respond` hands the file over: it is in the response's content, or closed.
* A tag is strong: it changes with size, time of change and inode, and with the content coding. One inode that is written twice
  within one tick of the file system's clock, to the same size, keeps its tag; who replaces files (as deployments do) is safe.
* Only GET is answered in parts, and only GET and HEAD are conditional: another method has had its effect before the file came.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from hashlib import blake2b
from io import FileIO
from typing import Final, NamedTuple, TypeAlias

from hospes.errors import HttpError
from hospes.files.opening import OpenFile
from hospes.http import format_date
from hospes.http.conditional import ETag, Outcome, evaluate, if_range_applies
from hospes.http.content import FileContent, Stream
from hospes.http.headers import Headers
from hospes.http.ranges import ByteRange, MultipartRanges, content_range, multipart_ranges, parse_range
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import KiB

REVALIDATE: Final = "no-cache"
"""Keep it, and ask each time whether it is still the same: a 304 is cheap, and without a word caches guess for how long a file
stays good (RFC 9111 §4.2.2), which is how visitors come to see last week's script with today's page."""
FOR_EVER: Final = "public, max-age=31536000, immutable"
"""Keep it for a year and do not ask, not even on reload (RFC 8246): for names that carry a version or a digest."""

_PIECE: Final = 64 * KiB
_NANOSECONDS: Final = 1_000_000_000
_ASKS: Final = frozenset({b"range", b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"})


class Traits(NamedTuple):
    """What is to be said about a file beside what the kernel knows."""

    content_type: str
    cache_control: str
    coding: str = ""
    """The content coding it has been stored in; "" for none."""
    vary: str = ""
    """The request fields that chose this file."""
    disposition: str = ""


class Description(NamedTuple):
    """The fields that a state of a file is sent with; they are made, and checked, once."""

    etag: ETag
    whole: Headers
    """Of 200, and but for what is about ranges of 206."""
    unchanged: Headers
    """Of 304 (RFC 9110 §15.4.5)."""


Describe: TypeAlias = Callable[[int, int, int, int, Traits], Description]
"""`describe`, or the same with a memory."""


def describe(changed: int, size: int, inode: int, modified: int, traits: Traits) -> Description:
    """Make the fields for a state of a file. Of equal arguments it makes equal fields, so that they may be kept.

    Args:
        changed: Time of change, nanoseconds since 1970.
        size: Octets.
        inode: Inode number.
        modified: Time of change as it is to be told, seconds since 1970.
        traits: What else there is to say.

    Raises:
        ValueError: if a trait may not stand in a field.
    """
    # A digest, for inode numbers are nobody's business (CVE-2003-1418); not a secret one, for all workers must agree.
    digest = blake2b(f"{changed} {size} {inode} {traits.coding}".encode(), digest_size=12)
    etag = ETag(digest.hexdigest())
    unchanged = Headers({"Cache-Control": traits.cache_control, "ETag": str(etag), "Last-Modified": format_date(modified)})
    if traits.vary:
        unchanged["Vary"] = traits.vary
    whole = Headers({"Content-Type": traits.content_type, **unchanged, "Accept-Ranges": "bytes"})
    if traits.coding:
        whole["Content-Encoding"] = traits.coding
    if traits.disposition:
        whole["Content-Disposition"] = traits.disposition
    return Description(etag, whole, unchanged)


class FileResponse(Response):
    """A response that starts from fields which are known to be good: to check them again would cost more than all the rest."""

    __slots__ = ()

    def __init__(self, content: bytes | FileContent | Stream, status: int, headers: Headers) -> None:
        self.content = content
        self.status = status
        self._content_type = ""
        self._headers = headers
        self._cookies = None
        self._set_cookies = None


def respond(request: Request, opened: OpenFile, traits: Traits, describe: Describe = describe) -> Response:
    """Answer with a file, as the request's conditions and ranges will have it: 200, 206 or 304.

    Args:
        request: The request.
        opened: The open file; it is this function's from now on.
        traits: What is to be said about it.
        describe: Makes the fields.

    Raises:
        HttpError: 412 if a precondition fails, 416 if no range asked for is there.
        ValueError: if a trait may not stand in a field.
    """
    try:
        response = _respond(request, opened, traits, describe)
    except BaseException:
        opened.file.close()
        raise
    if response.status == 304:
        opened.file.close()
    return response


def _respond(request: Request, opened: OpenFile, traits: Traits, describe: Describe) -> Response:
    file, state = opened
    size, changed, now = state.st_size, state.st_mtime_ns, time.time()
    # RFC 9110 §8.8.2.1: a time that is still to come is told as the present.
    modified = min(changed // _NANOSECONDS, int(now))
    etag, fields, unchanged = describe(changed, size, state.st_ino, modified, traits)
    head = request.head
    if head.method != "GET" and head.method != "HEAD":
        return _unconditional(FileContent(file, 0, size), fields)
    # Most requests ask for nothing special, and need not have their fields decoded.
    if not request.has("headers") and _ASKS.isdisjoint([name for name, _ in head.fields]):
        return FileResponse(FileContent(file, 0, size), 200, fields.copy())
    outcome = evaluate(head.method, request.headers.get, etag, modified)
    if outcome is Outcome.PRECONDITION_FAILED:
        raise HttpError(412, "", "The file is not, or no longer, the one the request is about.")
    if outcome is Outcome.NOT_MODIFIED:
        return FileResponse(b"", 304, unchanged.copy())
    value = request.headers.get("range")
    # RFC 9110 §14.2: Range means something to GET only; and it comes after all other conditions (§13.2.2).
    if value is not None and head.method == "GET" and if_range_applies(request.headers.get("if-range"), etag, modified, now=now):
        ranges = parse_range(value, size)
        # With several, Content-Encoding would be taken to speak of the multipart body, which is not encoded.
        if ranges is not None and (len(ranges) == 1 or not traits.coding):
            return _partial(opened, ranges, fields.copy())
    return FileResponse(FileContent(file, 0, size), 200, fields.copy())


def _unconditional(content: FileContent, fields: Headers) -> Response:
    """The answer to a method that has had its effect: validators would speak of the resource, not of this file (§8.8)."""
    headers = fields.copy()
    for name in ("ETag", "Last-Modified", "Accept-Ranges"):
        del headers[name]
    return FileResponse(content, 200, headers)


def _partial(opened: OpenFile, ranges: list[ByteRange], headers: Headers) -> Response:
    file, state = opened
    if len(ranges) == 1:
        part = ranges[0]
        headers["Content-Range"] = content_range(part, state.st_size)
        return FileResponse(FileContent(file, part.start, part.stop - part.start), 206, headers)
    framed = multipart_ranges(ranges, state.st_size, headers["Content-Type"])
    headers["Content-Type"] = framed.content_type
    return FileResponse(Stream(Parts(file, framed), framed.length), 206, headers)


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
