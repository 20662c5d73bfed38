"""Starting and stopping the process's one server."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.server.support import WAIT

from hospes import HttpClient
from hospes.compat.simple_http_server import route, server
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.http_server import HttpServer
from hospes.compat.simple_http_server.process import PROCESS
from hospes.errors import SetupError


@pytest.fixture(autouse=True)
def _no_server_is_left() -> Iterator[None]:
    yield
    if PROCESS.server is not None:
        server.stop()


def until_ready(but: object = None) -> HttpServer:
    """The process's server, once it listens."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        found = PROCESS.server
        if isinstance(found, HttpServer) and found is not but and server.is_ready():
            return found
        time.sleep(0.005)
    raise AssertionError("there is no server")


def text(of: HttpServer) -> str:
    with HttpClient(timeout=20) as client:
        return client.get(f"http://127.0.0.1:{of.address[1]}/").text


def test_a_thread_serves_until_somebody_stops_it(conf: AppConf) -> None:
    route("/")(lambda: str(server.is_ready()))
    assert not server.is_ready()
    thread = threading.Thread(target=server.start, kwargs={"host": "127.0.0.1", "port": 0, "app_conf": conf})
    thread.start()
    first = until_ready()
    assert text(first) == "True"
    other = threading.Thread(
        target=server.start, kwargs={"host": "127.0.0.1", "port": first.address[1], "app_conf": conf, "prefer_coroutine": True}
    )
    other.start()
    second = until_ready(but=first)
    thread.join(WAIT)
    assert not thread.is_alive(), "the second takes the place, and the port, of the first"
    assert text(second) == "True"
    server.stop()
    other.join(WAIT)
    assert not other.is_alive()
    assert not server.is_ready()


def test_a_handler_may_stop_it(conf: AppConf) -> None:
    @route("/")
    async def stop() -> str:
        server.stop()
        return "stopping"

    async def main() -> str:
        serving = asyncio.ensure_future(server.start_async("127.0.0.1", 0, app_conf=conf))
        while not server.is_ready():
            await asyncio.sleep(0.001)
        found = PROCESS.server
        assert isinstance(found, HttpServer)
        answer = await asyncio.to_thread(text, found)
        await serving
        return answer

    assert asyncio.run(main()) == "stopping"
    assert not server.is_ready()


def test_a_second_one_on_the_same_loop(conf: AppConf) -> None:
    route("/")(lambda: "here")

    async def main() -> None:
        first = asyncio.ensure_future(server.start_async("127.0.0.1", 0, app_conf=conf, prefer_coroutine=False))
        while not server.is_ready():
            await asyncio.sleep(0.001)
        one = PROCESS.server
        assert isinstance(one, HttpServer)
        second = asyncio.ensure_future(server.start_async("127.0.0.1", one.address[1], app_conf=conf))
        await first
        while not server.is_ready():
            await asyncio.sleep(0.001)
        two = PROCESS.server
        assert isinstance(two, HttpServer)
        assert await asyncio.to_thread(text, two) == "here"
        server.stop()
        await second

    asyncio.run(main())


def test_there_is_nothing_to_stop(caplog: pytest.LogCaptureFixture) -> None:
    server.stop()
    assert "there is no server to stop" in caplog.text


def test_scan(conf: AppConf, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "scanned_ctrls"
    package.mkdir()
    for name in ("cats_controller", "dogs_controller", "other"):
        text = f"from hospes.compat.simple_http_server import route\nroute('/{name}')(lambda: '{name}')\n"
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    server.scan("scanned_ctrls", r".*controller.*", project_dir=str(folder))
    with HttpServer(app_conf=conf).application().test() as client:
        statuses = [client.get(path).status for path in ("/cats_controller", "/dogs_controller", "/other")]
        assert statuses == [200, 200, 404]
    (package / "broken.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        server.scan(base_dir="scanned_ctrls", regx=r".*broken", project_dir=str(folder))


def test_scan_begins_where_the_program_is(conf: AppConf, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "program"
    (program / "scanned_pages").mkdir(parents=True)
    (program / "scanned_pages" / "home.py").write_text(
        "from hospes.compat.simple_http_server import route\nroute('/')(lambda: 'home')\n"
    )
    main = ModuleType("__main__")
    main.__file__ = str(program / "main.py")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.syspath_prepend(str(program))
    server.scan("scanned_pages")
    with HttpServer(app_conf=conf).application().test() as client:
        assert client.get("/").text == "home"
    monkeypatch.delattr(main, "__file__")
    with pytest.raises(SetupError, match="there is no folder"):
        server.scan("scanned_pages_elsewhere")


def test_start_on_a_running_loop(conf: AppConf) -> None:
    async def main() -> None:
        server.start(port=0)

    with pytest.raises(SetupError, match="where an event loop runs already"):
        asyncio.run(main())
