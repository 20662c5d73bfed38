"""No request waits for an import or for an expression: what one may need is ready before the server listens."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hospes.warming import NEEDED

SERVES = """
import socket, sys, threading
from hospes import App, HttpError, MultipartFile, Request, Session, User, WebSocket
from hospes.lazily import regexp

late = regexp("a*")
app = App(store="memory:", csrf=False)

@app.get("/")
async def home() -> str: return "hello"

@app.get("/number")
async def number(n: float) -> dict[str, float]: return {"n": n}

@app.post("/list")
async def listed(n: list[int]) -> dict[str, int]: return {"n": n[0]}

@app.post("/form")
async def form(request: Request) -> str:
    return str(len((await request.read_form()).fields))

@app.get("/user")
async def user(user: User) -> str:
    user["n"] = user.get("n", 0) + 1
    return str(user["n"])

@app.get("/session")
async def session(session: Session) -> str:
    session["n"] = 1
    return "kept"

@app.get("/failure")
async def failure() -> str: raise HttpError(418, "No", "<never>")

@app.websocket("/talk")
async def talk(websocket: WebSocket) -> None:
    async for message in websocket:
        await websocket.send(message)

import re
compiled = []
compile_now = re._compiler.compile
re._compiler.compile = lambda *args: compiled.append(args) or compile_now(*args)

REQUESTS = [
    b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    b"GET /nobody HTTP/1.1\\r\\nHost: a\\r\\nAccept: text/html;q=0.5, */*\\r\\n\\r\\n",
    b"GET /failure HTTP/1.1\\r\\nHost: a\\r\\nAccept: text/html\\r\\n\\r\\n",
    b"GET /number?n=1e3 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    b"GET /number?n=%41 HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    b"POST /list HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: 3\\r\\n\\r\\n[1]",
    b'POST /list HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: 7\\r\\n\\r\\n[false]',
    b"POST /form HTTP/1.1\\r\\nHost: a\\r\\n"
    b"Content-Type: application/x-www-form-urlencoded\\r\\nContent-Length: 3\\r\\n\\r\\na=1",
    b"GET /user HTTP/1.1\\r\\nHost: a\\r\\nCookie: a=b; hospes=nonsense\\r\\n\\r\\n",
    b"GET /session HTTP/1.1\\r\\nHost: a\\r\\nCookie: hospes_session=nonsense\\r\\n\\r\\n",
    b"GET /talk HTTP/1.1\\r\\nHost: a\\r\\nUpgrade: websocket\\r\\nConnection: upgrade\\r\\n"
    b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n",
]
with app.serving() as serving:
    address = serving.url.removeprefix("http://").rstrip("/").split(":")
    before, compiled[:] = set(sys.modules), []
    for octets in REQUESTS:
        with socket.create_connection((address[0], int(address[1]))) as peer:
            peer.sendall(octets)
            status = peer.recv(65536).split()[1].decode()
            print(status, end=" ")
    print(sorted(set(sys.modules) - before), [each[0] for each in compiled])
"""


@pytest.mark.parametrize("carrier", ["engine", "portable"])
def test_no_request_waits_for_an_import_or_an_expression(carrier: str) -> None:
    if carrier == "engine":
        pytest.importorskip("hospes.engine._core")
    done = subprocess.run(
        [sys.executable, "-c", SERVES], capture_output=True, text=True, env={"HOSPES_CARRIER": carrier}, timeout=50, check=False
    )
    assert done.stdout == "200 404 418 200 400 400 400 200 200 200 101 [] []\n", done.stderr


def test_who_does_not_serve_does_without() -> None:
    program = "import sys, hospes\nhospes.App()\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert [each for each in NEEDED if each in loaded] == []


def test_a_visitor_that_no_handler_asks_for_by_type_is_not_waited_for_either() -> None:
    program = """
import sys, urllib.request
from hospes import App, Request

app = App(store="memory:")

@app.get("/")
async def asked(request: Request) -> str:
    await request.get_user()
    await request.get_session()
    return str(sorted(name for name in set(sys.modules) - before if not name.startswith("hospes.store.")))

with app.serving() as serving:
    before = set(sys.modules)
    print(urllib.request.urlopen(serving.url).read().decode())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n", done.stderr
