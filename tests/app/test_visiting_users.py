"""Visitors in an application: when the store is opened, for whom objects are made, and on which loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.app.support import asked, made, refusal
from tests.golden import check_golden

from hospes import App, CallNext, Request, Response, SetupError, User


class Cart:
    def __init__(self) -> None:
        self.items: list[str] = []


class Page:
    def __init__(self, cart: Cart) -> None:
        self.cart = cart


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "visitors.db"


def app_at(store: Path) -> App:
    return App(store=f"sqlite:///{store}")


def counting(app: App) -> None:
    @app.get("/")
    async def visit(user: User) -> str:
        user["n"] = user.get("n", 0) + 1
        return str(user["n"])


def test_a_program_without_visitors_opens_no_store(store: Path) -> None:
    app = app_at(store / "no" / "such" / "folder")
    app.get("/")(lambda: "x")
    with app.test() as client:
        assert client.get("/").text == "x"
    assert not store.exists()


def test_who_asks_for_a_visitor_is_told_at_start_that_there_is_no_store(tmp_path: Path) -> None:
    app = app_at(tmp_path / "nowhere" / "visitors.db")
    counting(app)
    assert "nowhere" in refusal(app)


@pytest.mark.parametrize("scope", ["request", "session"])
def test_also_where_only_a_provider_asks(tmp_path: Path, scope: str) -> None:
    app = app_at(tmp_path / "nowhere" / "visitors.db")
    if scope == "session":
        app.provide("session")(Cart)
    else:

        @app.provide("request")
        def cart(user: User) -> Cart:
            return Cart()

    @app.provide("request")
    def page(cart: Cart) -> Page:
        return Page(cart)

    @app.get("/")
    def home(page: Page) -> str:
        return ""

    assert "nowhere" in refusal(app)


def test_visitors_come_back(store: Path) -> None:
    app = app_at(store)
    counting(app)
    kept: dict[str, str] = {}
    for expected in (["1", "2"], ["1", "2"]):
        with app.test() as client:
            assert [client.get("/").text for _ in range(2)] == expected
            kept = dict(client.cookies)
    with app.test() as client:
        client.cookies.update(kept)
        assert client.get("/").text == "3"


def test_a_filter_may_ask_although_no_handler_does(store: Path) -> None:
    """Then the store is opened at the first need, once."""
    app = app_at(store)

    @app.filter
    async def count(request: Request, call_next: CallNext) -> Response:
        user = await app.providers.get(User, request)
        request.state["n"] = user["n"] = user.get("n", 0) + 1
        return await call_next(request)

    @app.get("/")
    async def show(request: Request) -> str:
        return str(request.state["n"])

    async def main() -> None:
        async with app.test() as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
            assert {each.text for each in answers} == {"1"}

    asyncio.run(main())
    assert store.exists()


def test_objects_of_visitors_are_their_own_also_behind_another_provider(store: Path) -> None:
    app = app_at(store)
    app.provide("session")(Cart)

    @app.provide("request")
    def page(cart: Cart) -> Page:
        return Page(cart)

    @app.get("/{item}")
    async def put(page: Page, item: str, user: User) -> list[str]:
        user["known"] = True
        page.cart.items.append(item)
        return page.cart.items

    with app.test() as client:
        assert [client.get("/a").json(), client.get("/b").json()] == [["a"], ["a", "b"]]
        client.cookies.clear()
        assert client.get("/c").json() == ["c"]


def test_a_visitors_object_alone_takes_the_visitors_turn(store: Path) -> None:
    app = app_at(store)
    under_way: list[int] = []

    @app.provide("session")
    async def cart() -> AsyncIterator[Cart]:
        yield Cart()

    @app.get("/")
    async def use(cart: Cart, request: Request) -> list[str]:
        under_way.append(1)
        assert len(under_way) == 1
        await asyncio.sleep(0)
        under_way.pop()
        cart.items.append("x")
        assert isinstance(request.user, User)
        request.user["known"] = True
        return cart.items

    async def main() -> None:
        async with app.test() as client:
            await client.get("/")
            await asyncio.gather(*(client.get("/") for _ in range(4)))
            assert (await client.get("/")).json() == ["x"] * 6

    asyncio.run(main())


def test_started_several_times_on_one_loop(store: Path) -> None:
    app = app_at(store)
    counting(app)

    async def main() -> None:
        async with app.test() as one:
            async with app.test() as two:
                assert [(await client.get("/")).text for client in (one, two, one)] == ["1", "1", "2"]
            assert (await one.get("/")).text == "3"

    asyncio.run(main())


def test_not_on_two_loops_at_once(store: Path) -> None:
    app = app_at(store)
    with app.test() as client:
        with pytest.raises(SetupError) as caught, app.serving():
            pass
        check_golden("app/two_loops", str(caught.value))
        assert client.get("/").status == 404
    with app.serving():
        pass


def test_a_cancelled_request_keeps_nothing_and_gives_the_turn_back(store: Path) -> None:
    app = app_at(store)
    entered = asyncio.Event()

    @app.get("/")
    async def visit(user: User, wait: bool = False) -> str:
        user["n"] = user.get("n", 0) + 1
        if wait:
            entered.set()
            await asyncio.sleep(60)
        return str(user["n"])

    async def main() -> None:
        async with asked(app) as ask:
            first = await ask(made())
            cookie = next(value for name, value in first.lines() if name == "Set-Cookie").partition(";")[0]
            task = asyncio.create_task(ask(made("/?wait=1", "GET", None, f"Cookie: {cookie}")))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await ask(made("/", "GET", None, f"Cookie: {cookie}"))).body == b"2"

    asyncio.run(main())
