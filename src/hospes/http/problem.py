"""How a failure looks to the one who asked: RFC 9457 problem details for programs, a small page for people.

Laws:

* The shape follows Accept: whoever prefers HTML gets a page, everybody else `application/problem+json`.
* Everything shown is escaped, and carries `nosniff`.
* An unexpected exception is a bare 500; its text stays in the log.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from hospes.errors import HttpError
from hospes.http import json
from hospes.http.headers import Headers
from hospes.http.negotiation import choose
from hospes.http.response import Response
from hospes.lazily import regexp
from hospes.wire import REASONS

_ACCEPT = regexp(r"(?<![^\s,])(?:accept|\*)(?![^\s,])", re.IGNORECASE)


class FieldError(Struct, frozen=True):
    """One thing wrong with a request.

    `source` is where it was looked for (path, query, form, header, cookie, json), `pointer` names the place: for JSON a
    JSON Pointer fragment (RFC 6901 §6) such as `#/items/3/price`, else the parameter's name.
    """

    source: str
    pointer: str
    message: str


class InvalidRequest(HttpError):
    """A request that does not fit the handler's signature: 400 with all its errors at once.

    Args:
        errors: What is wrong, in the order of the handler's parameters.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(400, "The request does not fit", "; ".join(f"{each.pointer}: {each.message}" for each in errors))
        self.errors = tuple(errors)
        self.args = (self.errors,)  # what it is made of, so that it can be copied and pickled


def problem_response(error: HttpError, accept: str | None) -> Response:
    """Render an error.

    Args:
        error: What to answer.
        accept: The request's Accept field, None where it has none.
    """
    offers = ("application/problem+json", "text/html")
    as_page = accept is not None and choose(offers, accept) == "text/html"
    response = _page(error) if as_page else _details(error)
    response.headers["X-Content-Type-Options"] = "nosniff"
    for name, value in error.headers.items():
        response.headers[name] = value
    if not any(_ACCEPT.search(line) for line in response.headers.get_all("Vary")):
        response.headers.add("Vary", "Accept")
    return response


def phrase_of(code: int) -> str:
    """The words for a status."""
    # RFC 9110 §15: a status that is not known is to be read as the x00 of its class.
    return REASONS.get(code) or REASONS[code // 100 * 100]


def _details(error: HttpError) -> Response:
    # RFC 9457 §4.2.1: without a type member the type is about:blank, and then the title is the status's phrase.
    members: dict[str, Any] = {"status": error.code, "title": phrase_of(error.code)}
    if isinstance(error, InvalidRequest):
        members["detail"] = error.message
        members["errors"] = [{"in": each.source, "pointer": each.pointer, "message": each.message} for each in error.errors]
    elif error.message or error.explain:
        members["detail"] = ": ".join(part for part in (error.message, error.explain) if part)
    return Response(json.encode(members), error.code, content_type="application/problem+json")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{code} {title}</title>
<style>
:root {{ color-scheme: light dark; font: 1.05rem/1.6 system-ui, sans-serif }}
body {{ max-width: 38rem; margin: 18vh auto 0; padding: 0 1.5rem }}
b {{ font-size: 3.2rem; font-weight: 650; letter-spacing: -.04em; opacity: .35 }}
h1 {{ font-size: 1.5rem; margin: .2rem 0 }}
p, li {{ opacity: .75 }}
</style></head>
<body><b>{code}</b><h1>{title}</h1>{more}</body></html>
"""


def _page(error: HttpError) -> Response:
    from html import escape  # slow to import: it brings every entity there is

    if isinstance(error, InvalidRequest):
        rows = (f"<li><code>{escape(each.pointer)}</code> {escape(each.message)}</li>" for each in error.errors)
        more = f"<ul>{''.join(rows)}</ul>"
    else:
        more = f"<p>{escape(error.explain)}</p>" if error.explain else ""
    page = _PAGE.format(code=error.code, title=escape(error.message or phrase_of(error.code)), more=more)
    headers = Headers({"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})
    return Response(page.encode(), error.code, headers, content_type="text/html; charset=utf-8")
