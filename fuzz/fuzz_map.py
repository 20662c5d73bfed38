"""The engine's map: where it leads a request, the matcher leads it too, and what it makes of texts and content the readers make.

The input is a whole request. Where the engine was not built there is nothing to fuzz, and every input passes.
"""

from __future__ import annotations

from typing import Annotated, Any

from hospes.app.endpoint import CONTENT
from hospes.binding import JSONBody, Site, compile_plan
from hospes.http.content import ContentReader
from hospes.http.direct import Argument, Content, Direct, Map
from hospes.http.request import Address, Connection, Request
from hospes.limits import Limits
from hospes.routing import Match, Route, Router
from hospes.wire import RequestHead, RequestReader

try:
    from hospes.engine._core import Map as Compiled
except ImportError:  # not built here
    Compiled = None  # type: ignore[assignment,misc]  # pyright: ignore

_LIMITS = Limits(parameters=8, json_depth=4, body=300)
_ENDS = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 2), "http", _LIMITS)


def _texts(a: str, b: int, c: bool, d: str | None = None, e: int = 3, f: bool = True, g: float = 1.0) -> None: ...
def _values(x: str, y: int = 0, z: str = "") -> None: ...
def _data(data: Annotated[dict[str, Any], JSONBody], a: int = 1) -> None: ...
def _list(data: Annotated[list[int], JSONBody]) -> None: ...
def _nothing() -> None: ...


_ROUTES = {
    "/": _texts, "/plain": _nothing, "/{x}": _values, "/{y:int}": _values, "/a/{x}/{y:int}": _values, "/a/{x}/{z}": _values,
    "/b/{y:float}": _values, "/b/*": _values, "/b/{x}.html": _values, "/c/{x:path}": _values, "/data": _data, "/list/{y}": _list,
}  # fmt: skip


def _direct(pattern: str, function: Any) -> Direct:
    names = frozenset(part.strip("{}").split(":")[0] for part in pattern.split("/") if part.startswith("{"))
    methods = frozenset({"POST"} if pattern in {"/data", "/list/{y}"} else {"GET"})
    plan = compile_plan(function, Site(path_names=names | ({"*"} if "*" in pattern else set()), methods=methods))
    arguments = tuple(Argument(each.read, each.usual, each.is_object) for each in plan.sources)
    content = CONTENT.get(plan.reads, Content.OTHER)
    return Direct(endpoint=_endpoint, call=function, arguments=arguments, content=content)


def _endpoint(request: Request) -> Any:
    raise AssertionError


def _router() -> Router[Direct]:
    router: Router[Direct] = Router()
    for pattern, function in _ROUTES.items():
        if function is not _texts:
            router.add(Route(pattern=pattern, endpoint=_direct(pattern, function)))
    router.add(Route(pattern="/", endpoint=_direct("/", _texts)))
    router.add(Route(pattern="/plain/{x}", endpoint=_direct("/plain/{x}", _values), params=("v=1",)))
    return router


_MATCHER = _router().freeze()

_GIVEN = Map(_MATCHER.outline(lambda direct: direct), {})
_MAP = Compiled(_GIVEN, _LIMITS) if Compiled is not None else None

_LINES = "HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length"
_TARGETS = (
    "/?a=b&b=-12&c=true&d&e=&f=0", "/plain?x=%20", "/a/b/17", "/b/1.5e3", "/b/x.html", "/c/d/e", "/data?a=7", "/list/4",
)  # fmt: skip

SEEDS: list[bytes] = [
    *(
        f"{method} {target} {_LINES}: {len(content)}\r\n\r\n{content}".encode()
        for method in ("GET", "HEAD", "POST")
        for target in _TARGETS
        for content in ('{"a": [1, {"b": 2.5}]}', "[1, 2, 3]")
    ),
    b"GET /007?a=1&a=2&a=3&b=4&c=5 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /-123456789012345678901234567890?y=+1 HTTP/1.1\r\nHost: a\r\n\r\n",
]


def target(data: bytes) -> None:
    found = _MAP.follow(data) if _MAP is not None else None
    if found is None:
        return
    function, values, arguments = found
    request = _request(data)
    outcome = _MATCHER.match(request.method, request.head.path, request)
    assert isinstance(outcome, Match), "it leads where nothing is"
    direct: Direct = outcome.endpoint
    assert direct.call is function, "it leads elsewhere"
    assert dict(outcome.path_values) == values, "other values"
    request.path_values = outcome.path_values
    for value, argument in zip(arguments, direct.arguments, strict=True):
        if value is not ...:
            theirs = argument.read(request)
            assert value == theirs, "another value"
            assert type(value) is type(theirs), "another type"


def _request(data: bytes) -> Request:
    reader = RequestReader(_LIMITS)
    reader.receive(data)
    head = reader.next()
    assert isinstance(head, RequestHead), "wire wants more octets"
    if not head.has_content:
        return Request(head, None, _ENDS)
    length = head.content_length or 0
    start = data.index(b"\r\n\r\n") + 4
    request = Request(head, ContentReader.taken(length), _ENDS)
    request.body = data[start : start + length]
    return request
