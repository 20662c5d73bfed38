"""The examples, asked as their readers would ask them. (tests/docs opens each of them; here stands what they answer.)"""

from __future__ import annotations

import importlib
import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import urlopen

import pytest
import trustme

from hospes import App, Tls
from hospes.testing import TestResponse

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@contextmanager
def example(name: str) -> Iterator[ModuleType]:
    """An example, freshly imported: what an earlier test stored in its module is not there."""
    name = f"examples.{name}"
    package = name.rpartition(".")[0] + "."
    own = package if package != "examples." else name

    def forget() -> None:
        for each in [each for each in sys.modules if each.startswith(own)]:
            del sys.modules[each]

    forget()
    try:
        yield importlib.import_module(name)
    finally:
        forget()


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOSPES_STORE", "memory:")
    monkeypatch.chdir(tmp_path)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A request and what is to come of it: its status, and what its content holds, or what it is as JSON."""

    target: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    sends: dict[str, Any] = field(default_factory=dict)
    """What the test client is to send: `form=`, `files=`, `json=`, `content=`."""
    status: int = 200
    holds: str = ""
    value: Any = None
    fields: dict[str, str] = field(default_factory=dict)
    """Fields of the answer, and what they begin with."""


FORM = {"form": {"name": "Ada", "nights": "3"}}
PHOTOS = {"form": {"album": "sea"}, "files": {"photos": ("a.png", b"\x89PNG")}}
TEA = {"json": {"item": "tea", "amount": 2}}
STORED = {"id": 1, "item": "tea", "amount": 2}
BEARER = {"Authorization": "Bearer open-sesame"}
FOREIGN = {"Origin": "https://evil.example"}
ROOM = {"room": 7, "arrival": "2026-05-01", "guests": 2, "extras": ["tea", "bath"]}

ASKED: dict[str, list[Ask]] = {
    "hello": [
        Ask(target="/", holds="<h1>Hello</h1>", fields={"Content-Type": "text/html"}),
        Ask(target="/hello/Ada", holds="Hello, Ada", fields={"Content-Type": "text/plain"}),
        Ask(target="/nowhere", status=404),
    ],
    "workers": [
        Ask(target="/", holds='{"process":'),
        Ask(target="/livez", holds="alive"),
        Ask(target="/readyz", holds="ready"),
    ],
    "typed_routes": [
        Ask(target="/rooms/7?arrival=2026-05-01&guests=2&extras=tea&extras=bath", value=ROOM),
        Ask(target="/rooms/7?arrival=tomorrow&guests=9&extras=sauna", status=400, holds="extras"),
        Ask(target="/rooms/seven", status=404),
        Ask(target="/who", headers={"User-Agent": "curl", "Cookie": "theme=dark"}, holds="curl likes it dark"),
        Ask(target="/who", holds="nobody likes it light"),
        Ask(target="/files/a/b", holds="one wildcard"),
        Ask(target="/2026/05", holds="month 5 of 2026"),
    ],
    "json_api": [
        Ask(method="POST", target="/orders", sends=TEA, status=201, value=STORED, fields={"Location": "/orders/1"}),
        Ask(method="POST", target="/orders", sends={"json": {"item": "", "amount": 0}}, status=400, holds="#/amount"),
        Ask(target="/orders?at_least=2", value=[STORED]),
        Ask(target="/orders?at_least=3", value=[]),
        Ask(target="/orders/1", value=STORED),
        Ask(target="/orders/2", status=404, holds="There is no order 2", fields={"Content-Type": "application/problem+json"}),
        Ask(method="DELETE", target="/orders/1", status=204),
        Ask(target="/orders", value=[]),
    ],
    "forms_and_uploads": [
        Ask(target="/", holds="<form"),
        Ask(method="POST", target="/guests", sends=FORM, holds="Ada stays for 3"),
        Ask(method="POST", target="/guests", sends={"json": {"name": "Ada"}}, holds="Ada stays for 1"),
        Ask(method="POST", target="/guests", sends={"form": {"nights": "x"}}, status=400, holds="nights"),
        Ask(method="POST", target="/photos", sends=PHOTOS, value={"album": "sea", "photos": [{"name": "a.png", "size": 4}]}),
        Ask(method="POST", target="/digest", sends={"content": b"a" * 100_000}, holds=sha256(b"a" * 100_000).hexdigest()),
        Ask(method="POST", target="/archive", sends={"content": b"a" * 3_000_000}, holds="3000000 octets"),
    ],
    "streaming": [
        Ask(target="/", holds="EventSource"),
        Ask(target="/report", holds="<h1>Report</h1>"),
        Ask(target="/squares?until=3", holds="1\n4\n9\n"),
        Ask(target="/slow?pause=0", holds="one two three\n"),
        Ask(target="/known", holds="abcdef"),
        Ask(
            target="/events?pause=0", holds='event: count\nid: 3\ndata: {"left":3}', fields={"Content-Type": "text/event-stream"}
        ),
    ],
    "chat": [Ask(target="/", holds="new WebSocket"), Ask(target="/chat", status=426, fields={"Upgrade": "websocket"})],
    "static_files": [
        Ask(target="/static/style.css", holds="prefers-color-scheme", fields={"Content-Type": "text/css", "ETag": '"'}),
        Ask(target="/static/style.css", headers={"Range": "bytes=0-1"}, status=206, holds="/*"),
        Ask(target="/static/../app.py", status=404),
        Ask(target="/examples/hello.py", holds="from hospes import", fields={"Content-Type": "text/plain"}),
        Ask(target="/examples/guestbook/app.py", status=404),
        Ask(target="/source", holds="Shown in place", fields={"Content-Type": "text/plain"}),
        Ask(target="/download/hello", holds="Hello", fields={"Content-Disposition": "attachment; filename="}),
        Ask(target="/download/secret", status=404, holds="There is no example secret"),
    ],
    "background_logging": [
        Ask(method="POST", target="/orders", sends={"form": {"item": "tea"}}, holds="tea is on its way"),
        Ask(target="/log", holds=" INFO tearoom.orders: 127.0.0.1 orders tea"),
    ],
    "several_files.app": [
        Ask(target="/tea", holds="It is ready."),
        Ask(target="/cake", holds="two pieces"),
    ],
    "guarded_api": [
        Ask(target="/", holds="five times", fields={"Vary": "Accept-Encoding, Origin", "X-Frame-Options": "DENY"}),
        Ask(
            target="/quotes/tea",
            headers={"Origin": "https://shop.example.org"},
            holds="3.20",
            fields={"Access-Control-Allow-Origin": "https://shop.example.org", "RateLimit": '"default";r=4'},
        ),
        *[Ask(target="/quotes/tea", headers={"X-Api-Key": "ada"}, holds="ada")] * 5,
        Ask(target="/quotes/tea", headers={"X-Api-Key": "ada"}, status=429, fields={"Retry-After": "7"}),
        Ask(target="/quotes/tea", headers={"X-Api-Key": "bob"}, holds="bob"),
    ],
    "filters": [
        Ask(target="/", holds="hello", fields={"Server-Timing": "app;dur="}),
        Ask(target="/nowhere", status=404, fields={"Server-Timing": "app;dur="}),
        Ask(target="/shout", holds="HELLO"),
        Ask(target="/lounge", status=403, holds="Members only"),
        Ask(method="POST", target="/join"),
        Ask(target="/lounge", holds="tea is served"),
        Ask(target="/admin/keys", status=401, fields={"WWW-Authenticate": "Bearer"}),
        Ask(target="/admin/keys", headers=BEARER, holds="the keys of Ada", fields={"Cache-Control": "no-store"}),
    ],
    "errors": [
        Ask(target="/teapot", status=418, holds="Coffee is made elsewhere.", fields={"Retry-After": "3600"}),
        Ask(target="/teapot", headers={"Accept": "text/html"}, status=418, holds="<h1>I am a teapot"),
        Ask(target="/tea", status=503, holds="Tea comes at four", fields={"Retry-After": "600"}),
        Ask(target="/broken", status=500, value={"status": 500, "kind": "ZeroDivisionError"}),
        Ask(target="/nowhere", status=404, holds="Nothing is at /nowhere"),
    ],
    "provided_objects": [
        Ask(method="POST", target="/rows", sends={"form": {"text": "one"}}, status=201),
        Ask(method="POST", target="/rows", headers={"X-Author": "Ada"}, sends={"form": {"text": "two"}}, status=201),
        Ask(target="/rows", value=["somebody: one", "Ada: two"]),
    ],
    "controllers": [
        Ask(method="POST", target="/notes", sends={"form": {"text": "milk"}}, status=201, value={"number": 1}),
        Ask(target="/notes", value={"1": "milk"}),
        Ask(target="/notes/1", holds="milk"),
        Ask(target="/notes/2", status=404, holds="There is no note 2"),
    ],
    "visitors": [
        Ask(target="/", holds="Visit 1"),
        Ask(method="POST", target="/cart", sends={"form": {"item": "tea"}}, status=303, fields={"Location": "/"}),
        Ask(method="POST", target="/cart", sends={"form": {"item": "cake"}}, status=303),
        Ask(target="/", holds="<h1>Visit 2</h1><p>In the cart: 2"),
        Ask(target="/cart", value=[{"item": "tea"}, {"item": "cake"}]),
        Ask(method="POST", target="/forget", status=303),
        Ask(target="/", holds="<h1>Visit 1</h1><p>In the cart: 0"),
    ],
    "login": [
        Ask(method="POST", target="/cart", sends={"form": {"item": "tea"}}, status=303),
        Ask(method="POST", target="/login", sends={"form": {"name": "ada", "password": "x"}}, status=403, holds="is wrong"),
        Ask(method="POST", target="/login", sends={"form": {"name": "bob", "password": "engine"}}, status=403, holds="is wrong"),
        Ask(target="/", holds="Hello, stranger</h1><p>In the cart: tea"),
        Ask(method="POST", target="/login", sends={"form": {"name": "ada", "password": "engine"}}, status=303),
        Ask(target="/", holds="Hello, ada</h1><p>In the cart: tea"),
        Ask(target="/data", holds='"name":"ada"'),
        Ask(method="POST", target="/logout", sends={"form": {"everywhere": "1"}}, status=303),
        Ask(target="/", holds="Hello, stranger</h1><p>In the cart: nothing"),
    ],
    "sessions": [
        Ask(target="/", holds="<h1>Hello, stranger</h1><p>Pages seen: 1", fields={"Set-Cookie": "hospes_session="}),
        Ask(
            method="POST",
            target="/login",
            sends={"form": {"name": "<Ada>"}},
            status=303,
            fields={"Set-Cookie": "hospes_session="},
        ),
        Ask(target="/", holds="<p>You have signed in.</p><h1>Hello, &lt;Ada&gt;</h1><p>Pages seen: 2"),
        Ask(method="POST", target="/order", sends={"form": {"dish": "tea"}}, status=303),
        Ask(method="POST", target="/order", sends={"form": {"dish": "<cake>"}}, status=303),
        Ask(
            target="/",
            holds="<title>Tea room</title><h1>Hello, &lt;Ada&gt;</h1><p>Pages seen: 3</p><p>Ordered: tea, &lt;cake&gt;</p>",
        ),
        Ask(method="POST", target="/logout", status=303, fields={"Set-Cookie": "hospes_session=; Max-Age=0"}),
        Ask(target="/", holds="<h1>Hello, stranger</h1><p>Pages seen: 1"),
    ],
    "csrf": [
        Ask(target="/", holds='name="_csrf" value="'),
        Ask(method="POST", target="/vote", holds="Thank you"),
        Ask(method="POST", target="/vote", headers=FOREIGN, status=403, holds="another site"),
        Ask(method="POST", target="/transfer", sends={"form": {"amount": "5"}}, status=403, holds="no valid token"),
        Ask(method="POST", target="/hooks/paid", headers=FOREIGN, holds="noted"),
    ],
    "signed_links": [
        Ask(method="POST", target="/invitations", sends={"form": {"email": "ada@example.org"}}, holds="/join?token="),
        Ask(target="/join?token=forged", status=400, holds="not made here"),
    ],
    "shared_store": [
        Ask(target="/", holds="Visit 1, answered by"),
        Ask(target="/", holds="Visit 2, answered by"),
    ],
    "embedded": [Ask(target="/progress", value={"done": 0})],
    "other_frameworks": [
        Ask(target="/", holds="the house"),
        Ask(target="/counter", holds="0\n1\n2\n"),
        Ask(target="/greeter/you", holds="Hello from /greeter, you"),
    ],
    "several_apps": [
        Ask(target="/", holds="the house", fields={"X-House": "hospes"}),
        Ask(target="/blog/", holds="the blog", fields={"X-House": "hospes"}),
        Ask(target="/shop/", holds="the shop"),
        Ask(target="/shop/tea", status=404, holds="Sorry: tea is sold out", fields={"X-House": "hospes"}),
    ],
    "testing_an_app": [
        Ask(target="/greeting", holds="Good "),
        Ask(target="/visits", value={"visits": 1}),
        Ask(target="/visits", value={"visits": 2}),
    ],
    "tls": [Ask(target="/", holds="you came by http"), Ask(target="/visits", holds="visit 1")],
}


def asked(app: App, asks: list[Ask]) -> Iterator[tuple[Ask, TestResponse]]:
    with app.test() as client:
        for ask in asks:
            # Only post sends every kind of content.
            if ask.sends:
                assert ask.method == "POST"
                yield ask, client.post(ask.target, ask.headers, **ask.sends)
            else:
                yield ask, client.request(ask.method, ask.target, ask.headers)


@pytest.mark.parametrize("name", ASKED)
def test_answers(name: str) -> None:
    with example(name) as module:
        for ask, answer in asked(module.app, ASKED[name]):
            assert answer.status == ask.status, (ask, answer)
            assert ask.holds in answer.text, (ask, answer)
            if ask.value is not None:
                assert answer.json() == ask.value, ask
            for field_name, begin in ask.fields.items():
                assert answer.headers[field_name].startswith(begin), (ask, answer)


def test_every_example_is_asked() -> None:
    # The others are asked in test_client_examples.py.
    others = ["alink_server", "client", "http_server_pages", "simple_http_server_guests"]
    assert sorted([*ASKED, *others]) == sorted(
        path.relative_to(EXAMPLES).as_posix().removesuffix(".py").replace("/", ".")
        for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("several_files/app.py")]
    )


def test_examples_are_short() -> None:
    lines = {path.name: len(path.read_text("utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    longer = {"client.py": 110, "filters.py": 75}  # one brings the server that it asks, the other shows each kind of filter
    assert {name: count for name, count in lines.items() if count > longer.get(name, 60)} == {}


def test_typed_routes_tell_all_errors_at_once() -> None:
    with example("typed_routes") as module, module.app.test() as client:
        answer = client.get("/rooms/7?guests=9&extras=sauna")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["arrival", "guests", "extras"]


def test_a_form_with_its_token_is_taken() -> None:
    with example("csrf") as module, module.app.test() as client:
        token = client.get("/").text.partition('value="')[2].partition('"')[0]
        for sent in (5, 10):
            assert client.post("/transfer", form={"_csrf": token, "amount": "5"}).text == f"Transferred 5, {sent} in all"
        headers = {**FOREIGN, "X-CSRF-Token": token}
        assert client.post("/transfer", headers, form={"amount": "5"}).status == 403


def test_a_signed_link_lets_in() -> None:
    with example("signed_links") as module, module.app.test() as client:
        link = client.post("/invitations", form={"email": "ada@example.org"}).json()["link"]
        assert client.get(link).text == "Welcome, ada@example.org"


def test_the_chat() -> None:
    with example("chat") as module, module.app.test() as client, client.websocket("/chat?name=Ada") as ada:
        assert ada.receive() == "Ada has come"
        with client.websocket("/chat?name=Bob") as bob:
            assert [ada.receive(), bob.receive()] == ["Bob has come", "Bob has come"]
            bob.send("hello")
            assert [ada.receive(), bob.receive()] == ["Bob: hello", "Bob: hello"]
        assert ada.receive() == "Bob has gone"


def test_embedded_serves_while_the_host_works() -> None:
    with example("embedded") as module:
        assert json.loads(module.work()) == {"done": 3}


def test_tests_of_an_app_pass() -> None:
    with example("testing_an_app") as module:
        module.test_greeting()
        module.test_visits_are_counted()


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with example("tls") as module, module.app.serving(tls=Tls(str(tmp_path / "server.pem"))) as server:
        with urlopen(f"{server.url}/", context=trusting) as answer:
            assert answer.read() == b"you came by https"
        with urlopen(f"{server.url}/visits", context=trusting) as answer:
            assert answer.headers["Set-Cookie"].startswith("__Host-")


@pytest.mark.parametrize(("extra", "status"), [(-1, 201), (0, 201), (1, 413), (32 * 1024, 413)])
def test_the_guestbook_takes_files_of_10_mib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int, status: int) -> None:
    monkeypatch.setenv("GUESTBOOK_DATA", str(tmp_path))
    with example("guestbook.app") as module, module.app.test() as client:
        answer = client.post("/api/files", files={"file": ("a.txt", b"a" * (10 * 1024 * 1024 + extra))})
        assert answer.status == status
