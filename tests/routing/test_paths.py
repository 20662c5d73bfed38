"""Paths: splitting, decoding, and the tests of filters."""

from __future__ import annotations

import pytest
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.routing.paths import compile_path_test, compile_regexp, split_path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ["", ""]),
        ("/a/b", ["", "a", "b"]),
        ("/a/", ["", "a", ""]),
        ("//a", ["", "", "a"]),
        ("/a%20b", ["", "a b"]),
        ("/a%2Fb/c", ["", "a/b", "c"]),
        ("/a%252Fb", ["", "a%2Fb"]),
        ("/%E4%B8%AD/x", ["", "中", "x"]),
        ("/a+b", ["", "a+b"]),
    ],
)
def test_split_then_decode_once(path: str, expected: list[str]) -> None:
    assert split_path(path) == expected


@pytest.mark.parametrize("path", ["/%", "/%4", "/%zz", "/a%", "/%ff", "/%e4%b8", "/%c0%af", "/%ed%a0%80", "/%%41", "/%+1"])
def test_what_cannot_be_decoded(path: str) -> None:
    assert split_path(path) is None


def test_a_character_does_not_span_segments() -> None:
    assert split_path("/%e4%b8/%ad") is None


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("", ["/", "/a", "/%ff"], []),
        ("/admin/**", ["/admin", "/admin/", "/admin/a", "/admin/a/b/", "/admin//"], ["/administer", "/", "/x/admin/a"]),
        ("/**", ["/", "/a", "/a/b/"], []),
        ("**/star", ["/star", "/a/star", "/a/b/star"], ["/star/a", "/stars"]),
        ("/a/{p:path}/z", ["/a/z", "/a/b/z", "/a/b/c/z"], ["/a", "/z", "/a/b", "/b/c/z"]),
        ("/a/*", ["/a/b"], ["/a", "/a/", "/a/b/c", "/b/c"]),
        ("/a", ["/a"], ["/a/", "/a/b", "/b"]),
        ("/{t}/admin/**", ["/x/admin", "/x/admin/y"], ["/x/y", "/admin"]),
        ("/u/{id:int}", ["/u/5"], ["/u/x"]),
        ("/u/{a}-{b}/**", ["/u/1-2", "/u/1-2/3"], ["/u/12"]),
    ],
)
def test_what_a_pattern_covers(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    test = compile_path_test(pattern)
    assert [path for path in covered if not test(path)] == []
    assert [path for path in not_covered if test(path)] == []


@pytest.mark.parametrize(
    "path",
    [
        "/%61dmin/x",
        "/admin%2Fx",
        "/%2Fadmin/x",
        "//admin/x",
        "/.//admin/x",
        "/./admin/x",
        "/x/../admin/x",
        "/x/%2e%2e/admin/x",
        "/admin/%ff",
        "/%zz",
    ],
)
def test_a_guard_has_no_hole(path: str) -> None:
    assert compile_path_test("/admin/**")(path)
    assert compile_path_test(regexp="^/?admin/")(path)


def test_a_slash_within_a_segment_does_not_shift_the_segments() -> None:
    test = compile_path_test("/{tenant}/admin/**")
    assert test("/a%2Fb/admin/x")
    assert test("/a%2Fadmin/x")  # a regexp route reads it so
    assert not test("/a%2Fb/c")


def test_a_regexp_is_matched_with_and_without_the_leading_slash() -> None:
    assert compile_path_test(regexp="^/tuple")("/tuple/x")
    assert compile_path_test(regexp="^tuple")("/tuple/x")
    assert compile_path_test(regexp="^中$")("/%E4%B8%AD")
    assert not compile_path_test(regexp="^/tuple")("/a/tuple")


def test_mistakes() -> None:
    with pytest.raises(SetupError) as caught:
        compile_path_test("/a", "b", "main.py:5")
    check_golden("routing/filter_with_both", str(caught.value))
    with pytest.raises(SetupError) as caught:
        compile_path_test(regexp="(", source="main.py:5")
    check_golden("routing/malformed_regexp", str(caught.value))
    with pytest.raises(SetupError, match="middle"):
        compile_path_test("/a/**/b")


@pytest.mark.parametrize("regexp", ["(", "*", "a{99999999999}", r"\8", "(?P<a>x)(?P<a>y)"])
def test_malformed_regexps(regexp: str) -> None:
    with pytest.raises(SetupError, match="malformed"):
        compile_regexp(regexp)
