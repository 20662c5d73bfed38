"""The tree: precedence, backtracking, what each kind of segment takes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.routing.paths import split_path
from hospes.routing.pattern import parse_pattern
from hospes.routing.tree import Candidate, Node, insert_candidate, tail_match, tails, walk


def tree(*patterns: str) -> Node[str]:
    root: Node[str] = Node()
    for text in patterns:
        pattern = parse_pattern(text)
        root.add(pattern, Candidate(text, pattern.names, None, 0))
    return root


def find(root: Node[str], path: str) -> tuple[str, dict[str, str]] | None:
    segments = split_path(path)
    assert segments is not None
    found = walk(root, segments, None)
    return None if found is None else (found.endpoint, dict(found.path_values))


EVERY_KIND = (
    "/x/12",
    "/x/{a:date}",
    "/x/{a:int}",
    "/x/{a:float}",
    "/x/{a}.html",
    "/x/{a}.tar.gz",
    "/x/{a}.gz",
    "/x/{a}",
    "/x/{a:path}",
)


@pytest.mark.parametrize("seed", range(20))
def test_the_most_specific_wins_in_whatever_order_they_are_added(seed: int) -> None:
    order = list(EVERY_KIND)
    random.Random(seed).shuffle(order)
    root = tree(*order, "/x/**")
    for path, winner in {
        "/x/12": "/x/12",
        "/x/2024-01-01": "/x/{a:date}",
        "/x/13": "/x/{a:int}",
        "/x/1.5": "/x/{a:float}",
        "/x/a.html": "/x/{a}.html",
        "/x/a.tar.gz": "/x/{a}.tar.gz",
        "/x/a.gz": "/x/{a}.gz",
        "/x/a": "/x/{a}",
        "/x/a/b": "/x/{a:path}",
    }.items():
        found = find(root, path)
        assert found is not None
        assert found[0] == winner


def test_a_named_field_wins_over_a_star_and_one_segment_over_several() -> None:
    root = tree("/**", "/*", "/{a}", "/{a:path}")
    assert find(root, "/x") == ("/{a}", {"a": "x"})
    assert find(tree("/**", "/*", "/{a:path}"), "/x") == ("/*", {"*": "x"})
    assert find(tree("/**", "/{a:path}"), "/x") == ("/{a:path}", {"a": "x"})


def test_it_goes_back_where_a_way_ends() -> None:
    root = tree("/a/b/c", "/a/{x}/d", "/{x}/b/e", "/{x}/{y}/{z:int}", "/**")
    assert find(root, "/a/b/c") == ("/a/b/c", {})
    assert find(root, "/a/b/d") == ("/a/{x}/d", {"x": "b"})
    assert find(root, "/a/b/e") == ("/{x}/b/e", {"x": "a"})
    assert find(root, "/a/b/7") == ("/{x}/{y}/{z:int}", {"x": "a", "y": "b", "z": "7"})
    assert find(root, "/a/b/x") == ("/**", {"*": "a/b/x"})


def test_routes_that_share_a_node_keep_their_own_names() -> None:
    root = tree("/{user}/a", "/{account}/b")
    assert find(root, "/1/a") == ("/{user}/a", {"user": "1"})
    assert find(root, "/1/b") == ("/{account}/b", {"account": "1"})


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/star/*", "/star/c", {"*": "c"}),
        ("/star/*", "/star/c/d", None),
        ("/star/*", "/star/", None),
        ("/star/*", "/star", None),
        ("*/star", "/c/star", {"*": "c"}),
        ("*/star", "/c/d/star", None),
        ("*/star", "//star", None),
        ("/star/**", "/star/c", {"*": "c"}),
        ("/star/**", "/star/c/d", {"*": "c/d"}),
        ("/star/**", "/star/c/d/", {"*": "c/d"}),
        ("/star/**", "/star/c//", {"*": "c"}),
        ("/star/**", "/star/", None),
        ("/star/**", "/star//", None),
        ("/star/**", "/star", None),
        ("/star/**", "/star//c", {"*": "c"}),
        ("/star/**", "/star/c//d", {"*": "c//d"}),
        ("**/star", "/c/star", {"*": "c"}),
        ("**/star", "/c/d/star", {"*": "c/d"}),
        ("**/star", "/c//star", {"*": "c"}),
        ("**/star", "//c/star", {"*": "c"}),
        ("**/star", "//star", None),
        ("**/star", "/star", None),
        ("**/a/b/c", "/b/c", None),
        ("**/{x}", "/c/d/e", {"*": "c/d", "x": "e"}),
        ("/f/{p:path}", "/f/a/b/", {"p": "a/b/"}),
        ("/f/{p:path}", "/f//etc", None),
        ("/f/{p:path}", "/f/%2Fetc", None),
        ("/f/{p:path}/meta", "/f/a/b/meta", {"p": "a/b"}),
        ("/f/{p:path}/meta", "/f/meta", None),
        ("/{x}", "/", None),
        ("/{x}", "/a/", None),
        ("/{x}", "/%2Fa", {"x": "/a"}),
        ("/{x}", "/ :+,~=", {"x": " :+,~="}),
        ("/{x}", "/%2520", {"x": "%20"}),
        ("/a/{x}.html", "/a/b%2Fc.html", {"x": "b/c"}),
        ("/{a}-{b}/{c:int}", "/1-2/3", {"a": "1", "b": "2", "c": "3"}),
        ("/{a}-{b}/{c:int}", "/12/3", None),
        ("/中文/{x}", "/%E4%B8%AD%E6%96%87/%E4%B8%AD", {"x": "中"}),
        ("/a.b/{x}", "/aXb/c", None),
    ],
)
def test_what_a_pattern_takes(pattern: str, path: str, values: dict[str, str] | None) -> None:
    assert find(tree(pattern), path) == (None if values is None else (pattern, values))


def test_several_tails_behind_what_spans_several_segments() -> None:
    root = tree("/{p:path}/a", "/{p:path}/b/a", "/{p:path}", "**/z")
    assert find(root, "/x/b/a") == ("/{p:path}/b/a", {"p": "x"})
    assert find(root, "/x/c/a") == ("/{p:path}/a", {"p": "x/c"})
    assert find(root, "/b/a") == ("/{p:path}/a", {"p": "b"})
    assert find(root, "/x/z") == ("/{p:path}", {"p": "x/z"})


class CountedLiterals(dict[str, "Node[str]"]):
    """Literals of a node that count how often they are asked."""

    asked = 0

    def get(self, key: str, default: object = None) -> Node[str] | None:  # type: ignore[override]  # as walk asks
        CountedLiterals.asked += 1
        return super().get(key)


def test_a_node_is_visited_at_most_once() -> None:
    # Every way but one of 2^10, all of which share beginnings, ends only at the last segment.
    depth = 10
    names = [format(number, f"0{depth}b") for number in range(2**depth)]
    patterns = ["".join("/a" if bit == "0" else f"/{{x{i}}}" for i, bit in enumerate(name)) + "/{e:int}" for name in names]
    root = tree(*patterns)
    nodes = _count_nodes(root)
    CountedLiterals.asked = 0
    assert find(root, "/a" * depth + "/no") is None
    assert depth < CountedLiterals.asked <= nodes


def _count_nodes(node: Node[str]) -> int:
    node.literals = CountedLiterals(node.literals)
    count = 1 + sum(_count_nodes(child) for child in node.literals.values())
    branch = node.branch
    while branch is not None:
        count += _count_nodes(branch.node)
        branch = branch.next
    return count


def test_who_demands_more_is_asked_first() -> None:
    candidates: list[Candidate[str]] = []
    for name, weight in (("none", 0), ("two", 2), ("one", 1), ("other one", 1)):
        insert_candidate(candidates, Candidate(name, (), None, weight))
    assert [each.endpoint for each in candidates] == ["two", "one", "other one", "none"]


PARTED = [
    "/{a}",
    "/{a:int}",
    "/a/{b}",
    "/a/{b:int}",
    "/a/b/{c}",
    "/a/{b}/c",
    "/a/*",
    "/a/x{b}",
    "/a/**",
    "/{a}/{b}",
    "/d/{e:path}",
]


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "1", "x1", ""]), max_size=4), st.sets(st.sampled_from(PARTED), min_size=1))
def test_a_tail_is_what_the_walk_finds_first(parts: list[str], patterns: set[str]) -> None:
    root: Node[str] = Node()
    for text in sorted(patterns):
        pattern = parse_pattern(text)
        root.add(pattern, Candidate(text, pattern.names, None, 0))
    path = "/" + "/".join(parts)
    prefix, _, last = path.rpartition("/")
    tail = tails(root).get(prefix)
    if tail is not None and tail.test(last):
        assert tail_match(tail, last) == walk(root, path.split("/"), None)
