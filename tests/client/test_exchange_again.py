"""Calls of several requests, over both clients: redirects, cookies, retries, connections used again."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.client.support import WAIT, Make, Peer, Script, always, answer, echo, serving
from tests.ports import own_port

from hospes.client import (
    Body,
    ClientOptions,
    ClientTimeout,
    ClientTimeouts,
    ConnectError,
    ReadError,
    RedirectError,
)
from hospes.http import Redirect, Request, Response, SetCookie
from hospes.limits import KiB
from hospes.server import ServerOptions

# Redirects.


def moved(to: str, status: str = "302 Found") -> bytes:
    return answer(b"moved", status, f"Location: {to}")


def test_no_redirect_is_followed_by_default(make: Make) -> None:
    with Script(always(moved("/x"))) as server, make() as client:
        response = client.request("GET", server.url)
        assert (response.status, response.headers["location"], response.content) == (302, "/x", b"moved")


async def around(request: Request) -> Response:
    """A little site of redirects."""
    left = int(request.query.get("left", ["0"])[0])
    if left:
        return Redirect(f"/?left={left - 1}", 307)
    return await echo(request)


@pytest.mark.parametrize(("left", "passes"), [(2, True), (3, True), (4, False)])
def test_redirects_have_an_end(make: Make, left: int, passes: bool) -> None:
    with serving(around) as url, make(ClientOptions(redirects=3)) as client:
        if passes:
            response = client.request("PUT", f"{url}/?left={left}", body=Body(content=b"abc"))
            assert response.url == f"{url}/?left=0"
            assert (response.json()["method"], response.json()["content"]) == ("PUT", "abc")
        else:
            with pytest.raises(RedirectError, match="more than the 3"):
                client.request("PUT", f"{url}/?left={left}", body=Body(content=b"abc"))


def test_a_loop_of_redirects_on_one_connection(make: Make) -> None:
    with Script(always(moved("/"))) as server, make(ClientOptions(redirects=10)) as client:
        with pytest.raises(RedirectError):
            client.request("GET", server.url)
        assert server.connections == 1


def test_an_unseen_answer_is_not_read_for_ever(make: Make) -> None:
    def play(peer: Peer) -> None:
        if peer.request().startswith(b"GET /end"):
            peer.send(answer(b"here"))
            return
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: /end\r\n\r\n")
        while True:
            peer.send(bytes(64 * KiB))

    with Script(play) as server, make(ClientOptions(redirects=1)) as client:
        assert client.request("GET", server.url).content == b"here"


def test_an_unseen_answer_may_be_broken(make: Make) -> None:
    def play(peer: Peer) -> None:
        if peer.request().startswith(b"GET /end"):
            peer.send(answer(b"here"))
        else:
            peer.send(moved("/end").replace(b"Length: 5", b"Length: 50"))

    with Script(play) as server, make(ClientOptions(redirects=1)) as client:
        assert client.request("GET", server.url).content == b"here"


def test_credentials_stay_with_their_origin(make: Make) -> None:
    given = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Mine": "1"}
    options = ClientOptions(redirects=1, headers={"Authorization": "Bearer y"}, cookies=True)
    with serving(echo) as elsewhere, serving(lambda request: Redirect(elsewhere + "/to")) as url, make(options) as client:
        fields = client.request("GET", url.replace("http://", "http://u:p@"), headers=given).json()["fields"]
    assert fields["x-mine"] == "1"
    assert {"authorization", "cookie"} & set(fields) == set()
    assert fields["host"] == elsewhere.removeprefix("http://")


def test_credentials_go_along_within_it(make: Make) -> None:
    def play(request: Request) -> Any:
        return Redirect("/b") if request.path == "/a" else echo(request)

    with serving(play) as url, make(ClientOptions(redirects=1)) as client:
        fields = client.request("GET", url.replace("http://", "http://u:p@") + "/a").json()["fields"]
        assert fields["authorization"].startswith("Basic ")


@pytest.mark.parametrize("location", ["ftp://a.example/", "http://[", "http://a.example:0/"])
def test_a_redirect_to_nowhere(make: Make, location: str) -> None:
    with Script(always(moved(location))) as server, make(ClientOptions(redirects=1)) as client:
        for _ in range(2):
            with pytest.raises(RedirectError):
                client.request("GET", server.url)


# Cookies.


def test_cookies_are_kept_on_demand(make: Make) -> None:
    def play(request: Request) -> Response:
        return Response(request.headers.get("cookie", ""), cookies=[SetCookie("n", "1"), SetCookie("m", "2", path="/deep")])

    with serving(play) as url:
        with make(ClientOptions(cookies=True)) as client:
            assert client.request("GET", url).text == ""
            assert client.request("GET", url).text == "n=1"
            assert client.request("GET", url + "/deep/x").text == "m=2; n=1"
            assert {each.name for each in client.cookies} == {"n", "m"}
            assert client.request("GET", url, headers={"Cookie": "mine=1"}).text == "mine=1"
            client.cookies.clear()
            assert client.request("GET", url).text == ""
        with make() as client:
            client.request("GET", url)
            assert client.request("GET", url).text == ""
            assert len(client.cookies) == 0


def test_cookies_of_a_redirect_count(make: Make) -> None:
    def play(request: Request) -> Any:
        if request.path == "/login":
            response: Response = Redirect("/home", 303)
            response.set_cookie(SetCookie("sid", "1"))
            return response
        return Response(request.headers.get("cookie", "nobody"))

    with serving(play) as url, make(ClientOptions(cookies=True, redirects=1)) as client:
        assert client.request("POST", url + "/login").text == "sid=1"


# Retries.


def busy(times: int, *fields: str) -> tuple[Callable[[Peer], object], list[bytes]]:
    """503 so many times, then 200."""
    heads: list[bytes] = []

    def play(peer: Peer) -> None:
        while head := peer.request():
            heads.append(head)
            peer.send(answer(b"later", "503 Service Unavailable", *fields) if len(heads) <= times else answer(b"now"))

    return play, heads


def retrying(retries: int = 2, **more: Any) -> ClientOptions:
    return ClientOptions(retries=retries, retry_pause=0.001, **more)


@pytest.mark.parametrize(("times", "status"), [(1, 200), (2, 200), (3, 503)])
def test_a_busy_server_is_asked_again(make: Make, times: int, status: int) -> None:
    play, heads = busy(times, "Retry-After: 0")
    with Script(play) as server, make(retrying()) as client:
        response = client.request("GET", server.url)
        assert (response.status, len(heads)) == (status, min(times, 2) + 1)
        assert response.content == (b"now" if status == 200 else b"later")
        assert server.connections == 1


@pytest.mark.parametrize(
    ("method", "options", "field"),
    [
        ("POST", retrying(), "Retry-After: 0"),
        ("GET", ClientOptions(), "Retry-After: 0"),
        ("GET", retrying(), "X-None: 0"),
        ("GET", retrying(timeouts=ClientTimeouts(retry_after=1)), "Retry-After: 2"),
        ("GET", retrying(timeouts=ClientTimeouts(total=1)), "Retry-After: 2"),
    ],
)
def test_an_answer_that_stays(make: Make, method: str, options: ClientOptions, field: str) -> None:
    play, heads = busy(1, field)
    with Script(play) as server, make(options) as client:
        assert client.request(method, server.url).status == 503
        assert len(heads) == 1


def test_nobody_listens(make: Make) -> None:
    with own_port() as port, make(retrying()) as client:
        url = f"http://127.0.0.1:{port}/x?secret=1"
        with pytest.raises(ConnectError, match="Connection refused") as caught:
            client.request("GET", url)
        assert (caught.value.step, caught.value.url) == ("connect", url.partition("?")[0])
        assert caught.value.__cause__ is not None


def test_a_server_that_comes_back_is_found(make: Make) -> None:
    over = threading.Event()

    def serve() -> None:
        time.sleep(0.2)  # the client finds nobody for a while
        with serving(lambda request: Response("here"), ServerOptions(port=port)):
            over.wait(WAIT)

    thread = threading.Thread(target=serve)
    with own_port() as port, make(ClientOptions(retries=100, retry_pause=0.05)) as client:
        thread.start()
        try:
            assert client.request("GET", f"http://127.0.0.1:{port}/", timeout=WAIT).text == "here"
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize(
    ("method", "retries", "lost", "asked"), [("GET", 2, 2, 3), ("PUT", 2, 3, 3), ("POST", 2, 1, 1), ("GET", 0, 1, 1)]
)
def test_a_connection_that_breaks_off_before_the_answer(make: Make, method: str, retries: int, lost: int, asked: int) -> None:
    count = itertools.count()

    def play(peer: Peer) -> None:
        peer.request()
        if next(count) >= lost:
            peer.send(answer(b"hi"))

    with Script(play) as server, make(retrying(retries)) as client:
        if asked > lost:
            assert client.request(method, server.url).content == b"hi"
        else:
            with pytest.raises(ReadError):
                client.request(method, server.url)
        assert server.connections == asked


def test_retries_end_with_the_time(make: Make) -> None:
    options = ClientOptions(retries=1_000, retry_pause=0.05, timeouts=ClientTimeouts(total=0.3))
    began = time.monotonic()
    # The time may end within an attempt.
    with own_port() as port, make(options) as client, pytest.raises((ConnectError, ClientTimeout)):
        client.request("GET", f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < 5


def hanging_up(peer: Peer) -> None:
    """Answer one request, take the next one, and close without an answer."""
    peer.request()
    peer.send(answer(b"hi"))
    peer.request()


def test_a_kept_connection_that_was_closed_is_no_failure(make: Make) -> None:
    with Script(hanging_up) as server, make() as client:
        assert client.request("GET", server.url).content == b"hi"
        assert client.request("GET", server.url).content == b"hi"
        assert server.connections == 2
        with pytest.raises(ReadError):
            client.request("POST", server.url)
        assert server.connections == 2


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize("framing", ["length", "chunks", "none"])
def test_more_than_was_asked_for_is_no_answer(make: Make, framing: str, pause: float) -> None:
    """A second answer behind the first one, in the same segment or after it, to poison whoever asks next."""
    honest = {
        "length": answer(b"honest"),
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhonest\r\n0\r\n\r\n",
        "none": b"HTTP/1.1 204 No Content\r\n\r\n",
    }[framing]
    sent = threading.Event()

    def play(peer: Peer) -> None:
        peer.request()
        if pause:
            peer.send(honest)
            time.sleep(pause)
            peer.send(answer(b"poison"))
        else:
            peer.send(honest + answer(b"poison"))
        sent.set()
        peer.gone()

    with Script(play) as server, make() as client:
        for asked in range(3):
            assert client.request("GET", server.url).content in {b"honest", b""}
            assert sent.wait(WAIT)
            time.sleep(0.02)  # what was sent has come, on this machine
            sent.clear()
            assert server.connections == asked + 1


def test_it_is_sent_again_once_only(make: Make) -> None:
    count = itertools.count()

    def play(peer: Peer) -> None:
        peer.request()
        if next(count) == 0:
            peer.send(answer(b"hi"))
            peer.request()

    with Script(play) as server, make() as client:
        client.request("GET", server.url)
        with pytest.raises(ReadError):
            client.request("GET", server.url)
        assert server.connections == 2
