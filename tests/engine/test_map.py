"""The map, compiled: it leads where the application leads, or nowhere; and what is answered is the same, octet for octet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.support import request

from hospes import App, Cookie, Header, JSONBody, RequestBodyReader, Response
from hospes.app.dispatcher import Dispatcher
from hospes.errors import SetupError
from hospes.http.request import Address, Connection, Request
from hospes.limits import Limits
from hospes.routing import parse_pattern
from hospes.wire import RequestHead, RequestReader

_core = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

ENDS = Connection(Address("127.0.0.1", 5), Address("127.0.0.1", 80), "http", Limits())


def dispatcher(app: App) -> Dispatcher:
    async def start() -> Dispatcher:
        async with app.started() as handler:
            assert isinstance(handler, Dispatcher)
            return handler

    return asyncio.run(start())


def follow(handler: Dispatcher, octets: bytes, limits: Limits | None = None) -> Any:
    return _core.Map(handler.map, limits or Limits()).follow(octets)


def read(octets: bytes) -> Request:
    reader = RequestReader(Limits())
    reader.receive(octets)
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, ENDS)


# Where paths lead.

PIECES = ["a", "b", "{x}", "{y:int}", "{z:float}", "{d:date}", "a-{x}", "{p:path}", "*"]
WORDS = st.sampled_from(["a", "b", "7", "-7", "7.5", "2026-01-31", "a-b", "x%2Fy", "%41", "", "1" * 64, "1" * 65, "-", "a" * 300])


@given(
    st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), min_size=1, max_size=6),
    st.lists(st.lists(WORDS, min_size=1, max_size=4).map("/".join), max_size=20),
    st.sampled_from(["GET", "HEAD", "POST", "PURGE"]),
)
@settings(max_examples=150)
def test_a_path_leads_where_the_matcher_leads(patterns: list[list[str]], paths: list[str], method: str) -> None:
    app = App()
    functions: dict[Any, int] = {}
    for number, pieces in enumerate(patterns):
        names = iter("klm")
        text = "/".join(piece.replace("{", "{" + next(names)) if "{" in piece else piece for piece in pieces)
        text = f"/{number}/{text}" if number else f"/{text}"
        try:
            parse_pattern(text)
        except SetupError:  # not every mixture is a pattern
            continue

        async def function(request: Request, number: int = number) -> str:
            return str(number)

        app.route(text, ["GET", "POST"])(function)
        functions[function] = number
    handler = dispatcher(app)
    for path in paths:
        for prefix in ("", "/0", "/1", "/2"):
            octets = request(f"{prefix}/{path}", method)
            found = follow(handler, octets)
            if found is None:
                continue
            function, values, _ = found
            asked = read(octets)
            answer = asyncio.run(awaited(handler(asked)))
            assert answer.body == str(functions[function]).encode()
            assert values == dict(asked.path_values)


async def awaited(answer: Any) -> Response:
    response = answer if isinstance(answer, Response) else await answer
    assert isinstance(response, Response)
    return response


def test_it_leads_somewhere() -> None:
    app = App()

    @app.get("/users/{id:int}/orders/{name}")
    async def order(id: int, name: str, verbose: bool = False, page: int = 1) -> None: ...

    handler = dispatcher(app)
    assert follow(handler, request("/users/-42/orders/a?page=3&verbose=1&page=4")) == (
        order,
        {"id": "-42", "name": "a"},
        [-42, "a", True, 3],
    )
    assert follow(handler, request("/users/42/orders/a")) == (order, {"id": "42", "name": "a"}, [42, "a", False, 1])
    assert follow(handler, request("/users/42/orders/%41")) is None
    assert follow(handler, request("/users/x/orders/a")) is None


# What texts become.

ARGUMENTS = [
    "text: str",
    "text: int",
    "text: bool",
    "text: str | None = None",
    "text: int = 3",
    "text: bool = True",
    "text: float",
]
TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "1", "true", "false", "True", "on", "-0", "+5", "007", "9" * 18, "9" * 19, "-" + "9" * 19, "1_0", "²"]
    ),
    st.integers().map(str),
    st.text("ab01-+%&=.", max_size=6),
)


def with_argument(argument: str) -> App:
    scope: dict[str, Any] = {}
    exec(f"async def function({argument}): return repr(text)", scope)
    app = App()
    app.get("/query")(scope["function"])
    app.get("/path/{text}")(scope["function"])
    return app


HANDLERS = [dispatcher(with_argument(argument)) for argument in ARGUMENTS]


@given(
    st.sampled_from(range(len(ARGUMENTS))),
    st.lists(st.tuples(st.sampled_from(["text", "tex", "texts", "", "te%78t", "text="]), TEXTS), max_size=4),
)
@settings(max_examples=600)
def test_a_text_becomes_what_its_reader_makes_of_it(index: int, pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}" if value or name != "tex" else name for name, value in pairs)
    for target in (f"/query?{query}", f"/path/{query}"):
        octets = request(target.encode("ascii", "ignore").decode())
        found = follow(HANDLERS[index], octets)
        if found is None or found[2] == [...]:
            continue
        answer = asyncio.run(awaited(HANDLERS[index](read(octets))))
        assert (answer.status, answer.body) == (200, repr(found[2][0]).encode())


def test_names_that_stand_in_no_query_as_they_are() -> None:
    app = App()

    @app.get("/")
    async def function(one: str = Header("X"), two: Annotated[str, Cookie("b")] = "") -> None: ...

    assert follow(dispatcher(app), request("/?one=1"))[2] == [..., ...]


@pytest.mark.parametrize(("count", "known"), [(9, True), (10, True), (11, False)])
def test_a_query_with_too_many_parameters_is_left_to_its_reader(count: int, known: bool) -> None:
    app = App()

    @app.get("/")
    async def function(a: str) -> None: ...

    octets = request("/?" + "&".join(["a=b"] * count))
    assert follow(dispatcher(app), octets, Limits(parameters=10))[2] == (["b"] if known else [...])


# Content.


class Order(msgspec.Struct):
    item: str
    count: int = 1


@dataclass
class Address2:
    street: str
    city: str = "Bremen"  # a default that has to be completed: the decoder is not all there is to it


def posting() -> App:
    app = App()

    @app.post("/order")
    async def order(order: Order) -> Order:
        return order

    @app.post("/address")
    async def address(address: Address2) -> Address2:
        return address

    @app.post("/any")
    async def any_json(data: JSONBody) -> dict[str, Any]:
        return data

    @app.post("/bytes", body_limit=20)
    async def octets(data: bytes) -> bytes:
        return data

    @app.post("/request")
    async def all_of_it(request: Request, q: str = "") -> dict[str, Any]:
        reader = request.reader
        return {
            "body": len(request.body),
            "rest": len(await reader.read()),
            "begun": reader.begun,
            "declared": reader.declared,
            "limit": reader.limit,
            "q": q,
        }

    @app.post("/stream")
    async def stream(reader: RequestBodyReader) -> list[int]:
        return [len(piece) async for piece in reader]

    @app.post("/nothing")
    async def nothing() -> None: ...

    @app.get("/get")
    async def get(request: Request) -> str:
        return f"{request.content is not None} {request.has('body')}"

    return app


def post(target: str, content: bytes, *lines: str) -> bytes:
    return request(target, "POST", content, *(lines or ("Content-Type: application/json",)))


@pytest.mark.parametrize(
    ("octets", "arguments"),
    [
        (post("/order", b'{"item": "a"}'), [Order("a")]),
        (post("/order", b"{}"), [...]),
        (post("/order", b'{"item": "a"}', "Content-Type: application/json; charset=utf-8"), None),
        (post("/order", b'{"item": "a"}', "Content-Type: application/json", "Content-Type: text/plain"), None),
        (post("/order", b'{"item": "a"}', "Content-Type: application/json", "Cookie: a=b"), None),
        (post("/order", b""), None),
        (post("/address", b'{"street": "a"}'), [...]),
        (post("/any", b'{"a": [1]}'), [{"a": [1]}]),
        (post("/any", b"[1]"), [...]),
        (post("/any", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}"), [msgspec.json.decode(b'{"a":' + b"[" * 99 + b"]" * 99 + b"}")]),
        (post("/any", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"), None),
        (post("/bytes", b'"1234567890123456"'), [...]),
        (post("/bytes", b'"1234567890123456789"'), None),
        (post("/nothing", b"anything", "Content-Type: text/plain"), []),
        (request("/get", "GET", b"anything"), [...]),
    ],
)
def test_content(octets: bytes, arguments: list[Any] | None) -> None:
    found = follow(dispatcher(posting()), octets)
    assert (found if found is None else found[2]) == arguments
