"""`wsgi.input`: a request's content as a file, read in the application's thread.

    thread                        loop
    read(n) ────────────────────▶ content.read(n)
                                  … the peer sends …
    octets  ◀──────────────────── octets

Laws:

* It ends where the content ends, however that is framed (`wsgi.input_terminated`); nothing behind it can be read.
* Content that is here already costs no way to the loop and back.
* What the carrier refuses (413, 408, 400), and a peer that has gone, is an OSError for the application; the refusal is kept,
  for it is the answer then.
"""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import ContentReader
from hospes.limits import KiB

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER: Final = 64 * KiB


class ContentInput(io.RawIOBase):
    """Content that is on its way.

    Args:
        content: What is read.
        loop: Where it lives.
    """

    def __init__(self, content: ContentReader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._content = content
        self._loop = loop
        self.refusal: HttpError | None = None
        """What the carrier has refused the content with."""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Wait for octets; 0 at the end.

        Raises:
            OSError: where no more will come, although it has not ended.
        """
        with memoryview(buffer) as view:
            reading = asyncio.run_coroutine_threadsafe(self._content.read(len(view)), self._loop)
            try:
                octets = reading.result()
            except HttpError as refusal:
                self.refusal = refusal
                raise OSError(f"the request's content cannot be read: {refusal}") from refusal
            except ClientDisconnected as error:
                raise ConnectionResetError("the peer went away before its request was complete") from error
            view[: len(octets)] = octets
            return len(octets)


def input_of(content: ContentReader | None) -> tuple[BinaryIO, ContentInput | None]:
    """The content as a file; to be called on the loop. And the way to it, where that is still needed."""
    if content is None:
        return io.BytesIO(), None
    if content.ended:
        return io.BytesIO(_taken(content)), None
    raw = ContentInput(content, asyncio.get_running_loop())
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER)), raw


def _taken(content: ContentReader) -> bytes:
    """Content that is all here."""
    reading = content.read()
    try:
        reading.send(None)
    except StopIteration as stop:
        return cast("bytes", stop.value)
    raise AssertionError("content that has ended is not waited for")
