"""Fields that tell browsers to be careful with a site's pages.

| field | says |
|---|---|
| `X-Content-Type-Options: nosniff` | content is what its type says; every answer of ours has it, with or without this filter |
| `Referrer-Policy` | what other sites learn about where a visitor comes from |
| `Content-Security-Policy: frame-ancestors …` | who may show a page within his; to old browsers X-Frame-Options |
| `Cross-Origin-Opener-Policy` | whether a page that another site opened can be reached from there |
| `Strict-Transport-Security` | from now on by TLS only (RFC 6797); said over TLS alone, for elsewhere it means nothing |

Law: what an answer says itself stands. A policy of its own without `frame-ancestors` gets ours beside it, and browsers heed both.
"""

from __future__ import annotations

from typing import Final

from hospes.http.handler import CallNext
from hospes.http.headers import Headers
from hospes.http.request import Request
from hospes.http.response import Response

YEAR: Final = 31_536_000
"""Seconds; shorter times keep a site from the browsers' lists of those that are reached by TLS only."""
_FRAME_OPTIONS: Final = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
_CSP: Final = "Content-Security-Policy"


class SecurityHeaders:
    """A filter that adds them.

    Args:
        referrer: Referrer-Policy; other sites learn the host alone, and over plain HTTP nothing.
        frame_ancestors: Who may frame the pages: `'none'` by default, `'self'`, or sites.
        policy: Further directives of Content-Security-Policy: `default-src 'self'`. None by default.
        opener: Cross-Origin-Opener-Policy; "" for none.
        permissions: Permissions-Policy: `camera=(), microphone=()`. None by default.
        hsts: Seconds for which browsers are to use TLS only, a year by default; None to say nothing.
        subdomains: Whether that holds for all hosts below this one, too.

    Raises:
        ValueError: for a value that may not stand in a field, a negative time, and `frame-ancestors` in `policy`.
    """

    def __init__(
        self,
        *,
        referrer: str = "strict-origin-when-cross-origin",
        frame_ancestors: str = "'none'",
        policy: str = "",
        opener: str = "same-origin",
        permissions: str = "",
        hsts: int | None = YEAR,
        subdomains: bool = False,
    ) -> None:
        if "frame-ancestors" in policy:
            raise ValueError("SecurityHeaders(policy=…): say frame-ancestors by frame_ancestors=")
        if hsts is not None and (type(hsts) is not int or hsts < 0):
            raise ValueError(f"SecurityHeaders(hsts={hsts!r}): seconds, 0 or more, or None")
        self._frames = f"frame-ancestors {frame_ancestors}"
        fields = {
            "Referrer-Policy": referrer,
            "X-Frame-Options": _FRAME_OPTIONS.get(frame_ancestors, ""),
            "Cross-Origin-Opener-Policy": opener,
            "Permissions-Policy": permissions,
            _CSP: "; ".join(filter(None, (policy.strip(" ;"), self._frames))),
        }
        self._fields = Headers({name: value for name, value in fields.items() if value})
        self._tls = "" if hsts is None else f"max-age={hsts}{'; includeSubDomains' * subdomains}"

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Add what an answer does not say itself."""
        response = (await call_next(request)).copy()
        headers = response.headers
        if _CSP in headers and "frame-ancestors" not in headers[_CSP]:
            headers.add(_CSP, self._frames)
        for name, value in self._fields.items():
            headers.setdefault(name, value)
        if self._tls and request.scheme == "https":
            headers.setdefault("Strict-Transport-Security", self._tls)
        return response
