"""The test client: lives, cookies, answers, what it cannot send."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.golden import check_golden

from hospes import App, HttpError, Limits, MultipartFile, ProtocolError, Request, Response, SetCookie, SetupError
from hospes.http.content import Stream
from hospes.testing import Body, Jar, TestResponse


@pytest.fixture
def app() -> App:
    made = App()

    @made.route("/echo")
    async def echo(request: Request) -> dict[str, Any]:
        content = await request.read()
        return {"method": request.method, "headers": dict(request.headers.items()), "content": content.decode()}

    return made


def test_the_verbs(app: App) -> None:
    with app.test() as client:
        for name in ("get", "delete", "post", "put", "patch"):
            assert getattr(client, name)("/echo").json()["method"] == name.upper()
        assert client.options("/echo").json()["method"] == "OPTIONS"
        assert client.head("/echo").content == b""
        assert client.request("BREW", "/echo").json()["method"] == "BREW"


def test_what_a_request_carries(app: App) -> None:
    with app.test() as client:
        headers = client.get("/echo", {"X-A": "1", "Host": "example.org"}).json()["headers"]
        assert headers == {"x-a": "1", "host": "example.org"}
        assert client.get("/echo").json()["headers"] == {"host": "testserver"}
        assert client.post("/echo").json()["headers"]["content-length"] == "0"
        answer = client.post("/echo", json={"a": 1}).json()
        assert (answer["content"], answer["headers"]["content-type"]) == ('{"a":1}', "application/json")
        answer = client.post("/echo", {"Content-Type": "text/x"}, content=b"abc").json()
        assert (answer["content"], answer["headers"]["content-type"]) == ("abc", "text/x")
        answer = client.post("/echo", form={"a": "1 2", "b": ["x", "y"]}).json()
        assert answer["content"] == "a=1+2&b=x&b=y"
        assert client.put("/echo", json=[1]).json()["content"] == "[1]"
        assert client.patch("/echo", content=b"p").json()["content"] == "p"
        chunked = client.request("POST", "/echo", {"Transfer-Encoding": "chunked"}, Body(content=b"abc")).json()
        assert (chunked["content"], "content-length" in chunked["headers"]) == ("abc", False)


def test_forms_with_files() -> None:
    app = App()

    @app.post("/")
    async def take(file: list[MultipartFile], note: str, tags: list[str]) -> list[object]:
        return [note, tags, *([each.filename, each.content_type, each.content.decode()] for each in file)]

    with app.test() as client:
        files: Any = {"file": [("a.txt", b"a"), ('b".txt', b"b", "text/plain")]}
        answer = client.post("/", form={"note": "n", "tags": ["x", "y"]}, files=files)
        assert answer.json() == [
            "n",
            ["x", "y"],
            ["a.txt", "application/octet-stream", "a"],
            ['b".txt', "text/plain", "b"],
        ]


def test_a_file_alone() -> None:
    app = App()

    @app.post("/")
    async def take(file: MultipartFile) -> str:
        return file.filename

    with app.test() as client:
        assert client.post("/", files={"file": ("a\nb", b"x")}).status == 200


@pytest.mark.parametrize("arguments", [{"json": 1, "content": b"x"}, {"json": 1, "form": {}}, {"files": {}, "content": b"x"}])
def test_one_body(arguments: Any) -> None:
    with pytest.raises(ValueError, match="one body"):
        Body(**arguments)


def test_what_no_peer_could_send(app: App) -> None:
    with app.test() as client:
        with pytest.raises(ProtocolError):
            client.get("/echo%zz")
        with pytest.raises(ProtocolError):
            client.request("G T", "/echo")
        with pytest.raises(ValueError, match="X-A"):
            client.get("/echo", {"X-A": "a\r\nX-B: b"})
        with pytest.raises(ValueError, match="announces"):
            client.post("/echo", {"Content-Length": "7"}, content=b"abc")
        assert client.get("/\u00fc /x?y=\u00e9").status == 404


def test_an_answers_head_is_that_of_a_carrier() -> None:
    app = App()
    app.get("/")(lambda: "text")
    app.get("/stream")(lambda: iter(["a", "b"]))
    app.get("/none")(lambda: 204)
    app.get("/fields")(lambda: Response("x", headers=[("X-A", "1"), ("X-A", "2")]))
    with app.test() as client:
        headers = client.get("/").headers
        assert (headers["Content-Length"], headers["Server"], headers["X-Content-Type-Options"]) == ("4", "hospes", "nosniff")
        assert "Date" in headers
        assert client.head("/").headers["Content-Length"] == "4"
        answer = client.get("/stream")
        assert (answer.headers["Transfer-Encoding"], answer.content) == ("chunked", b"ab")
        assert client.get("/none").content == b""
        assert client.get("/fields").headers.get_all("X-A") == ["1", "2"]


def test_what_is_not_sent_is_closed_unread(tmp_path: Path) -> None:
    app, log = App(), list[str]()

    class Source:
        def __aiter__(self) -> Source:
            return self

        async def __anext__(self) -> bytes:
            log.append("read")
            raise StopAsyncIteration

        async def aclose(self) -> None:
            log.append("closed")

    app.get("/stream")(lambda: Stream(Source()))
    app.files("/static", tmp_path)
    (tmp_path / "a.txt").write_text("abc")
    with app.test() as client:
        client.head("/stream")
        assert log == ["closed"]
        assert client.head("/static/a.txt").headers["Content-Length"] == "3"
        answer = client.get("/static/a.txt", {"Range": "bytes=1-"})
        assert (answer.status, answer.content) == (206, b"bc")


def test_an_answer() -> None:
    app = App()
    app.get("/")(lambda: {"a": "\u00e9"})
    with app.test() as client:
        answer = client.get("/")
    assert isinstance(answer, TestResponse)
    assert (answer.status, answer.text, answer.json()) == (200, '{"a":"\u00e9"}', {"a": "\u00e9"})


def test_a_stream_that_fails_fails_in_the_test() -> None:
    app = App()

    @app.get("/")
    async def stream() -> AsyncIterator[str]:
        yield "a"
        raise KeyError("half-way")

    with app.test() as client, pytest.raises(KeyError, match="half-way"):
        client.get("/")


def test_where_requests_come_from() -> None:
    app = App()
    app.get("/")(lambda request: "")

    @app.get("/who")
    async def who(request: Request) -> str:
        return f"{request.scheme} {request.client.host} {request.connection.server.port} {request.host}"

    with app.test() as client:
        assert client.get("/who").text == "http 127.0.0.1 80 testserver"
    with app.test(scheme="https") as client:
        assert client.get("/who").text == "https 127.0.0.1 443 testserver"


@pytest.mark.parametrize(("size", "status"), [(9, 200), (10, 200), (11, 413)])
def test_limits(app: App, size: int, status: int) -> None:
    with app.test(limits=Limits(body=10)) as client:
        assert client.post("/echo", content=b"x" * size).status == status


def test_cookies_come_back() -> None:
    app = App()

    @app.get("/set")
    async def set_cookies() -> Response:
        return Response(cookies=[SetCookie("a", "1"), SetCookie("b", "2", path="/deep")])

    @app.get("/drop")
    async def drop() -> Response:
        return Response(cookies=[SetCookie("a", "", max_age=0)])

    @app.get("/deep/show")
    @app.get("/show")
    async def show(request: Request) -> str:
        return request.headers.get("cookie", "none")

    with app.test() as client:
        assert client.get("/show").text == "none"
        client.get("/set")
        assert client.cookies == {"a": "1", "b": "2"}
        assert client.get("/show").text == "a=1"
        assert client.get("/deep/show").text == "b=2; a=1"
        assert client.get("/show", {"Cookie": "own=1"}).text == "own=1"
        client.get("/drop")
        assert client.get("/show").text == "none"
        client.cookies["c"] = "3"
        assert client.get("/show").text == "c=3"
        client.cookies.clear()
        assert client.get("/deep/show").text == "none"


@pytest.mark.parametrize(
    ("line", "host", "path", "kept", "sent_to"),
    [
        ("a=1", "h", "/x/y", True, "/x"),
        ("a=1", "h", "/x", True, "/"),
        ("a=1; Path=/", "h", "/x/y", True, "/"),
        ("a=1; Path=relative", "h", "/x/y", True, "/x/z"),
        ("a=1; path=/x/", "h", "/", True, "/x/y"),
        ("a=1; Domain=h", "h", "/", True, "/"),
        ("a=1; Domain=.example.org", "www.example.org", "/", True, "/"),
        ("a=1; Domain=other.org", "example.org", "/", False, "/"),
        ("a=1; Domain=ample.org", "example.org", "/", False, "/"),
        ("a=1; Max-Age=0", "h", "/", False, "/"),
        ("a=1; Max-Age=-5", "h", "/", False, "/"),
        ("a=1; Max-Age=10", "h", "/", True, "/"),
        ("a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "h", "/", True, "/"),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "h", "/", False, "/"),
        ("a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "h", "/", True, "/"),
        ("a=1; Secure", "h", "/", False, "/"),
    ],
)
def test_a_jar(line: str, host: str, path: str, kept: bool, sent_to: str) -> None:
    jar = Jar(is_secure=False)
    jar.keep(line, host, path)
    assert ("a" in jar.cookies) is kept
    assert jar.field(sent_to) == ("a=1" if kept else "")


def test_a_jar_over_https_and_paths_that_do_not_match() -> None:
    jar = Jar(is_secure=True)
    jar.keep("a=1; Secure; Path=/x", "h", "/")
    assert [jar.field(path) for path in ("/x", "/x/y", "/xy", "/")] == ["a=1", "a=1", "", ""]
    jar.keep("a=2; Path=/x; Max-Age=0", "h", "/")
    assert jar.cookies == {}


def test_the_app_lives_inside_the_block() -> None:
    app, log = App(), list[str]()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        log.append(asyncio.current_task().get_name() if (task := asyncio.current_task()) else "")  # type: ignore[union-attr]
        yield
        log.append(task.get_name() if task else "")
        assert asyncio.current_task() is task

    door = app.test()
    assert log == []
    with door:
        assert len(log) == 1
    assert len(log) == 2


def test_a_start_that_fails() -> None:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        if app.threads:
            raise KeyError("cannot start")
        yield

    with pytest.raises(KeyError, match="cannot start"), app.test():
        raise AssertionError

    async def main() -> None:
        async with app.test():
            raise AssertionError

    with pytest.raises(KeyError, match="cannot start"):
        asyncio.run(main())


def test_a_stop_that_fails() -> None:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        raise KeyError("cannot stop")

    with pytest.raises(KeyError, match="cannot stop"), app.test():
        pass


def test_where_a_loop_runs() -> None:
    async def main() -> None:
        with pytest.raises(SetupError) as caught, App().test():
            pass
        check_golden("testing/running_loop", str(caught.value))

    asyncio.run(main())


def test_a_client_that_was_not_entered() -> None:
    door: Any = App().test()
    with pytest.raises(AttributeError) as caught:
        door.get("/")
    check_golden("testing/not_entered", str(caught.value))


def test_several_clients_and_several_requests_at_once() -> None:
    app = App()
    barrier = asyncio.Barrier(3)

    @app.get("/")
    async def meet() -> str:
        await barrier.wait()
        return "met"

    async def main() -> None:
        async with app.test() as one, app.test() as two:
            answers = await asyncio.gather(one.get("/"), two.get("/"), one.get("/"))
            assert [each.text for each in answers] == ["met"] * 3

    asyncio.run(main())
    with App().test() as one, App().test() as two:
        assert one.get("/").status == two.get("/").status == 404


def test_a_request_that_is_given_up_is_cancelled() -> None:
    app, log, limits = App(), list[str](), list[asyncio.Timeout]()

    @app.get("/")
    async def wait() -> str:
        limits[0].reschedule(asyncio.get_running_loop().time() + 0.01)
        try:
            await asyncio.sleep(60)
        finally:
            log.append("left")
        return ""

    async def main() -> None:
        async with app.test() as client:
            limits.append(asyncio.timeout(60))
            with pytest.raises(TimeoutError):
                async with limits[0]:
                    await client.get("/")
            assert log == ["left"]

    asyncio.run(main())


def test_plain_generators_and_threads() -> None:
    app = App(threads=1)

    @app.get("/")
    def stream() -> Iterator[str]:
        yield threading.current_thread().name

    @app.get("/fail")
    def fail() -> str:
        raise HttpError(418)

    with app.test() as client:
        assert client.get("/").text.startswith("hospes-worker-")
        assert client.get("/fail").status == 418


def test_early_hints(app: App) -> None:
    @app.get("/hints")
    def hints(request: Request) -> str:
        request.early_hints("</a>", "</b>")
        request.early_hints("</c>")
        return "done"

    with app.test() as client:
        assert client.get("/hints").early_hints == ("</a>", "</b>", "</c>")
        assert client.get("/echo").early_hints == ()
