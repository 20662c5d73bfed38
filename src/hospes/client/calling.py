"""The calls that both clients offer, written once: R is a response, or one to be awaited."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from hospes.client.content import Body, Files, Form, Source, Upload
from hospes.client.link import Call
from hospes.client.options import ClientOptions
from hospes.client.url import Query, parse_url, with_query
from hospes.http.headers import Headers, HeaderSource

R = TypeVar("R", covariant=True)

_FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "upgrade"})
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2


class Calling(ABC, Generic[R]):
    """The calls of a client."""

    @abstractmethod
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderSource | None = None,
        query: Query | None = None,
        body: Body | None = None,
        timeout: float | None = None,
    ) -> R:
        """Send any request, and read its answer whole.

        Args:
            method: Its method, as it is sent.
            url: An absolute URL of http or https, any port. User and password in it are sent as Basic credentials.
            headers: Its fields.
            query: Names and values put behind those of the URL.
            body: What it brings; see `Body`.
            timeout: Seconds for the whole call, redirects and retries included; `timeouts.total` by default.

        Raises:
            ClientError: if a step fails; it says which, and for which URL.
            ValueError: if method, URL or a field cannot be sent; nothing is sent then.
            TypeError: if the content is none.
        """

    def get(
        self, url: str, *, headers: HeaderSource | None = None, query: Query | None = None, timeout: float | None = None
    ) -> R:
        """GET; see `request`."""
        return self.request("GET", url, headers=headers, query=query, timeout=timeout)

    def head(
        self, url: str, *, headers: HeaderSource | None = None, query: Query | None = None, timeout: float | None = None
    ) -> R:
        """HEAD; see `request`."""
        return self.request("HEAD", url, headers=headers, query=query, timeout=timeout)

    def options(
        self, url: str, *, headers: HeaderSource | None = None, query: Query | None = None, timeout: float | None = None
    ) -> R:
        """OPTIONS; see `request`."""
        return self.request("OPTIONS", url, headers=headers, query=query, timeout=timeout)

    def delete(
        self, url: str, *, headers: HeaderSource | None = None, query: Query | None = None, timeout: float | None = None
    ) -> R:
        """DELETE; see `request`."""
        return self.request("DELETE", url, headers=headers, query=query, timeout=timeout)

    def post(
        self,
        url: str,
        *,
        headers: HeaderSource | None = None,
        json: Any = None,
        form: Form | None = None,
        files: Files | None = None,
        content: Source | Upload | None = None,
        timeout: float | None = None,
    ) -> R:
        """POST; see `request`, and `Body` for the content."""
        body = Body(json=json, form=form, files=files, content=content)
        return self.request("POST", url, headers=headers, body=body, timeout=timeout)

    def put(
        self,
        url: str,
        *,
        headers: HeaderSource | None = None,
        json: Any = None,
        form: Form | None = None,
        files: Files | None = None,
        content: Source | Upload | None = None,
        timeout: float | None = None,
    ) -> R:
        """PUT; see `request`, and `Body` for the content."""
        body = Body(json=json, form=form, files=files, content=content)
        return self.request("PUT", url, headers=headers, body=body, timeout=timeout)

    def patch(
        self,
        url: str,
        *,
        headers: HeaderSource | None = None,
        json: Any = None,
        form: Form | None = None,
        files: Files | None = None,
        content: Source | Upload | None = None,
        timeout: float | None = None,
    ) -> R:
        """PATCH; see `request`, and `Body` for the content."""
        body = Body(json=json, form=form, files=files, content=content)
        return self.request("PATCH", url, headers=headers, body=body, timeout=timeout)


def make_call(
    options: ClientOptions, method: str, url: str, headers: HeaderSource | None, query: Query | None, body: Body | None
) -> Call:
    """A request of a call's arguments, checked.

    Raises:
        ValueError: if method, URL or a field cannot be sent.
        TypeError: if a field's value or the content is of a type that cannot be sent.
        OSError: if a file is not there.
    """
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"the method {method!r} is none: take letters")
    if method == "CONNECT":
        raise ValueError("CONNECT asks a proxy for a tunnel, which this client does not use")
    fields, given = Headers(options.headers), Headers(headers)
    for name in given:
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} is the client's own; tell a length with Upload(source, length)")
        fields[name] = given.get_all(name)
    return Call(method, parse_url(with_query(url, query)), fields, body.open() if body is not None else None)


def check_timeout(timeout: float | None) -> float | None:
    """The seconds themselves.

    Raises:
        ValueError: if they are not positive.
    """
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout={timeout!r}: it is a positive number of seconds")
    return timeout
