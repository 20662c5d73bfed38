"""What is asked with a cookie is not asked by another site's page."""

from __future__ import annotations

from typing import Any

import pytest
from tests.app.support import made

from hospes.app.guarding import guarded, speaks_for_somebody
from hospes.errors import SetupError
from hospes.filters import Csrf
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.running import App

FOREIGN, COOKIE = "Origin: https://evil.example", "Cookie: mine=1"


def endpoint(request: Request) -> Response:
    return Response("done")


def refused(request: Request) -> Response:
    return Response("refused", 403)


@pytest.mark.parametrize("methods", [{"GET"}, {"GET", "HEAD"}, {"OPTIONS"}])
def test_routes_that_change_nothing_are_left_as_they_are(methods: set[str]) -> None:
    assert guarded(endpoint, refused, Csrf(), frozenset(methods)) is endpoint


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("POST", (FOREIGN, COOKIE), 403),
        ("BREW", (FOREIGN, COOKIE), 403),
        ("POST", ("Sec-Fetch-Site: cross-site", COOKIE), 403),
        ("POST", ("Origin: http://h", COOKIE), 200),
        ("POST", (COOKIE,), 200),
        ("POST", (FOREIGN,), 200),
        ("GET", (FOREIGN, COOKIE), 200),
        ("HEAD", (FOREIGN, COOKIE), 200),
    ],
)
@pytest.mark.parametrize("methods", [frozenset[str](), frozenset({"GET", "POST"})])
def test_who_passes(methods: frozenset[str], method: str, fields: tuple[str, ...], status: int) -> None:
    request = made("/", method, None, *fields)
    answer = guarded(endpoint, refused, Csrf(), methods)(request)
    assert isinstance(answer, Response)
    assert answer.status == status
    assert speaks_for_somebody(request) is (method not in {"GET", "HEAD"} and COOKIE in fields)


def shop(**options: Any) -> App:
    app = App(store="memory:", **options)

    @app.filter
    async def mark(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["X-Seen"] = "yes"
        return response

    @app.error(403)
    async def refusal(code: int, message: str) -> str:
        return f"no: {message}"

    @app.post("/inline", inline=True)
    def inline() -> str:
        return "done"

    @app.post("/pool")
    def pool() -> str:
        return "done"

    @app.post("/loop")
    async def loop() -> str:
        return "done"

    @app.get("/read")
    async def read() -> str:
        return "read"

    inner = App(store="memory:")

    @inner.post("/x")
    async def x() -> str:
        return "inner"

    async def handler(request: Request) -> Response:
        return Response("handler")

    app.mount("/inner", inner)
    app.mount("/handler", handler)
    return app


HEADERS = {"Origin": "https://evil.example", "Cookie": "mine=1"}
PATHS = ("/inline", "/pool", "/loop", "/inner/x", "/handler/x")


def test_every_route_is_guarded_inside_of_filters_and_error_handlers() -> None:
    with shop().test() as client:
        for path in PATHS:
            answer = client.post(path, headers=HEADERS)
            assert (answer.status, answer.headers["X-Seen"]) == (403, "yes"), path
            if path != "/inner/x":
                assert answer.text == "no: This came from another site"
            assert client.post(path, headers={"Origin": HEADERS["Origin"]}).status == 200, "without cookies, it speaks for nobody"
            assert client.post(path, headers={"Cookie": "mine=1"}).status == 200
        assert client.get("/read", headers=HEADERS).text == "read"


def test_it_can_be_left_out() -> None:
    with shop(csrf=False).test() as client:
        found = [client.post(path, headers=HEADERS).status for path in PATHS]
        assert found == [200, 200, 200, 403, 200], "the inner app guards itself"
    with shop(csrf=Csrf(exempt=["/pool", "/handler/**"])).test() as client:
        assert [client.post(path, headers=HEADERS).status for path in PATHS] == [403, 200, 403, 403, 200]


def test_tokens_are_demanded_by_filters() -> None:
    with pytest.raises(SetupError, match="would demand a token of every request"):
        App(csrf=Csrf(token=True))
