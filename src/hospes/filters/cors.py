"""Cross-origin resource sharing (WHATWG Fetch, "CORS protocol"): which other sites' pages may read the answers.

| request | answer |
|---|---|
| no Origin | as it is, and `Vary: Origin` |
| from an origin that may | as it is, and that it may read it |
| from another origin | as it is, and `Vary: Origin`: its browser keeps it from the page |
| OPTIONS with Access-Control-Request-Method (a browser asks first), from an origin that may | 204, and what it may do |
| the same, from another origin, or for what it may not do | 403, with the reason for the developer |

Laws:

* Origins are compared exactly; there are no patterns that could match too much. `*` is every page, and never with credentials.
* It gives permission to read, and takes nothing away: what a page may make a browser send is the concern of `Csrf`, which has a
  list of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from hospes.errors import HttpError, is_list_of_texts
from hospes.http.handler import CallNext
from hospes.http.headers import Headers
from hospes.http.negotiation import add_vary
from hospes.http.origin import checked_origin, parse_origin
from hospes.http.request import Request
from hospes.http.response import Response

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ALL: Final = "*"

_OTHER_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._~%!$&'()*+,;=\[\]:-]+", re.ASCII)
"""An origin whose scheme is not http: that of an app on a telephone, or of a browser's extension."""
_TOKENS: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SIMPLE_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
"""Methods that need no permission (Fetch, "CORS-safelisted method")."""


class Cors:
    """A filter that lets pages of other sites read the answers. Put it outside of filters that refuse: a browser asks without
    credentials first.

    Args:
        origins: Those sites, exactly: `["https://shop.example.org"]`; `"*"` for every site.
        methods: What they may ask for, beside GET, HEAD and POST, which need no permission.
        headers: Fields they may send beside the usual ones; any by default.
        expose: Fields of answers that their scripts may read beside the usual ones.
        credentials: Whether they may use their visitors' cookies here.
        max_age: Seconds for which browsers need not ask again; ten minutes.

    Raises:
        ValueError: for an origin, a method or a field that is none, and for credentials for every site.
    """

    def __init__(
        self,
        origins: Sequence[str] | Literal["*"],
        *,
        methods: Sequence[str] = METHODS,
        headers: Sequence[str] | Literal["*"] = ALL,
        expose: Sequence[str] = (),
        credentials: bool = False,
        max_age: int = 600,
    ) -> None:
        if origins != ALL and not is_list_of_texts(origins):
            raise ValueError(f'Cors(origins={origins!r}): give a list of origins, or "*"')
        if credentials and origins == ALL:
            raise ValueError('Cors("*", credentials=True): name the sites that may use their visitors\' cookies here')
        if type(max_age) is not int or max_age < 0:
            raise ValueError(f"Cors(max_age={max_age!r}): seconds, 0 or more")
        self._origins = None if origins == ALL else frozenset(map(_checked_origin, origins))
        self._methods = frozenset(_checked("methods", methods)) | _SIMPLE_METHODS
        self._headers = None if headers == ALL else frozenset(each.lower() for each in _checked("headers", headers))
        self._expose = ", ".join(_checked("expose", expose))
        self._credentials = credentials
        self._max_age = str(max_age)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        """Answer what browsers ask first, and tell others what may be read."""
        origin = request.field("origin")
        if request.method == "OPTIONS" and origin and request.field("access-control-request-method"):
            return self._preflight(request, origin)
        response = (await call_next(request)).copy()
        self._permit(response.headers, origin)
        if origin and self._expose and self._may_read(origin):
            response.headers["Access-Control-Expose-Headers"] = self._expose
        return response

    def _preflight(self, request: Request, origin: str) -> Response:
        method = request.field("access-control-request-method")
        asked = [each.strip(" \t") for each in request.field("access-control-request-headers").split(",")]
        fields = [each for each in asked if each]
        if not self._may_read(origin):
            raise _refusal(f"Pages of {origin} may not read this")
        if method not in self._methods:
            raise _refusal(f"{method} is not among the methods that other sites may use")
        unknown = [each for each in fields if self._headers is not None and each.lower() not in self._headers]
        if unknown or not all(map(_TOKENS.fullmatch, fields)):
            raise _refusal(f"{', '.join(unknown or fields)} is not among the fields that other sites may send")
        headers = Headers({"Access-Control-Allow-Methods": method, "Access-Control-Max-Age": self._max_age})
        if fields:
            headers["Access-Control-Allow-Headers"] = ", ".join(fields)
        self._permit(headers, origin)
        add_vary(headers, "Access-Control-Request-Method")
        add_vary(headers, "Access-Control-Request-Headers")
        return Response(None, 204, headers)

    def _permit(self, headers: Headers, origin: str) -> None:
        if self._origins is None:
            headers["Access-Control-Allow-Origin"] = ALL
            return
        add_vary(headers, "Origin")  # where it has none, too: caches must not give this to a page of another site
        if origin and self._may_read(origin):
            headers["Access-Control-Allow-Origin"] = origin
            if self._credentials:
                headers["Access-Control-Allow-Credentials"] = "true"

    def _may_read(self, origin: str) -> bool:
        return self._origins is None or _key(origin) in self._origins


def _key(origin: str) -> str | tuple[str, str]:
    """An origin in the form in which it is compared: without the port that its scheme has anyway."""
    return parse_origin(origin) or origin.lower()


def _checked_origin(origin: str) -> str | tuple[str, str]:
    other = origin.lower()
    if _OTHER_ORIGIN.fullmatch(other) and not other.startswith("http") and "*" not in other:
        return other
    return checked_origin(origin, "Cors(origins=[…])")


def _checked(name: str, tokens: Sequence[str]) -> Sequence[str]:
    if not is_list_of_texts(tokens) or not all(map(_TOKENS.fullmatch, tokens)):
        raise ValueError(f"Cors({name}={tokens!r}): give a list of names")
    return tokens


def _refusal(explain: str) -> HttpError:
    return HttpError(403, "Not for pages of other sites", f"{explain}.", {"Vary": "Origin"})
