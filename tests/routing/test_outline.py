"""The outline says what the matcher says, or that only the matcher knows."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import SetupError
from hospes.http.direct import Way, Ways
from hospes.routing import Match, Matcher, Route, Router

UNKNOWN = "only the matcher knows"
SEGMENTS = ["a", "b", "", "{x}", "{y:int}", "{z:float}", "{d:date}", "a-{x}", "{x}.html", "{p:path}", "*", "**"]
WORDS = ["a", "b", "", "7", "-7", "7.5", "2026-01-31", "a-b", "c.html", "--1", "x" * 70, "1" * 65]


def frozen(*patterns: str, **more: str) -> Matcher[str]:
    router: Router[str] = Router()
    for pattern in patterns:
        router.add(Route(pattern=pattern, endpoint=pattern, methods=frozenset({"GET"})))
    for expression, pattern in more.items():
        router.add(Route(pattern=pattern, endpoint=f"{pattern}?", methods=frozenset({"GET"}), params=(expression,)))
    return router.freeze()


def itself(endpoint: str) -> str | None:
    return endpoint


def find(ways: Ways[str], path: str) -> tuple[str, dict[str, str]] | str | None:
    """As the engine: plain Python over plain data."""
    if path in ways.paths:
        known = ways.paths[path]
        return UNKNOWN if known is None else (known, {})
    return walk(ways.root, path.split("/")[1:], ()) if ways.root is not None else None


def walk(way: Way[str], segments: list[str], values: tuple[str, ...]) -> tuple[str, dict[str, str]] | str | None:
    if not segments:
        if way.is_open:
            return UNKNOWN
        if way.end is None:
            return None
        return UNKNOWN if way.end.endpoint is None else (way.end.endpoint, dict(zip(way.end.names, values, strict=True)))
    child = way.literals.get(segments[0])
    found = walk(child, segments[1:], values) if child is not None else None
    for branch in way.branches:
        if found is not None:
            break
        if branch.test is None:
            return UNKNOWN
        if branch.test(segments[0]):
            found = walk(branch.way, segments[1:], (*values, segments[0]))
    return found


@given(
    st.lists(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3), min_size=1, max_size=8),
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(lambda words: "/" + "/".join(words)), max_size=20),
)
def test_it_leads_where_the_matcher_leads(patterns: list[list[str]], paths: list[str]) -> None:
    router: Router[str] = Router(on_conflict="last")
    for pieces in patterns:
        names = iter("klmnop")  # each value has a name of its own
        text = "/" + "/".join(piece.replace("{", "{" + next(names)) if "{" in piece else piece for piece in pieces)
        with suppress(SetupError):  # not every mixture is a pattern
            router.add(Route(pattern=text, endpoint=text, methods=frozenset({"GET"})))
    matcher = router.freeze()
    ways = matcher.outline(itself).get("GET", Ways({}, None))
    for path in paths:
        found, outcome = find(ways, path), matcher.match("GET", path)
        if found == UNKNOWN:
            continue
        if isinstance(outcome, Match):
            assert found == (outcome.endpoint, dict(outcome.path_values))
        else:
            assert found is None


def test_what_only_the_matcher_knows() -> None:
    ways = frozen("/", "/plain", "/{x}/end", "/{x}-{y}", "/deep/**", v1="/plain", v2="/other", v3="/{x}/c").outline(itself)["GET"]
    assert find(ways, "/") == ("/", {})
    assert find(ways, "/plain") == UNKNOWN  # with conditions, and then without
    assert find(ways, "/other") == UNKNOWN
    assert find(ways, "/a/end") == UNKNOWN  # the mixed segment is the more specific one: nothing behind it is sure
    assert find(ways, "/deep/er") == UNKNOWN


def test_conditions_leave_the_end_open() -> None:
    ways = frozen("/{x}/end", v="/{x}/c").outline(itself)["GET"]
    assert find(ways, "/a/end") == ("/{x}/end", {"x": "a"})
    assert find(ways, "/a/c") == UNKNOWN
    assert find(ways, "/a/d") is None


def test_endpoints_that_are_not_to_be_seen() -> None:
    outline: dict[str, Ways[str]] = frozen("/plain", "/{x}").outline(lambda endpoint: None)
    ways = outline["GET"]
    assert find(ways, "/plain") == UNKNOWN
    assert find(ways, "/a") == UNKNOWN


def test_each_method_has_its_own() -> None:
    router: Router[str] = Router()
    router.add(Route(pattern="/", endpoint="get", methods=frozenset({"GET"})))
    router.add(Route(pattern="/", endpoint="post", methods=frozenset({"POST"})))
    router.add(Route(pattern="/any", endpoint="any"))
    outline = router.freeze().outline(itself)
    assert {method: dict(ways.paths) for method, ways in outline.items()} == {
        "GET": {"/": "get", "/any": "any"},
        "HEAD": {"/": "get", "/any": "any"},
        "POST": {"/": "post", "/any": "any"},
        "": {"/any": "any"},
    }
