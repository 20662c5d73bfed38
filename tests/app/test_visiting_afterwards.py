"""Who asks for the visitor when the answer has left holds no turn, and can change something in one."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from tests.server.support import Peer, request

from hospes import App, CallNext, Request, Response, User


@pytest.mark.parametrize("path", ["/async", "/inline", "/pooled", "/given/text", "/given/response", "/filtered/async"])
def test_asked_for_the_first_time_by_what_goes_on(path: str) -> None:
    app = App(store="memory:")
    seen: list[Request] = []

    @app.get("/async")
    @app.get("/filtered/async")
    async def waits(request: Request) -> str:
        seen.append(request)
        return "there"

    @app.get("/inline", inline=True)
    def inline(request: Request) -> str:
        seen.append(request)
        return "there"

    @app.get("/pooled")
    def pooled(request: Request) -> str:
        seen.append(request)
        return "there"

    @app.get("/given/{what}")
    async def given(request: Request, what: str) -> str | Response:
        seen.append(request)
        return "there" if what == "text" else Response("there")

    @app.filter("/filtered/*")
    async def around(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    @app.get("/later")
    async def later() -> str:
        user = await seen.pop().get_user()
        with pytest.raises(RuntimeError, match=r"async with user.turn\(\)"):
            user["n"] = 0
        async with user.turn():
            user["n"] = user.get("n", 0) + 1
        return "stored"

    @app.get("/n")
    def n(user: User) -> str:
        user.setdefault("n", 0)
        return str(user["n"])

    with app.serving() as server, Peer(urlsplit(server.url).port or 0) as peer:
        peer.send(request("/n"))
        cookie = peer.get().fields["set-cookie"].partition(";")[0]
        for times in (1, 2):
            for asked, told in ((path, "there"), ("/later", "stored"), ("/n", str(times))):
                peer.send(request(asked, "GET", None, f"Cookie: {cookie}" if asked != "/later" else "X: y"))
                assert peer.get().content.decode() == told
