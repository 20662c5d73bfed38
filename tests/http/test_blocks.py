"""Blocks that hold something of a request: on the loop, in threads, inside each other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hospes import App, Session, User, WebSocketSession
from hospes.http.blocks import Block, owner


class Kept:
    """Notes who holds it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, fails: bool = False) -> None:
        self.loop = loop
        self.fails = fails
        self.holder: object = None
        self.said: list[Any] = []

    async def begin(self, kept: object) -> bool:
        if self.fails:
            raise LookupError("it is away")
        if self.holder is owner():
            return False
        self.holder = owner()
        self.said.append("begun")
        return True

    async def end(self, failed: bool) -> None:
        self.holder = None
        self.said.append("failed" if failed else "ended")


def test_on_the_loop() -> None:
    async def main() -> None:
        kept = Kept(asyncio.get_running_loop())
        async with Block(kept), Block(kept):
            assert kept.holder is asyncio.current_task()
        with pytest.raises(ValueError, match="no"):
            async with Block(kept):
                raise ValueError("no")
        async with Block(None):
            assert kept.said == ["begun", "ended", "begun", "failed"]
        with (
            pytest.raises(RuntimeError, match=r"^a plain `with` waits, and on the loop nobody may: write `async with`$"),
            Block(kept),
        ):
            pass
        assert kept.said[4:] == []

    asyncio.run(main())


def test_in_a_thread() -> None:
    async def main() -> None:
        kept, away = Kept(asyncio.get_running_loop()), Kept(asyncio.get_running_loop(), fails=True)

        def work() -> None:
            with Block(kept), Block(kept):
                assert kept.holder is not None
                assert kept.said == ["begun"]
            with pytest.raises(ValueError, match="no"), Block(kept):
                raise ValueError("no")
            with pytest.raises(LookupError), Block(away):
                pass
            with Block(None):
                assert kept.said == ["begun", "ended", "begun", "failed"]
            assert kept.holder is None

        await asyncio.to_thread(work)

    asyncio.run(main())


def test_plain_code_changes_what_is_kept_while_its_answer_leaves() -> None:
    app = App(store="memory:")

    @app.get("/stream")
    def stream(user: User, session: Session) -> Iterator[str]:
        session["n"] = session.get("n", 0)

        def pieces() -> Iterator[str]:
            yield "-"
            with user.turn() as same, user.turn(), session.turn():
                assert same is user
                user["n"] = user.get("n", 0) + 1
                session["n"] += 1
            with pytest.raises(RuntimeError, match=r"in a thread `with user\.turn\(\):`"):
                user["n"] = -1

        return pieces()

    @app.get("/shown")
    async def shown(user: User, session: Session) -> Any:
        return [user.get("n"), session.get("n")]

    with app.test() as client:
        for count in (1, 2):
            assert client.get("/stream").text == "-"
            assert client.get("/shown").json() == [count, count]


def test_plain_events_of_several_websockets_take_turns() -> None:
    app = App(store="memory:")

    @app.websocket_message("/")
    def count(session: WebSocketSession, text: str) -> None:
        user = session.request.get_user()
        with user.turn():
            user["n"] = user.get("n", 0) + 1
        session.send(threading.current_thread().name)

    @app.get("/shown")
    async def shown(user: User) -> Any:
        return [user.setdefault("n", 0)]

    with app.test() as client:
        client.get("/shown")
        with client.websocket("/") as one, client.websocket("/") as other:
            for _ in range(10):
                one.send("more")
                other.send("more")
            for _ in range(10):
                assert "worker" in str(one.receive())
                assert "worker" in str(other.receive())
        assert client.get("/shown").json() == [20]
