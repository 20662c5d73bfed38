"""Whether an application goes on, and whether requests may be sent to it."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from tests.server.support import Peer, request

from hospes import App, ServerOptions, Timeouts, User
from hospes.app import health
from hospes.server import Server


def test_an_application_that_is_well() -> None:
    app = App(store="memory:")
    app.health()
    with app.test() as client:
        for path, text in (("/livez", "alive\n"), ("/readyz", "ready\n")):
            answer = client.get(path)
            assert (answer.status, answer.text, answer.headers["cache-control"]) == (200, text, "no-store")
        assert client.request("HEAD", "/readyz").status == 200


def test_off_by_default_and_at_other_paths() -> None:
    with App().test() as client:
        assert client.get("/livez").status == client.get("/readyz").status == 404
    app = App(store="memory:")
    app.health(live="/up", ready="/open")
    with app.test() as client:
        assert client.get("/up").status == client.get("/open").status == 200


def test_checks_of_the_program(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WITHIN", 0.5)
    app = App(store="memory:")
    says: dict[str, object] = {"warm": False, "fails": ZeroDivisionError("secret"), "hangs": True}

    def warm() -> object:
        return says["warm"]

    async def fails() -> None:
        if isinstance(says["fails"], Exception):
            raise says["fails"]

    async def hangs() -> None:
        await asyncio.sleep(60 if says["hangs"] else 0)

    app.health(warm, fails, hangs)
    with app.test() as client:
        for _ in range(2):
            answer = client.get("/readyz")
            assert (answer.status, answer.text) == (503, "not ready: warm, fails, hangs\n")
        assert client.get("/livez").status == 200
        says.update(warm=None, fails=None, hangs=False)
        monkeypatch.setattr(health, "WITHIN", 60.0)
        assert client.get("/readyz").status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        "not ready: warm: it says no",
        "not ready: fails: ZeroDivisionError('secret')",
        "not ready: hangs: it did not answer within 0.5 s",
    ]


def test_a_store_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(store="memory:")
    app.health()

    @app.get("/")
    def home(user: User) -> str:
        return str(user)

    with app.test() as client:
        assert client.get("/readyz").status == 200

        async def away(within: float) -> str:
            return "the store is away"

        monkeypatch.setattr(app._healths[0], "_store", away)
        assert client.get("/readyz").text == "not ready: store\n"
        assert client.get("/livez").status == 200


def test_a_stop_says_so_first() -> None:
    """While connections are still taken (`unready`), nobody is to send more of them."""
    app = App(store="memory:")
    app.health()

    async def main() -> None:
        options = ServerOptions(port=0, unready=30, timeouts=Timeouts(drain=5))
        async with app.started() as handler:
            server = Server(handler, options)
            await server.start()
            app.begin_to_drain()
            stopping = asyncio.ensure_future(server.stop())
            await asyncio.sleep(0)

            def ask() -> tuple[int, bytes]:
                with Peer(server.address[1]) as peer:
                    peer.send(request("/readyz"))
                    got = peer.get()
                    return got.status, got.content

            assert await asyncio.to_thread(ask) == (503, b"not ready: stopping\n")
            await server.stop(0)
            await stopping
        async with app.started():
            assert not app._healths[0].draining

    asyncio.run(main())
    assert threading.active_count() < 20
