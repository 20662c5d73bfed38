"""From a request to what answers it: methods, misses, mounts, folders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.app.support import peer_of
from tests.server.support import request as octets

from hospes import App, HttpError, Request, RequestBodyReader, Response
from hospes.app.dispatcher import Dispatcher, Mount, miss


@pytest.fixture
def app() -> App:
    made = App()
    made.get("/both")(lambda: "got")
    made.post("/both")(lambda: "posted")
    made.route("/any")(lambda: "any")
    made.get("/params", params="x=1")(lambda: "x")
    made.get("/items/{n:int}")(lambda n: str(n))
    made.get(regexp=r"^v(\d)$")(lambda: "version")
    return made


@pytest.mark.parametrize(
    ("method", "path", "status", "text", "allow"),
    [
        ("GET", "/both", 200, "got", None),
        ("HEAD", "/both", 200, "", None),
        ("POST", "/both", 200, "posted", None),
        ("PUT", "/both", 405, None, "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/both", 405, None, "GET, HEAD, OPTIONS, POST"),
        ("OPTIONS", "/both", 204, "", "GET, HEAD, OPTIONS, POST"),
        ("TRACE", "/both", 405, None, "GET, HEAD, OPTIONS, POST"),
        ("BREW", "/any", 200, "any", None),
        ("HEAD", "/any", 200, "", None),
        ("OPTIONS", "/any", 200, "any", None),
        ("OPTIONS", "/nowhere", 404, None, None),
        ("GET", "/nowhere", 404, None, None),
        ("GET", "/items/x", 404, None, None),
        ("DELETE", "/items/3", 405, None, "GET, HEAD, OPTIONS"),
        ("GET", "/v2", 200, "version", None),
        ("GET", "/%62oth", 200, "got", None),
        ("GET", "/%ff", 400, None, None),
        ("GET", "/params?x=1", 200, "x", None),
        ("GET", "/params?x=2", 404, None, None),
        ("GET", "/params?x=%ff", 400, None, None),
    ],
)
def test_methods_and_misses(app: App, method: str, path: str, status: int, text: str | None, allow: str | None) -> None:
    with app.test() as client:
        answer = client.request(method, path)
        assert (answer.status, answer.headers.get("Allow")) == (status, allow)
        assert text is None or answer.text == text


def test_a_condition_on_parameters_sees_the_form() -> None:
    app = App()
    app.post("/kinds", params="kind=a")(lambda note="": f"a {note}")
    app.post("/kinds", params=["!kind"])(lambda note="": f"none {note}")
    app.post("/kinds")(lambda kind="", note="": f"{kind} {note}")
    app.post("/stream", inline=True)(lambda: "streamed")
    with app.test() as client:
        assert client.post("/kinds", form={"kind": "a", "note": "1"}).text == "a 1"
        assert client.post("/kinds", form={"kind": "a"}, files={"f": ("f.txt", b"x")}).text == "a "
        assert client.post("/kinds", form={"note": "2"}).text == "none 2"
        assert client.post("/kinds", form={"kind": "b", "note": "3"}).text == "b 3"
        assert client.post("/kinds?kind=a", json=[]).text == "a "
        assert (
            client.post("/kinds", content=b"%ff=1", headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 400
        )
        assert client.post("/stream", form={"kind": "a"}).text == "streamed"
        assert client.post("/nowhere", form={"kind": "a"}).status == 404


def test_a_form_is_not_read_where_no_condition_asks_for_it() -> None:
    app = App()
    app.post("/kinds", params="kind=a")(lambda: "a")
    seen: list[bool] = []

    @app.post("/raw")
    async def raw(reader: RequestBodyReader) -> bytes:
        seen.append(reader.begun)
        return await reader.read()

    with app.test() as client:
        assert client.post("/raw", form={"kind": "a"}).content == b"kind=a"
    assert seen == [False]


@pytest.mark.parametrize(
    ("line", "status", "allow"),
    [
        ("OPTIONS *", 204, "GET, HEAD, OPTIONS, POST"),
        ("CONNECT example.org:443", 501, None),
        ("GET http://h/both", 200, None),
    ],
)
def test_targets_that_are_no_path(app: App, line: str, status: int, allow: str | None) -> None:
    with peer_of(app) as peer:
        peer.send(f"{line} HTTP/1.1\r\nHost: {'example.org:443' if 'CONNECT' in line else 'h'}\r\n\r\n".encode())
        answer = peer.get()
        assert (answer.status, answer.fields.get("allow")) == (status, allow)


def test_an_app_without_routes() -> None:
    app = App()
    with app.test() as client:
        assert client.get("/").status == 404
        assert client.request("OPTIONS", "*").headers["Allow"] == "OPTIONS"


@pytest.mark.parametrize(
    ("prefix", "path", "found"),
    [
        ("/api", "/api", "/api"),
        ("/api", "/api/", "/api"),
        ("/api", "/api/x", "/api"),
        ("/api", "/apix", None),
        ("/api", "/ap", None),
        ("/api", "/%61pi/x", "/%61pi"),
        ("/api", "/%61px/x", None),
        ("/api", "/api%2Fx", None),
        ("/api", "/x%zz", None),
        ("/a/b", "/a/%62/c", "/a/%62"),
        ("/%C3%BC", "/%c3%bc/x", "/%c3%bc"),
        ("", "/x", ""),
        ("", "/", ""),
        ("", "/%ff", ""),
        ("", "", None),
        ("", "*", None),
    ],
)
def test_which_paths_lie_below_a_prefix(prefix: str, path: str, found: str | None) -> None:
    assert Mount(prefix, lambda request: Response()).prefix_of(path) == found


def test_mounts_the_longest_prefix_first() -> None:
    app = App()
    for prefix in ("/", "/a", "/a/b", "/\u00fc x"):
        inner = App()
        inner.get("/{rest:path}")(lambda rest, prefix=prefix: f"{prefix} {rest}")
        inner.get("/")(lambda prefix=prefix: f"{prefix} root")
        app.mount(prefix, inner)
    app.get("/a/own")(lambda: "own")
    app.get("/a/b/{n:int}")(lambda n: "own too")
    with app.test() as client:
        assert {
            path: client.get(path).text
            for path in ("/x", "/a/x", "/a/b/x", "/a/b", "/a", "/a/own", "/a/b/7", "/\u00fc x/y", "/%61/x")
        } == {
            "/x": "/ x",
            "/a/x": "/a x",
            "/a/b/x": "/a/b x",
            "/a/b": "/a/b root",
            "/a": "/a root",
            "/a/own": "own",
            "/a/b/7": "own too",
            "/\u00fc x/y": "/\u00fc x y",
            "/%61/x": "/a x",
        }
        assert client.get("/a/%ff").status == 400
        assert client.post("/a/own").status == 405


def test_a_mounted_app_answers_for_itself() -> None:
    """Its misses, its errors, its parameters; the outer one's error handlers have no part in it."""
    app, inner = App(), App()
    app.error(lambda: "outer")
    inner.error(404)(lambda request: f"inner has no {request.path}")
    inner.get("/only/{name}")(lambda name: name)

    @inner.post("/echo")
    async def echo(body: bytes) -> str:
        return body.decode()

    app.mount("/in", inner)
    with app.test() as client:
        assert client.get("/in/nowhere").text == "inner has no /nowhere"
        assert client.get("/nowhere").text == "outer"
        assert client.get("/in/only/x").text == "x"
        assert client.put("/in/only/x").headers["Allow"] == "GET, HEAD, OPTIONS"
        assert client.post("/in/echo", content=b"abc").text == "abc"


def test_any_handler_may_be_mounted(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def awaited(request: Request) -> Response:
        return Response(f"async {request.path}")

    def refuses(request: Request) -> Response:
        raise HttpError(402)

    def fails(request: Request) -> Response:
        raise ValueError

    app.mount("/plain", lambda request: Response(f"plain {request.path}"))
    app.mount("/async", awaited)
    app.mount("/refuses", refuses)
    app.mount("/fails", fails)
    with app.test() as client:
        assert client.get("/plain/x").text == "plain /x"
        assert client.get("/async").text == "async /"
        assert [client.get(path).status for path in ("/refuses/x", "/fails/x")] == [402, 500]
    assert "GET /fails/x failed" in caplog.text


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("file")
    app = App()
    app.files("/static", tmp_path, immutable=True)
    app.get("/static/own")(lambda: "own")
    with app.test() as client:
        answer = client.get("/static/a.txt")
        assert (answer.text, "immutable" in answer.headers["Cache-Control"]) == ("file", True)
        assert client.get("/static/own").text == "own"
        assert client.head("/static/a.txt").headers["Content-Length"] == "4"
        assert [client.get(path).status for path in ("/static/b.txt", "/static/../x", "/static/%2e%2e/x")] == [404] * 3
        assert client.post("/static/a.txt").status == 405
    with peer_of(app) as peer:
        peer.send(octets("/static/a.txt"))
        assert peer.get().content == b"file"


def test_a_miss_without_an_outcome() -> None:
    """Asked by a filter that was handed on to another request, for one: it is a 404."""
    from tests.app.support import made

    with pytest.raises(HttpError) as caught:
        asyncio.run(miss(made("/x")))
    assert caught.value.code == 404
    assert repr(Mount("/a", lambda request: Response())) == "Mount('/a')"
    assert Dispatcher.__doc__


def test_folders_by_pattern(tmp_path: Path) -> None:
    """The narrowest pattern is asked first, and what no pattern covers is nobody's."""
    for name in ("one", "two", "three", "four"):
        (tmp_path / name / "sub").mkdir(parents=True)
        for file in ("a.css", "a.min.css", "a.txt", "index.html", "sub/a.css", "sub/a.txt"):
            (tmp_path / name / file).write_text(f"{name} {file}")
    app = App(store="memory:")
    app.files("**.css", tmp_path / "one")
    app.files("*.min.css", tmp_path / "two")
    app.files("/p/*", tmp_path / "three")
    app.files("/q/**", tmp_path / "four")
    app.get("/a.css")(lambda: "route")
    expected = {
        "/a.css": "route",
        "/sub/a.css": "one sub/a.css",
        "/a.min.css": "two a.min.css",
        "/sub/a.min.css": 404,
        "/a.txt": 404,
        "/": 404,
        "/p/a.txt": "three a.txt",
        "/p/": "three index.html",
        "/p/sub/a.txt": 404,
        "/p/sub/a.css": 404,
        "/%70/a.txt": "three a.txt",
        "/q/sub/a.txt": "four sub/a.txt",
        "/q/sub%2Fa.txt": 404,
        "/q/../a.txt": 404,
    }
    with app.test() as client:
        found = {path: client.get(path) for path in expected}
        assert {path: answer.text if answer.status == 200 else answer.status for path, answer in found.items()} == expected
        assert client.get("/p").headers["Location"] == "./p/"
