"""Answers that are made while they are sent: early hints, pieces of text, and events for the browser's EventSource."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from hospes import App, Event, EventStream, Request, Response, Stream

app = App()

PAGE = """<!doctype html><title>Countdown</title><h1>…</h1>
<script>new EventSource("/events").addEventListener("count", event => document.querySelector("h1").textContent = event.data)
</script>"""


@app.get("/")
def home() -> str:
    return PAGE


@app.get("/report")
async def report(request: Request) -> str:
    """While the report is made, the browser fetches its style sheet already (103, RFC 8297)."""
    request.early_hints("</style.css>; rel=preload; as=style")
    await asyncio.sleep(0.01)
    return '<html><link rel="stylesheet" href="/style.css"><h1>Report</h1></html>'


@app.get("/squares")
def squares(until: int = 10) -> Iterator[str]:
    """A plain generator is pulled in a thread, so that it may block."""
    for number in range(1, until + 1):
        yield f"{number * number}\n"


@app.get("/slow")
async def slow(pause: float = 1.0) -> AsyncIterator[str]:
    """Where the visitor goes away, `finally` runs."""
    for word in ("one ", "two ", "three\n"):
        yield word
        await asyncio.sleep(pause)


@app.get("/known")
def known() -> Response:
    """With the length told beforehand, it need not go out in chunks."""
    return Response(Stream(iter([b"abc", b"def"]), length=6), content_type="application/octet-stream")


@app.get("/events")
async def events(pause: float = 1.0) -> EventStream:
    async def count() -> AsyncIterator[Event]:
        for number in (3, 2, 1, 0):
            yield Event({"left": number}, event="count", id=str(number))
            await asyncio.sleep(pause)

    return EventStream(count())


if __name__ == "__main__":
    app.run()
