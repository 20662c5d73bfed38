"""A call from end to end, over both clients: fields, redirects, retries, cookies, content within bounds."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.client.support import WAIT, Make, Peer, Script, always, answer, once, serving

from hospes.client import (
    Body,
    ClientLimits,
    ClientOptions,
    ClientTimeout,
    ClientTimeouts,
    ConnectError,
    ContentTooLarge,
    DecodeError,
    ReadError,
    RedirectError,
    SendError,
    Upload,
)
from hospes.http import Redirect, Request, Response, SetCookie
from hospes.limits import KiB, MiB
from hospes.server import ServerOptions


async def echo(request: Request) -> Response:
    """What was asked, as JSON."""
    content = await request.read()
    return Response(
        {
            "method": request.method,
            "target": request.head.target,
            "fields": dict(request.headers),
            "content": content.decode("latin-1"),
        }
    )


def asked(make: Make, method: str = "GET", path: str = "/", **given: Any) -> dict[str, Any]:
    with serving(echo) as url, make() as client:
        answered: dict[str, Any] = client.request(method, url + path, **given).json()
    return answered


def test_what_a_get_says(make: Make) -> None:
    with serving(echo) as url, make() as client:
        response = client.request("GET", f"{url}/ü?a=1", query={"b": ["x y", 2]})
        seen = response.json()
    assert response.status == 200
    assert response.url == f"{url}/%C3%BC?a=1&b=x+y&b=2"
    assert seen["target"] == "/%C3%BC?a=1&b=x+y&b=2"
    fields = seen["fields"]
    assert fields.pop("host") == url.removeprefix("http://")
    assert fields == {"user-agent": "hospes", "accept": "*/*", "accept-encoding": "gzip, deflate, br, zstd"}


def test_the_programs_fields_win(make: Make) -> None:
    given = {"USER-AGENT": "mine", "accept": "text/html", "Host": "v.example", "X-Ü"[:1]: "ü", "Accept-Encoding": "identity"}
    fields = asked(make, headers=given)["fields"]
    assert fields == {
        "user-agent": "mine", "accept": "text/html", "host": "v.example", "x": "ü".encode().decode("latin-1"),
        "accept-encoding": "identity",
    }  # fmt: skip


def test_fields_of_every_request(make: Make) -> None:
    with serving(echo) as url, make(ClientOptions(headers={"X-Always": "1", "X-Key": "a"}, decode=False)) as client:
        fields = client.request("GET", url, headers={"x-key": "b"}).json()["fields"]
    assert (fields["x-always"], fields["x-key"]) == ("1", "b")
    assert "accept-encoding" not in fields


def test_credentials_in_the_url(make: Make) -> None:
    with serving(echo) as url, make() as client:
        with_them = url.replace("http://", "http://Aladdin:open%20sesame@")
        response = client.request("GET", with_them)
        assert response.json()["fields"]["authorization"] == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        assert "sesame" not in response.url + repr(response)
        own = client.request("GET", with_them, headers={"Authorization": "Bearer x"})
        assert own.json()["fields"]["authorization"] == "Bearer x"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_no_content_where_there_could_be(make: Make, method: str) -> None:
    assert asked(make, method)["fields"]["content-length"] == "0"


@pytest.mark.parametrize(
    ("body", "media_type", "length", "content"),
    [
        (Body(json={"a": 1}), "application/json", "7", '{"a":1}'),
        (Body(form={"a": "1"}), "application/x-www-form-urlencoded", "3", "a=1"),
        (Body(content="text"), "text/plain; charset=utf-8", "4", "text"),
        (Body(content=[b"ab", "c"]), None, None, "abc"),
        (Body(content=Upload([b"ab", b"c"], length=3)), None, "3", "abc"),
        (Body(content=[]), None, None, ""),
    ],
)
def test_content(make: Make, body: Body, media_type: str | None, length: str | None, content: str) -> None:
    seen = asked(make, "POST", body=body)
    assert (seen["fields"].get("content-type"), seen["fields"].get("content-length"), seen["content"]) == (
        media_type, length, content,
    )  # fmt: skip


def test_an_unusual_method(make: Make) -> None:
    assert asked(make, "PURGE")["method"] == "PURGE"


def test_head_has_no_content(make: Make) -> None:
    with Script(always(answer(b"", "200 OK", "Content-Encoding: gzip").replace(b"Length: 0", b"Length: 9"))) as server:
        with make() as client:
            for _ in range(2):
                response = client.request("HEAD", server.url)
                assert (response.content, response.headers["content-length"]) == (b"", "9")
        assert server.connections == 1


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_content(make: Make, status: str) -> None:
    with Script(always(f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\n\r\n".encode())) as server, make() as client:
        assert client.request("GET", server.url).content == b""


def test_connections_are_used_again(make: Make) -> None:
    with Script(always(answer(b"hi"))) as server, make() as client:
        for _ in range(5):
            assert client.request("GET", server.url).content == b"hi"
        assert server.connections == 1


def test_interim_answers_are_passed_over(make: Make) -> None:
    with Script(always(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 3 + answer(b"hi"))) as server, make() as client:
        assert client.request("GET", server.url).content == b"hi"


# Content within bounds.


@pytest.mark.parametrize(("size", "passes"), [(999, True), (1_000, True), (1_001, False)])
@pytest.mark.parametrize("framing", ["length", "chunks", "close", "gzip"])
def test_the_largest_content(make: Make, size: int, passes: bool, framing: str) -> None:
    content = b"a" * size
    octets = {
        "length": answer(content),
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, content),
        "close": b"HTTP/1.1 200 OK\r\n\r\n" + content,
        "gzip": answer(gzip.compress(content), "200 OK", "Content-Encoding: gzip"),
    }[framing]
    with Script(once(octets)) as server, make(ClientOptions(limits=ClientLimits(content=1_000))) as client:
        if passes:
            assert client.request("GET", server.url).content == content
        else:
            with pytest.raises(ContentTooLarge, match="1000 octets") as caught:
                client.request("GET", server.url)
            assert caught.value.step == "read"


def test_announced_as_too_large_is_not_even_read(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(answer().replace(b": 0", b": 99999999999"))
        peer.gone()

    with Script(play) as server, make() as client, pytest.raises(ContentTooLarge):
        client.request("GET", server.url, timeout=10)


@pytest.mark.parametrize(("size", "passes"), [(999, True), (1_000, True), (1_001, False)])
def test_the_largest_stream(make: Make, size: int, passes: bool) -> None:
    limits = ClientLimits(content=1, stream=1_000)
    with Script(once(answer(b"a" * size))) as server, make(ClientOptions(limits=limits)) as client:
        if passes:
            streamed = client.stream("GET", server.url)
            assert (b"".join(streamed.pieces), streamed.length, streamed.received) == (b"a" * size, size, size)
        else:
            with pytest.raises(ContentTooLarge):
                client.stream("GET", server.url)


def test_a_stream_has_no_limit_by_default(make: Make) -> None:
    with serving(lambda request: Response(bytes(2 * MiB))) as url, make(ClientOptions(limits=ClientLimits(content=1))) as client:
        assert client.stream("GET", url).received == 2 * MiB


def test_a_bomb(make: Make) -> None:
    bomb = zlib.compress(bytes(64 * MiB))
    with Script(once(answer(bomb, "200 OK", "Content-Encoding: deflate"))) as server, make() as client:
        with pytest.raises(ContentTooLarge, match="inflates more than 100 to 1") as caught:
            client.request("GET", server.url)
        assert caught.value.step == "decode"


@pytest.mark.parametrize(
    ("coding", "content"), [("gzip", b"no gzip"), ("gzip", gzip.compress(b"abc")[:-3]), ("snappy", b"x"), ("gzip, " * 3, b"x")]
)
def test_not_what_it_says(make: Make, coding: str, content: bytes) -> None:
    with Script(once(answer(content, "200 OK", f"Content-Encoding: {coding}"))) as server, make() as client:
        with pytest.raises(DecodeError, match="the content is not") as caught:
            client.request("GET", f"{server.url}/x?secret=1")
        assert "secret" not in str(caught.value)


def test_left_encoded_where_asked_to(make: Make) -> None:
    encoded = gzip.compress(b"abc")
    with Script(once(answer(encoded, "200 OK", "Content-Encoding: gzip"))) as server, make(ClientOptions(decode=False)) as client:
        assert client.request("GET", server.url).content == encoded


def test_encoded_and_in_chunks_of_one_octet(make: Make) -> None:
    encoded = gzip.compress(b"hospes " * 100)
    chunks = b"".join(b"1\r\n%c\r\n" % octet for octet in encoded)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Script(once(head + chunks + b"0\r\n\r\n")) as server, make() as client:
        assert client.request("GET", server.url).content == b"hospes " * 100


def test_what_is_not_read_is_not_fetched(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:  # ends when the client is gone
            peer.send(bytes(64 * KiB))

    with Script(play) as server, make() as client:
        streamed = client.stream("GET", server.url, most=3)
        assert (streamed.status, streamed.length, len(streamed.pieces)) == (200, None, 3)
        assert client.stream("GET", server.url, most=0).received == 0


# Servers that do not behave.


def slowly(octets: bytes) -> Callable[[Peer], object]:
    def play(peer: Peer) -> None:
        peer.request()
        for octet in octets:
            peer.send(bytes([octet]))
            time.sleep(0.02)
        peer.gone()

    return play


@pytest.mark.parametrize(
    "octets", [answer(b"a" * 1_000), b"HTTP/1.1 103 X\r\n\r\n" * 1_000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000]
)
def test_an_answer_drop_by_drop_is_bounded_as_a_whole(make: Make, octets: bytes) -> None:
    with Script(slowly(octets)) as server, make() as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeout) as caught:
            client.request("GET", server.url, timeout=0.3)
        assert time.monotonic() - began < 5
        assert caught.value.step == "read"


def test_no_answer_in_time(make: Make) -> None:
    with Script(lambda peer: peer.gone()) as server, make(ClientOptions(timeouts=ClientTimeouts(read=0.1))) as client:
        with pytest.raises(ClientTimeout) as caught:
            client.request("GET", server.url)
        assert caught.value.step == "read"


def test_a_stream_may_take_its_time_but_not_stand_still(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(8):
            peer.send(b"a")
            time.sleep(0.05)
        peer.gone()

    with Script(play) as server, make(ClientOptions(timeouts=ClientTimeouts(read=0.3))) as client:
        with pytest.raises(ClientTimeout) as caught:
            client.stream("GET", server.url, timeout=0.2)
        assert caught.value.step == "read"


def test_a_server_that_does_not_take_the_request(make: Make) -> None:
    over = threading.Event()
    with Script(lambda peer: (peer.request(), over.wait(WAIT))) as server:
        with make(ClientOptions(timeouts=ClientTimeouts(write=0.2))) as client, pytest.raises(ClientTimeout) as caught:
            client.request("POST", server.url, body=Body(content=bytes(64 * MiB)))
        over.set()
    assert caught.value.step == "send"


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nConte",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"\x00" * 200,
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 40_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 200_000,
    ],
)
def test_an_answer_that_is_none(make: Make, octets: bytes) -> None:
    with Script(once(octets)) as server, make() as client:
        with pytest.raises(ReadError) as caught:
            client.request("POST", server.url + "/x?secret=1")
        assert caught.value.step == "read"
        assert caught.value.url == server.url + "/x"
        assert "secret" not in str(caught.value)


def test_an_early_answer_counts(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.send(answer(b"too much", "413 Content Too Large", "Connection: close"))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.gone()

    with Script(play) as server, make() as client:
        response = client.request("POST", server.url, body=Body(content=bytes(256 * KiB)))
        assert (response.status, response.content) == (413, b"too much")


def test_cut_off_while_sending(make: Make) -> None:
    def play(peer: Peer) -> None:
        peer.request()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Script(play) as server, make() as client, pytest.raises((SendError, ReadError)):
        client.request("POST", server.url, body=Body(content=itertools.repeat(bytes(64 * KiB), 10_000)))


def test_what_the_programs_content_raises_is_its_own(make: Make) -> None:
    class MineError(Exception):
        pass

    def generate() -> Any:
        yield b"a"
        raise MineError

    def late() -> Any:
        yield b"a"
        raise TimeoutError("mine")

    with Script(lambda peer: peer.gone()) as server, make() as client:
        with pytest.raises(MineError):
            client.request("POST", server.url, body=Body(content=generate()))
        with pytest.raises(TimeoutError, match="mine"):
            client.request("PUT", server.url, body=Body(content=late()))


def test_content_of_another_length_than_told(make: Make) -> None:
    with Script(lambda peer: peer.gone()) as server, make() as client:
        for content in ([b"ab"], [b"abcd"]):
            with pytest.raises(SendError) as caught:
                client.request("POST", server.url, body=Body(content=Upload(content, length=3)))
            assert caught.value.step == "send"


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


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


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
    url = f"http://127.0.0.1:{closed_port()}/x?secret=1"
    with make(retrying()) as client:
        with pytest.raises(ConnectError, match="Connection refused") as caught:
            client.request("GET", url)
        assert (caught.value.step, caught.value.url) == ("connect", url.partition("?")[0])
        assert caught.value.__cause__ is not None


def test_a_server_that_comes_back_is_found(make: Make) -> None:
    port = closed_port()
    over = threading.Event()

    def serve() -> None:
        time.sleep(0.2)  # the client finds nobody for a while
        with serving(lambda request: Response("here"), ServerOptions(port=port)):
            over.wait(WAIT)

    thread = threading.Thread(target=serve)
    thread.start()
    with make(ClientOptions(retries=100, retry_pause=0.05)) as client:
        try:
            assert client.request("GET", f"http://127.0.0.1:{port}/", timeout=WAIT).text == "here"
        finally:
            over.set()
            thread.join()


def test_retries_end_with_the_time(make: Make) -> None:
    options = ClientOptions(retries=1_000, retry_pause=0.05, timeouts=ClientTimeouts(total=0.3))
    began = time.monotonic()
    with make(options) as client, pytest.raises(ConnectError):
        client.request("GET", f"http://127.0.0.1:{closed_port()}/")
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
