"""The opening handshake: which requests are one, and what answers them."""

from __future__ import annotations

import pytest

from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader
from hospes.wire.websocket import accept_value, handshake_key

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
FIELDS = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY.decode(),
    "Sec-WebSocket-Version": "13",
}


def head(line: str = "GET / HTTP/1.1", more: str = "", **changed: str) -> RequestHead:
    """A handshake, with fields changed, or left out where they are empty."""
    fields = FIELDS | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [line, *(f"{name}: {value}" for name, value in fields.items() if value)]
    reader = RequestReader(Limits())
    reader.receive(("\r\n".join(lines) + "\r\n" + more + "\r\n").encode("latin-1"))
    event = reader.next()
    assert isinstance(event, RequestHead)
    return event


def test_the_example_of_the_rfc() -> None:
    assert accept_value(KEY) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"},
        {"Upgrade": "foo/2, websocket"},
        {"Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA=="},
    ],
)
def test_sound_handshakes(changed: dict[str, str]) -> None:
    assert handshake_key(head(**changed)) == changed.get("Sec_WebSocket_Key", KEY.decode()).encode()


@pytest.mark.parametrize(
    "changed",
    [
        {"Upgrade": ""},
        {"Upgrade": "websockets"},
        {"Connection": ""},
        {"Connection": "close"},
        {"Sec_WebSocket_Version": ""},
        {"Sec_WebSocket_Version": "12"},
        {"Sec_WebSocket_Version": "013"},
        {"Sec_WebSocket_Key": ""},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZ"},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ="},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==="},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZW5v"},
        {"Sec_WebSocket_Key": "*GhlIHNhbXBsZSBub25jZQ=="},
        {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZ===="},
        {"Content_Length": "0"},
        {"line": "POST / HTTP/1.1"},
        {"line": "GET / HTTP/1.0"},
        {"more": "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"},
        {"more": "Sec-WebSocket-Version: 13\r\n"},
    ],
)
def test_requests_that_are_no_handshake(changed: dict[str, str]) -> None:
    assert handshake_key(head(**changed)) is None
