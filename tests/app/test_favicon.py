"""The icon: there without a word, and replaced by whatever owns its path."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.app.support import made

from hospes import App
from hospes.app.favicon import _COLOURS, _DRAWING, favicon, is_favicon


def test_an_icon() -> None:
    with App(store="memory:").test() as client:
        answer = client.get("/favicon.ico")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/vnd.microsoft.icon")
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert client.head("/favicon.ico").headers["Content-Length"] == str(len(answer.content)) == "318"
        assert client.post("/favicon.ico").status == 404


def test_the_picture() -> None:
    icon = favicon().body
    assert struct.unpack_from("<HHH", icon) == (0, 1, 1)
    width, height, colours, _, _, bits, length, start = struct.unpack_from("<BBBBHHII", icon, 6)
    assert (width, height, colours, bits, start, start + length) == (16, 16, 16, 4, 22, len(icon))
    rows = _DRAWING.split()
    assert [len(row) for row in rows] == [16] * 16
    assert set("".join(rows)) == set(_COLOURS)
    assert struct.unpack_from("<Iii", icon, 22) == (40, 16, 32)


def test_the_picture_in_a_browser(need: object) -> None:
    """A browser's engine decodes it."""
    pytest.importorskip("playwright")
    from playwright.sync_api import sync_playwright

    assert callable(need)
    chromium = need("chromium", "google-chrome")
    with App(store="memory:").serving() as server, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{server.url}/favicon.ico")
        size = page.evaluate("[document.images[0].naturalWidth, document.images[0].naturalHeight]")
        browser.close()
    assert size == [16, 16]


def test_whatever_owns_the_path_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "favicon.ico").write_bytes(b"mine")
    app = App(store="memory:")
    app.files("*.ico", tmp_path)
    with app.test() as client:
        assert client.get("/favicon.ico").content == b"mine"
    app.get("/favicon.ico")(lambda: b"route")
    with app.test() as client:
        assert client.get("/favicon.ico").content == b"route"


def test_it_is_the_sites_alone() -> None:
    app, inner = App(store="memory:"), App(store="memory:")
    app.mount("/in", inner)
    with app.test() as client:
        assert client.get("/in/favicon.ico").status == 404
        assert client.get("/favicon.ico?v=1").status == 200
    assert not is_favicon(made("/favicon.ico/"))
