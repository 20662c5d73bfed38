"""The router: classes of precedence, methods, conditions, conflicts, outcomes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Literal

import pytest
from tests.collector import no_collection
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.http.headers import Headers
from hospes.routing.router import Matcher, Route, Router
from hospes.routing.tree import AutomaticOptions, BadPath, Match, MethodNotAllowed, NotFound


def route(pattern: str = "", methods: str = "", endpoint: str = "", **more: Any) -> Route[str]:
    return Route(pattern=pattern, methods=frozenset(methods.split()), endpoint=endpoint or pattern or more["regexp"], **more)


def matcher(*routes: Route[str]) -> Matcher[str]:
    router: Router[str] = Router()
    for each in routes:
        router.add(each)
    return router.freeze()


class Asked:
    """A request with parameters and fields."""

    def __init__(self, parameters: Mapping[str, list[str]] | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.parameters = parameters or {}
        self.headers = Headers(headers)


def endpoint(outcome: object) -> object:
    return outcome.endpoint if isinstance(outcome, Match) else outcome


def test_exact_then_pattern_then_regexp() -> None:
    found = matcher(route(regexp="^a/(.*)$"), route("/a/**"), route("/a/{x}"), route("/a/b"))
    assert found.match("GET", "/a/b") == Match("/a/b")
    assert found.match("GET", "/a/c") == Match("/a/{x}", {"x": "c"})
    assert found.match("GET", "/a/c/d") == Match("/a/**", {"*": "c/d"})
    assert found.match("GET", "/a/") == Match("^a/(.*)$", {}, ("",))


def test_within_a_class_a_named_method_comes_before_any_method() -> None:
    found = matcher(
        route("/a", endpoint="any"),
        route("/a", "GET", "named"),
        route("/b/{x:int}", endpoint="any, though more specific"),
        route("/b/**", "GET", "named, though less specific"),
        route(regexp="^c", endpoint="any, though first"),
        route(regexp="^c/", methods="GET", endpoint="named, though last"),
    ).match
    assert endpoint(found("GET", "/a")) == "named"
    assert endpoint(found("POST", "/a")) == "any"
    assert endpoint(found("GET", "/b/1")) == "named, though less specific"
    assert endpoint(found("PUT", "/b/1")) == "any, though more specific"
    assert endpoint(found("GET", "/c/d")) == "named, though last"
    assert endpoint(found("PURGE", "/c/d")) == "any, though first"


def test_a_class_comes_before_a_method() -> None:
    found = matcher(route("/a", endpoint="exact, any"), route("/{x}", "GET", "pattern, named"), route(regexp=".*", methods="GET"))
    assert endpoint(found.match("GET", "/a")) == "exact, any"
    assert endpoint(found.match("GET", "/b")) == "pattern, named"


def test_an_exact_path_of_another_method_does_not_hide_a_pattern() -> None:
    found = matcher(route("/users/new", "POST"), route("/users/{id}", "GET"))
    assert endpoint(found.match("GET", "/users/new")) == "/users/{id}"
    assert endpoint(found.match("POST", "/users/new")) == "/users/new"


def test_regexps_in_order_of_registration() -> None:
    found = matcher(route(regexp="a"), route(regexp="ab"), route(regexp="^/abs"))
    assert endpoint(found.match("GET", "/abc")) == "a"
    assert endpoint(matcher(route(regexp="^/abs")).match("GET", "/abs")) == "^/abs"


def test_groups_of_a_regexp() -> None:
    found = matcher(route(regexp="^(reg/(.+))$"), route(regexp="^x(a)?(b)?$"))
    assert found.match("GET", "/reg/abcef/aref/xxx") == Match("^(reg/(.+))$", {}, ("reg/abcef/aref/xxx", "abcef/aref/xxx"))
    assert found.match("GET", "/reg/%E4%B8%AD") == Match("^(reg/(.+))$", {}, ("reg/中", "中"))
    assert found.match("GET", "/xb") == Match("^x(a)?(b)?$", {}, ("", "b"))
    assert found.match("GET", "/y/reg/x") == NotFound()


@pytest.mark.parametrize("pattern", ["/a", "/{x}"])
def test_methods(pattern: str) -> None:
    found = matcher(route(pattern, "GET POST")).match
    assert endpoint(found("GET", "/a")) == pattern
    assert endpoint(found("POST", "/a")) == pattern
    assert endpoint(found("HEAD", "/a")) == pattern
    assert found("OPTIONS", "/a") == AutomaticOptions(("GET", "HEAD", "OPTIONS", "POST"))
    for method in ("PUT", "TRACE", "CONNECT", "BREW", "get"):
        assert found(method, "/a") == MethodNotAllowed(("GET", "HEAD", "OPTIONS", "POST"))
    for method in ("PUT", "OPTIONS", "HEAD"):
        assert found(method, "/nowhere/at/all") == NotFound()


def test_allow_gathers_all_classes() -> None:
    found = matcher(route("/a", "PUT"), route("/{x}", "DELETE"), route(regexp="^a$", methods="BREW")).match
    assert found("GET", "/a") == MethodNotAllowed(("BREW", "DELETE", "OPTIONS", "PUT"))
    assert found("OPTIONS", "/a") == AutomaticOptions(("BREW", "DELETE", "OPTIONS", "PUT"))
    assert found("GET", "/b") == MethodNotAllowed(("DELETE", "OPTIONS"))


def test_head() -> None:
    found = matcher(
        route("/a", "GET"), route("/a", "HEAD", "own"), route("/b", "GET"), route("/b", endpoint="any"), route("/c")
    ).match
    assert endpoint(found("HEAD", "/a")) == "own"
    assert endpoint(found("HEAD", "/b")) == "/b"
    assert endpoint(found("HEAD", "/c")) == "/c"
    assert matcher(route("/a", "POST")).match("HEAD", "/a") == MethodNotAllowed(("OPTIONS", "POST"))
    assert matcher(route("/a", "HEAD")).match("GET", "/a") == MethodNotAllowed(("HEAD", "OPTIONS"))


def test_options() -> None:
    found = matcher(route("/a", "OPTIONS GET"), route("/b"), route("/c/d", "GET"), route("/c/*")).match
    assert endpoint(found("OPTIONS", "/a")) == "/a"
    assert endpoint(found("OPTIONS", "/b")) == "/b"
    assert endpoint(found("OPTIONS", "/c/d")) == "/c/*"
    assert found("OPTIONS", "*") == AutomaticOptions(("GET", "HEAD", "OPTIONS"))
    assert found("GET", "*") == NotFound()


def test_unknown_methods_reach_any_method_routes_alone() -> None:
    found = matcher(route("/a"), route("/{x}", "GET")).match
    assert endpoint(found("PURGE", "/a")) == "/a"
    assert found("PURGE", "/b") == MethodNotAllowed(("GET", "HEAD", "OPTIONS"))


def test_the_empty_router() -> None:
    found = matcher().match
    for method in ("GET", "HEAD", "OPTIONS", ""):
        assert found(method, "/") == NotFound()
    assert found("OPTIONS", "*") == AutomaticOptions(("OPTIONS",))


@pytest.mark.parametrize("pattern", ["/p", "/{x}"])
def test_who_demands_more_is_asked_first_and_failures_fall_through(pattern: str) -> None:
    found = matcher(
        route(pattern, endpoint="plain"),
        route(pattern, endpoint="a", params=("a=b",)),
        route(pattern, endpoint="a and X", params=("a=b",), headers=("X-Beta",)),
    ).match
    assert endpoint(found("GET", "/p")) == "plain"
    assert endpoint(found("GET", "/p", Asked({"a": ["c"]}))) == "plain"
    assert endpoint(found("GET", "/p", Asked({"a": ["b"]}))) == "a"
    assert endpoint(found("GET", "/p", Asked({"a": ["b"]}, {"x-beta": ""}))) == "a and X"


def test_failed_conditions_fall_through_to_every_later_class() -> None:
    found = matcher(
        route("/p", "GET", "exact", params=("exact",)),
        route("/{x}", "GET", "pattern", params=("pattern",)),
        route("/**", "GET", "deep", params=("deep",)),
        route(regexp="^p$", methods="GET", endpoint="regexp", params=("regexp",)),
        route(regexp="^p", endpoint="last", params=("once",)),
    ).match
    for name in ("exact", "pattern", "deep", "regexp"):
        assert endpoint(found("GET", "/p", Asked({name: ["1"]}))) == name
    assert endpoint(found("GET", "/p", Asked({"once": ["1"]}))) == "last"
    assert found("GET", "/p", Asked()) == NotFound()
    assert found("GET", "/p") == NotFound()


def test_another_method_would_not_help_against_failed_conditions() -> None:
    found = matcher(route("/p", "GET", params=("a",)), route("/p", "POST", headers=("X-Beta",))).match
    assert found("GET", "/p") == NotFound()
    assert found("HEAD", "/p") == NotFound()
    assert found("PUT", "/p") == MethodNotAllowed(("GET", "HEAD", "OPTIONS", "POST"))
    assert found("OPTIONS", "/p") == AutomaticOptions(("GET", "HEAD", "OPTIONS", "POST"))
    assert matcher(route("/p", params=("a",))).match("OPTIONS", "/p") == NotFound()


def test_without_a_request_nothing_is_there() -> None:
    found = matcher(route("/p", params=("!a",), headers=("!X",))).match
    assert endpoint(found("GET", "/p")) == "/p"


def test_paths_are_decoded_once() -> None:
    found = matcher(route("/中文/x"), route("/a b"), route("/100%"), route("/a/b"), route("/{x}", endpoint="field")).match
    assert endpoint(found("GET", "/%E4%B8%AD%e6%96%87/x")) == "/中文/x"
    assert endpoint(found("GET", "/a%20b")) == "/a b"
    assert endpoint(found("GET", "/100%25")) == "/100%"
    assert endpoint(found("GET", "/%61/b")) == "/a/b"
    assert found("GET", "/a%2Fb") == Match("field", {"x": "a/b"})
    assert found("GET", "/a%2520b") == Match("field", {"x": "a%20b"})
    for path in ("/100%", "/%ff", "/%c0%af", "/%zz"):
        assert found("GET", path) == BadPath()


def test_a_slash_within_a_segment_is_no_other_path() -> None:
    found = matcher(route("/a/b", "GET"), route("/x", "GET")).match
    assert found("GET", "/a%2Fb") == NotFound()
    assert found("POST", "/a%2fb") == NotFound()


def test_the_trailing_slash_is_significant() -> None:
    found = matcher(route("/a"), route("/b/"), route("/")).match
    assert found("GET", "/a/") == NotFound()
    assert found("GET", "/b") == NotFound()
    assert endpoint(found("GET", "/b/")) == "/b/"
    assert endpoint(found("GET", "/")) == "/"
    assert found("GET", "//") == NotFound()


@pytest.mark.parametrize("path", ["", "a", "a/b", "http://x/a"])
def test_what_is_no_path_is_not_found(path: str) -> None:
    assert matcher(route("/a"), route("/**"), route(regexp=".*")).match("GET", path) == NotFound()


def test_values_of_a_static_route_cannot_be_written() -> None:
    found = matcher(route("/a")).match("GET", "/a")
    assert isinstance(found, Match)
    with pytest.raises(TypeError):
        found.path_values["x"] = "y"  # type: ignore[index]  # which is the point


def test_routes_lists_them_in_order() -> None:
    router: Router[str] = Router()
    routes = (route("/b"), route("/a", "GET"), route(regexp="c"))
    for each in routes:
        router.add(each)
    assert router.routes == routes
    assert router.replaced == ()


def test_a_matcher_does_not_learn_of_later_routes() -> None:
    router: Router[str] = Router()
    router.add(route("/a"))
    frozen = router.freeze()
    router.add(route("/b"))
    assert frozen.match("GET", "/b") == NotFound()
    assert endpoint(router.freeze().match("GET", "/b")) == "/b"


CONFLICTS: Mapping[str, tuple[Route[str], Route[str]]] = {
    "conflict_any": (route("/a", source="one.py:1"), route("a", source="two.py:2")),
    "conflict_methods": (route("/a", "GET POST PUT", source="one.py:1"), route("/a", "PUT POST DELETE", source="two.py:2")),
    "conflict_names": (route("/u/{id}", "GET", source="one.py:1"), route("/u/{name:str}", "GET", source="two.py:2")),
    "conflict_regexp": (route(regexp="^a$", source="one.py:1"), route(regexp="^a$", source="two.py:2")),
    "conflict_expressions": (
        route("/a", "GET", params=("a", "b=c"), headers=("X",), source="one.py:1"),
        route("/a", "GET", params=("b=c", "a"), headers=("x",), source="two.py:2"),
    ),
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_conflicts_name_both_places(name: str) -> None:
    with pytest.raises(SetupError) as caught:
        matcher(*CONFLICTS[name])
    assert caught.value.where == ("two.py:2", "one.py:1")
    check_golden(f"routing/{name}", str(caught.value))


def test_no_conflict() -> None:
    matcher(
        route("/a"),
        route("/a", "GET"),
        route("/a", "POST"),
        route("/a", "GET", params=("a",)),
        route("/a", "GET", params=("a=b",)),
        route("/a", "GET", params=("a", "b")),
        route("/a", "GET", params=("a", "b"), match_all_params=False),
        route("/a", "GET", headers=("a",)),
        route("/a/", "GET"),
        route("/{a}", "GET"),
        route("/{a:int}", "GET"),
        route(regexp="/a", methods="GET"),
    )


def test_the_last_may_win() -> None:
    router: Router[str] = Router(on_conflict="last")
    first, second, third = (route("/a", "GET POST", "first"), route("/a", "POST PUT", "second"), route("/a", "GET PUT", "third"))
    for each in (first, second, third):
        router.add(each)
    found = router.freeze()
    assert [endpoint(found.match(method, "/a")) for method in ("GET", "POST", "PUT")] == ["third", "second", "third"]
    assert set(router.replaced) == {(first, second), (first, third), (second, third)}
    assert len(router.replaced) == 3


@pytest.mark.parametrize("on_conflict", ["error", "last"])
def test_equal_routes_conflict_too(on_conflict: Literal["error", "last"]) -> None:
    router: Router[str] = Router(on_conflict)
    router.add(route("/a", source="one.py:1"))
    router.add(route("/a", source="one.py:1"))
    assert len(router.replaced) == 1
    if on_conflict == "error":
        with pytest.raises(SetupError):
            router.freeze()
    else:
        assert endpoint(router.freeze().match("GET", "/a")) == "/a"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("route_with_neither", Route(endpoint="x", source="main.py:4")),
        ("route_with_both", Route(pattern="/a", regexp="b", endpoint="x", source="main.py:4")),
        ("route_with_method_list", Route(pattern="/a", methods=frozenset({"GET, POST"}), endpoint="x", source="main.py:4")),
    ],
)
def test_mistakes(name: str, wrong: Route[str]) -> None:
    with pytest.raises(SetupError) as caught:
        Router[str]().add(wrong)
    assert caught.value.where == ("main.py:4",)
    check_golden(f"routing/{name}", str(caught.value))


@pytest.mark.parametrize("wrong", [route("/{"), route(regexp="("), route("/a", params=("=",)), route("/a", headers=("a b",))])
def test_a_mistake_is_told_when_the_route_is_added(wrong: Route[str]) -> None:
    with pytest.raises(SetupError):
        Router[str]().add(wrong)


def many(count: int) -> Matcher[str]:
    routes = [route("/", "GET"), route("/users/{id:int}", "GET"), route("/hello", "GET")]
    routes += [route(f"/things{i}/{{id}}/parts/{{part:int}}", "GET") for i in range(count // 2)]
    routes += [route(f"/static/{i}", "GET") for i in range(count - count // 2)]
    return matcher(*routes)


def steps(call: Callable[[], object]) -> tuple[int, int]:
    """How many Python functions a call calls, and how many of their instructions it executes."""
    functions = instructions = 0

    def trace(frame: FrameType, event: str, argument: object) -> Callable[..., Any]:
        nonlocal functions, instructions
        frame.f_trace_opcodes = True
        functions += event == "call"
        instructions += event == "opcode"
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # 3.12 tells of instructions only from the next `settrace` on
    with no_collection():
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(before)
    return functions, instructions


@pytest.mark.parametrize("path", ["/hello", "/users/42", "/things1/a/parts/7", "/static/1", "/none", "/users/x"])
def test_2000_routes_cost_what_5_cost(path: str) -> None:
    few, lots = many(5), many(2000)
    assert steps(lambda: lots.match("GET", path)) == steps(lambda: few.match("GET", path))


def test_calls_per_request() -> None:
    found = many(5)
    assert steps(lambda: found.match("GET", "/hello"))[0] == 1 + 1  # the lambda
    assert steps(lambda: found.match("GET", "/users/42"))[0] == 2 + 1
