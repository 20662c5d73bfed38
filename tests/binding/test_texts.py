"""Readers of texts, one by one; the rules of missing and empty are in test_sources."""

from __future__ import annotations

from typing import Any

import pytest
from tests.binding.making import URLENCODED, request

from hospes.binding import texts
from hospes.binding.errors import Unfit
from hospes.binding.scalars import TEXT, Converter, converter_for
from hospes.binding.source import Otherwise, Read, required
from hospes.binding.texts import Place
from hospes.http.request import Request


def conv(kind: Any) -> Converter:
    converter = converter_for(kind)
    assert converter is not None
    return converter


def refused(read: Read, on: Request) -> list[tuple[str, str, str]]:
    with pytest.raises(Unfit) as caught:
        read(on)
    return [(each.source, each.pointer, each.message) for each in caught.value.errors]


def test_sources_are_named_as_the_visitor_knows_them() -> None:
    place = Place("query", "a", forms=True)
    assert place.source_in(request("/?a=1")) == "query"
    assert place.source_in(request("/?a=1", b"", [URLENCODED])) == "query"
    assert place.source_in(request("/", b"", [URLENCODED])) == "form"
    assert Place("query", "a").source_in(request("/", b"")) == "query"
    assert Place("path", "a", forms=True).source_in(request("/", b"")) == "path"


def test_path_values() -> None:
    on = request(path={"a": "1", "b": "x"})
    assert texts.path_value("a", TEXT)(on) == "1"
    assert texts.path_value("a", conv(int))(on) == 1
    assert texts.path_value("a", conv(bool))(on) is True
    assert refused(texts.path_value("b", conv(int)), on) == [("path", "b", "expected an integer, got 'x'")]
    assert refused(texts.path_value("a", conv(int)), request(path={"a": "9" * 5000}))[0][2].startswith(
        "expected an integer, got '999"
    )


def test_groups() -> None:
    made = texts.reg_group(0, TEXT, True)(request(groups=("x",)))
    assert (made, made.group) == ("x", 0)
    assert texts.reg_group(0, conv(int), False)(request(groups=("1",))) == 1
    assert refused(texts.reg_group(1, TEXT, True), request(groups=("x",)))[0][1] == "group 1"


def test_first_parameter() -> None:
    place = Place("query", "a")
    read = texts.first_parameter(place, conv(int), Otherwise(7))
    assert [read(request(each)) for each in ("/?a=1&a=x", "/?b", "/")] == [1, 7, 7]
    assert refused(read, request("/?a=x")) == [("query", "a", "expected an integer, got 'x'")]
    fresh = texts.first_parameter(place, TEXT, Otherwise(None, list))
    assert (fresh(request("/")), fresh(request("/?a="))) == ([], "")
    assert refused(texts.first_parameter(place, TEXT, required("query", "a")), request("/")) == [("query", "a", "missing")]


def test_several() -> None:
    place = Place("query", "a")
    read = texts.all_parameters(place, set, conv(int), Otherwise(None))
    assert read(request("/?a=1&a=1")) == {1}
    assert read(request("/")) is None
    assert [each[1] for each in refused(read, request("/?a=x&a=1&a=y"))] == ["a/0", "a/2"]
    pair = texts.fixed_parameters(place, (conv(int), TEXT), Otherwise(()))
    assert (pair(request("/?a=1&a=b")), pair(request("/"))) == ((1, "b"), ())
    assert refused(pair, request("/?a=1"))[0][2] == "expected 2 values, got 1"


def test_a_list_of_texts_is_a_copy() -> None:
    on = request("/?a=1")
    texts.all_parameters(Place("query", "a"), list, TEXT, Otherwise())(on).append("2")
    assert on.query == {"a": ["1"]}


def test_remaining() -> None:
    read = texts.remaining_parameters(frozenset({"a"}), TEXT, False)
    assert read(request("/?a=1&b=2&c=3&c=4")) == {"b": "2", "c": "3"}


def test_json_parameter() -> None:
    def decode(request: Request, source: str, name: str, text: str) -> Any:
        return source, name, text

    read = texts.json_parameter(Place("query", "a"), decode, Otherwise(1))
    assert (read(request("/?a=x")), read(request("/"))) == (("query", "a", "x"), 1)


def test_header_fields() -> None:
    on = request(fields=["x-a: 1", "x-b: 2", "x-b: 3"])
    place = Place("header", "x_a")
    assert texts.header_field(place, ("x_a", "X-A"), conv(int), Otherwise(0))(on) == 1
    assert texts.header_field(place, ("x_c",), conv(int), Otherwise(0))(on) == 0
    assert refused(texts.header_field(place, ("x-b",), conv(int), Otherwise(0)), on) == [("header", "x_a", "expected an integer")]
    assert texts.header_lines(place, ("none", "x-b"), list, conv(int), Otherwise(0))(on) == [2, 3]
    assert texts.header_lines(place, ("none",), list, conv(int), Otherwise(0))(on) == 0


def test_cookies() -> None:
    on = request(fields=["Cookie: a=1; b=x"])
    assert texts.cookie_value(Place("cookie", "a"), conv(int), Otherwise(0))(on) == 1
    assert texts.cookie_value(Place("cookie", "c"), conv(int), Otherwise(0))(on) == 0
    assert refused(texts.cookie_value(Place("cookie", "b"), conv(int), Otherwise(0)), on) == [
        ("cookie", "b", "expected an integer")
    ]


def test_parameters_of() -> None:
    on = request("/?a=1", b"", [URLENCODED])
    assert texts.parameters_of(on, False) == {"a": ["1"]}
    on.parameters = {"a": ["changed"]}
    assert texts.parameters_of(on, True) == {"a": ["changed"]}


def test_what_a_converter_refuses_at_random_is_still_an_answer() -> None:
    def moody(text: str) -> Any:
        moods.append(text)
        if len(moods) == 1:
            raise ValueError
        return text

    moods: list[str] = []
    read = texts.path_value("a", Converter(moody, None, "patience"))
    assert refused(read, request(path={"a": "x"})) == [("path", "a", "expected patience, got 'x'")]
