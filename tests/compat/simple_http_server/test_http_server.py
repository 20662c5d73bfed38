"""Servers as objects: their options, TLS, signals."""

from __future__ import annotations

import asyncio
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.golden import check_golden
from tests.server.support import WAIT, Peer

from hospes import ClientOptions, HttpClient
from hospes.compat.simple_http_server import route
from hospes.compat.simple_http_server.app_conf import AppConf
from hospes.compat.simple_http_server.http_server import HttpServer
from hospes.errors import SetupError


@contextmanager
def serving(conf: AppConf, **options: Any) -> Iterator[HttpServer]:
    made = HttpServer(("127.0.0.1", 0), app_conf=conf, **options)
    thread = threading.Thread(target=made.start)
    thread.start()
    end = time.monotonic() + WAIT
    while not made.ready and thread.is_alive() and time.monotonic() < end:
        time.sleep(0.005)
    try:
        yield made
    finally:
        made.shutdown()
        thread.join(WAIT)
        assert not thread.is_alive()


def test_two_servers_in_one_process(conf: AppConf) -> None:
    other = AppConf()
    route("/")(lambda: "one")
    other.route("/")(lambda: "two")
    with serving(conf) as one, serving(other, prefer_corountine=True) as two, HttpClient(timeout=20) as client:
        found = [client.get(f"http://127.0.0.1:{each.address[1]}/").text for each in (one, two)]
        assert found == ["one", "two"]
    assert not one.ready


@pytest.mark.parametrize(
    ("options", "requests"),
    [({"keep_alive": False}, 1), ({"keep_alive_max_request": 2}, 2), ({"keep_alive": True, "connection_idle_time": 7.5}, 3)],
)
def test_keep_alive(conf: AppConf, options: dict[str, Any], requests: int) -> None:
    route("/")(lambda: "x")
    with serving(conf, **options) as made, Peer(made.address[1]) as peer:
        for number in range(1, requests + 1):
            peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = peer.get()
            closes = number == requests and requests < 3
            assert (answer.status, answer.fields.get("connection")) == (200, "close" if closes else None)


def test_tls(conf: AppConf, folder: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(own)
    route("/")(lambda: "secret")
    files = {"certfile": str(folder / "cert.pem"), "keyfile": str(folder / "key.pem"), "keypass": ""}
    for options in (files, {"ssl_contex": own}, {"ssl_context": own, "ssl_protocol": ssl.PROTOCOL_TLS_SERVER}):
        with serving(conf, ssl=True, **options) as made, HttpClient(ClientOptions(tls=trusting), timeout=20) as client:
            assert client.get(f"https://localhost:{made.address[1]}/").text == "secret"


def test_resources(conf: AppConf, folder: Path) -> None:
    for path in ("a.css", "b.txt", "deep/c.css", "deep/d.txt"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(path)
    route("/one/taken.txt")(lambda: "route")
    resources = {"/one/*": ".", "/all/**": ".", "*.txt": str(folder), "**.css": ".", "under/": "deep"}
    with HttpServer(resources=resources, app_conf=conf).application().test() as client:
        found = {
            path: client.get(path).status
            for path in (
                *("/one/a.css", "/one/deep/c.css", "/all/deep/c.css", "/b.txt", "/deep/d.txt", "/deep/c.css", "/a.css"),
                *("/under/c.css", "/one/../conftest.py", "/one/%2e%2e/x", "/nothing.txt"),
            )
        }
        assert [path for path, status in found.items() if status == 200] == [
            "/one/a.css",
            "/all/deep/c.css",
            "/b.txt",
            "/deep/c.css",
            "/a.css",
            "/under/c.css",
        ]
        assert client.get("/one/taken.txt").text == "route"
        assert client.get("/favicon.ico").headers["Content-Type"] == "image/vnd.microsoft.icon"


def test_the_programs_own_signal_handlers_are_left_alone(conf: AppConf) -> None:
    made = HttpServer(("127.0.0.1", 0), app_conf=conf, prefer_coroutine=True)
    asked: list[int] = []

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        made.shutdown()

    @route("/")
    def home() -> str:
        return "home"

    def ask() -> None:
        while not made.ready:
            time.sleep(0.005)
        signal.raise_signal(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        threading.Thread(target=ask).start()
        made.start()
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
    assert asked == [signal.SIGTERM]


def test_one_that_was_stopped_before_it_began_does_not_begin(conf: AppConf) -> None:
    made = HttpServer(("127.0.0.1", 0), app_conf=conf)
    made.shutdown()
    made.wait()
    made.start()
    assert not made.ready
    assert made.address == ("127.0.0.1", 0)


def test_where_it_cannot_listen(conf: AppConf) -> None:
    with serving(conf) as first:
        second = HttpServer(first.address, app_conf=conf)
        with pytest.raises(SetupError, match="Another program listens there"):
            asyncio.run(second.start_async())
        assert not second.ready


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unknown_option", {"keepalive": True}),
        ("no_certificate", {"ssl": True}),
        ("resources", {"resources": {"/path_prefix/*", "/absolute/dir/root/path"}}),
    ],
)
def test_what_cannot_be(conf: AppConf, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(SetupError) as error:
        HttpServer(("", 9090), **options)
    check_golden(f"compat/simple_http_server/{name}", str(error.value))
