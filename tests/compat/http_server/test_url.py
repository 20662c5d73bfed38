"""Patterns, and where names lead."""

from __future__ import annotations

from typing import Any

import pytest
from tests.golden import check_golden

from hospes import SetupError
from hospes.compat.http_server.url import Path, RedirectToFunction


def index(request: Any, response: Any) -> None: ...


async def later(request: Any, response: Any) -> None: ...


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        (r"^\/$", "/", True),
        (r"^\/$", "/a", False),
        (r"/about", "/about/us", True),
        (r"/about", "/x/about", False),
        (r"^/user/\d+$", "/user/42", True),
        (r"^/user/\d+$", "/user/x", False),
        (r"^/茶$", "/茶", True),
        ("", "/anything", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert Path(pattern, index).matches(path) is matches


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (r"^\/$", "/"),
        (r"^/about$", "/about"),
        (r"/about", "/about"),
        (r"^/a\.b\-c\Z", "/a.b-c"),
        (r"^/茶/x y$", "/茶/x y"),
        ("", ""),
    ],
)
def test_a_name_leads_to_a_literal_pattern(pattern: str, path: str) -> None:
    assert RedirectToFunction("it").path_in([Path("^/other$", index), Path(pattern, index, "it")]) == path


@pytest.mark.parametrize("pattern", [r"^/user/\d+$", "^/a|/b$", "^/a?$", "^/[ab]$", "^/(a)$", "/.*", "^/a$b", r"^/\bx$", "/a{2}"])
def test_any_other_tells_nothing(pattern: str) -> None:
    with pytest.raises(LookupError, match=r"matches more than one path; return Redirect\(path\)"):
        RedirectToFunction("it").path_in([Path(pattern, index, "it")])


def test_names() -> None:
    assert Path("^/$", index).name == "index"
    assert repr(Path("^/$", index, "home")) == "Path('^/$', home)"
    with pytest.raises(LookupError, match=r"RedirectToFunction\('x'\): no Path has this name; there are: home, index"):
        RedirectToFunction("x").path_in([Path("^/$", index, "home"), Path("^/a$", index)])


@pytest.mark.parametrize(
    ("name", "pattern", "function"), [("pattern", "^/(", index), ("async", "^/$", later), ("text", "^/$", "index")]
)
def test_mistakes(name: str, pattern: str, function: Any) -> None:
    with pytest.raises(SetupError) as caught:
        Path(pattern, function)
    check_golden(f"compat/http_server_path_{name}", str(caught.value))
