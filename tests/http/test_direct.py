"""The map's own shape: it can be made, compared and read, and does nothing. What goes by it, tests/engine/test_map.py tests."""

from __future__ import annotations

from hospes.http.direct import Argument, Branch, Content, Direct, End, Map, Origin, Usual, Way, Ways
from hospes.http.request import Request
from hospes.http.response import Response


def read(request: Request) -> str:
    return request.path


def endpoint(request: Request) -> Response:
    return Response()


def test_what_a_direct_way_is_by_default() -> None:
    direct = Direct(endpoint=endpoint)
    assert (direct.status, direct.content, direct.body_limit, direct.guarded) == (200, Content.LEFT, None, False)
    assert (direct.call, direct.waits, direct.conclude, direct.owner, direct.arguments) == (None, False, None, None, ())


def test_an_argument_is_what_its_reader_gives() -> None:
    assert Argument(read) == Argument(read, None, False)
    assert Usual(Origin.QUERY, "q") == Usual(Origin.QUERY, "q", str, (), None)
    assert Usual(Origin.QUERY, "q", int, (None,)) != Usual(Origin.QUERY, "q", int)  # None is a default, too


def test_ways_lead_on() -> None:
    end: Way[str] = Way(end=End(("id",), "endpoint"))
    root: Way[str] = Way({"users": Way(branches=[Branch("", bool, end)])})
    ways = Ways({"/": "home", "/conditions": None}, root)
    assert ways.root is not None
    assert ways.root.literals["users"].branches[0].way.end == End(("id",), "endpoint")
    assert not root.is_open
    assert Map({}, {}).methods == {}
