"""The plan: what is read, in which order sources are asked, what it costs."""

from __future__ import annotations

import asyncio
import functools
import sys
from types import FrameType
from typing import Any

import msgspec
import pytest
from tests.binding.making import GET, JSON, MULTIPART, URLENCODED, bound, errors, multipart, request

from hospes import App
from hospes.binding.errors import MOST
from hospes.binding.markers import BytesBody, RequestBodyReader
from hospes.binding.plan import compile_plan
from hospes.binding.providers import ProviderRegistry
from hospes.binding.signature import Site
from hospes.binding.source import Reads
from hospes.http.multipart import MultipartFile
from hospes.http.problem import InvalidRequest
from hospes.http.request import Request


class Point(msgspec.Struct):
    x: int


class Made:
    count = 0

    @classmethod
    def __from_request__(cls, request: Request) -> Made:
        cls.count += 1
        return cls()


def nothing() -> str:
    return "x"


def number(n: int) -> int:
    return n


def whole(p: Point, n: int = 0) -> Any:
    return p, n


def octets(b: BytesBody, n: int = 0) -> Any:
    return b, n


def streamed(r: RequestBodyReader, n: int = 0) -> Any:
    return r, n


def files(f: list[MultipartFile], r: RequestBodyReader) -> Any:
    return f, r


def test_what_is_read() -> None:
    reads = [compile_plan(each, Site()).reads for each in (nothing, number, whole, octets, streamed, files)]
    assert reads == [Reads.NOTHING, Reads.FORM, Reads.CONTENT, Reads.OCTETS, Reads.STREAM, Reads.FORM]
    assert compile_plan(number, Site(methods=GET)).reads is Reads.NOTHING
    assert compile_plan(whole, Site(methods=GET)).reads is Reads.NOTHING


def test_prepare_reads_no_more_than_that() -> None:
    async def run() -> None:
        for handler, fields, body, left in (
            (number, [JSON], b"{}", b"{}"),
            (number, [URLENCODED], b"n=1", b""),
            (whole, [JSON], b"{}", b""),
            (whole, [MULTIPART], multipart(('name="x"', b"1")), b""),
            (streamed, [URLENCODED], b"n=1", b"n=1"),
        ):
            on = request("/", body, fields)
            content = on.content
            assert content is not None
            await compile_plan(handler, Site()).prepare(on)
            assert await content.read() == left

    asyncio.run(run())


def test_octets_and_form_together() -> None:
    body = multipart(('name="n"', b"7"))
    assert bound(octets, request("/", body, [MULTIPART])) == (body, 7)
    assert bound(octets, request("/", b"n=7", [URLENCODED])) == (b"n=7", 7)
    assert bound(octets, request("/", b"\xff", ["Content-Type: image/png"])) == (b"\xff", 0)


def test_objects_are_made_after_everything_that_may_be_refused() -> None:
    def handler(made: Made, n: int) -> Any:
        return made, n

    Made.count = 0
    assert errors(handler, request("/?n=x")) == [("query", "n", "expected an integer, got 'x'")]
    assert Made.count == 0
    made, n = bound(handler, request("/?n=1"))
    assert (type(made), n, Made.count) == (Made, 1, 1)


def test_the_order_of_parameters_is_kept() -> None:
    def handler(a: Made, n: int, b: Made, m: int, r: Request) -> Any:
        return [type(each).__name__ for each in (a, n, b, m, r)]

    assert bound(handler, request("/?n=1&m=2")) == ["Made", "int", "Made", "int", "Request"]


def test_what_is_left_where_one_has_to_be_awaited() -> None:
    registry = ProviderRegistry()

    async def later(r: Request) -> Point:
        await asyncio.sleep(0)
        return Point(7)

    registry.add(later, "request")

    def handler(a: Made, p: Point, n: int, b: Made) -> Any:
        return a, p, n, b

    plan = compile_plan(handler, Site(), registry)
    asked = request("/?n=1")
    values = [None, *(each.read(asked) if place in (0, 1, 2) else None for place, each in enumerate(plan.sources))]
    asyncio.run(plan.complete(asked, values, 1, 2))
    assert [type(each).__name__ for each in values] == ["NoneType", "Made", "Point", "int", "Made"]


def test_a_refusal_inside_a_provider_is_one_too() -> None:
    registry = ProviderRegistry()

    def point(x: int) -> Point:
        return Point(x)

    registry.add(point, "request")

    def handler(p: Point) -> Any:
        return p

    assert bound(handler, request("/?x=1"), providers=registry) == Point(1)
    assert errors(handler, request("/?x=a"), providers=registry) == [("query", "x", "expected an integer, got 'a'")]


def test_errors_are_bounded() -> None:
    def handler(n: list[int]) -> Any:
        return n

    def after(n: list[int], made: Made) -> Any:
        return n, made

    target = "/?" + "&".join(["n=x"] * (MOST + 5))
    for each in (handler, after):
        found = errors(each, request(target))
        assert len(found) == MOST + 1
        assert found[-1][2] == "5 more errors are not shown"


def test_bind_and_bind_async_give_the_same() -> None:
    plan = compile_plan(number, Site())
    assert list(plan.bind(request("/?n=1"))) == [1]
    assert list(asyncio.run(plan.bind_async(request("/?n=1")))) == [1]
    with pytest.raises(InvalidRequest):
        asyncio.run(plan.bind_async(request("/?n=x")))


def test_call_puts_arguments_where_they_belong() -> None:
    def handler(a: int, /, b: int, *args: int, c: int, d: int = 4, **kw: int) -> Any:
        return a, b, args, c, d, kw

    plan = compile_plan(handler, Site())
    assert plan.call(*plan.bind(request("/?a=1&b=2&args=8&args=9&c=3&z=5"))) == (1, 2, (8, 9), 3, 4, {"z": 5})

    def only_names(*, c: int) -> Any:
        return c

    plan = compile_plan(only_names, Site())
    assert plan.call(*plan.bind(request("/?c=3"))) == 3

    def only_rest(*n: int) -> Any:
        return n

    plan = compile_plan(only_rest, Site())
    assert plan.call(*plan.bind(request("/?n=3&n=4"))) == (3, 4)


def test_call_is_the_handler_itself_where_it_can() -> None:
    assert compile_plan(number, Site()).call is number
    assert compile_plan(nothing, Site()).call is nothing


def test_call_of_a_method() -> None:
    class Controller:
        def plain(self, a: int) -> Any:
            return self, a

        def named(self, a: int, *, c: int) -> Any:
            return self, a, c

    controller = Controller()
    site = Site(is_method=True)
    plan = compile_plan(Controller.plain, site)
    assert plan.call(controller, *plan.bind(request("/?a=1"))) == (controller, 1)
    plan = compile_plan(Controller.named, site)
    assert plan.call(controller, *plan.bind(request("/?a=1&c=2"))) == (controller, 1, 2)


def test_partials() -> None:
    def handler(a: int, b: int, c: int = 3) -> Any:
        return a, b, c

    fixed = functools.partial(handler, b=2)
    assert bound(fixed, request("/?a=1&b=99&c=4")) == (1, 2, 4)


def test_classes_are_bound_by_their_constructor() -> None:
    class Thing:
        def __init__(self, n: int) -> None:
            self.n = n

    assert bound(Thing, request("/?n=5")).n == 5


def test_what_a_typed_route_costs() -> None:
    def user(id: int, verbose: bool = False) -> Any:
        return id, verbose

    plan = compile_plan(user, Site(path_names=frozenset({"id"}), methods=GET))
    on = request("/users/42?verbose=true", path={"id": "42"})
    calls: list[str] = []

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and "binding" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_name)

    assert on.query
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        values = plan.bind(on)
    finally:
        sys.setprofile(before)
    assert values == [42, True]
    # Beside what the request itself needs to parse its query.
    assert calls == ["bind", "read", "read"]
    assert not compile_plan(nothing, Site()).needs_await


def test_what_a_form_leaves_out_is_missed_in_the_form() -> None:
    app = App()

    @app.post("/")
    def sign(name: str, message: str) -> str:
        return f"{name}: {message}"

    with app.test() as client:
        answer = client.post("/", form={"name": "Ada"})
        assert answer.json()["errors"] == [{"in": "form", "pointer": "message", "message": "missing"}]
        assert client.post("/?name=Ada").json()["errors"] == [{"in": "query", "pointer": "message", "message": "missing"}]
