"""ASGI's words: the versions that applications are told, in each kind of scope."""

from __future__ import annotations

from typing import Any

from tests.adapters.support import ask, body, on_loop, start

from hospes.adapters import from_asgi
from hospes.adapters.asgi import HTTP_SPEC, LIFESPAN_SPEC, VERSION, Receive, Scope, Send


def test_the_versions_of_the_specification() -> None:
    told: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        told.append((scope["type"], scope["asgi"]))
        if scope["type"] == "http":
            await send(start())
            await send(body())

    hosted = from_asgi(application)

    async def live() -> None:
        async with hosted.running():
            pass

    ask(hosted)
    on_loop(live)
    assert told == [
        ("http", {"version": VERSION, "spec_version": HTTP_SPEC}),
        ("lifespan", {"version": VERSION, "spec_version": LIFESPAN_SPEC}),
    ]
