"""Other frameworks' applications under hospes, asked over sockets, over each carrier."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from tests.adapters.framework_programs import NUMBERS, PROGRAMS
from tests.adapters.support import WAIT
from tests.server.support import Serve
from websockets.sync.client import connect

from hospes import App, CallNext, Request, Response
from hospes.adapters import handler_of
from hospes.server.carriers import ENGINE, PORTABLE

ROOT = Path(__file__).parent.parent.parent
WITH_THREADS = frozenset({"starlette", "fastapi", "litestar", "flask"})
WITH_WEBSOCKETS = frozenset({"starlette", "fastapi", "litestar", "falcon-asgi"})


def check_pages(client: httpx.Client) -> None:
    """What all of them have."""
    assert client.get("/hello/caf%C3%A9?q=a%20b").json() == {"said": "Hello, café", "q": "a b"}
    assert client.get("/numbers").text == "".join(NUMBERS)
    assert client.post("/upload", content=b"x" * 300_000).text == "300000"
    assert client.get("/nowhere").status_code == 404


@pytest.mark.filterwarnings("ignore")  # of theirs
@pytest.mark.parametrize("name", PROGRAMS)
def test_framework(serve: Serve, name: str) -> None:
    with (
        serve(handler_of(PROGRAMS[name]())) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        check_pages(client)
        if name in WITH_THREADS:
            assert client.get("/thread").text == "from a thread"
        if name in WITH_WEBSOCKETS:
            with connect(f"ws://127.0.0.1:{port}/chat") as peer:
                for message in ("hello", "again"):
                    peer.send(message)
                    assert peer.recv(timeout=WAIT) == message.upper()


@pytest.mark.filterwarnings("ignore")  # of theirs
def test_below_a_path_of_an_app() -> None:
    """Prefix, lifespan and websockets of what is mounted, with a filter around it."""
    app, statuses = App(store="memory:"), list[int]()

    @app.filter
    async def note(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        statuses.append(response.status)
        return response

    names = ["starlette", "fastapi", "litestar", "falcon", "flask"]  # Falcon's ASGI side does not look at root_path
    for name in names:
        app.mount(f"/in {name}", PROGRAMS[name]())
    with app.serving() as server:
        for name in names:
            with httpx.Client(base_url=f"{server.url}/in%20{name}", trust_env=False) as client:
                check_pages(client)
        for name in WITH_WEBSOCKETS & set(names):
            with connect(f"{server.url.replace('http', 'ws')}/in%20{name}/chat") as peer:
                peer.send("hello")
                assert peer.recv(timeout=WAIT) == "HELLO"
    assert statuses == [200, 200, 200, 404] * 5 + [101] * 3


DJANGO = """
import os, sys
from pathlib import Path
from hospes import host
from tests.adapters.framework_programs import django
with host(django(Path(sys.argv[1]), sys.argv[2])).serving() as server:
    print(server.server.address[1], flush=True)
    sys.stdin.read()
"""


@contextmanager
def django(folder: Path, kind: str, carrier: str) -> Generator[httpx.Client]:
    """Django under hospes, in a process of its own, for its settings are the process's."""
    environment = {"PYTHONPATH": str(ROOT), "HOSPES_CARRIER": carrier, "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DJANGO, str(folder), kind],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    guard = threading.Timer(3 * WAIT, process.kill)
    guard.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{int(process.stdout.readline())}", trust_env=False, timeout=WAIT) as client:
            yield client
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()
        guard.cancel()


@pytest.mark.parametrize("carrier", [ENGINE, PORTABLE])
@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_django(tmp_path: Path, kind: str, carrier: str) -> None:
    if carrier == ENGINE and find_spec("hospes.engine._core") is None:
        pytest.skip("platform: the engine is not built here")
    with django(tmp_path, kind, carrier) as client:
        check_pages(client)
        login = client.get("/admin/", follow_redirects=True)
        assert (login.status_code, login.url.path) == (200, "/admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', login.text)
        assert token is not None
        style = re.search(r'href="(/static/[^"]+\.css)"', login.text)
        assert style is not None
        static = client.get(style[1])
        assert (static.status_code, static.headers["content-type"]) == (200, "text/css")
        form = {"username": "ada", "password": "swordfish", "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        assert client.post("/admin/login/", data={**form, "csrfmiddlewaretoken": "wrong"}).status_code == 403
        page = client.post("/admin/login/", data=form, follow_redirects=True)
        assert (page.status_code, page.url.path) == (200, "/admin/")
        assert "Site administration" in page.text
        assert "ada" in client.get("/admin/auth/user/").text
