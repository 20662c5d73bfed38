"""From a request to its answer, over the sockets of either carrier."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as Folder
from typing import Any

import pytest

from hospes import HttpClient
from hospes.compat.http_server import Path, Redirect, RedirectToFunction, Requests, Response, WebServer


@contextmanager
def asking(server: WebServer) -> Iterator[tuple[str, HttpClient]]:
    with server.application().serving() as serving, HttpClient(timeout=20) as client:
        yield serving.url, client


def says(text: str) -> Any:
    return lambda request, response: response.send(text)


def test_the_first_that_matches_answers() -> None:
    route = [
        Path(r"^\/$", says("index"), name="index"),
        Path(r"^/user/\d+$", says("a user")),
        Path(r"^/user/", says("somebody")),
        Path(r"^/user/\d+$", says("never")),
        Path(r"^/茶$", says("tea")),
    ]
    with asking(WebServer(route=route)) as (url, client):
        assert client.get(url).text == "index"
        assert client.get(url + "/?a=/user/1").text == "index"
        assert client.post(url, content=b"x").text == "index"
        assert client.get(url + "/user/42").text == "a user"
        assert client.get(url + "/user/42/x").text == "somebody"
        assert client.get(url + "/茶").text == "tea"
        assert client.get(url + "/nowhere").status == 404
        assert client.head(url).headers["content-length"] == "5"


def test_fields_and_cookies_go_along() -> None:
    def index(request: Requests, response: Response) -> None:
        response.headers["X-A"] = "1"
        response.cookies["theme"] = "dark"
        response.cookies["theme"]["path"] = "/"
        response.send("x")
        response.headers["X-B"] = "2"

    with asking(WebServer(route=[Path("^/$", index)])) as (url, client):
        answer = client.get(url)
        assert (answer.headers["x-a"], answer.headers["x-b"]) == ("1", "2")
        assert answer.headers["set-cookie"] == "theme=dark; Path=/"
        assert answer.headers["cache-control"] == "private"


def test_redirects() -> None:
    def old(request: Requests, response: Response) -> Any:
        response.headers["Location"] = "/ignored"
        response.headers["X-Old"] = "1"
        return Redirect("new")

    route = [
        Path("^/old$", old),
        Path("^/named$", lambda request, response: RedirectToFunction("index")),
        Path("^/sent$", lambda request, response: response.redirect("/there", 303)),
        Path("^/$", says("index"), name="index"),
    ]
    with asking(WebServer(route=route)) as (url, client):
        answer = client.get(url + "/old")
        assert (answer.status, answer.headers["location"], answer.headers["x-old"]) == (308, "new", "1")
        answer = client.get(url + "/named")
        assert (answer.status, answer.headers["location"]) == (308, "/")
        answer = client.get(url + "/sent")
        assert (answer.status, answer.headers["location"]) == (303, "/there")


def test_middlewares_come_first_and_in_order() -> None:
    order: list[str] = []

    def first(request: Requests, response: Response) -> tuple[Requests, Response]:
        order.append("first")
        request.path = "/changed" if request.path == "/before" else request.path
        response.headers["X-First"] = request.get_header("Referer", "-")
        return request, response

    def guard(request: Requests, response: Response) -> tuple[Requests, Response]:
        order.append("guard")
        if request.get_parameter("key") != "open":
            response.send("closed", 403)
        return request, response

    def last(request: Requests, response: Response) -> tuple[Requests, Response]:
        order.append("last")
        return request, response

    server = WebServer(route=[Path("^/changed$", says("changed"))])
    server.Middlewares.append(first)
    server.Middlewares.append(guard)
    server.Middlewares.append(last)
    with asking(server) as (url, client):
        answer = client.get(url + "/before?key=open", headers={"Referer": "http://y/"})
        assert (answer.text, answer.headers["x-first"]) == ("changed", "http://y/")
        assert order == ["first", "guard", "last"]
        answer = client.get(url + "/before")
        assert (answer.status, answer.text, answer.headers["x-first"]) == (403, "closed", "-")
        assert order[3:] == ["first", "guard"]
        assert client.get(url + "/nowhere?key=open").status == 404
        assert order[5:] == ["first", "guard", "last"]


@pytest.fixture
def media(tmp_path: Folder) -> Folder:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "b.unknown").write_bytes(b"\0\1")
    (folder / "deep" / "c.css").write_text("c")
    (folder / ".secret").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("other")
    return folder


OUTSIDE = ("/media/../secret.txt", "/media/..%2fsecret.txt", "/media/%2e%2e/secret.txt", "/media/.secret", "/mediaa.txt")


def test_folders(media: Folder) -> None:
    server = WebServer(route=[Path("^/media/own$", says("own"))])
    server.fileServer("/media/", str(media))
    server.fileServer("/media/other", media.parent / "other")
    seen: list[str] = []

    def note(request: Requests, response: Response) -> tuple[Requests, Response]:
        seen.append(request.path)
        response.headers["X-Seen"] = "1"
        return request, response

    server.Middlewares.append(note)
    with asking(server) as (url, client):
        answer = client.get(url + "/media/a.txt")
        assert (answer.text, answer.headers["x-seen"]) == ("a", "1")
        assert client.get(url + "/media/a.txt", headers={"Range": "bytes=0-0"}).status == 206
        assert client.get(url + "/media/deep/c.css").content_type.startswith("text/css")
        answer = client.get(url + "/media/b.unknown")
        assert (answer.content, answer.content_type) == (b"\0\1", "application/octet-stream")
        assert client.get(url + "/media/own").text == "own"
        assert client.get(url + "/media/other/a.txt").text == "other"
        for path in OUTSIDE:
            assert client.get(url + path).status == 404
        assert client.post(url + "/media/a.txt").status == 405
    assert "/media/a.txt" in seen


def test_a_folder_at_the_root(media: Folder) -> None:
    server = WebServer()
    server.fileServer("/", media)
    with asking(server) as (url, client):
        assert client.get(url + "/a.txt").text == "a"
        assert client.get(url + "/x").status == 404


def test_files_are_sent(media: Folder) -> None:
    route = [
        Path("^/file$", lambda request, response: response.sendFile(media / "a.txt")),
        Path("^/as$", lambda request, response: response.sendFile(media / "a.txt", "text/csv")),
        Path("^/none$", lambda request, response: response.sendFile(media / "none")),
        Path("^/404$", lambda request, response: response.notFound()),
        Path("^/500$", lambda request, response: response.internalServerError()),
    ]
    with asking(WebServer(route=route)) as (url, client):
        answer = client.get(url + "/file")
        assert (answer.text, answer.content_type) == ("a", "text/plain; charset=utf-8")
        assert client.get(url + "/file", headers={"If-None-Match": answer.headers["etag"]}).status == 304
        assert client.get(url + "/as").content_type.startswith("text/csv")
        assert [client.get(url + path).status for path in ("/none", "/404", "/500")] == [404, 404, 500]


def broken(request: Requests, response: Response) -> None:
    raise ValueError("the <cause>")


def test_a_failure_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    with asking(WebServer(route=[Path("^/$", broken)])) as (url, client):
        answer = client.get(url, headers={"Accept": "text/html"})
        assert answer.status == 500
        assert "cause" not in answer.text
    assert "the <cause>" in caplog.text


def test_debug_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    with asking(WebServer(route=[Path("^/$", broken)], DEBUG=True)) as (url, client):
        answer = client.get(url)
        assert answer.status == 500
        assert "ValueError: the &lt;cause&gt;" in answer.text
        assert "in broken" in answer.text
        answer = client.get(url + "/<x>")
        assert (answer.status, "Nothing matches /&lt;x&gt;" in answer.text) == (404, True)
        assert "<code>^/$</code> broken" in answer.text
        assert client.get(url + "/%ff").status == 400
    assert "the <cause>" in caplog.text


def test_debug_shows_nothing_to_others(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("hospes.compat.http_server.dispatching.is_here", lambda host, names, asked: False)
    with asking(WebServer(route=[Path("^/$", broken)], DEBUG=True)) as (url, client):
        assert "cause" not in client.get(url).text
        assert "^/$" not in client.get(url + "/x").text


@pytest.mark.parametrize("name", ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"])
def test_debug_shows_nothing_through_a_proxy_on_this_machine(name: str) -> None:
    with asking(WebServer(route=[Path("^/$", broken)], DEBUG=True)) as (url, client):
        assert "cause" not in client.get(url, headers={name: "203.0.113.9"}).text
        assert "^/$" not in client.get(url + "/x", headers={name: "203.0.113.9"}).text


FORGOT = "f() sent nothing: call response.send(content, status, type), or return Redirect(path)"


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda request, response: None, FORGOT),
        (lambda request, response: "text", FORGOT + "; it returned str"),
        (lambda request, response: RedirectToFunction("x"), "RedirectToFunction('x'): no Path has this name; there are: f"),
    ],
)
def test_who_sends_nothing_is_told(function: Any, told: str, caplog: pytest.LogCaptureFixture) -> None:
    with asking(WebServer(route=[Path("^/$", function, name="f")])) as (url, client):
        assert client.get(url).status == 500
    assert told in caplog.text


@pytest.mark.parametrize("returned", [None, (1,), "text"])
def test_a_middleware_gives_both_back(returned: Any, caplog: pytest.LogCaptureFixture) -> None:
    def forgetful(request: Requests, response: Response) -> Any:
        return returned

    server = WebServer(route=[Path("^/$", says("x"))])
    server.Middlewares.append(forgetful)
    with caplog.at_level(logging.ERROR), asking(server) as (url, client):
        assert client.get(url).status == 500
    assert f"the middleware forgetful() returned {type(returned).__qualname__}: `return request, response`" in caplog.text


def test_other_sites_pages_are_refused_as_everywhere() -> None:
    with asking(WebServer(route=[Path("^/$", says("x"))])) as (url, client):
        assert client.post(url, headers={"Origin": "https://evil.example", "Cookie": "a=1"}).status == 403
