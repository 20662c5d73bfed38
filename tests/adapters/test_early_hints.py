"""Early Hints of other frameworks' applications, over real sockets."""

from __future__ import annotations

import asyncio

import pytest
from tests.server.support import Peer, Serve, request

from hospes import from_asgi, from_wsgi
from hospes.adapters.asgi import Receive, Scope, Send
from hospes.adapters.wsgi import Environ, StartResponse

STYLE = "</style.css>; rel=preload; as=style"
HINTS = f"HTTP/1.1 103 Early Hints\r\nLink: {STYLE}\r\n\r\n".encode()


async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that hints where it may."""
    assert "http.response.early_hint" in scope["extensions"]
    await send({"type": "http.response.early_hint", "links": [STYLE.encode()]})
    if scope["path"] == "/later":
        await asyncio.sleep(0)
        await send({"type": "http.response.early_hint", "links": [STYLE.encode()]})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def wsgi(environ: Environ, start_response: StartResponse) -> list[bytes]:
    """The same, as gunicorn offers it to WSGI applications."""
    environ["wsgi.early_hints"]([("Link", STYLE), ("X-Other", "left out")])
    if environ["PATH_INFO"] == "/later":
        environ["wsgi.early_hints"]([("link", STYLE)])
    start_response("200 OK", [])
    return [b"done"]


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_they_come_before_the_answer(serve: Serve, kind: str) -> None:
    with serve(from_asgi(asgi) if kind == "asgi" else from_wsgi(wsgi)) as port, Peer(port) as peer:
        for path in ("/now", "/later", "/now"):
            peer.send(request(path))
            hints = 2 if path == "/later" else 1
            assert peer.exactly(hints * len(HINTS)) == hints * HINTS
            assert peer.get().content == b"done"
