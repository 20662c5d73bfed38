"""Other frameworks' applications below paths of an App: one ASGI, one WSGI, here written by hand to need no framework.

    python examples/other_frameworks.py

Or alone, by the command line: `hospes run other_frameworks:counter`, `hospes run other_frameworks:greeter`.
"""

from __future__ import annotations

from typing import Any

from hospes import App, from_wsgi

app = App()


@app.get("/")
def home() -> str:
    """Ours."""
    return "the house"


async def counter(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that streams numbers. Flask, Django, FastAPI … look the same from here."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"%d\n" % number, "more_body": True})
    await send({"type": "http.response.body"})


def greeter(environ: Any, start_response: Any) -> list[bytes]:
    """A WSGI application."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"Hello from {environ['SCRIPT_NAME']}, {environ['PATH_INFO'][1:]}".encode()]


app.mount("/counter", counter)
app.mount("/greeter", from_wsgi(greeter, threads=4))

# And the other way round: this App for uvicorn, granian, hypercorn, or for gunicorn, waitress.
asgi = app.asgi()
wsgi = app.wsgi()

if __name__ == "__main__":
    app.run()
