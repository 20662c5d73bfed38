"""Clients that people use: http.client, httpx, curl, h2load."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import AsyncIterator, Callable

import httpx
from tests.server.support import Serve, echo, plain

from hospes.http.content import Stream
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits

Need = Callable[..., str]


async def handler(request: Request) -> Response:
    async def numbers() -> AsyncIterator[str]:
        for n in range(1000):
            yield f"{n}\n"

    if request.path == "/stream":
        return Response(Stream(numbers()))
    return await echo(request) if request.method == "POST" else plain(request)


NUMBERS = "".join(f"{n}\n" for n in range(1000)).encode()


def test_http_client(serve: Serve) -> None:
    with serve(handler) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for method, path, content, expected in (
            ("GET", "/a", None, b"at /a"),
            ("POST", "/", b"x" * 100_000, b"x" * 100_000),
            ("POST", "/", iter([b"ab", b"cd"]), b"abcd"),
            ("GET", "/stream", None, NUMBERS),
            ("HEAD", "/", None, b""),
        ):
            connection.request(method, path, content, encode_chunked=True)
            assert connection.getresponse().read() == expected
        connection.close()


def test_httpx(serve: Serve) -> None:
    with serve(handler) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/ü").text == "at /ü"
        assert client.post("/", content=b"x" * 100_000).content == b"x" * 100_000
        assert client.post("/", content=iter([b"ab", b"cd"])).content == b"abcd"
        assert client.get("/stream").content == NUMBERS


def test_curl(serve: Serve, need: Need) -> None:
    curl = [need("curl"), "--silent", "--show-error", "--max-time", "20"]
    with serve(handler, limits=Limits(body=5_000_000)) as port:
        url = f"http://127.0.0.1:{port}"

        def run(*arguments: str, data: bytes = b"") -> bytes:
            return subprocess.run([*curl, *arguments], input=data, capture_output=True, check=True).stdout

        assert run(f"{url}/a", f"{url}/b") == b"at /aat /b"
        assert run("--http1.0", f"{url}/stream") == NUMBERS
        assert run(f"{url}/stream") == NUMBERS
        # curl waits for 100 Continue with content of more than a MiB.
        assert run("--data-binary", "@-", "--expect100-timeout", "15", url, data=b"x" * 2_000_000) == b"x" * 2_000_000
        assert run("-H", "Transfer-Encoding: chunked", "--data-binary", "@-", url, data=b"x" * 900_000) == b"x" * 900_000
        refused = run("--write-out", "%{http_code}", "-o", "/dev/null", "--data-binary", "@-", url, data=b"x" * 5_000_001)
        assert refused == b"413"
        assert run("--head", f"{url}/").startswith(b"HTTP/1.1 200 OK\r\n")


def test_h2load(serve: Serve, need: Need) -> None:
    with serve(handler, limits=Limits(requests_per_connection=10**6)) as port:
        ran = subprocess.run(
            [need("h2load"), "--h1", "-n", "2000", "-c", "20", "-m", "10", f"http://127.0.0.1:{port}/x"],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "2000 succeeded, 0 failed, 0 errored" in ran.stdout
