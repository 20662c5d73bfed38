"""Both clients as objects: making, sharing, closing."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest
from tests.client.support import Script, always, answer

from hospes import AsyncHttpClient, HttpClient
from hospes.client import ClientOptions, ClientTimeout, ClientTimeouts


def test_one_line(recwarn: pytest.WarningsRecorder) -> None:
    with Script(always(answer(b"hi"))) as server:
        assert HttpClient().get(server.url, timeout=5).content == b"hi"
        gc.collect()  # an unclosed socket would be a ResourceWarning here
    assert [str(each.message) for each in recwarn] == []


def test_shorthands_change_the_options() -> None:
    options = ClientOptions(cookies=True, redirects=1, retries=1, timeouts=ClientTimeouts(total=9, read=3))
    for kind in (HttpClient, AsyncHttpClient):
        assert kind(options)._options is not None
        changed = kind(options, timeout=5, cookies=False, redirects=2, retries=3)._options
        assert changed == ClientOptions(cookies=False, redirects=2, retries=3, timeouts=ClientTimeouts(total=5, read=3))
        assert kind(options)._options == options
        with pytest.raises(ValueError, match="redirects"):
            kind(redirects=-1)


def test_the_clients_timeout_holds_for_its_calls() -> None:
    with Script(lambda peer: peer.gone()) as server, HttpClient(timeout=0.1) as client:
        with pytest.raises(ClientTimeout):
            client.get(server.url)
        with pytest.raises(ValueError, match="timeout"):
            client.get(server.url, timeout=0)


def test_a_closed_client_can_be_used_again() -> None:
    with Script(always(answer(b"hi"))) as server:
        client = HttpClient()
        client.get(server.url)
        client.close()
        client.close()
        assert client.get(server.url).content == b"hi"
        client.close()
        assert server.connections == 2


def test_a_closed_async_client_can_be_used_again() -> None:
    async def ask(url: str) -> None:
        client = AsyncHttpClient()
        await client.get(url)
        await client.close()
        await client.close()
        assert (await client.get(url)).content == b"hi"
        await client.close()

    with Script(always(answer(b"hi"))) as server:
        asyncio.run(ask(server.url))
        assert server.connections == 2


def test_reading_the_rest_of_a_stream() -> None:
    async def ask(url: str) -> bytes:
        async with AsyncHttpClient() as client, client.stream("GET", url) as response:
            return await response.read()

    with Script(always(answer(b"abc"))) as server:
        with HttpClient() as client, client.stream("GET", server.url) as response:
            assert response.read() == b"abc"
            assert response.read() == b""
        assert asyncio.run(ask(server.url)) == b"abc"


def test_a_blocking_client_works_inside_of_a_loop() -> None:
    async def ask(url: str) -> bytes:
        with HttpClient() as client:
            return client.get(url).content

    with Script(always(answer(b"hi"))) as server:
        assert asyncio.run(ask(server.url)) == b"hi"


def test_the_library_is_loaded_by_the_first_call() -> None:
    program = "import sys, hospes.client; hospes.client.HttpClient(); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"httpx2", "httpcore2", "h11", "anyio", "http.cookiejar", "urllib.request"} & set(loaded) == set()
