"""The websocket of an `async def` handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hospes import App, HttpError, Request, Response, User, WebSocket, WebSocketClosed, WebSocketOptions
from hospes.testing import WebSocketRefused


def made() -> App:
    return App(store="memory:")


def test_echo() -> None:
    app = made()

    @app.websocket("/echo/{room}", subprotocols=["v2", "v1"])
    async def echo(ws: WebSocket, room: str, times: int = 1) -> None:
        assert ws.request.path == f"/echo/{room}"
        assert (ws.closed, ws.close_code, ws.close_reason) == (False, None, "")
        async for message in ws:
            for _ in range(times):
                await ws.send(message)
        assert (ws.close_code, ws.close_reason, ws.closed) == (4000, "bye", True)

    with app.test() as client:
        with client.websocket("/echo/a?times=2", subprotocols=["v0", "v1"]) as ws:
            assert ws.subprotocol == "v1"
            ws.send("x")
            assert [ws.receive(), ws.receive()] == ["x", "x"]
            ws.send(b"y")
            assert [ws.receive(), ws.receive()] == [b"y", b"y"]
            ws.close(4000, "bye")
        with pytest.raises(WebSocketRefused, match=r"^the websocket was refused: 400 .*expected an integer"):
            client.websocket("/echo/a?times=x").__enter__()


@pytest.mark.parametrize("nowait", [False, True])
def test_what_is_no_message(nowait: bool) -> None:
    app = App()
    number: Any = 3

    @app.websocket("/")
    async def counts(ws: WebSocket) -> None:
        await ws.accept()
        if nowait:
            ws.send_nowait(number)
        await ws.send(number)

    with (
        app.test() as client,
        pytest.raises(TypeError, match="a websocket sends str or bytes, not int"),
        client.websocket("/") as ws,
        pytest.raises(WebSocketClosed, match="1011"),
    ):
        ws.receive()


def test_json() -> None:
    app = made()

    @app.websocket("/")
    async def double(ws: WebSocket) -> None:
        while True:
            value = await ws.receive_json()
            await ws.send_json({"double": value["n"] * 2})

    with app.test() as client:
        with client.websocket("/") as ws:
            ws.send_json({"n": 2})
            assert ws.receive_json() == {"double": 4}
            ws.send(b'{"n": 3}')
            assert ws.receive_json() == {"double": 6}
        with client.websocket("/") as ws:
            ws.send("[")
            with pytest.raises(WebSocketClosed, match=r"1007 this is no JSON$"):
                ws.receive()


@pytest.mark.parametrize(
    ("behaviour", "status", "text"),
    [
        ("raise", 403, '{"status":403,"title":"Forbidden","detail":"not you"}'),
        ("fail", 500, '{"status":500,"title":"Internal Server Error"}'),
        ("answer", 200, "an answer"),
        ("response", 409, "busy"),
    ],
)
def test_what_comes_before_the_first_use_is_the_answer(behaviour: str, status: int, text: str) -> None:
    app = made()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> Any:
        if behaviour == "raise":
            raise HttpError(403, "not you")
        if behaviour == "fail":
            raise LookupError
        return "an answer" if behaviour == "answer" else Response("busy", 409)

    with app.test() as client:
        with pytest.raises(WebSocketRefused) as caught:
            client.websocket("/").__enter__()
        assert (caught.value.response.status, caught.value.response.text) == (status, text)


@pytest.mark.parametrize(
    ("behaviour", "code", "reason"),
    [
        ("return", 1000, ""),
        ("raise", 1008, "403 not you"),
        ("503", 1011, "503"),
        ("close", 4001, "enough"),
        ("nothing", 1000, ""),
    ],
)
def test_how_a_handler_ends_it(behaviour: str, code: int, reason: str) -> None:
    app = made()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        if behaviour == "nothing":
            return
        ws.headers["X-Mine"] = "yes"
        await ws.accept()
        if behaviour == "raise":
            raise HttpError(403, "not you")
        if behaviour == "503":
            raise HttpError(503)
        if behaviour == "close":
            await ws.close(4001, "enough")
            await ws.close(4002, "again")
            with pytest.raises(WebSocketClosed):
                await ws.send("late")
            with pytest.raises(WebSocketClosed):
                ws.send_nowait("late")

    with app.test() as client, client.websocket("/") as ws:
        assert ws.headers.get("X-Mine") == (None if behaviour == "nothing" else "yes")
        with pytest.raises(WebSocketClosed) as caught:
            ws.receive()
        assert (caught.value.code, caught.value.reason) == (code, reason)


def test_what_a_handler_raises_is_raised_in_the_test() -> None:
    app = made()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.receive()
        raise LookupError("mine")

    with app.test() as client:
        ws = client.websocket("/")
        ws.__enter__()
        ws.send("x")
        with pytest.raises(WebSocketClosed, match="1011"):
            ws.receive()
        with pytest.raises(LookupError, match="mine"):
            ws.close()


def test_pings_and_sends_that_do_not_wait() -> None:
    app = made()

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(WebSocketClosed):
            ws.send_nowait("not yet")
        assert repr(ws) == "<WebSocket /, not open yet>"
        assert 0 <= await ws.ping() < 10
        ws.send_nowait("now")
        assert repr(ws) == "<WebSocket /, open>"
        with pytest.raises(WebSocketClosed):
            await ws.receive()
        assert repr(ws) == "<WebSocket /, closed 1000>"
        await ws.close()
        with pytest.raises(WebSocketClosed):
            await ws.ping()

    with app.test() as client, client.websocket("/") as ws:
        assert ws.receive() == "now"


def test_a_visitors_turn_is_over_with_the_handshake() -> None:
    app = made()

    @app.websocket("/")
    async def handler(ws: WebSocket, user: User) -> None:
        user["handshake"] = True
        await ws.accept()
        with pytest.raises(RuntimeError, match=r"async with user\.turn\(\)"):
            user["lost"] = True
        async for _ in ws:
            async with user.turn():
                user["n"] = user.get("n", 0) + 1
            await ws.send_json(user["n"])

    @app.get("/user")
    def show(user: User) -> dict[str, Any]:
        return dict(user)

    async def main() -> None:
        async with app.test() as client, client.websocket("/") as one, client.websocket("/") as two:  # of the same visitor
            for ws in (one, two, one):
                await ws.send("+")
            counts = [await one.receive_json(), await two.receive_json(), await one.receive_json()]
            assert sorted(counts) == [1, 2, 3]
            assert (await client.get("/user")).json() == {"handshake": True, "n": 3}

    asyncio.run(main())


def test_provided_objects_live_as_long_as_the_websocket() -> None:
    app = made()
    events: list[str] = []

    class Database:
        pass

    @app.provide("request")
    async def database() -> AsyncIterator[Database]:
        events.append("made")
        try:
            yield Database()
        finally:
            events.append("closed")

    @app.websocket("/")
    async def handler(ws: WebSocket, database: Database, refuse: bool = False) -> None:
        if refuse:
            raise HttpError(403)
        async for _ in ws:
            await ws.send(",".join(events))

    with app.test() as client:
        with client.websocket("/") as ws:
            ws.send("x")
            assert ws.receive() == "made"
        assert events == ["made", "closed"]
        with pytest.raises(WebSocketRefused):
            client.websocket("/?refuse=true").__enter__()
        assert events == ["made", "closed"] * 2


def test_a_handler_that_waits_for_something_else_hears_of_the_end() -> None:
    app = made()
    ended: list[str] = []

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        async def read() -> None:
            ended.extend([str(message) async for message in ws])

        async with asyncio.TaskGroup() as group:
            group.create_task(read())
            await ws.send("ready")
        ended.append("end")

    with app.test() as client, client.websocket("/") as ws:
        assert ws.receive() == "ready"
        ws.send("a")
    assert ended == ["a", "end"]


def test_filters_stand_around_the_handshake() -> None:
    app = made()

    @app.filter
    async def mark(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["X-Seen"] = str(response.status)
        return response

    @app.websocket("/")
    async def handler(ws: WebSocket) -> None:
        await ws.send("x")

    with app.test() as client:
        with client.websocket("/") as ws:
            assert ws.headers["X-Seen"] == "101"
        assert client.get("/").headers["X-Seen"] == "426"
        with pytest.raises(WebSocketRefused) as caught:
            client.websocket("/", {"Origin": "https://evil.example"}).__enter__()
        assert caught.value.response.headers["X-Seen"] == "403"


def test_a_websocket_binds_only_where_it_may() -> None:
    app = made()

    @app.get("/")
    def handler(ws: WebSocket) -> None: ...

    with app.test() as client:
        assert client.get("/").status == 500


def test_the_limit_of_a_message() -> None:
    app = made()

    @app.websocket("/", options=WebSocketOptions(message=3))
    async def handler(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    with app.test() as client, client.websocket("/") as ws:
        ws.send("abc")
        assert ws.receive() == "abc"
        ws.send("abcd")
        with pytest.raises(WebSocketClosed, match="1009"):
            ws.receive()
