"""Models as parameters: from JSON, from forms, from the query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from tests.binding.making import GET, JSON, MULTIPART, URLENCODED, bound, errors, multipart, request

from hospes.binding.markers import Cookie, Header, JSONBody
from hospes.binding.plan import compile_plan
from hospes.binding.signature import Site
from hospes.errors import SetupError

READ = Site(methods=GET)


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Size:
    width: int
    tags: list[str]


class Named(TypedDict, total=False):
    name: str


class Line(msgspec.Struct):
    start: Point
    ends: list[Point] = []


@pytest.mark.parametrize(
    ("annotation", "content", "value"),
    [
        (Point, b'{"x":1}', Point(1)),
        (Size, b'{"width":1,"tags":["a"]}', Size(1, ["a"])),
        (Named, b'{"name":"n"}', {"name": "n"}),
        (list[Point], b'[{"x":1},{"x":2}]', [Point(1), Point(2)]),
        (dict[str, Point], b'{"a":{"x":1}}', {"a": Point(1)}),
        (Point | None, b'{"x":1}', Point(1)),
        (Point | None, b"null", None),
        (Annotated[list[int], JSONBody], b"[1,2]", [1, 2]),
        (Annotated[int, JSONBody()], b"7", 7),
    ],
)
def test_models_are_the_content(annotation: Any, content: bytes, value: object) -> None:
    def handler(model):  # type: ignore[no-untyped-def]  # annotated below
        return model

    handler.__annotations__["model"] = annotation
    assert bound(handler, request("/", content, [JSON])) == value


def test_a_missing_model() -> None:
    def handler(p: Point) -> Any:
        return p

    def optional(p: Point | None) -> Any:
        return p

    def defaulted(p: Point = Point(5)) -> Any:  # noqa: B008
        p.y += 1
        return p

    assert errors(handler, request("/", b"", [JSON])) == [("json", "#", "missing")]
    assert bound(optional, request("/", b"", [JSON])) is None
    assert bound(defaulted, request("/")) == Point(5, 1)
    assert bound(defaulted, request("/")) == Point(5, 1)


def test_a_model_comes_from_a_form_as_well() -> None:
    def handler(p: Point, s: str = "") -> Any:
        return p, s

    assert bound(handler, request("/", b"x=1&y=2&s=t", [URLENCODED])) == (Point(1, 2), "t")
    assert bound(handler, request("/", multipart(('name="x"', b"1")), [MULTIPART])) == (Point(1), "")
    assert errors(handler, request("/", b"y=b", [URLENCODED])) == [
        ("form", "x", "missing"),
        ("form", "y", "expected an integer, got 'b'"),
    ]


def test_a_model_comes_from_the_query_where_there_is_no_content() -> None:
    def handler(size: Size, named: Named) -> Any:
        return size, named

    def one(size: Size) -> Any:
        return size

    assert bound(one, request("/?width=1&tags=a&tags=b"), READ) == Size(1, ["a", "b"])
    with pytest.raises(SetupError):
        compile_plan(handler, READ)


def test_a_model_inside_a_form_is_json_text() -> None:
    def handler(line: Line) -> Any:
        return line

    on = request("/", b'start={"x":1}&ends=[{"x":2}]', [URLENCODED])
    assert bound(handler, on) == Line(Point(1), [Point(2)])
    assert errors(handler, request("/", b'start={"x":"q"}', [URLENCODED])) == [
        ("form", "start/x", "expected an integer, got 'q'")
    ]


def test_all_errors_at_once() -> None:
    def handler(id: int, p: Point, q: int, token: Header, sid: Annotated[int, Cookie("sid")] = 0) -> Any:
        return id, p, q, token, sid

    on = request("/?q=x", b'{"x":"a","y":"b"}', [JSON, "Cookie: sid=x"], path={"id": "i"})
    assert errors(handler, on, Site(path_names=frozenset({"id"}))) == [
        ("path", "id", "expected an integer, got 'i'"),
        ("json", "#/x", "expected an integer, got 'a'"),
        ("json", "#/y", "expected an integer, got 'b'"),
        ("query", "q", "expected an integer, got 'x'"),
        ("header", "token", "missing"),
        ("cookie", "sid", "expected an integer"),
    ]
