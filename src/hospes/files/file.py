"""One file as an answer: `return File("report.pdf", download_as="Report 2024.pdf")`.

Law: the path is the program's, and is trusted; links in it are followed. A path that a visitor may influence belongs below a
`StaticFolder`, which has no way out.
"""

from __future__ import annotations

import os
from typing import TypeAlias

from hospes.errors import HttpError
from hospes.files.media_types import media_type_of
from hospes.files.opening import open_file
from hospes.files.representation import FOR_EVER, REVALIDATE, Traits, respond
from hospes.http.media import content_disposition
from hospes.http.request import Request
from hospes.http.response import Response


class File:
    """An answer that is a file: with validators, conditions and ranges, sent by the kernel where the carrier can.

    Args:
        path: The file. It is opened when the answer is made; until then it need not exist.
        content_type: Its media type; found by the name's ending by default.
        download_as: The name to offer it for saving under, any text; by default it is shown in place.
        immutable: Whether it never changes under its URL; browsers then keep it for a year unasked. By default they ask
            each time whether it is still the same.

    Raises:
        HttpError: when the answer is made: 404 if it is missing or no regular file, 403 if it may not be read, 412 and 416 as
            the request's conditions and ranges will have it.
        ValueError: when the answer is made: if `content_type` may not stand in a field.
    """

    __slots__ = ("content_type", "download_as", "immutable", "path")

    def __init__(
        self, path: str | os.PathLike[str], content_type: str = "", *, download_as: str = "", immutable: bool = False
    ) -> None:
        self.path = os.fspath(path)
        self.content_type = content_type
        self.download_as = download_as
        self.immutable = immutable

    def respond(self, request: Request) -> Response:
        """The response to a request; see the class for what it raises."""
        try:
            opened = open_file(self.path)
        except PermissionError:
            raise HttpError(403) from None
        if opened is None:
            raise HttpError(404)
        traits = Traits(
            self.content_type or media_type_of(self.path),
            FOR_EVER if self.immutable else REVALIDATE,
            disposition=content_disposition(self.download_as) if self.download_as else "",
        )
        return respond(request, opened, traits)

    def __repr__(self) -> str:
        return f"File({self.path!r})"


StaticFile: TypeAlias = File
"""The same, by its older name."""
