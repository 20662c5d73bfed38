"""What is asked with a cookie is asked in its owner's name: it must not be asked by another site's page.

The application's visitors and sessions are guarded where they are taken (`visiting`). A program may have cookies of its own; so
a request that asks for a change and brings any is looked at before its route's handler, whatever that binds. One without cookies
speaks for nobody, and passes: other sites may use an API that asks for a key.

Law: routes whose methods ask for no change are left as they are, and cost nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from hospes.filters import Csrf
from hospes.http.handler import Handler
from hospes.http.request import SAFE_METHODS, Request
from hospes.http.response import Response

_COOKIE: Final = b"cookie"


def guarded(endpoint: Handler, refused: Handler, csrf: Csrf, methods: frozenset[str]) -> Handler:
    """An endpoint that refuses what another site's page sends with cookies.

    Args:
        endpoint: Answers the others.
        refused: Refuses; it is asked in the endpoint's place, and has the same filters around it.
        csrf: Looks at where a request comes from.
        methods: What the route answers; any method where there is none.
    """
    if not may_change(methods):
        return endpoint

    def guard(request: Request) -> Response | Awaitable[Response]:
        return (refused if speaks_for_somebody(request) and not csrf.passes(request) else endpoint)(request)

    return guard


def may_change(methods: frozenset[str]) -> bool:
    """Whether a route answers requests that ask for a change."""
    return not methods or not methods <= SAFE_METHODS


def speaks_for_somebody(request: Request) -> bool:
    """Whether a request asks for a change, and brings a cookie."""
    return request.method not in SAFE_METHODS and request.head.field(_COOKIE) is not None
