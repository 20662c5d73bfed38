"""Nanoseconds of the functions on the hot path, best of several runs: noise only ever slows one down.

In pure Python and, where the engine has a counterpart, compiled. What the engine does as plain C is measured by `micro.c`, with
no call from Python around it, which its other figures have. What it does inside of its turns (tasks, answers, files) no call
reaches alone: `python -m bench guard` counts that, as part of whole requests.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.programs import program
from bench.workloads import ECHO, KiB
from hospes import Headers, Keyring, Limits, Request, Response
from hospes.binding import Site, compile_plan
from hospes.execution import Driver
from hospes.files import StaticFolder
from hospes.http import json
from hospes.http.answer import to_response
from hospes.http.content import FileContent
from hospes.http.cookies import parse_cookies
from hospes.http.direct import Argument, Direct, Map
from hospes.http.query import parse_query
from hospes.http.request import Address, Connection
from hospes.routing import Match, Route, Router
from hospes.server.answers import Prefixes, answer_head
from hospes.wire import RequestHead, RequestReader, format_date, response_head
from hospes.wire.date import parse_date
from hospes.wire.target import parse_target
from hospes.wire.websocket import MessageReader, frame
from hospes.wire.websocket.frames import unmask

try:
    from hospes.engine import _core
except ImportError:  # it was not built here
    _core = None  # type: ignore[assignment]

MINIMAL = b"GET /users/42?verbose=true HTTP/1.1\r\nHost: example.org\r\n\r\n"
_COOKIES = "sessionid=8f1d0c7e2b5a4f6c9d3e; theme=dark; consent=necessary; last=1712345678"
BROWSER = "\r\n".join(
    [
        "GET /users/42?verbose=true HTTP/1.1",
        "Host: example.org",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Cache-Control: max-age=0",
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: navigate",
        "Referer: http://example.org/some/page/index.html?from=home",
        f"Cookie: {_COOKIES}",
        "",
        "",
    ]
).encode()

Function = Callable[[], object]
Row = tuple[str, Function | None, Function | str | None]
"""A name, the function in pure Python, and the compiled one or what `micro.c` calls it."""
Figures = dict[str, tuple[float | None, float | None]]


def main() -> int:
    """Print the table."""
    print("\n".join(table(measured())))
    return 0


def table(figures: Figures) -> Iterator[str]:
    """A row per function."""
    yield "| function | pure Python, ns | engine, ns |"
    yield "|---|---:|---:|"
    for name, values in figures.items():
        yield f"| {name} | " + " | ".join("–" if value is None else f"{value:,.0f}" for value in values) + " |"


def measured() -> Figures:
    """Nanoseconds of each function, in pure Python and compiled."""
    limits = Limits()
    in_c = _in_c() if _core is not None else {}
    figures: Figures = {}
    with TemporaryDirectory(prefix="hospes-micro-") as folder:
        (Path(folder) / "1k.txt").write_bytes(b"x" * KiB)
        for name, pure, compiled in (*_wire(limits), *_http(limits, folder), *_application(limits)):
            engine = nanoseconds(compiled) if callable(compiled) else in_c.get(compiled or "")
            figures[name] = (nanoseconds(pure) if pure is not None else None, engine)
    figures["a coroutine's first step, in a context and a task"] = (asyncio.run(_first_step()), None)
    return figures


def nanoseconds(function: Function) -> float:
    """The best of seven runs of a few milliseconds, per call."""
    times = 1
    while _run(function, times) < 5e6:
        times *= 2
    return min(_run(function, times) for _ in range(7)) / times


def _run(function: Function, times: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(times):
        function()
    return time.perf_counter_ns() - start


def _in_c() -> dict[str, float]:
    command = [str(program("micro")), MINIMAL.decode(), BROWSER.decode()]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines)}


def _wire(limits: Limits) -> Iterator[Row]:
    """Octets to messages, and back."""
    head = _read(MINIMAL, limits)
    response = Response("Hello, World!")
    fields = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13"), ("Server", "hospes")]
    text = frame(1, b"x" * 125)
    masked = bytes([text[0], text[1] | 0x80, 1, 2, 3, 4]) + unmask(text[2:], b"\1\2\3\4")
    prefixes = Prefixes(time.time)
    for name, octets, in_c in (("minimal", MINIMAL, "head1"), ("browser's", BROWSER, "head2")):
        yield f"parse the head of a {name} request", partial(_read, octets, limits), in_c
        if _core is not None:
            yield f"… and make a head of it ({name})", None, partial(_core.parse_head, octets, limits)
    yield "split a target", lambda: parse_target("GET", "/users/42?verbose=true"), None
    yield "write a head of 3 fields", lambda: response_head(200, fields), None
    yield "the head of any answer", lambda: answer_head(response, head, True, "Fri, 27 Nov 2026 13:00:00 GMT"), None
    yield "the head of a usual answer, of this second", lambda: prefixes.head(200, "text/plain; charset=utf-8"), None
    yield "write a date", lambda: format_date(1_700_000_000), None
    yield "read a date", lambda: parse_date("Tue, 14 Nov 2023 22:13:20 GMT"), None
    yield "unmask 125 octets", lambda: unmask(text[2:], b"\1\2\3\4"), "unmask125"
    large = b"x" * (64 * KiB)
    yield "unmask 64 KiB", lambda: unmask(large, b"\1\2\3\4"), "unmask64k"
    yield "read a websocket's message of 125 octets", lambda: _message(masked), None
    yield "frame 125 octets", lambda: frame(1, large[:125]), None


def _http(limits: Limits, folder: str) -> Iterator[Row]:
    """What messages mean."""
    head, browser = _read(MINIMAL, limits), _read(BROWSER, limits)
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), "http", limits)
    request = Request(head, None, connection)
    serve = StaticFolder(folder)
    file_head = _read(b"GET /1k.txt HTTP/1.1\r\nHost: example.org\r\n\r\n", limits)
    signer = Keyring("a secret of more than thirty-two characters").signer("bench")
    token = signer.sign(["ada", 7])
    yield "Request()", lambda: Request(head, None, connection), None
    compiled = _core.parse_head(BROWSER, limits) if _core is not None else None
    yield (
        "find a field in a browser's head",
        partial(browser.field, b"cookie"),
        partial(compiled[0].field, b"cookie") if compiled is not None else None,
    )
    yield (
        "from octets to Headers (browser's)",
        lambda: Headers.from_wire(_read(BROWSER, limits).fields),
        partial(_engine_headers, limits) if compiled is not None else None,
    )
    yield "read a query", lambda: parse_query("verbose=true&page=2", 100), None
    yield "read 4 cookies", lambda: parse_cookies(_COOKIES), None
    yield "sign a value", lambda: signer.sign(["ada", 7]), None
    yield "check a signature (HMAC), and read the value", lambda: signer.read(token), None
    yield "Response(text)", lambda: Response("Hello, World!"), None
    yield "a dict becomes an answer of JSON", lambda: to_response({"message": "Hello, World!"}, request), None
    value = json.decode(ECHO, depth=limits.json_depth)
    yield "encode 1 KiB of JSON", lambda: json.ENCODE(value), None
    yield "check and decode 1 KiB of JSON", lambda: json.decode(ECHO, depth=limits.json_depth), None
    yield "a file of 1 KiB: open, look, describe, close", lambda: _closed(serve(Request(file_head, None, connection))), None


def _engine_headers(limits: Limits) -> Headers:
    found = _core.parse_head(BROWSER, limits)
    assert found is not None
    return Headers.from_wire(found[0].fields)


def _application(limits: Limits) -> Iterator[Row]:
    """From a path to a function's arguments."""
    router = _router()
    matcher = router.freeze()
    match = matcher.match
    follow = _core.Map(Map(matcher.outline(lambda direct: direct), {}), limits).follow if _core is not None else None
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), "http", limits)
    plain = MINIMAL.replace(b"/users/42?verbose=true", b"/things7")
    yield "match a plain path among 200", lambda: match("GET", "/things7", None), None
    yield "match a pattern among 200", lambda: match("GET", "/things7/42", None), None

    def arguments(octets: bytes) -> list[object]:
        request = Request(_read(octets, limits), None, connection)
        found = match("GET", request.head.path, None)
        assert isinstance(found, Match)
        request.path_values = found.path_values
        return [argument.read(request) for argument in found.endpoint.arguments]

    for name, octets in (("a plain path", plain), ("an int of the path and a bool of the query", MINIMAL)):
        compiled = None if follow is None else partial(follow, octets)
        yield f"from octets to arguments: {name}", partial(arguments, octets), compiled


def _router() -> Router[Direct]:
    def nothing() -> None: ...
    def typed(id: int, verbose: bool = False) -> None: ...

    router: Router[Direct] = Router()
    for pattern in ("/users", *(f"/things{number}" for number in range(100))):
        router.add(Route(pattern=pattern, endpoint=_direct(nothing)))
        router.add(Route(pattern=f"{pattern}/{{id:int}}", endpoint=_direct(typed, "id")))
    return router


def _direct(function: Callable[..., None], *names: str) -> Direct:
    plan = compile_plan(function, Site(path_names=frozenset(names), methods=frozenset({"GET"})))
    arguments = tuple(Argument(each.read, each.usual, each.is_object) for each in plan.sources)
    return Direct(endpoint=_unasked, call=function, arguments=arguments)


def _unasked(_: Request) -> Response:
    raise AssertionError


def _read(octets: bytes, limits: Limits) -> RequestHead:
    reader = RequestReader(limits)
    reader.receive(octets)
    head = reader.next()
    assert isinstance(head, RequestHead)
    return head


def _message(octets: bytes) -> object:
    reader = MessageReader(KiB)
    reader.receive(octets)
    return reader.next()


def _closed(response: Response) -> None:
    assert isinstance(response.content, FileContent)
    response.content.close()


async def _first_step() -> float:
    """What it costs to drive a coroutine that finishes at once, with a context of its own and a task."""
    driver, loop = Driver(), asyncio.get_running_loop()
    spent: asyncio.Future[float] = loop.create_future()

    async def handler(_: None) -> None: ...
    def done(answer: None, failure: BaseException | None) -> None: ...

    # Outside of any task, where a carrier calls it.
    loop.call_soon(lambda: spent.set_result(nanoseconds(lambda: driver.start(handler, None, done))))
    try:
        return await spent
    finally:
        driver.close()
