"""What a request gives that has to be waited for: on the loop, in threads, too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.golden import check_golden

from hospes import App, HttpError, Request, Session, User
from hospes.http.asking import Answered, Asked, ask, running_loop

Handler = Callable[[Request], Any]


async def five() -> int:
    await asyncio.sleep(0)
    return 5


def test_on_the_loop_it_is_awaited() -> None:
    async def main() -> None:
        loop = running_loop()
        assert loop is asyncio.get_running_loop()
        assert await ask(five, loop, "get") == 5
        assert await ask(five, None, "get") == 5
        assert await asyncio.create_task(ask(five, loop, "get")) == 5
        assert [*await asyncio.gather(ask(five, loop, "get"), ask(five, loop, "get"))] == [5, 5]
        task = asyncio.create_task(ask(asyncio.Event().wait, loop, "get"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.CancelledError):
            Asked(five, "get").throw(asyncio.CancelledError)
        unused = Asked(five, "get")
        unused.close()
        begun = Asked(five, "get")
        begun.send(None)
        begun.close()

    assert running_loop() is None
    asyncio.run(main())


def test_in_a_thread_it_is_there() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert await asyncio.to_thread(ask, five, loop, "get") == 5

        def on_another_loop() -> Any:
            async def inner() -> Any:
                return await ask(five, loop, "get")

            return asyncio.run(inner())

        assert await asyncio.to_thread(on_another_loop) == 5

    asyncio.run(main())


@pytest.mark.parametrize(
    "use",
    [
        lambda asked: asked.get("staff"),
        lambda asked: asked["staff"],
        lambda asked: asked.__setitem__("staff", True),
        lambda asked: "staff" in asked,
        lambda asked: list(asked),
        bool,
    ],
)
def test_what_was_not_awaited_says_so(use: Callable[[Any], Any]) -> None:
    with pytest.raises(RuntimeError, match=r"^request\.get_user\(\) was not awaited: on the loop write `await request\.get_user"):
        use(Asked(five, "get_user"))
    with pytest.raises(AttributeError):
        Asked(five, "get_user").__deepcopy__  # noqa: B018


def test_plain_code_in_a_thread_has_visitor_and_session() -> None:
    app = App(store="memory:")

    @app.filter("/staff")
    def staff(request: Request, call_next: Callable[[Request], Any]) -> Any:
        if not request.user.get("staff"):
            raise HttpError(403)
        return call_next(request)

    @app.get("/staff")
    def inside() -> str:
        return "inside"

    @app.post("/appoint")
    def appoint(request: Request) -> Any:
        request.get_user()["staff"] = True
        assert request.user is request.get_user()
        session = request.get_session()
        session["n"] = session.get("n", 0) + 1
        return [session["n"]]

    @app.get("/none")
    def none(request: Request) -> str:
        return repr(request.get_session(create=False))

    with app.test() as client:
        assert client.get("/none").text == "None"
        assert client.get("/staff").status == 403
        assert [client.post("/appoint").json() for _ in range(2)] == [[1], [2]]
        assert client.get("/staff").text == "inside"


def test_plain_code_on_the_loop_is_told() -> None:
    app = App(store="memory:")

    @app.get("/asks", inline=True)
    def asks(request: Request) -> Any:
        return request.get_user().get("staff")

    @app.get("/property", inline=True)
    def looks(request: Request) -> Any:
        return request.user.get("staff")

    @app.error()
    def told(error: Exception) -> str:
        return str(error)

    with app.test() as client:
        check_golden("http/asking", "\n".join(client.get(path).text for path in ("/asks", "/property")))


def too_late(take: Callable[[Request], Awaitable[Any]]) -> App:
    """An App whose stream asks for something when the answer has begun to leave, changes it, and shows what came of it."""
    app = App(store="memory:")

    @app.route("/stream", method=["GET", "POST"])
    async def stream(request: Request) -> Any:
        async def pieces() -> Any:
            yield "-"
            try:
                taken = await take(request)
                assert type(request.finishers) is Answered
                assert request.finishers == []
                async with taken.turn():
                    taken["n"] = taken.get("n", 0) + 1
                taken["n"] = -1
            except RuntimeError as error:
                yield str(error)

        return pieces()

    @app.post("/first")
    async def first(session: Session, user: User) -> None:
        session["n"] = user["n"] = 1

    @app.get("/shown")
    async def shown(session: Session, user: User) -> Any:
        return [session.get("n"), user.get("n")]

    return app


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("take", "shown", "late", "refused"),
    [
        (Request.get_user, [1, 2], "this visitor is new, and the answer", "this request's turn is over"),
        (Request.get_session, [2, 1], "there is no session yet, and the answer", "this request has been answered"),
    ],
)
def test_who_asks_when_the_answer_has_left_holds_no_turn(
    method: str, take: Callable[[Request], Any], shown: list[int], late: str, refused: str
) -> None:
    with too_late(take).test() as client:
        for _ in range(2):
            assert client.request(method, "/stream").text.startswith("-" + late)
        client.post("/first")
        assert client.request(method, "/stream").text.startswith("-" + refused)
        assert client.get("/shown").json() == shown
        assert client.post("/first").status == 200, "nobody has kept the turn"


def test_a_websocket_may_ask_at_any_time() -> None:
    app = App(store="memory:")

    @app.websocket_message("/")
    async def count(session: Any, text: str) -> None:
        user = await session.request.get_user()
        async with user.turn():
            user["n"] = user.get("n", 0) + 1
        session.send(str(user["n"]))

    @app.post("/known")
    async def known(user: User) -> Any:
        return {"n": user.setdefault("n", 0)}

    with app.test() as client:
        client.post("/known")
        with client.websocket("/") as ws:
            for expected in ("1", "2"):
                ws.send("more")
                assert ws.receive() == expected
        assert client.post("/known").json() == {"n": 2}
