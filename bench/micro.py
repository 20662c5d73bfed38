"""Nanoseconds of the functions on the hot path, best of several runs: noise only ever slows one down."""

from __future__ import annotations

import time
from collections.abc import Callable

from hospes import Headers, Limits, Request, Response
from hospes.http.answer import to_response
from hospes.http.query import parse_query
from hospes.http.request import Address, Connection
from hospes.routing import Matcher, Route, Router
from hospes.wire import RequestHead, RequestReader, response_head

try:
    from hospes.engine import _core
except ImportError:  # it was not built here
    _core = None

_MINIMAL = b"GET /users/42?verbose=true HTTP/1.1\r\nHost: example.org\r\n\r\n"
_BROWSER = b"\r\n".join(
    [
        b"GET /users/42?verbose=true HTTP/1.1",
        b"Host: example.org",
        b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        b"Accept-Language: en-GB,en;q=0.9,de;q=0.8",
        b"Accept-Encoding: gzip, deflate, br, zstd",
        b"Cache-Control: max-age=0",
        b"Upgrade-Insecure-Requests: 1",
        b"Sec-Fetch-Site: same-origin",
        b"Sec-Fetch-Mode: navigate",
        b"Referer: http://example.org/some/page/index.html?from=home",
        b"Cookie: sessionid=8f1d0c7e2b5a4f6c9d3e; theme=dark; consent=necessary; last=1712345678",
        b"",
        b"",
    ]
)


def main() -> int:
    """Print a line per function."""
    for name, spent in measured().items():
        print(f"{name:<34}{spent:>8.0f} ns")
    return 0


def measured() -> dict[str, float]:
    """Nanoseconds of each function."""
    limits = Limits()
    head = _read(_MINIMAL, limits)
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), "http", limits)
    request = Request(head, None, connection)
    match = _matcher().match
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13"), ("Server", "hospes")]
    functions: dict[str, Callable[[], object]] = {
        "wire: a minimal request": lambda: _read(_MINIMAL, limits),
        "wire: a browser's request": lambda: _read(_BROWSER, limits),
        "wire: response_head of 3 fields": lambda: response_head(200, fields),
        "http: Request()": lambda: Request(head, None, connection),
        "http: Headers of a request": lambda: Headers.from_wire(head.fields),
        "http: parse_query": lambda: parse_query("verbose=true&page=2", 100),
        "http: Response(text)": lambda: Response("Hello, World!"),
        "http: to_response(dict)": lambda: to_response({"message": "Hello, World!"}, request),
        "routing: static path among 200": lambda: match("GET", "/things7", None),
        "routing: typed path among 200": lambda: match("GET", "/things7/42", None),
    }
    if _core is not None:
        parse_head = _core.parse_head
        functions["engine: parse a minimal head"] = lambda: parse_head(_MINIMAL, limits)
        functions["engine: parse a browser's head"] = lambda: parse_head(_BROWSER, limits)
    return {name: nanoseconds(function) for name, function in functions.items()}


def nanoseconds(function: Callable[[], object], times: int = 20_000) -> float:
    """The best of seven runs, per call."""
    best = float("inf")
    for _ in range(7):
        start = time.perf_counter_ns()
        for _ in range(times):
            function()
        best = min(best, (time.perf_counter_ns() - start) / times)
    return best


def _read(octets: bytes, limits: Limits) -> RequestHead:
    reader = RequestReader(limits)
    reader.receive(octets)
    head = reader.next()
    assert isinstance(head, RequestHead)
    return head


def _matcher() -> Matcher[str]:
    router: Router[str] = Router()
    for number in range(100):
        router.add(Route(pattern=f"/things{number}", endpoint=""))
        router.add(Route(pattern=f"/things{number}/{{id:int}}", endpoint=""))
    return router.freeze()
