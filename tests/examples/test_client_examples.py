"""The examples that ask, and those that were written for other servers."""

from __future__ import annotations

import asyncio
import importlib
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from hospes import HttpClient
from hospes.compat.simple_http_server.app_conf import AppConf, using
from hospes.compat.simple_http_server.http_server import HttpServer

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOSPES_STORE", "memory:")
    monkeypatch.chdir(tmp_path)


def fresh(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    monkeypatch.delitem(sys.modules, f"examples.{name}", raising=False)
    return importlib.import_module(f"examples.{name}")


def test_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = fresh(monkeypatch, "client")
    with example.app.serving() as server:
        url = server.url
        assert example.simple(url) == "blue"
        assert example.redirected(url) == ("/weather/Rome", 1)
        assert example.uploaded(url) == "Sea: sea.png, 4 octets"
        assert example.streamed_up(url) == ("30000 octets", [10_000, 20_000, 30_000])
        assert example.streamed_down(url, tmp_path) == 100_000
        refused = f"looking up the address for {url}/weather/Rome failed: the host has an address that is not public"
        assert example.careful(url) == refused
        assert asyncio.run(example.several(url)) == ["Rome", "Oslo", "Lima"]


def test_client_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "client.py"), run_name="__main__")
    assert capsys.readouterr().out.startswith("blue\n/weather/Rome 1\n")


def test_alink_server(monkeypatch: pytest.MonkeyPatch) -> None:
    example = fresh(monkeypatch, "alink_server")
    with example.server.application().serving() as serving, HttpClient(cookies=True, redirects=1) as client:
        assert "<h1>Visit 1</h1>" in client.get(serving.url).text
        page = client.post(f"{serving.url}/note", form={"note": "tea & <b>"})
        assert (page.url, page.status) == (f"{serving.url}/", 200)
        assert "<h1>Visit 2</h1><ol><li>9 characters</ol>" in page.text
        assert {each.name for each in client.cookies} == {"hospes", "last"}
        missed = client.get(f"{serving.url}/nowhere")
        assert missed.status == 404
        assert missed.text.startswith("Nothing is at /nowhere, visitor ")


def test_simple_http_server_guests(monkeypatch: pytest.MonkeyPatch) -> None:
    with using(AppConf()):
        example = fresh(monkeypatch, "simple_http_server_guests")
        app = HttpServer().application()
    with app.serving() as server, HttpClient(cookies=True) as client:
        url = server.url
        assert [client.get(url).text for _ in range(2)] == [f"<html><body>Visit {n}</body></html>" for n in (1, 2)]
        assert client.get(url + "/guests").json() == {"book": "the guest book", "guests": example.GUESTS}
        missed = client.get(url + "/nowhere")
        assert (missed.status, missed.json()) == (404, {"code": 404, "message": "Not Found", "explain": ""})
        assert client.put(url + "/guests/bob?fullName=Bob").json() == {"code": 403, "message": "a key is needed", "explain": ""}
        put = client.put(url + "/guests/bob?fullName=Bob&key=open")
        assert (put.status, put.json()) == (201, {"name": "Bob", "by": "the filter"})
        assert client.get(url + "/countdown").content == b"3\n2\n1\n"


def test_http_server_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    example = fresh(monkeypatch, "http_server_pages")
    with example.server.application().serving() as serving, HttpClient(cookies=True) as client:
        url = serving.url
        assert [client.get(url).text for _ in range(2)] == [f"<html><h1>Visit {n}</h1></html>" for n in (1, 2)]
        found = client.post(f"{url}/search?q=tea", content=b"body", headers={"Referer": "http://y/"})
        assert found.json() == {"method": "POST", "q": "tea", "body": "body"}
        assert found.headers["x-from"] == "http://y/"
        gone = [client.get(url + path) for path in ("/start", "/old/page")]
        assert [(each.status, each.headers["location"]) for each in gone] == [(308, "/"), (308, "/search")]
        assert client.get(f"{url}/media/style.css").content_type.startswith("text/css")
        assert client.get(f"{url}/media/none").status == 404
