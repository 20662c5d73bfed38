"""A call from end to end, over both clients: fields, redirects, retries, cookies, content within bounds."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from tests.client.support import Make, Peer, Script, always, answer, echo, once, serving

from hospes.client import (
    Body,
    ClientLimits,
    ClientOptions,
    ContentTooLarge,
    DecodeError,
    Upload,
)
from hospes.http import Response
from hospes.limits import KiB, MiB


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
    ("coding", "content"),
    [("gzip", b"no gzip"), ("gzip", gzip.compress(b"abc", mtime=0)[:-3]), ("snappy", b"x"), ("gzip, " * 3, b"x")],
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
