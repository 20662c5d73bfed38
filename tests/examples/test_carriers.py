"""Every example answers with the same octets over both carriers; what chance or the clock decides is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from tests.examples.test_examples import ASKED, Ask, example
from tests.server.support import Peer, request

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

CHANCE = [
    (re.compile(rb"(?<=\r\nDate: )[^\r]+"), b"now"),
    (re.compile(rb"(?<=dur=)[0-9.]+"), b"a while"),
    (re.compile(rb"(?<=[=\"])[A-Za-z0-9_.-]{24,}"), b"a secret"),  # ids and tokens
    (re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.,]\d+"), b"a time"),
]
BOUNDARY = "a-boundary-of-the-test"


def content_of(ask: Ask) -> tuple[str, bytes] | None:
    """The media type and the octets of what is sent."""
    if "files" in ask.sends:
        lines: list[bytes] = []
        for name, value in ask.sends["form"].items():
            lines += [b"--%b" % BOUNDARY.encode(), f'Content-Disposition: form-data; name="{name}"'.encode(), b"", value.encode()]
        for name, (file_name, octets) in ask.sends["files"].items():
            disposition = f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"'
            lines += [b"--%b" % BOUNDARY.encode(), disposition.encode(), b"", octets]
        lines += [b"--%b--" % BOUNDARY.encode(), b""]
        return f"multipart/form-data; boundary={BOUNDARY}", b"\r\n".join(lines)
    if "form" in ask.sends:
        return "application/x-www-form-urlencoded", urlencode(ask.sends["form"]).encode()
    if "json" in ask.sends:
        return "application/json", json.dumps(ask.sends["json"]).encode()
    if "content" in ask.sends:
        return "application/octet-stream", ask.sends["content"]
    return None


def octets_of(ask: Ask, cookies: dict[str, str]) -> bytes:
    fields = [f"{name}: {value}" for name, value in ask.headers.items()]
    if cookies:
        fields.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
    content = content_of(ask)
    if content is not None:
        fields.append(f"Content-Type: {content[0]}")
    return request(ask.target, ask.method, b"" if ask.method == "POST" and content is None else content and content[1], *fields)


def answer_of(peer: Peer) -> bytes:
    """One answer: its head, and its content; of a stream what its pieces hold, for where they are cut is a matter of time.
    What was hinted before it stands behind it."""
    hints, head = b"", peer.until(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 103 "):
        hints, head = hints + head, peer.until(b"\r\n\r\n")
    return _whole(peer, head) + hints


def _whole(peer: Peer, head: bytes) -> bytes:
    if b"\r\nTransfer-Encoding: chunked\r\n" in head:
        content = b""
        while size := int(peer.until(b"\r\n"), 16):
            content += peer.exactly(size)
            peer.exactly(2)
        peer.exactly(2)
        return head + content
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head)
    return head + (peer.exactly(int(length[1])) if length else b"")


def answers(name: str, carrier: str, folder: Path) -> Iterator[bytes]:
    """What an example says to all that it is asked, on one connection, by a visitor who keeps his cookies."""
    folder.mkdir()
    cookies: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch, example(name) as module:
        patch.chdir(folder)
        patch.setenv("HOSPES_STORE", "memory:")
        patch.setenv("HOSPES_CARRIER", carrier)
        with module.app.serving() as server, Peer(urlsplit(server.url).port or 0) as peer:
            for ask in ASKED[name]:
                peer.send(octets_of(ask, cookies))
                answer = answer_of(peer)
                for cookie, value in re.findall(rb"\r\nSet-Cookie: ([^=]+)=([^;\r]*)", answer):
                    cookies[cookie.decode()] = value.decode()
                for pattern, instead in CHANCE:
                    answer = pattern.sub(instead, answer)
                yield answer


@pytest.mark.parametrize("name", ASKED)
def test_both_carriers_say_the_same(name: str, tmp_path: Path) -> None:
    portable, engine = (list(answers(name, carrier, tmp_path / carrier)) for carrier in ("portable", "engine"))
    assert engine == portable
    assert [int(answer[9:12]) for answer in engine] == [ask.status for ask in ASKED[name]]
