"""Options of another kind, as a newcomer gives them: a dict, a tuple, a text, the class. Each is told where it is given."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.golden import check_golden

import hospes
from hospes import (
    AccessLog,
    App,
    ClientLimits,
    ClientOptions,
    ClientTimeouts,
    Compress,
    Cors,
    Csrf,
    HospesError,
    HttpClient,
    Limits,
    Proxies,
    RateLimit,
    SecurityHeaders,
    ServerOptions,
    SessionOptions,
    TimeLimit,
    Tls,
    VisitorOptions,
    WebSocketOptions,
    Workers,
)
from hospes.server import UnixSocket

# What is written, and with what in the place of `it`.
GIVEN: list[tuple[str, object]] = [
    ("App(store=it)", Path("visitors.db")),
    ("App(threads=it)", (4,)),
    ("App(templates=it)", None),
    ("App(sessions=it)", {"idle": 60}),
    ("App(sessions=it)", SessionOptions),
    ("App(visitors=it)", {"max_age": 60}),
    ("App(visitors=it)", {}),
    ("App(visitors=it)", VisitorOptions),
    ("App(visitors=it)", SessionOptions()),
    ("App(csrf=it)", {"token": True}),
    ("App(csrf=it)", {}),
    ("App(csrf=it)", Csrf),
    ("App(keys=it)", {"key": "of 16 octets and more"}),
    ("App().run(options=it)", {"port": 8000}),
    ("App().run(options=it)", {}),
    ("App().run(options=it)", ServerOptions),
    ("App().run(it)", 8080),
    ("App().run(limits=it)", {}),
    ("App().run(limits=it)", Limits),
    ("App().run(timeouts=it)", (10, 20)),
    ("App().run(tls=it)", Tls),
    ("App().run(workers=it)", {"count": 2}),
    ("App().run(workers=it)", Workers),
    ("asyncio.run(App().serve(it))", {"port": 8000}),
    ("asyncio.run(App().serve(it))", ServerOptions),
    ("App().serving(limits=it)", {}),
    ("App().asgi(limits=it)", {"body": 3}),
    ("App().wsgi(limits=it)", Limits),
    ("App().test(limits=it)", {}),
    ("App().test(scheme=it)", "ftp"),
    ("App().websocket('/live', options=it)", {"message": 3}),
    ("App().websocket('/live', options=it)", WebSocketOptions),
    ("ServerOptions(host=it)", ("127.0.0.1", 8080)),
    ("ServerOptions(bind=it)", "127.0.0.1:8080"),
    ("ServerOptions(bind=it)", (8080,)),
    ("ServerOptions(bind=it)", [("127.0.0.1", 8080)]),
    ("ServerOptions(backlog=it)", 0),
    ("ServerOptions(backlog=it)", "128"),
    ("ServerOptions(unready=it)", -1),
    ("ServerOptions(unready=it)", None),
    ("ServerOptions(access_log=it)", {"format": "json"}),
    ("ServerOptions(access_log=it)", AccessLog),
    ("ServerOptions(proxies=it)", "10.0.0.0/8"),
    ("ServerOptions(unix=it)", UnixSocket),
    ("AccessLog(it)", {"format": "json"}),
    ("AccessLog(format=it)", None),
    ("AccessLog(most=it)", 0),
    ("Proxies(it)", "10.0.0.0/8"),
    ("Proxies(it)", "*"),
    ("Proxies(it)", (10,)),
    ("Proxies(('unix',), protocol=it)", "v2"),
    ("UnixSocket(it)", ("app.sock", 0o600)),
    ("UnixSocket('app.sock', it)", "0660"),
    ("Tls(it)", ("cert.pem", "key.pem")),
    ("Tls('cert.pem', it)", ("key.pem", "password")),
    ("Workers(it)", "2"),
    ("Workers(2, max_requests=it)", None),
    ("Workers(2, hang=it)", "30"),
    ("VisitorOptions(cookie=it)", None),
    ("VisitorOptions(wait=it)", "10"),
    ("VisitorOptions(types=it)", [int]),
    ("VisitorOptions(turn_file=it)", True),
    ("SessionOptions(cookie=it)", 7),
    ("SessionOptions(types=it)", dict),
    ("WebSocketOptions(message=it)", "1 MiB"),
    ("WebSocketOptions(ping_interval=it)", None),
    ("HttpClient(it)", {"redirects": 5}),
    ("HttpClient(it)", ClientOptions),
    ("HttpClient(it)", "https://example.org"),
    ("HttpClient(cookies=it)", {"a": "b"}),
    ("hospes.AsyncHttpClient(it)", ClientTimeouts()),
    ("ClientOptions(timeouts=it)", 5),
    ("ClientOptions(timeouts=it)", ClientTimeouts),
    ("ClientOptions(limits=it)", {"content": 3}),
    ("ClientOptions(limits=it)", ClientLimits),
    ("ClientOptions(headers=it)", [("Accept", "*/*")]),
    ("ClientOptions(tls=it)", False),
    ("ClientOptions(retry_pause=it)", None),
    ("Compress(minimum=it)", "1 KiB"),
    ("Cors(it)", 7),
    ("Cors(it)", [7]),
    ("Cors('*', max_age=it)", "600"),
    ("Cors('*', methods=it)", 7),
    ("Csrf(origins=it)", [7]),
    ("RateLimit(it)", (100, "minute")),
    ("SecurityHeaders(hsts=it)", "1 year"),
    ("TimeLimit(it)", "5"),
]

NAMES: dict[str, Any] = {name: getattr(hospes, name) for name in hospes.__all__} | {
    "UnixSocket": UnixSocket,
    "asyncio": asyncio,
    "hospes": hospes,
}


def told(written: str, it: object) -> str:
    with pytest.raises((HospesError, TypeError, ValueError)) as caught:
        eval(written, NAMES | {"it": it})
    assert not isinstance(caught.value, UnicodeError)
    return str(caught.value)


def test_options_of_another_kind() -> None:
    lines: list[str] = []
    for written, it in GIVEN:
        lines.append(f"{written}, {getattr(it, '__name__', repr(it))}")
        lines += [f"    {line}" for line in told(written, it).splitlines()]
    check_golden("options_of_another_kind", "\n".join(lines))


def test_keys_are_not_shown() -> None:
    assert "of 16 octets" not in told("App(keys=it)", {"key": "of 16 octets and more"})


@pytest.mark.parametrize("options", [Limits(), None])
def test_what_is_of_the_right_kind_passes(options: Limits | None) -> None:
    App(csrf=Csrf(), visitors=VisitorOptions(), sessions=SessionOptions(), keys=["of 16 octets and more"]).test(limits=options)
    App(csrf=False, keys=b"of 16 octets and more").test(scheme="https", limits=options)
    Proxies(["10.0.0.0/8"])  # type: ignore[arg-type]
    ServerOptions(bind=("127.0.0.1:0", UnixSocket("app.sock")), unready=0.5, backlog=1)
    Compress(), Cors({"https://shop.example.org"}), RateLimit("1/second"), SecurityHeaders(hsts=0), TimeLimit(0.5)  # type: ignore[arg-type]
    HttpClient(ClientOptions(headers={"Accept": "*/*"}))
