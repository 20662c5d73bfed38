"""Answers as a program sees them: complete, or piece by piece.

Laws:

* Text is what the content's charset says; UTF-8 where it says nothing, or names a charset that is none.
* A file that is saved is there whole or not at all.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, TypeVar

from hospes.client import errors
from hospes.client.driving import run
from hospes.client.exchange import Incoming
from hospes.client.options import ClientOptions
from hospes.errors import HttpError
from hospes.http import json
from hospes.http.headers import Headers
from hospes.http.media import parse_media_type
from hospes.http.morsels import Cookies
from hospes.http.saving import replacing, replacing_on_loop

_NO_CHARSETS: Final = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
"""Codecs of Python that take octets for text, and are no charsets."""
Progress = Callable[[int, "int | None"], object]
"""Is told the octets saved, and those announced before decoding, where the server has announced them."""
S = TypeVar("S", bound="Answered")


class Answered:
    """What is known of an answer when its fields have come."""

    status: int
    """Status code."""
    reason: str
    """The reason phrase, "" where there is none."""
    headers: Headers
    """The fields, as sent: Content-Encoding and Content-Length are those of the content before decoding."""
    url: str
    """What was asked, after redirects; without credentials."""

    def __init__(self, incoming: Incoming) -> None:
        self.status = incoming.status
        self.reason = incoming.reason
        self.headers = incoming.headers
        self.url = str(incoming.url)
        self._shown = incoming.url.shown

    @property
    def is_ok(self) -> bool:
        """Whether the status is no error: below 400."""
        return self.status < 400

    @property
    def content_type(self) -> str:
        """The Content-Type field; "" where there is none."""
        return self.headers.get("content-type", "")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets: value by name."""
        cookies = Cookies()
        for line in self.headers.get_all("set-cookie"):
            cookies.load(line)
        return {name: morsel.value for name, morsel in cookies.items()}

    def raise_for_status(self: S) -> S:
        """The answer itself, if its status is no error.

        Raises:
            StatusError: if it is 400 or more.
        """
        if not self.is_ok:
            raise errors.StatusError(self._shown, self.status, self.reason)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self._shown}>"


class ClientResponse(Answered):
    """An answer, complete.

    Attributes:
        content: Its octets, decoded.
    """

    def __init__(self, incoming: Incoming, content: bytes, options: ClientOptions) -> None:
        super().__init__(incoming)
        self.content = content
        self._json_depth = options.limits.json_depth

    @property
    def text(self) -> str:
        """The content as text; octets that are none become U+FFFD."""
        return self.content.removeprefix(codecs.BOM_UTF8).decode(charset_of(self.content_type), "replace")

    def json(self) -> Any:
        """The content decoded from JSON.

        Raises:
            DecodeError: if it is none, or nests too deeply.
        """
        try:
            return json.decode(self.content.removeprefix(codecs.BOM_UTF8), depth=self._json_depth)
        except HttpError as error:
            reason = f"{error.message}: {error.explain}" if error.explain else error.message
            raise errors.DecodeError("decode", self._shown, reason) from None


class _Streamed(Answered):
    """An answer whose content is on its way."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__(incoming)
        self._incoming = incoming

    @property
    def length(self) -> int | None:
        """Octets of content that the server has announced, before decoding; None where it has not."""
        return self._incoming.length

    @property
    def received(self) -> int:
        """Octets of content read so far, decoded."""
        return self._incoming.received


class StreamedResponse(_Streamed):
    """An answer that is read piece by piece: `for piece in response`. What is not read when its block ends is not fetched."""

    def __iter__(self) -> Iterator[bytes]:
        """The content's pieces, as they come.

        Raises:
            ClientError: if one does not come, cannot be decoded, or is too much.
        """
        while piece := run(self._incoming.read()):
            yield piece

    def read(self) -> bytes:
        """The rest of the content, whole.

        Raises:
            ClientError: see `__iter__`.
        """
        return run(self._incoming.read_all())

    def save_to_file(self, path: str | os.PathLike[str], progress: Progress | None = None) -> None:
        """Write the content to a file, in one step for all who look: an old one is replaced when the new one is whole.

        Args:
            path: Where to; folders are not made.
            progress: Is called after each piece with octets saved and octets announced.

        Raises:
            ClientError: see `__iter__`; nothing is left behind then.
            OSError: if it cannot be written; the same.
        """
        with replacing(path) as file:
            for piece in self:
                file.write(piece)
                if progress is not None:
                    progress(self.received, self.length)


class AsyncStreamedResponse(_Streamed):
    """An answer that is read piece by piece: `async for piece in response`."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The content's pieces, as they come.

        Raises:
            ClientError: if one does not come, cannot be decoded, or is too much.
        """
        while piece := await self._incoming.read():
            yield piece

    async def read(self) -> bytes:
        """The rest of the content, whole.

        Raises:
            ClientError: see `__aiter__`.
        """
        return await self._incoming.read_all()

    async def save_to_file(self, path: str | os.PathLike[str], progress: Progress | None = None) -> None:
        """Write the content to a file; as `StreamedResponse.save_to_file`. A thread waits for the disk."""
        async with replacing_on_loop(path) as file:
            async for piece in self:
                file.write(piece)
                if progress is not None:
                    progress(self.received, self.length)


def charset_of(content_type: str) -> str:
    """The charset that a Content-Type field names, as Python calls it; utf-8 where it names none that is known."""
    try:
        name = codecs.lookup(parse_media_type(content_type).charset).name
        "".encode(name)  # LookupError where a codec is not for text
    except (HttpError, LookupError, ValueError):
        return "utf-8"
    return "utf-8" if name.replace("-", "_") in _NO_CHARSETS else name
