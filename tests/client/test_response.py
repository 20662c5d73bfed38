"""Answers: text, JSON, files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.client.support import Make, Script, answer, once

from hospes.client import DecodeError, ReadError, StatusError
from hospes.client.response import charset_of


@pytest.mark.parametrize(
    ("content_type", "content", "text"),
    [
        ("", "ü".encode(), "ü"),
        ("text/plain", "ü".encode(), "ü"),
        ("text/plain", b"\xef\xbb\xbf\xc3\xbc", "ü"),
        ("text/plain; charset=ISO-8859-1", b"\xfc", "ü"),
        ('text/plain; charset="gb2312"', "客".encode("gb2312"), "客"),
        ("text/plain; charset=shift_jis", "客".encode("shift_jis"), "客"),
        ("text/plain", b"a\xff", "a\ufffd"),
        ("text/plain; charset=nonsense", "ü".encode(), "ü"),
        ("text/plain; charset=hex", b"61", "61"),
        ("text/plain; charset=unicode_escape", b"\\x41", "\\x41"),
        ("no media type", "ü".encode(), "ü"),
    ],
)
def test_text(make: Make, content_type: str, content: bytes, text: str) -> None:
    fields = [f"Content-Type: {content_type}"] if content_type else []
    with Script(once(answer(content, "200 OK", *fields))) as server, make() as client:
        response = client.request("GET", server.url)
        assert (response.text, response.content, response.content_type) == (text, content, content_type)


@pytest.mark.parametrize("name", ["idna", "punycode", "undefined", "raw_unicode_escape", "base64", "rot13", "\0", "a" * 99])
def test_codecs_that_are_no_charsets(name: str) -> None:
    assert charset_of(f'text/plain; charset="{name}"') == "utf-8"


def test_json(make: Make) -> None:
    with Script(once(answer(b'\xef\xbb\xbf{"a": ["\xc3\xbc", 1]}'))) as server, make() as client:
        assert client.request("GET", server.url).json() == {"a": ["ü", 1]}


@pytest.mark.parametrize("content", [b"", b"{", b"<html>", b"[" * 101 + b"]" * 101, b"\xff"])
def test_no_json(make: Make, content: bytes) -> None:
    with Script(once(answer(content))) as server, make() as client:
        response = client.request("GET", f"{server.url}/a?secret=1")
        with pytest.raises(DecodeError, match="JSON") as caught:
            response.json()
        assert "secret" not in str(caught.value)


def test_depth_of_json(make: Make) -> None:
    with Script(once(answer(b"[" * 100 + b"]" * 100))) as server, make() as client:
        assert client.request("GET", server.url).json()


@pytest.mark.parametrize(("status", "is_ok"), [("200 OK", True), ("399", True), ("404 Not Found", False), ("503 ", False)])
def test_statuses(make: Make, status: str, is_ok: bool) -> None:
    with Script(once(answer(b"", status))) as server, make() as client:
        response = client.request("GET", f"{server.url}/a?secret=1")
    assert response.is_ok is is_ok
    if is_ok:
        assert response.raise_for_status() is response
    else:
        with pytest.raises(StatusError) as caught:
            response.raise_for_status()
        assert (caught.value.status, caught.value.url) == (response.status, f"{server.url}/a")


def test_cookies_and_looks(make: Make) -> None:
    octets = answer(b"", "200 Fine", "Set-Cookie: a=b; Path=/", 'Set-Cookie: c="d e"')
    with Script(once(octets)) as server, make() as client:
        response = client.request("GET", f"{server.url}/x?secret=1")
    assert response.cookies == {"a": "b", "c": "d e"}
    assert response.reason == "Fine"
    assert repr(response) == f"<ClientResponse 200 {server.url}/x>"


def test_saving(make: Make, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    told: list[tuple[int, int | None]] = []
    with Script(once(answer(content))) as server, make() as client:
        client.save(server.url, str(path), lambda *step: told.append(step))
    assert path.read_bytes() == content
    assert told[-1] == (200_000, 200_000)
    assert [each[0] for each in told] == sorted(each[0] for each in told)
    assert list(tmp_path.iterdir()) == [path]


def test_what_breaks_off_is_not_saved(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    octets = answer(b"abc").replace(b"Length: 3", b"Length: 4")
    with Script(once(octets)) as server, make() as client, pytest.raises(ReadError):
        client.save(server.url, str(path))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(make: Make, tmp_path: Path) -> None:
    with Script(once(answer(b"abc"))) as server, make() as client, pytest.raises(FileNotFoundError):
        client.save(server.url, str(tmp_path / "none" / "a.bin"))


@pytest.mark.parametrize(("length", "announced"), [("7", 7), ("9" * 18, 10**18 - 1), ("9" * 19, None)])
def test_announced_lengths(make: Make, length: str, announced: int | None) -> None:
    def play(peer: Any) -> None:
        peer.request()
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
        peer.gone()

    with Script(play) as server, make() as client:
        assert client.stream("GET", server.url, most=0).length == announced
