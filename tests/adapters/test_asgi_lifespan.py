"""Lifespan: told of start and stop, in each mode, with every way in which an application can go wrong."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from tests.adapters.support import on_loop

from hospes.adapters.asgi import AsgiApplication, Receive, Scope, Send
from hospes.adapters.asgi_lifespan import AsgiLifespan
from hospes.errors import SetupError


def living(startup: str = "complete", shutdown: str = "complete", **more: Any) -> tuple[AsgiApplication, list[str]]:
    """An application with a lifespan, and what it heard."""
    heard: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["made"] = scope["type"]
        for event, answer in (("startup", startup), ("shutdown", shutdown)):
            heard.append((await receive())["type"])
            await send({"type": f"lifespan.{event}.{answer}", **more})

    return application, heard


def test_start_and_stop() -> None:
    application, heard = living()

    async def work() -> None:
        life = AsgiLifespan(application, required=True)
        assert await life.begin() == {"made": "lifespan"}
        assert heard == ["lifespan.startup"]
        await life.end()
        assert heard == ["lifespan.startup", "lifespan.shutdown"]
        await life.end()  # over already

    on_loop(work)


async def raises(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(scope["type"])


async def returns(scope: Scope, receive: Receive, send: Send) -> None: ...


@pytest.mark.parametrize("application", [raises, returns])
def test_an_application_without_one(application: AsgiApplication) -> None:
    async def auto() -> None:
        life = AsgiLifespan(application, required=False)
        assert await life.begin() is None
        await life.end()

    async def demanded() -> None:
        await AsgiLifespan(application, required=True).begin()

    on_loop(auto)
    with pytest.raises(SetupError) as error:
        on_loop(demanded)
    assert str(error.value) == (
        "the ASGI application has no lifespan, and lifespan='on' demands one\n"
        "  → take lifespan='auto', or have the application answer the scope 'lifespan'"
    )


@pytest.mark.parametrize(("more", "text"), [({"message": "no database"}, ": no database"), ({}, "")])
def test_a_start_that_fails(more: dict[str, str], text: str) -> None:
    application, _ = living(startup="failed", **more)
    with pytest.raises(SetupError) as error:
        on_loop(lambda: AsgiLifespan(application, required=False).begin())
    assert str(error.value) == f"the ASGI application failed to start{text}\n  → its own log says more"


def test_a_stop_that_fails() -> None:
    application, _ = living(shutdown="failed", message="still busy")

    async def work() -> None:
        life = AsgiLifespan(application, required=False)
        await life.begin()
        await life.end()

    with pytest.raises(RuntimeError, match=r"^the ASGI application failed to stop: still busy$"):
        on_loop(work)


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_ends_before_it_is_told_to(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        if fails:
            raise ValueError("broken")

    async def work() -> None:
        life = AsgiLifespan(application, required=False)
        assert await life.begin() == {}
        while not caplog.records and fails:  # it is told at once
            await asyncio.sleep(0)
        await life.end()

    on_loop(work)
    assert [record.getMessage() for record in caplog.records] == [
        "the ASGI application's lifespan failed while requests were served"
    ] * fails


@pytest.mark.parametrize("fails", [False, True])
def test_one_that_ends_in_place_of_an_answer_to_the_stop(fails: bool) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if fails:
            raise ValueError("broken")

    async def work() -> None:
        life = AsgiLifespan(application, required=False)
        await life.begin()
        await life.end()

    if not fails:
        on_loop(work)
        return
    with pytest.raises(RuntimeError, match=r"^the ASGI application failed to stop$") as error:
        on_loop(work)
    assert isinstance(error.value.__cause__, ValueError)


def test_one_that_does_not_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.adapters.asgi_lifespan.STOP", 0.01)
    monkeypatch.setattr("hospes.adapters.asgi_lifespan._RETURNS", 0.0)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Event().wait()

    async def work() -> None:
        life = AsgiLifespan(application, required=False)
        await life.begin()
        await life.end()

    with pytest.raises(RuntimeError, match=r"^the ASGI application did not answer 'lifespan.shutdown' within 0.01 seconds$"):
        on_loop(work)


def test_a_start_that_raises_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise ValueError("no database")

    async def work() -> None:
        life = AsgiLifespan(application, required=False)
        assert await life.begin() is None
        await life.end()

    on_loop(work)
    [record] = caplog.records
    assert record.getMessage() == "the ASGI application raised in its start, and is served without a lifespan"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "no database"


@pytest.mark.parametrize("kind", ["lifespan.shutdown.complete", "http.response.start"])
def test_a_message_that_has_no_place(kind: str) -> None:
    said: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send({"type": kind})
        except RuntimeError as error:
            said.append(str(error))
            raise

    async def work() -> None:
        assert await AsgiLifespan(application, required=False).begin() is None

    on_loop(work)
    assert said == [f"the ASGI application sent {kind!r}, which has no place there in its lifespan"]


def test_an_answer_twice() -> None:
    said: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        try:
            await send({"type": "lifespan.startup.complete"})
        except RuntimeError as error:
            said.append(str(error))
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def work() -> None:
        life = AsgiLifespan(application, required=True)
        await life.begin()
        await life.end()

    on_loop(work)
    assert said == ["the ASGI application sent 'lifespan.startup.complete', which has no place there in its lifespan"]


def test_one_that_never_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.adapters.asgi_lifespan._RETURNS", 0.0)
    ended: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                event = (await receive())["type"].removeprefix("lifespan.")
                await send({"type": f"lifespan.{event}.complete"})
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def work() -> None:
        life = AsgiLifespan(application, required=True)
        await life.begin()
        await life.end()

    on_loop(work)
    assert ended == ["cancelled"]


def test_a_failure_after_the_last_word_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
        raise ValueError("late")

    async def work() -> None:
        life = AsgiLifespan(application, required=True)
        await life.begin()
        await life.end()

    with caplog.at_level(logging.ERROR, "hospes.adapters"):
        on_loop(work)
    assert [record.getMessage() for record in caplog.records] == ["the ASGI application's lifespan failed"]
