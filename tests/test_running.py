"""Running an app: until a signal, on a loop, in threads, several at once."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.golden import check_golden
from tests.server.support import GET, WAIT, Peer, listens
from tests.server.support import request as octets

from hospes import App, Limits, Request, Response, ServerOptions, SetupError, Timeouts
from hospes.running import Hosting, Interface, host, python, version


def saying(text: str) -> App:
    app = App(store="memory:")
    app.get("/")(lambda: text)
    return app


def ask(url: str) -> bytes:
    with Peer(int(url.rpartition(":")[2])) as peer:
        peer.send(GET)
        return peer.get().content


@contextmanager
def killed_when_it_serves(*numbers: signal.Signals) -> Generator[None]:
    """Send signals to this process, one after the other, as soon as somebody listens to them."""
    before = signal.getsignal(signal.SIGTERM)
    over = threading.Event()

    def kill() -> None:
        while signal.getsignal(signal.SIGTERM) is before and not over.is_set():
            time.sleep(0.001)
        for number in numbers:
            if not over.wait(0.02):
                os.kill(os.getpid(), number)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(WAIT)


@contextmanager
def own_logging() -> Generator[logging.Logger]:
    """The process as it is where a program has set up no logging."""
    root, own = logging.getLogger(), logging.getLogger("hospes")
    before = root.handlers[:], own.handlers[:], own.level
    root.handlers[:] = []
    try:
        yield own
    finally:
        root.handlers[:], own.handlers[:] = before[0], before[1]
        own.setLevel(before[2])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_until_a_signal(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    app, log = saying("x"), list[str]()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        log.append("begins")
        yield
        log.append("ends")

    with killed_when_it_serves(number):
        app.run(port=0)
    assert log == ["begins", "ends"]
    panel = re.sub(r":\d{2,5}\b", ":PORT", capsys.readouterr().out.replace(version(), "VERSION").replace(python(), "PYTHON"))
    check_golden("running/panel", re.sub(r"(engine|portable)", "CARRIER", panel))


def test_a_second_signal_is_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    app = App()
    entered = threading.Event()

    @app.get("/")
    async def wait() -> str:
        entered.set()
        await asyncio.sleep(WAIT)
        return ""

    peers: list[Peer] = []

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield

    def connect() -> None:
        while not (found := re.search(r":(\d+)\n", capsys.readouterr().out)):
            time.sleep(0.001)
        peers.append(Peer(int(found[1])))
        peers[0].send(GET)
        assert entered.wait(WAIT)
        os.kill(os.getpid(), signal.SIGTERM)
        while listens(int(found[1])):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=connect)
    thread.start()
    with pytest.raises(SystemExit) as caught:
        app.run(port=0)
    thread.join(WAIT)
    assert caught.value.code == 143
    peers[0].sock.close()


def test_run_where_a_loop_runs() -> None:
    async def main() -> None:
        with pytest.raises(SetupError) as caught:
            App().run(port=0)
        check_golden("running/running_loop", str(caught.value))

    asyncio.run(main())


def test_run_shows_its_log_where_nobody_else_does(capsys: pytest.CaptureFixture[str]) -> None:
    with own_logging() as logger:
        for _ in range(2):
            with killed_when_it_serves(signal.SIGTERM):
                App().run(port=0)
        assert len(logger.handlers) == 1
    errors = capsys.readouterr().err
    assert re.search(r"^\d{4}-\d\d-\d\d [\d:,]+ INFO hospes\.server: stopped: 0 requests finished", errors, re.MULTILINE)


def test_a_programs_own_logging_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert logging.getLogger().handlers
    with killed_when_it_serves(signal.SIGTERM):
        App().run(port=0)
    assert logging.getLogger("hospes").handlers == []


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError) as caught:
            App().run(port=port)
        with pytest.raises(SetupError, match="cannot listen"), App().serving(port=port):
            pass
    check_golden("running/port_in_use", str(caught.value).replace(str(port), "PORT"))
    assert capsys.readouterr().out == ""


def test_a_mistake_in_the_program() -> None:
    app = App()
    app.get("/{")(lambda: "")
    with pytest.raises(SetupError, match="pattern"):
        app.run(port=0)
    with pytest.raises(SetupError, match="pattern"):
        app.serving().start()


def test_what_starting_raises_in_a_thread_comes_out() -> None:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        if app.threads:
            raise KeyError("no database")
        yield

    with pytest.raises(KeyError, match="no database"):
        app.serving().start()


def test_serving_in_threads_several_at_once() -> None:
    one, two = saying("one"), saying("two")
    with one.serving() as first, two.serving(host="127.0.0.1") as second:
        assert (ask(first.url), ask(second.url)) == (b"one", b"two")
        port = int(first.url.rpartition(":")[2])
    assert not listens(port)
    with one.serving() as first:
        assert ask(first.url) == b"one"
    server = one.serving(port=port)
    server.start()
    assert ask(server.url) == b"one"
    server.stop()


def test_options_reach_the_server_and_the_pool() -> None:
    app = App(threads=1)
    gate = threading.Event()
    entered = threading.Event()

    @app.get("/")
    def wait() -> str:
        entered.set()
        assert gate.wait(WAIT)
        return "done"

    @app.post("/")
    async def take(body: bytes) -> str:
        return str(len(body))

    with app.serving(limits=Limits(body=3), timeouts=Timeouts(queue=0.5)) as server:
        port = int(server.url.rpartition(":")[2])
        with Peer(port) as first, Peer(port) as second:
            first.send(GET)
            assert entered.wait(WAIT)
            second.send(GET)
            refused = second.get()
            assert (refused.status, refused.fields["retry-after"]) == (503, "1")
            assert refused.fields["content-type"] == "application/problem+json"
            gate.set()
            assert first.get().content == b"done"
            second.send(octets("/", "POST", b"abcd"))
            assert second.get().status == 413


def test_on_an_own_loop(capsys: pytest.CaptureFixture[str]) -> None:
    app, log = saying("own loop"), list[str]()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        yield
        log.append("ends")

    async def main() -> None:
        serving = asyncio.create_task(app.serve(ServerOptions(port=0), signals=False))
        while not (found := re.search(r"http\S+:\d+", capsys.readouterr().out)):
            await asyncio.sleep(0.001)
        assert await asyncio.to_thread(ask, found[0]) == b"own loop"
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(main())
    assert log == ["ends"]


def test_serve_gives_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    with killed_when_it_serves(signal.SIGTERM), socket.create_server(("127.0.0.1", 0)) as free:
        free.close()
        assert asyncio.run(App().serve(ServerOptions(port=0))) == 0


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("memory:", "memory:"),
        ("sqlite:///hospes.db", "sqlite:///hospes.db"),
        ("redis://ada:secret@db.example/1", "redis://…@db.example/1"),
        ("redis://:s@cret@db.example/1", "redis://…@db.example/1"),
    ],
)
def test_the_panel_shows_no_password(store: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with killed_when_it_serves(signal.SIGTERM):
        App(store=store).run(port=0)
    printed = capsys.readouterr().out
    assert shown in printed
    assert "cret" not in printed


def test_a_request_under_way_is_finished() -> None:
    app = App()
    entered = threading.Event()

    @app.get("/")
    async def slow() -> str:
        entered.set()
        await asyncio.sleep(0.05)
        return "finished"

    server = app.serving()
    server.start()
    with Peer(int(server.url.rpartition(":")[2])) as peer:
        peer.send(GET)
        assert entered.wait(WAIT)
        server.stop()
        assert peer.get().content == b"finished"


def test_versions() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", version())
    assert re.fullmatch(r"\w+ 3\.\d+\.\d+\S*", python())


def test_a_client_without_sockets() -> None:
    with saying("x").test(scheme="https", limits=Limits(body=3)) as client:
        assert client.get("/").text == "x"


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answers where it thinks it is; with a lifespan that is told in every answer."""
    if scope["type"] == "lifespan":
        scope["state"]["says"] = "asgi"
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    said = f"{scope['state']['says']} {scope['root_path']} {scope['path']}"
    await send({"type": "http.response.body", "body": said.encode()})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Answers where it thinks it is."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"wsgi {environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]


@pytest.mark.parametrize(
    ("application", "interface", "panel"),
    [
        (asgi, "", {"hosting": "asgi, ASGI"}),
        (asgi, "asgi", {"hosting": "asgi, ASGI"}),
        (wsgi, "", {"hosting": "wsgi, WSGI"}),
        (wsgi, "wsgi", {"hosting": "wsgi, WSGI"}),
    ],
)
def test_hosting(application: Any, interface: Interface, panel: dict[str, str]) -> None:
    hosting = host(application, interface)
    assert hosting.panel() == panel
    with hosting.serving() as server:
        assert ask(server.url) == f"{application.__name__}  /".encode()


def test_hosting_a_handler_and_an_app() -> None:
    def handler(request: Request) -> Response:
        return Response("handled")

    for hosting in (host(handler), host(handler, "hospes")):
        assert isinstance(hosting, Hosting)
        with hosting.serving() as server:
            assert ask(server.url) == b"handled"
    app = saying("x")
    assert host(app) is app


def test_mounting_applications_of_other_frameworks() -> None:
    app, outer = saying("home"), saying("outer")
    app.mount("/asgi", asgi)
    app.mount("/wsgi", wsgi)
    outer.mount("/in side", app)
    with outer.test() as client:
        assert client.get("/").text == "outer"
        assert client.get("/in side/").text == "home"
        assert client.get("/in side/asgi/a/b").text == "asgi /in side/asgi /in side/asgi/a/b"
        assert client.get("/in side/wsgi/a/b").text == "wsgi /in side/wsgi /a/b"
        assert client.get("/in side/wsgi").text == "wsgi /in side/wsgi /"
