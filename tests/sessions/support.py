"""Sessions without an application: requests made by hand, and answered as an application answers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from hospes.http import Address, Connection, Request, Response
from hospes.limits import Limits
from hospes.sessions import SessionOptions, StoredSession, StoredSessions
from hospes.store import Store
from hospes.store.memory import MemoryStore
from hospes.store.turns import Turns
from hospes.wire import RequestHead, RequestReader

DAY = 86_400.0


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class House:
    """Sessions in a store in memory, and what a test looks at."""

    def __init__(self, store: Store, clock: Clock, wait: float, options: SessionOptions) -> None:
        self.store = store
        self.clock = clock
        self.turns = Turns(store, wait)
        self.sessions = StoredSessions(store, self.turns, options, clock)

    async def records(self) -> list[tuple[bytes, bytes]]:
        return [(key, record.value) async for key, record in self.store.scan("sessions")]


@asynccontextmanager
async def opened(
    options: SessionOptions | None = None, wait: float = 5.0, engine: Callable[[Clock], Store] = MemoryStore
) -> AsyncGenerator[House]:
    clock = Clock()
    store = engine(clock)
    await store.open()
    house = House(store, clock, wait, options or SessionOptions())
    try:
        yield house
        assert house.turns.out == 0, "every turn has been given back"
    finally:
        await house.sessions.close()
        await store.close()


def ask(cookie: str = "", method: str = "POST", scheme: str = "http") -> Request:
    """A request with a Cookie field, or without one."""
    reader = RequestReader(Limits())
    field = f"Cookie: {cookie}\r\n" if cookie else ""
    reader.receive(f"{method} / HTTP/1.1\r\nHost: x\r\n{field}Content-Length: 0\r\n\r\n".encode())
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, Connection(Address("127.0.0.1", 50_000), Address("127.0.0.1", 80), scheme, Limits()))


async def finish(request: Request, response: Response | None) -> None:
    """Run the finishers, as an application does."""
    while request.finishers:
        await request.finishers.pop()(response)


async def serve(
    sessions: StoredSessions,
    cookie: str = "",
    change: Callable[[StoredSession], object] = lambda session: None,
    method: str = "POST",
    scheme: str = "http",
) -> tuple[StoredSession, Response]:
    """A whole request: the session, and the answer."""
    request = ask(cookie, method, scheme)
    response = Response("ok")
    try:
        session = await sessions.take(request)
        assert isinstance(session, StoredSession)
        change(session)
    except BaseException:
        await finish(request, None)
        raise
    await finish(request, response)
    return session, response


def count(session: StoredSession) -> None:
    """What the plainest program does."""
    session["n"] = session.get("n", 0) + 1


def set_cookie(response: Response) -> str:
    """The only Set-Cookie field of an answer; "" if there is none."""
    lines = [value for name, value in response.lines() if name == "Set-Cookie"]
    assert len(lines) < 2
    return lines[0] if lines else ""


def cookie_of(response: Response) -> str:
    """The cookie that an answer sets, as a client sends it back."""
    return set_cookie(response).partition(";")[0]


def run(main: Callable[[House], Awaitable[None]], **options: Any) -> None:
    async def inner() -> None:
        async with opened(**options) as house:
            await main(house)

    asyncio.run(inner())


async def met(house: House, change: Callable[[StoredSession], object] = count) -> str:
    """The cookie of a session that has something in it."""
    _, response = await serve(house.sessions, change=change)
    return cookie_of(response)


async def begun(
    house: House, cookie: str, method: str = "GET"
) -> tuple[StoredSession, Callable[[], Coroutine[Any, Any, Response]]]:
    """A request under way: its session, and what ends it."""
    request = ask(cookie, method)
    session = await house.sessions.take(request)
    assert isinstance(session, StoredSession)

    async def end() -> Response:
        response = Response("ok")
        await finish(request, response)
        return response

    return session, end


async def content(house: House, cookie: str) -> dict[str, Any]:
    session, end = await begun(house, cookie)
    await end()
    return dict(session.attributes)
