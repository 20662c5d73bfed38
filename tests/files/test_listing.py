"""Listings: names are text and paths, whatever they hold; what is not served is not shown."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.files.asking import content, request

from hospes.errors import HttpError
from hospes.files import StaticFolder, opening
from hospes.files.listing import listing
from hospes.files.opening import Entry

NASTY = ["<script>alert(1)</script>", 'a"b', "a'b", "javascript:alert(1)", "a b", "ü中.txt", "a&amp;b", "a%2fb", "a?b#c", "z.txt"]


@pytest.fixture(params=["walked", "by path"])
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    if request.param == "by path":
        monkeypatch.setattr(opening, "WALKS", False)
    root = tmp_path / "site"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "home").mkdir()
    (root / "home" / "index.html").write_text("home")
    (root / "sub" / "x.txt").write_text("x")
    for name in NASTY:
        (root / name.replace("/", "∕")).write_text(name)
    (root / ".secret").write_text("secret")
    (root / ".git").mkdir()
    (root / "out").symlink_to(tmp_path, target_is_directory=True)
    (root / "link.txt").symlink_to(root / "z.txt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe")
    return root


def links(page: str) -> list[tuple[str, str]]:
    return [(html.unescape(href), html.unescape(text)) for href, text in re.findall(r'<a href="([^"]*)">(.*?)</a>', page)]


def page(site: Path, target: str, **options: Any) -> tuple[int, str]:
    try:
        answer = StaticFolder(site, **options)(request(target))
    except HttpError as error:
        return error.code, ""
    return answer.status, content(answer).decode()


def test_what_is_shown(site: Path) -> None:
    status, text = page(site, "/", listing=True)
    assert status == 200
    assert "<script>" not in text
    expected = ["empty/", "home/", "sub/", *sorted(name.replace("/", "∕") for name in NASTY)]
    assert [shown for _, shown in links(text)] == expected
    for href, shown in links(text):
        assert urljoin("http://h/", href).startswith("http://h/")
        assert unquote(href) == f"./{shown}"


def test_every_link_leads_to_what_it_names(site: Path) -> None:
    for href, shown in links(page(site, "/", listing=True)[1]):
        target = urljoin("http://h/", href).removeprefix("http://h")
        status, text = page(site, target, listing=True)
        assert status == 200
        if not shown.endswith("/"):
            assert text.replace("/", "∕") == shown


def test_below(site: Path) -> None:
    status, text = page(site, "/sub/", listing=True)
    assert (status, [shown for _, shown in links(text)]) == (200, ["../", "deep/", "x.txt"])
    assert "<title>/sub/</title>" in text
    assert links(page(site, "/sub/deep/", listing=True)[1]) == [("../", "../")]
    assert page(site, "/home/", listing=True) == (200, "home")
    assert page(site, "/sub", listing=True)[0] == 308


@pytest.mark.parametrize("target", ["/nowhere/", "/.git/", "/out/", "/z.txt/", "/../", "/%2e%2e/"])
def test_what_is_not_there(site: Path, target: str) -> None:
    assert page(site, target, listing=True)[0] == 404


def test_off_unless_the_program_says_so(site: Path) -> None:
    assert [page(site, target)[0] for target in ("/", "/sub/", "/sub", "/empty/")] == [404] * 4


def test_where_links_are_followed_they_are_not_shown(site: Path) -> None:
    text = page(site, "/", listing=True, follow_links=True)[1]
    assert "out/" not in [shown for _, shown in links(text)]
    assert page(site, "/out/", listing=True, follow_links=True)[0] == 404
    assert [shown for _, shown in links(page(site, "/sub/", listing=True, follow_links=True)[1])] == ["../", "deep/", "x.txt"]


def test_fields() -> None:
    answer = listing([], [])
    assert answer.content_type == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_a_name_that_is_no_text() -> None:
    assert b"<li>" not in listing([Entry("a\udcff", False)], []).body


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1), max_size=5, unique=True))
def test_no_name_is_markup_or_leads_elsewhere(names: list[str]) -> None:
    text = listing([Entry(name, False) for name in names], []).body.decode()
    assert text.count("<") == listing([], []).body.decode().count("<") + 4 * len(
        [name for name in names if not name.startswith(".") and "\\" not in name]
    ) - 1 * len([name for name in names if not name.startswith(".") and "\\" not in name])
    for href in re.findall(r'href="([^"]*)"', text):
        assert urljoin("http://h/d/", href).startswith("http://h/d/")
