"""Requests made of bytes, and handlers bound to them, for the tests of binding."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from hospes.binding import ModelBindings, Providers, Site, compile_plan
from hospes.http.content import ContentReader
from hospes.http.problem import InvalidRequest
from hospes.http.request import Address, Connection, Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.wire.head import parse_head

URLENCODED = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"
GET = frozenset({"GET"})


def request(
    target: str = "/",
    body: bytes | None = None,
    fields: Iterable[str] = (),
    *,
    path: dict[str, str] | None = None,
    groups: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Request:
    """A request: GET without a body, POST with one."""
    limits = limits or Limits()
    lines = [f"{'GET' if body is None else 'POST'} {target} HTTP/1.1", "Host: example.org", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = parse_head("\r\n".join(lines).encode("latin-1"), limits)
    connection = Connection(Address("127.0.0.1", 50000), Address("127.0.0.1", 80), "http", limits)
    made = Request(head, None if body is None else ContentReader.of(body), connection)
    made.path_values = path or {}
    made.reg_groups = groups
    return made


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body: (what follows `form-data; `, content)."""
    pieces = [b"--b\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), content) for head, content in parts]
    return b"".join(pieces) + b"--b--\r\n"


async def call(handler: Callable[..., Any], on: Request, site: Site | None = None, **given: Any) -> Any:
    """Bind a handler to a request and call it, as an application does."""
    providers: Providers | None = given.get("providers")
    bindings: ModelBindings | None = given.get("bindings")
    plan = compile_plan(handler, site or Site(), providers, bindings)
    if plan.reads and on.content is not None:
        await plan.prepare(on)
    values = await plan.bind_async(on) if plan.needs_await else plan.bind(on)
    answer = plan.call(*values)
    return await answer if inspect.isawaitable(answer) else answer


def bound(handler: Callable[..., Any], on: Request, site: Site | None = None, **given: Any) -> Any:
    """What a handler gives for a request."""
    return asyncio.run(call(handler, on, site, **given))


def errors(handler: Callable[..., Any], on: Request, site: Site | None = None, **given: Any) -> list[tuple[str, str, str]]:
    """What is wrong with a request for a handler: (source, pointer, message)."""
    try:
        value = bound(handler, on, site, **given)
    except InvalidRequest as error:
        return [(each.source, each.pointer, each.message) for each in error.errors]
    raise AssertionError(f"the request fits: {value!r}")


async def finish(on: Request, response: Response | None = None) -> Response:
    """Run a request's finishers, the last one first."""
    response = response or Response()
    finishers, on.finishers = on.finishers or [], None
    for each in reversed(finishers):
        await each(response)
    return response
