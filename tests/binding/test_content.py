"""Readers of content: JSON, forms, pydantic's face, octets and files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.binding.making import GET, JSON, MULTIPART, URLENCODED, bound, errors, multipart, request

from hospes.binding.content import decoder_for, is_file, is_form, json_value, text_decoder
from hospes.binding.errors import Unfit
from hospes.binding.signature import Site
from hospes.binding.source import Otherwise
from hospes.errors import HttpError
from hospes.http.multipart import MultipartFile
from hospes.limits import Limits


class Point(msgspec.Struct):
    x: int
    y: int = 0


@dataclass
class Range:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("Low must not be above high")


class Invalid(ValueError):
    """Has pydantic's `errors()`."""

    def errors(self) -> list[dict[str, Any]]:
        return [
            {"type": "missing", "loc": ("items", 0, "a/b"), "msg": "Field required"},
            {"type": "int", "loc": ("n",), "msg": "Not a number"},
            {"loc": ()},
        ]


class Pydantic:
    """What pydantic's BaseModel offers, as far as binding asks."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @classmethod
    def model_validate_json(cls, content: bytes) -> Pydantic:
        return cls.model_validate(msgspec.json.decode(content))

    @classmethod
    def model_validate(cls, value: Any) -> Pydantic:
        if value == {"n": "bad"}:
            raise Invalid
        if value == {"n": "worse"}:
            raise ValueError("not like this")
        return cls(value)


def test_forms_are_known_by_their_type() -> None:
    assert is_form(request("/", b"", [URLENCODED]))
    assert is_form(request("/", b"", [MULTIPART]))
    assert not is_form(request("/", b"", [JSON]))
    assert not is_form(request("/", b""))


def test_depth_of_json_at_the_limit() -> None:
    read = json_value(Any, Otherwise())
    for depth, fits in ((4, True), (5, True), (6, False)):
        on = request("/", b"", [JSON], limits=Limits(json_depth=5))
        on.body = b"[" * depth + b"]" * depth
        if fits:
            assert read(on)
            continue
        with pytest.raises(HttpError) as caught:
            read(on)
        assert caught.value.code == 400


def test_containers_of_json_at_the_limit() -> None:
    read = json_value(Any, Otherwise())
    for count, fits in ((2, True), (3, True), (4, False)):
        on = request("/", b"", [JSON], limits=Limits(json_containers=3))
        on.body = b"[" + b",".join([b"{}"] * (count - 1)) + b"]"
        if fits:
            assert len(read(on)) == count - 1
            continue
        with pytest.raises(HttpError) as caught:
            read(on)
        assert (caught.value.code, caught.value.message) == (400, "JSON holds too much")


def test_digits_of_json() -> None:
    def handler(p: Point) -> Any:
        return p.x

    assert bound(handler, request("/", b'{"x":' + b"9" * 4300 + b"}", [JSON])) == 10**4300 - 1
    assert errors(handler, request("/", b'{"x":' + b"9" * 4301 + b"}", [JSON]))[0][0] == "json"


def test_a_model_that_refuses_its_members() -> None:
    def handler(r: Range) -> Any:
        return r

    assert errors(handler, request("/", b'{"low":2,"high":1}', [JSON])) == [("json", "#", "low must not be above high")]
    assert errors(handler, request("/", b"low=2&high=1", [URLENCODED])) == [("form", "", "low must not be above high")]
    assert errors(handler, request("/?low=2&high=1"), Site(methods=GET)) == [("query", "", "low must not be above high")]


def test_a_struct_that_is_an_array_has_no_form() -> None:
    class Pair(msgspec.Struct, array_like=True):
        a: int

    def handler(p):  # type: ignore[no-untyped-def]  # annotated below
        return p

    handler.__annotations__["p"] = Pair
    assert bound(handler, request("/", b"[1]", [JSON])) == Pair(1)
    assert errors(handler, request("/", b"a=1", [URLENCODED]))[0][2].startswith("expected content of type application/json")


def test_pydantic_models() -> None:
    def handler(p: Pydantic) -> Any:
        return p.value

    assert bound(handler, request("/", b'{"a":1}', [JSON])) == {"a": 1}
    assert bound(handler, request("/", b"a=1&b=2&b=3", [URLENCODED])) == {"a": "1", "b": ["2", "3"]}
    assert bound(handler, request("/?a=1"), Site(methods=GET)) == {"a": "1"}
    assert errors(handler, request("/", b'{"n":"bad"}', [JSON])) == [
        ("json", "#/items/0/a~1b", "missing"),
        ("json", "#/n", "Not a number"),
        ("json", "#", "does not fit"),
    ]
    assert errors(handler, request("/", b'{"n":"worse"}', [JSON])) == [("json", "#", "not like this")]
    assert errors(handler, request("/?n=bad"), Site(methods=GET))[1] == ("query", "n", "Not a number")


def test_pydantic_models_inside_others() -> None:
    decode = decoder_for(list[Pydantic])
    assert [each.value for each in decode(b'[{"a":1},2]')] == [{"a": 1}, 2]
    with pytest.raises(Unfit) as caught:
        decode(b'[{"n":"worse"},{"n":"bad"},3]')
    assert [(each.pointer, each.message) for each in caught.value.errors] == [
        ("#/0", "not like this"),
        ("#/1/items/0/a~1b", "missing"),
        ("#/1/n", "Not a number"),
        ("#/1", "does not fit"),
    ]


def test_json_in_a_parameter() -> None:
    decode = text_decoder(dict[str, int])
    assert decode(request("/"), "query", "a", '{"n":1}') == {"n": 1}
    with pytest.raises(Unfit) as caught:
        decode(request("/"), "query", "a", '{"n":"x"}')
    assert [(each.source, each.pointer) for each in caught.value.errors] == [("query", "a/n")]


def test_files_are_known_by_their_type() -> None:
    assert is_file(MultipartFile)
    assert is_file(MultipartFile | None)
    assert is_file(list[MultipartFile])
    assert not is_file(list[str])


def test_a_file_in_a_form_that_is_none() -> None:
    def handler(f: MultipartFile | None = None) -> Any:
        return f

    assert bound(handler, request("/", b"{}", [JSON])) is None


def test_files_of_a_field() -> None:
    def handler(f: set[MultipartFile]) -> Any:
        return sorted(each.filename for each in f)

    parts = multipart(('name="f"; filename="1"', b"a"), ('name="f"; filename="2"', b"b"))
    assert bound(handler, request("/", parts, [MULTIPART])) == ["1", "2"]


def test_a_form_is_not_parsed_for_a_handler_of_json() -> None:
    async def body() -> bytes:
        on = request("/", b'{"x":1}', [JSON])
        return await on.read()

    assert asyncio.run(body()) == b'{"x":1}'
