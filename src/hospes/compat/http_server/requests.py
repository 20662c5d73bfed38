"""A request as the program's functions see it: everything decoded.

Law: a middleware may change it, or put further attributes on it; what comes after sees that.
"""

from __future__ import annotations

from typing import Any

from hospes.http.request import Request


class Requests:
    """A request.

    Args:
        request: The core's, whose content has been read.

    Attributes:
        method: GET, POST …
        path: Decoded, without the query.
        version: "HTTP/1.1" or "HTTP/1.0".
        headers: Its fields; names ignore case.
        cookies: Cookies by name.
        parameters: Names of query and form, the query's first, each with its values.
        body: The content as text; octets that are no UTF-8 become U+FFFD.
    """

    def __init__(self, request: Request) -> None:
        self.method = request.method
        self.path = request.path
        self.version = f"HTTP/1.{request.head.minor}"
        self.headers = request.headers
        self.cookies = dict(request.cookies)
        self.parameters = {name: list(values) for name, values in request.query.items()}
        for name, values in request.form.fields.items():
            self.parameters.setdefault(name, []).extend(values)
        self.body = request.body.decode("utf-8", "replace")

    def get_header(self, key: str, default: Any = None) -> Any:
        """A field's value, or `default`."""
        return self.headers.get(key, default)

    def get_cookie(self, key: str, default: Any = None) -> Any:
        """A cookie's value, or `default`."""
        return self.cookies.get(key, default)

    def get_parameter(self, key: str, default: Any = None) -> Any:
        """A parameter's first value, of the query, else of a form in the body; or `default`."""
        values = self.parameters.get(key)
        return values[0] if values else default
