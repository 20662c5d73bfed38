"""Visitors without an application: requests made by hand, and answered as an application answers them."""

from __future__ import annotations

from collections.abc import Callable

from hospes.http import Address, Connection, Request, Response
from hospes.limits import Limits
from hospes.users import User, Visitors
from hospes.wire import RequestHead, RequestReader

DAY = 86_400.0


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def ask(cookie: str = "", scheme: str = "http") -> Request:
    """A request with a Cookie field, or without one."""
    reader = RequestReader(Limits())
    field = f"Cookie: {cookie}\r\n" if cookie else ""
    reader.receive(f"GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n".encode())
    head = reader.next()
    assert isinstance(head, RequestHead)
    return Request(head, None, Connection(Address("127.0.0.1", 50_000), Address("127.0.0.1", 80), scheme, Limits()))


async def finish(request: Request, response: Response | None) -> None:
    """Run the finishers, as an application does."""
    while request.finishers:
        await request.finishers.pop()(response)


async def serve(
    visitors: Visitors, cookie: str = "", change: Callable[[User], object] = lambda user: None, scheme: str = "http"
) -> tuple[User, Response]:
    """A whole request: the User, and the answer."""
    request = ask(cookie, scheme)
    response = Response("ok")
    try:
        user = await visitors.take(request)
        change(user)
    except BaseException:
        await finish(request, None)
        raise
    await finish(request, response)
    return user, response


def count(user: User) -> None:
    """What the plainest program does."""
    user["n"] = user.get("n", 0) + 1


def set_cookie(response: Response) -> str:
    """The only Set-Cookie field of an answer; "" if there is none."""
    lines = [value for name, value in response.lines() if name == "Set-Cookie"]
    assert len(lines) < 2
    return lines[0] if lines else ""


def cookie_of(response: Response) -> str:
    """The cookie that an answer sets, as a client sends it back."""
    return set_cookie(response).partition(";")[0]
