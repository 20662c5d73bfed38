"""Sources of injected types; that handlers get them is in test_sources."""

from __future__ import annotations

from typing import Any

import pytest
from tests.binding.making import request

from hospes.binding.injected import by_binding, injected
from hospes.binding.itself import ModelBinding
from hospes.binding.markers import BytesBody, ModelDict, RegGroups, RequestBodyReader
from hospes.binding.signature import EMPTY, Argument
from hospes.binding.source import Reads
from hospes.http.headers import Headers
from hospes.http.morsels import Cookies
from hospes.http.request import Request
from hospes.http.response import Response


def argument(annotation: Any = EMPTY, default: Any = EMPTY) -> Argument:
    return Argument("a", annotation, default, None, "f", ())


@pytest.mark.parametrize(
    ("kind", "reads", "is_object"),
    [
        (Request, Reads.CONTENT, False),
        (Response, Reads.NOTHING, True),
        (Headers, Reads.NOTHING, False),
        (Cookies, Reads.NOTHING, False),
        (RequestBodyReader, Reads.STREAM, True),
        (ModelDict, Reads.FORM, False),
        (RegGroups, Reads.NOTHING, False),
        (BytesBody, Reads.OCTETS, False),
        (bytes, Reads.OCTETS, False),
    ],
)
def test_what_is_injected(kind: Any, reads: Reads, is_object: bool) -> None:
    source = injected(argument(kind), kind, True)
    assert source is not None
    assert (source.reads, source.is_object) == (reads, is_object)
    assert isinstance(source.read(request("/")), kind)


def test_where_there_is_no_content_nothing_is_read() -> None:
    for kind in (Request, ModelDict):
        source = injected(argument(kind), kind, False)
        assert source is not None
        assert source.reads is Reads.NOTHING


def test_what_is_not() -> None:
    assert injected(argument(int), int, True) is None
    assert injected(argument(list[int]), list[int], True) is None


def test_cookies_that_http_cookies_does_not_know_are_left_out() -> None:
    source = injected(argument(Cookies), Cookies, True)
    assert source is not None
    assert set(source.read(request(fields=["Cookie: a=1; path=/; b=2"]))) == {"a", "b"}


def test_bindings_are_told_all() -> None:
    class Telling(ModelBinding):
        def bind(self) -> Any:
            return self

    source = by_binding(argument(int, 5), int, Telling, True)
    on = request()
    made = source.read(on)
    assert (made.request, made.arg_name, made.arg_type, made.default_value) == (on, "a", int, 5)
    assert isinstance(made.response, Response)
    assert (source.reads, source.is_object, source.waits) == (Reads.CONTENT, True, False)
