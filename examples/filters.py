"""Filters: one onion around handlers. The first is the outermost, and each may look at both request and response."""

import time
from collections.abc import Awaitable, Callable, Generator

from hospes import App, HttpError, Request, Response, User

app = App()

Next = Callable[[Request], Awaitable[Response]]


@app.filter
async def timed(request: Request, call_next: Next) -> Response:
    """Around everything, errors and files too."""
    begin = time.perf_counter()
    response = await call_next(request)
    response.headers["Server-Timing"] = f"app;dur={(time.perf_counter() - begin) * 1000:.1f}"
    return response


@app.filter("/admin/**")
async def staff(request: Request, call_next: Next) -> Response:
    """Around some paths; what it finds out it leaves in `request.state`."""
    if request.headers.get("Authorization") != "Bearer open-sesame":
        raise HttpError(401, "Who is there?", headers={"WWW-Authenticate": "Bearer"})
    request.state["staff"] = "Ada"
    response = await call_next(request)
    response.headers["Cache-Control"] = "no-store"
    return response


@app.filter("/shout")
def loud(request: Request, call_next: Callable[[Request], Response]) -> Response:
    """A plain filter may block; it runs in a thread, and its `call_next` waits."""
    response = call_next(request)
    response.body = response.body.upper()
    return response


@app.filter("/lounge/**")
def members(request: Request, call_next: Callable[[Request], Response]) -> Response:
    """In its thread a plain filter has the visitor at once; an `async` one writes `await request.get_user()`."""
    if not request.user.get("member"):
        raise HttpError(403, "Members only")
    return call_next(request)


@app.get("/")
@app.get("/shout")
def home() -> str:
    return "hello"


@app.get("/admin/keys")
def keys(request: Request) -> str:
    return f"the keys of {request.state['staff']}"


@app.post("/join")
def join(user: User) -> None:
    user["member"] = True


@app.get("/lounge")
def lounge() -> Generator[str]:
    yield "tea "
    yield "is served"


if __name__ == "__main__":
    app.run()
