"""The opening handshake as a program sees it: what is refused, and how; what is agreed on."""

from __future__ import annotations

import pytest
from tests.http.test_websocket import Deaf

from hospes.errors import HttpError
from hospes.http import Address, Connection, Request
from hospes.http.handshake import Origins, asks_for_websocket, check_subprotocols, choose_subprotocol, switch
from hospes.http.octets import request_of
from hospes.http.websocket import WebSocketContent, WebSocketOptions
from hospes.limits import Limits

FIELDS = {
    "Host": "example.org",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def handshake(method: str = "GET", scheme: str = "http", more: str = "", **changed: str) -> Request:
    """A handshake, with fields changed, or left out where they are empty."""
    fields = FIELDS | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 2), scheme, Limits())
    return request_of(f"{method} /chat HTTP/1.1\r\n{lines}{more}\r\n".encode(), b"", connection)


def test_the_answer() -> None:
    receiver, options = Deaf(), WebSocketOptions(compress=False)
    response = switch(handshake(), receiver, options, subprotocol="chat", headers={"X": "y"})
    assert response.status == 101
    assert isinstance(response.content, WebSocketContent)
    assert response.content.receiver is receiver
    assert response.content.options is options
    assert list(response.lines()) == [("X", "y"), ("Sec-WebSocket-Protocol", "chat")]


@pytest.mark.parametrize(
    ("offer", "compress", "agreed"),
    [
        (
            "permessage-deflate; client_max_window_bits",
            True,
            "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        ("permessage-deflate", False, ""),
        ("other", True, ""),
        ("", True, ""),
    ],
)
def test_compression_is_agreed_on(offer: str, compress: bool, agreed: str) -> None:
    response = switch(handshake(Sec_WebSocket_Extensions=offer), Deaf(), WebSocketOptions(compress=compress))
    assert isinstance(response.content, WebSocketContent)
    assert response.content.deflate == agreed
    assert dict(response.lines()) == ({"Sec-WebSocket-Extensions": agreed} if agreed else {})


UPGRADE = "426 There is a websocket at this address; ask for one."
VERSION = "426 The version of the websocket protocol is 13 (RFC 6455)."
KEY = "400 The handshake is broken It has one Sec-WebSocket-Key of 16 octets in base64, and no content."


@pytest.mark.parametrize(
    ("changed", "message", "headers"),
    [
        ({"Upgrade": ""}, UPGRADE, {"Upgrade": "websocket"}),
        ({"Upgrade": "h2c"}, UPGRADE, {"Upgrade": "websocket"}),
        ({"Connection": "keep-alive"}, UPGRADE, {"Upgrade": "websocket"}),
        ({"method": "POST"}, UPGRADE, {"Upgrade": "websocket"}),
        ({"Sec_WebSocket_Version": ""}, VERSION, {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}),
        ({"Sec_WebSocket_Version": "8"}, VERSION, {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}),
        ({"Sec_WebSocket_Key": ""}, KEY, {}),
        ({"Sec_WebSocket_Key": "short"}, KEY, {}),
        ({"Content_Length": "0"}, KEY, {}),
    ],
)
def test_refusals(changed: dict[str, str], message: str, headers: dict[str, str]) -> None:
    with pytest.raises(HttpError) as caught:
        switch(handshake(**changed), Deaf())
    assert str(caught.value) == message
    assert caught.value.headers == headers


def test_who_asks() -> None:
    assert asks_for_websocket(handshake(Sec_WebSocket_Key=""))
    assert not asks_for_websocket(handshake(Upgrade=""))


@pytest.mark.parametrize(
    ("others", "origin", "scheme", "passes"),
    [
        ((), "", "http", True),  # no browser
        ((), "http://example.org", "http", True),
        ((), "https://example.org", "http", True),
        ((), "http://EXAMPLE.org:80", "http", True),
        ((), "http://example.org", "https", False),
        ((), "https://evil.org", "http", False),
        ((), "http://example.org.evil.org", "http", False),
        ((), "http://sub.example.org", "http", False),
        ((), "null", "http", False),
        ((), "chrome-extension://abc", "http", False),
        (["https://shop.org"], "https://shop.org", "http", True),
        (["https://shop.org"], "http://shop.org", "http", False),
        (["https://shop.org"], "http://example.org", "http", True),
        ("*", "https://evil.org", "http", True),
        ("*", "null", "http", True),
    ],
)
def test_origins(others: list[str], origin: str, scheme: str, passes: bool) -> None:
    request = handshake(scheme=scheme, Origin=origin)
    if passes:
        Origins(others).check(request)
    else:
        with pytest.raises(
            HttpError, match=r"^403 This came from another site A page of another origin asked for the websocket\.$"
        ):
            Origins(others).check(request)


def test_two_origins_have_to_be_fine_both() -> None:
    with pytest.raises(HttpError, match="403"):
        Origins().check(handshake(Origin="http://example.org", more="Origin: http://evil.org\r\n"))


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ("https://a", "^origins='https://a': give a list of origins, or \"\\*\" for all$"),
        (["a"], r"^origins=\['a'\]: an origin is \"https://host\" or \"https://host:port\", with nothing behind it$"),
    ],
)
def test_origins_that_are_none(others: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Origins(others)


@pytest.mark.parametrize(
    ("named", "spoken", "chosen"),
    [
        ("", ["a"], ""),
        ("a", [], ""),
        ("b, a", ["a", "b"], "b"),
        ("c, a", ["a", "b"], "a"),
        ("A", ["a"], ""),
        ("c,d", ["a"], ""),
    ],
)
def test_subprotocols(named: str, spoken: list[str], chosen: str) -> None:
    assert choose_subprotocol(handshake(Sec_WebSocket_Protocol=named), spoken) == chosen


def test_subprotocols_in_several_fields() -> None:
    assert choose_subprotocol(handshake(Sec_WebSocket_Protocol="x", more="Sec-WebSocket-Protocol: y\r\n"), ["y"]) == "y"


def test_names_of_subprotocols() -> None:
    assert check_subprotocols(["chat.v1"]) == ("chat.v1",)
    with pytest.raises(ValueError, match=r"^subprotocols='chat': give a list of names$"):
        check_subprotocols("chat")
    with pytest.raises(ValueError, match=r"^subprotocols=\['a b'\]: a name is a token, without spaces, commas and their like$"):
        check_subprotocols(["a b"])
