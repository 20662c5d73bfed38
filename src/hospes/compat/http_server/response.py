"""The answer as the program's functions make it: fields and cookies, then one `send`.

Laws:

* What is sent first is the answer; a second one is an error.
* Fields and cookies count until the function has returned, also those that are set after `send`.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple, NoReturn

from hospes.errors import HttpError
from hospes.files import File
from hospes.http import json
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.response import JSON, Redirect
from hospes.http.response import Response as HospesResponse


class Client(NamedTuple):
    """Who asks.

    Args:
        host: Its address.
        port: Its port.
    """

    host: str
    port: int

    def getpeername(self) -> tuple[str, int]:
        """Address and port, as a socket gives them."""
        return self.host, self.port

    def send(self, data: bytes) -> NoReturn:
        """Nothing is written past the response.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("octets go to the client through response.send(content, status, type), which frames them")

    def sendall(self, data: bytes) -> NoReturn:
        """The same."""
        self.send(data)


class Response:
    """An answer.

    Args:
        client: Who asks.

    Attributes:
        headers: Fields to send; names ignore case.
        cookies: Cookies to set: `response.cookies["a"] = "b"`, `response.cookies["a"]["path"] = "/"`.
        client: Who asks: `.host` and `.port`.
        answer: What was sent; None for nothing yet.
    """

    def __init__(self, client: Client) -> None:
        self.headers = Headers()
        self.cookies = Cookies()
        self.client = client
        self.answer: HospesResponse | File | HttpError | None = None

    def send(self, content: Any, status: int = 200, type: str = "text/html") -> None:
        """Send text (str) or octets (bytes).

        Raises:
            TypeError: for content that is neither.
            ValueError: for a status outside 200 to 599, or a type that may not be sent.
            RuntimeError: if something was sent already.
        """
        if not isinstance(content, (str, bytes)):
            raise TypeError(f"response.send({_kind(content)}): send str or bytes; sendJson(…) sends a dict")
        is_text = isinstance(content, str) and type.startswith("text/") and "charset" not in type.lower()
        self._take(HospesResponse(content, status, content_type=f"{type}; charset=utf-8" if is_text else type))

    def sendJson(self, content: Any, status: int = 200) -> None:
        """Send a dict, or anything else that has a JSON form, as JSON."""
        self._take(HospesResponse(json.encode(content), status, content_type=JSON))

    def sendJsonString(self, content: str, status: int = 200) -> None:
        """Send text that is JSON already."""
        self._take(HospesResponse(content, status, content_type=JSON))

    def sendFile(self, path: str | os.PathLike[str], type: str = "") -> None:
        """Send a file. Never take the path from a visitor: `WebServer.fileServer` has no way out of its folder.

        Args:
            path: The file; 404 if it is missing.
            type: Its media type; found by the name's ending by default.
        """
        self._take(File(path, type))

    def redirect(self, path: str, status: int = 308) -> None:
        """Send the visitor elsewhere."""
        self._take(Redirect(path, status))

    def notFound(self) -> None:
        """Say that there is nothing: 404."""
        self._take(HttpError(404))

    def internalServerError(self) -> None:
        """Say that something failed here: 500."""
        self._take(HttpError(500))

    def _take(self, answer: HospesResponse | File | HttpError) -> None:
        if self.answer is not None:
            raise RuntimeError("this request has been answered already: send once")
        self.answer = answer


def _kind(value: object) -> str:
    return type(value).__qualname__
