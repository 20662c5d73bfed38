"""Finishers that are through later: the engine's answer leaves then, as the portable carrier's does that awaits them."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest
from tests.server.support import Peer, request

from hospes import App, Response
from hospes.http.content import FileContent
from hospes.http.request import Request

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

from tests.engine.test_direct import both, compare

SEEN: ContextVar[str] = ContextVar("seen", default="-")


class Later:
    """A finisher that does it later, or fails then, or cannot."""

    def __init__(self, how: str, told: list[str]) -> None:
        self.how = how
        self.told = told

    async def __call__(self, response: Response | None) -> None:
        await asyncio.sleep(0)
        self._finish()

    def finish_quietly(self) -> bool:
        return False

    def finish_later(self, heard: Callable[[BaseException | None], object]) -> bool:
        if self.how == "cannot":
            return False
        if self.how == "raises":
            raise ValueError("it has not begun")
        self.told.append("later")

        def end() -> None:
            try:
                self._finish()
            except LookupError as error:
                heard(error)
            else:
                heard(None)

        asyncio.get_running_loop().call_soon(end)
        return True

    def _finish(self) -> None:
        self.told.append("finished")
        if self.how == "fails":
            raise LookupError("what it is about")


@pytest.mark.parametrize("kind", ["text", "json", "response", "stream", "nothing"])
def test_finishers_that_are_through_later(kind: str) -> None:
    told: list[str] = []
    values: dict[str, Callable[[], Any]] = {
        "text": lambda: "text",
        "json": lambda: {"a": 1},
        "response": lambda: Response("mine", headers={"X-Mine": "1"}),
        "stream": lambda: iter(["a", "b"]),
        "nothing": lambda: object(),
    }

    def build() -> App:
        app = App()

        @app.error(LookupError)
        async def lost(request: Request, error: LookupError) -> str:
            return f"lost {error} of {SEEN.get()}"

        @app.get("/one/{how}")
        async def one(request: Request, how: str) -> Any:
            SEEN.set(how)
            request.finish_with(Later(how, told))
            return values[kind]()

        @app.get("/two/{how}")
        async def two(request: Request, how: str) -> Any:
            SEEN.set(how)
            request.finish_with(Later(how, told))
            request.finish_with(Later("well", told))
            return values[kind]()

        return app

    targets = [f"/{count}/{how}" for count in ("one", "two") for how in ("well", "fails", "cannot", "raises")]
    answers = compare(build, [request(target, "GET") for target in targets])
    assert answers.count(b"lost what it is about of fails") == 2
    assert told.count("finished") == 2 * (4 + 8), "each of them is through once, on either carrier"
    asked = {"text", "json", "response"}  # what is there at once, and only where one finisher is left
    assert told.count("later") == (2 if kind in asked else 0)


class Counted:
    """An answer of the program's own, and how often it was made."""

    def __init__(self, content: Any, made: list[str], of: str) -> None:
        self._content = content
        self._made = made
        self._of = of

    def respond(self, request: Request) -> Response:
        self._made.append(self._of)
        if self._content is None:
            raise LookupError("nothing")
        return Response(self._content)


@pytest.mark.parametrize("how", ["well", "fails", "cannot", "raises"])
def test_an_answer_is_made_once(how: str, tmp_path: Path) -> None:
    """Whether its finisher is through later, or has to be awaited because of the finisher or because of the answer."""
    (tmp_path / "file").write_bytes(b"file")
    made: list[str] = []
    contents: dict[str, Callable[[], Any]] = {
        "text": lambda: "text",
        "stream": lambda: iter(["a", "b"]),
        "file": lambda: FileContent((tmp_path / "file").open("rb"), 0, 4),
        "refused": lambda: None,
    }

    def build() -> App:
        app = App()

        @app.error(LookupError)
        async def lost(request: Request, error: LookupError) -> str:
            return f"lost {error}"

        @app.get("/{of}")
        async def one(request: Request, of: str) -> Counted:
            request.finish_with(Later(how, []))
            return Counted(contents[of](), made, of)

        return app

    answers = compare(build, [request(f"/{of}", "GET") for of in contents])
    assert re.findall(rb"HTTP/1.1 (\d+)", answers)[:-1] == [
        b"500" if of == "refused" or how == "fails" else b"200" for of in contents
    ]
    assert sorted(made) == sorted([*contents] * 2), "once on either carrier"


def test_a_finisher_that_is_through_later_and_a_peer_that_has_gone() -> None:
    ends: list[Callable[[BaseException | None], object]] = []
    loops: list[asyncio.AbstractEventLoop] = []
    begun = threading.Event()

    class Waiting(Later):
        def finish_later(self, heard: Callable[[BaseException | None], object]) -> bool:
            ends.append(heard)
            loops.append(asyncio.get_running_loop())
            begun.set()
            return True

    def build() -> App:
        app = App()

        @app.get("/wait")
        async def wait(request: Request) -> str:
            request.finish_with(Waiting("well", []))
            return "waited"

        @app.get("/")
        async def home() -> str:
            return "home"

        return app

    with both(build) as (_, port):
        with Peer(port) as peer:
            peer.send(request("/wait", "GET"))
            assert begun.wait(30)
        begun.clear()
        with Peer(port) as peer:
            peer.send(request("/wait", "GET") + request("/", "GET"))  # the next answer waits for this one
            assert begun.wait(30)
            loops[1].call_soon_threadsafe(ends[1], None)
            peer.send(request("/", "GET", None, "Connection: close"))
            assert re.findall(rb"waited|home", peer.rest()) == [b"waited", b"home", b"home"]
        loops[0].call_soon_threadsafe(ends[0], None)  # of who has gone: nothing happens
        with Peer(port) as peer:
            peer.send(request("/", "GET", None, "Connection: close"))
            assert peer.rest().startswith(b"HTTP/1.1 200")
