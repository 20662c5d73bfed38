"""The servers: order, cookies, users that are never lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.golden import check_golden
from tests.ports import own_port

from hospes import HttpClient, SetupError
from hospes.client import ClientError
from hospes.compat.alink import Http_Response, HttpServer, HttpsServer


@contextmanager
def asking(server: HttpServer) -> Iterator[tuple[str, HttpClient]]:
    with server.application().serving() as serving, HttpClient(cookies=True, timeout=20) as client:
        yield serving.url, client


def says(text: str, status: int = 200) -> Any:
    return lambda user, request: Http_Response(status, text)


def count(user: Any, request: Any) -> Http_Response:
    user["n"] = user.get("n", 0) + 1
    return Http_Response(200, str(user["n"]))


def test_defaults() -> None:
    server = HttpServer()
    assert (server.host, server.port, server._404_func) == ("127.0.0.1", 3030, None)
    assert isinstance(HttpsServer("crt", "key"), HttpServer)


def test_routes() -> None:
    server = HttpServer()
    server.add_route("/", "get", says("root"))
    server.add_route("no/slash", ["Get", "POST"], says("no slash"))
    server.add_route("/odd/{x}*.html", ["GET"], says("literal"))
    server.add_route("/客/a b", ["GET"], says("decoded"))
    server.add_route("/put", ["PUT"], says("put"))
    with asking(server) as (url, client):
        assert client.get(url).text == "root"
        assert client.get(url + "/no/slash?a=1").text == "no slash"
        assert client.post(url + "/no/slash").text == "no slash"
        assert client.get(url + "/odd/%7Bx%7D*.html").text == "literal"
        assert client.get(url + "/odd/y.html").status == 404
        assert client.get(url + "/客/a b").text == "decoded"
        assert client.put(url + "/put").text == "put"
        assert client.get(url + "/put").status == 404
        assert client.head(url).status == 200
        assert client.get(url + "/none").status == 404


def test_of_two_routes_the_later_counts(caplog: pytest.LogCaptureFixture) -> None:
    server = HttpServer()
    server.add_route("/", ["GET"], says("first"))
    server.add_route("/", ["GET"], says("second"))
    assert "GET / has two routes" in caplog.text
    with asking(server) as (url, client):
        assert client.get(url).text == "second"


def test_the_order(folder: Path) -> None:
    site = folder / "site"
    site.mkdir()
    (site / "index.html").write_text("<html>index</html>")
    (site / "a.txt").write_text("file a")
    (site / "b.txt").write_text("file b")
    (folder / "secret.txt").write_text("secret")
    seen: list[tuple[str, str]] = []

    def missing(user: Any, request: Any) -> Http_Response:
        seen.append((request.method, request.url))
        user["missed"] = user.get("missed", 0) + 1
        return Http_Response(410, f"missed {user['missed']}")

    server = HttpServer()
    server.add_route("/a.txt", ["GET"], says("route a"))
    server.add_route("/b.txt", ["GET"], lambda user, request: None)
    server.add_route("/c.txt", ["GET"], lambda user, request: None)
    server.set_template_path(site)
    server._404_func = missing
    with asking(server) as (url, client):
        assert client.get(url).text == "<html>index</html>"
        assert client.get(url).content_type.startswith("text/html")
        assert client.get(url + "/a.txt").text == "route a"
        assert client.get(url + "/b.txt").text == "file b"
        assert client.get(url + "/b.txt", headers={"Range": "bytes=0-3"}).status == 206
        assert client.get(url + "/b.txt", headers={"Range": "bytes=99-"}).status == 416
        assert (client.get(url + "/c.txt").status, client.get(url + "/d.txt").text) == (410, "missed 2")
        assert client.post(url + "/b.txt").text == "missed 3"
        assert client.get(url + "/..%2fsecret.txt").text == "missed 4"
    assert seen == [("GET", "/c.txt"), ("GET", "/d.txt"), ("POST", "/b.txt"), ("GET", "/..%2fsecret.txt")]


def test_a_subclass_may_bring_its_own_404() -> None:
    class Mine(HttpServer):
        def _404_func(self, user: Any, request: Any) -> Http_Response:
            return Http_Response(404, f"no {request.url}")

    with asking(Mine()) as (url, client):
        assert client.get(url + "/x").text == "no /x"


def test_without_a_404_of_ones_own() -> None:
    server = HttpServer()
    server._404_func = lambda user, request: None
    with asking(server) as (url, client):
        assert client.get(url + "/x").status == 404


def test_what_the_function_sees() -> None:
    seen: list[Any] = []

    def look(user: Any, request: Any) -> Http_Response:
        seen.append(request)
        return Http_Response(200, "")

    server = HttpServer()
    server.add_route("/look", ["POST"], look)
    with asking(server) as (url, client):
        client.post(url + "/look?a=1", headers={"X-Mine": "2"}, content=b"abc")
        client.post(url + "/look", form={"title": "x"}, files={"f": ("a.txt", b"abc")})
    first, second = seen
    assert (first.method, first.url, first.uri, first.GET_params, first.content) == (
        "POST",
        "/look",
        "/look?a=1",
        {"a": "1"},
        b"abc",
    )
    assert (first.header_params["x-mine"], first.header_params["Host"]) == ("2", url.removeprefix("http://"))
    assert first.http_content.startswith(b"POST /look?a=1 HTTP/1.1\r\nHost: ")
    assert first.http_content.endswith(b"\r\n\r\nabc")
    assert [(name, each.content) for name, each in second.form_data] == [("title", b"x"), ("f", b"abc")]


def test_answers() -> None:
    def proxied(user: Any, request: Any) -> Http_Response:
        response = Http_Response(203, b"abc")
        response.add_header({"Transfer-Encoding": "chunked", "Content-Length": "99", "Connection": "close", "X-Kept": "1"})
        response.set_header("Set-Cookie", ["a=b", "c=d"])
        return response

    def wrong(user: Any, request: Any) -> Any:
        return "text"

    server = HttpServer()
    server.add_route("/proxied", ["GET"], proxied)
    server.add_route("/html", ["GET"], says("<html>x</html>"))
    server.add_route("/text", ["GET"], says("x"))
    server.add_route("/octets", ["GET"], lambda user, request: Http_Response(200, b"\xff\xfe"))
    server.add_route("/empty", ["GET"], lambda user, request: Http_Response(204, b""))
    server.add_route("/wrong", ["GET"], wrong)
    with asking(server) as (url, client):
        response = client.get(url + "/proxied")
        assert (response.status, response.content, response.headers["x-kept"]) == (203, b"abc", "1")
        assert response.headers.get_all("content-length") == ["3"]
        assert {"a=b", "c=d"} <= set(response.headers.get_all("set-cookie"))
        types = [client.get(f"{url}/{name}").content_type for name in ("html", "text", "octets", "empty")]
        assert types == ["text/html; charset=utf-8", "text/plain; charset=utf-8", "application/octet-stream", ""]
        assert client.get(url + "/wrong").status == 500


def test_wrong_answers_are_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def home(user: Any, request: Any) -> Any:
        return "text"

    server = HttpServer()
    server.add_route("/", ["GET"], home)
    with asking(server) as (url, client):
        assert "Http_Response" not in client.get(url).text
    assert "home() returned str; return an Http_Response, or None" in caplog.text


def test_cookies_that_are_set_and_deleted() -> None:
    def change(user: Any, request: Any) -> Http_Response:
        cookie = user["cookie"]
        before = str(cookie)
        cookie["theme"] = "dark"
        if "old" in cookie:
            del cookie["old"]
        return Http_Response(200, before)

    def fail(user: Any, request: Any) -> Http_Response:
        user["cookie"]["failed"] = "yes"
        raise ValueError

    server = HttpServer()
    server.add_route("/", ["GET"], change)
    server.add_route("/fail", ["GET"], fail)
    with server.application().serving() as serving, HttpClient(timeout=20) as client:
        first = client.get(serving.url, headers={"Cookie": "old=1; other=2"})
        visitor = re.search(r"hospes=([^;]+)", ", ".join(first.headers.get_all("set-cookie")))
        assert visitor is not None
        lines = first.headers.get_all("set-cookie")
        assert "theme=dark; Path=/; HttpOnly; SameSite=Lax" in lines
        assert any(line.startswith("old=; Max-Age=0") for line in lines)
        assert first.headers["cache-control"] == "private"
        public = re.fullmatch(r"old=1; other=2; id=([0-9a-f]{32})", first.text)
        assert public is not None
        second = client.get(serving.url, headers={"Cookie": f"hospes={visitor[1]}; theme=dark; id=forged"})
        assert second.text == f"theme=dark; id={public[1]}"
        assert visitor[1] not in second.text
        assert any(line.startswith("failed=yes") for line in client.get(serving.url + "/fail").headers.get_all("set-cookie"))


def test_every_visitor_has_an_id_of_their_own() -> None:
    server = HttpServer()
    server.add_route("/", ["GET"], lambda user, request: Http_Response(200, user["cookie"]["id"]))
    with asking(server) as (url, client):
        mine = client.get(url).text
        assert client.get(url).text == mine
        others = {HttpClient().get(url).text for _ in range(5)}
        assert len(others | {mine}) == 6


@pytest.mark.parametrize("cookie", ["hospes=forged", f"hospes={'a' * 24}.{'b' * 43}", "id=1"])
def test_a_forged_id_is_not_adopted(cookie: str) -> None:
    server = HttpServer()
    server.add_route("/", ["GET"], count)
    with server.application().serving() as serving, HttpClient(timeout=20) as client:
        response = client.get(serving.url, headers={"Cookie": cookie})
        assert response.text == "1"
        given = response.headers["set-cookie"]
        assert given.startswith("hospes=")
        assert cookie not in given


def test_160_parallel_requests_count_160() -> None:
    server = HttpServer()
    server.add_route("/", ["GET"], count)
    with asking(server) as (url, client):
        assert client.get(url).text == "1"
        with ThreadPoolExecutor(16) as threads:
            found = sorted(int(each.text) for each in threads.map(lambda _: client.get(url), range(159)))
        assert found == list(range(2, 161))


def test_a_user_outlives_the_server() -> None:
    def put(user: Any, request: Any) -> Http_Response:
        user.setdefault("deep", {"list": []})["list"].append(1)
        return Http_Response(200, str(len(user["deep"]["list"])))

    with HttpClient(cookies=True, timeout=20) as client:
        for expected in ("1", "2", "3"):
            server = HttpServer()
            server.add_route("/", ["GET"], put)
            with server.application().serving() as serving:
                assert client.get(serving.url).text == expected


PROGRAM = """
import sys
from hospes.compat.alink import Http_Response, HttpServer

def count(user, request):
    user["n"] = user.get("n", 0) + 1
    return Http_Response(200, str(user["n"]))

server = HttpServer()
server.port = int(sys.argv[1])
server.add_route("/", ["GET"], count)
server.mainloop()
"""


@contextmanager
def running(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "HOSPES_STORE": ""}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(port)], cwd=folder, env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        while line := process.stdout.readline():
            if b"Ctrl+C" in line:
                break
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="platform: there is no kill -9")
def test_mainloop_and_kill_9(folder: Path) -> None:
    acknowledged = 0
    with own_port() as port, HttpClient(cookies=True, timeout=20, retries=50) as client:
        url = f"http://127.0.0.1:{port}/"
        for _ in range(3):
            with running(port, folder) as process:
                until = time.monotonic() + 0.3
                while time.monotonic() < until:
                    found = int(client.get(url).text)
                    assert found >= acknowledged + 1
                    acknowledged = found
                process.send_signal(signal.SIGKILL)
                process.wait()
                with pytest.raises(ClientError):
                    HttpClient().get(url)
    assert acknowledged >= 3


def test_mainloop_ends_with_a_signal(folder: Path) -> None:
    with own_port() as port, running(port, folder) as process:
        process.terminate()
        assert process.wait(20) == 0


def test_mistakes() -> None:
    async def asynchronous(user: Any, request: Any) -> None: ...

    server = HttpServer()
    with pytest.raises(SetupError) as not_callable:
        server.add_route("/", ["GET"], "text")  # type: ignore[arg-type]
    with pytest.raises(SetupError) as is_async:
        server.add_route("/", ["GET"], asynchronous)  # type: ignore[arg-type]
    with pytest.raises(SetupError) as no_folder:
        server.set_template_path("nowhere-at-all")
    server.application()
    with pytest.raises(SetupError) as too_late:
        server.add_route("/", ["GET"], count)
    texts = [str(each.value) for each in (not_callable, is_async, no_folder, too_late)]
    check_golden("compat/alink", "\n".join(texts).replace(os.getcwd() + os.sep, ""))
