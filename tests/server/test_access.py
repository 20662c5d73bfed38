"""The access log: what a line holds, what it never holds, and that nobody waits for it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.golden import check_golden
from tests.server.support import GET, Peer, request

from hospes.errors import HttpError, SetupError
from hospes.http.content import FileContent, Stream
from hospes.http.request import Address, Request
from hospes.http.response import Response
from hospes.server import AccessLog, ServerOptions, ServingThread
from hospes.server.access import AccessWriter, _Entry, without_secrets


async def handler(request: Request) -> Response:
    path = request.path
    if path == "/fails":
        raise RuntimeError
    if path == "/refused":
        raise HttpError(409)
    if path == "/stream":
        return Response(Stream(pieces()))
    if path == "/file":
        return Response(FileContent(open(__file__, "rb"), 0, 100))
    if path == "/id":
        return Response("x", headers={"X-Request-ID": "ours"})
    await asyncio.sleep(0)
    return Response("hello")


async def pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two!"


def at_once(request: Request) -> Response:
    if request.path == "/fails":
        raise RuntimeError
    return Response("hello")


def lines(file: Path, format: str, *requests: bytes, answers: object = handler) -> list[str]:
    """The lines that these requests come to, each on a connection of its own."""
    from contextlib import nullcontext

    options = ServerOptions(port=0, access_log=AccessLog(str(file), format))
    with ServingThread(lambda: nullcontext(answers), options) as thread:  # type: ignore[arg-type]
        for octets in requests:
            with Peer(thread.server.address[1]) as peer:
                peer.send(octets)
                peer.rest()
    return file.read_text().splitlines()


def closing(path: str = "/", method: str = "GET", *fields: str) -> bytes:
    return request(path, method, None, "Connection: close", *fields)


TEMPLATE = "{method} {path} {protocol} {status} {bytes} {id}"


@pytest.mark.usefixtures("carrier")
def test_what_was_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wanted = {
        closing(): "GET / HTTP/1.1 200 5 -",
        closing(method="HEAD"): "HEAD / HTTP/1.1 200 0 -",
        closing("/fails"): "GET /fails HTTP/1.1 500 0 -",
        closing("/refused"): "GET /refused HTTP/1.1 409 0 -",
        closing("/stream"): "GET /stream HTTP/1.1 200 7 -",
        closing("/stream", "HEAD"): "HEAD /stream HTTP/1.1 200 0 -",
        closing("/file"): "GET /file HTTP/1.1 200 100 -",
        closing("/id"): "GET /id HTTP/1.1 200 1 ours",
        closing("/", "GET", "X-Request-ID: theirs"): "GET / HTTP/1.1 200 5 theirs",
        b"GET / HTTP/1.0\r\n\r\n": "GET / HTTP/1.0 200 5 -",
        b"nonsense\r\n\r\n": "- - - 400 0 -",
    }
    assert lines(tmp_path / "log", TEMPLATE, *wanted) == list(wanted.values())


@pytest.mark.usefixtures("carrier")
def test_handlers_that_answer_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = lines(tmp_path / "log", TEMPLATE, closing(), closing("/fails"), answers=at_once)
    assert found == ["GET / HTTP/1.1 200 5 -", "GET /fails HTTP/1.1 500 0 -"]


@pytest.mark.usefixtures("carrier")
def test_a_peer_that_has_gone(tmp_path: Path) -> None:
    entered = threading.Event()

    async def waits(request: Request) -> Response:
        entered.set()
        await asyncio.sleep(60)
        raise AssertionError

    from contextlib import nullcontext

    options = ServerOptions(port=0, access_log=AccessLog(str(tmp_path / "log"), "{status}"))
    with ServingThread(lambda: nullcontext(waits), options) as thread, Peer(thread.server.address[1]) as peer:
        peer.send(GET)
        assert entered.wait(20)
        peer.reset()
    assert (tmp_path / "log").read_text() == "499\n"


SECRETS = closing(
    "/a%20b/%22?token=secret",
    "GET",
    "Cookie: sid=secret",
    "Authorization: Bearer secret",
    "Referer: https://ada:secret@a.example/p?secret#secret",
    'User-Agent: evil "agent" \\ \xe9',
)


def test_combined(tmp_path: Path) -> None:
    (line,) = lines(tmp_path / "log", "combined", SECRETS)
    line = re.sub(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d", "DATE", line)
    assert line == (
        '127.0.0.1 - - [DATE +0000] "GET /a%20b/%22 HTTP/1.1" 200 5 "https://a.example/p" '
        r'"evil \"agent\" \\ \xc3\xa9"'
    )


def test_combined_of_what_was_no_request(tmp_path: Path) -> None:
    (line,) = lines(tmp_path / "log", "combined", b"\x16\x03\x01\r\n\r\n")
    assert re.fullmatch(r'127\.0\.0\.1 - - \[.+\] "-" 400 0 "-" "-"', line)


def test_json(tmp_path: Path) -> None:
    (line,) = lines(tmp_path / "log", "json", SECRETS)
    found = json.loads(line)
    assert "secret" not in line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found.pop("time"))
    assert 0 <= found.pop("duration") < 20
    assert found == {
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/a%20b/%22",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": 5,
        "host": "x",
        "scheme": "http",
        "referer": "https://a.example/p",
        "agent": 'evil "agent" \\ Ã©',
    }


def test_json_escapes_what_terminals_obey(tmp_path: Path) -> None:
    octets = closing().replace(b"Host", b"User-Agent: \x9b31m\xe9\tx\r\nHost")
    (line,) = lines(tmp_path / "log", "json", octets)
    assert r'"agent":"\u009b31mé\tx"' in line


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/p?q#f", "https://a.example/p"),
        ("https://u:p@a.example", "https://a.example"),
        ("https://a.example/@x", "https://a.example/@x"),
        ("//u@a", "//a"),
        ("/path#f?q", "/path"),
        ("", ""),
    ],
)
def test_referers_hold_no_secrets(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    ("name", "format"),
    {
        "unknown": "{nothing}",
        "conversion": "{status!r}",
        "spec": "{status:>5}",
        "open": "{status",
        "plain": "plain",
        "empty": "{}",
        "attribute": "{agent.x}",
    }.items(),
)
def test_templates_that_make_no_sense(name: str, format: str) -> None:
    with pytest.raises(SetupError) as caught:
        AccessLog(format=format)
    check_golden(f"server/access_{name}", str(caught.value))


def test_a_file_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        AccessWriter(AccessLog(str(tmp_path / "nowhere" / "log")))
    check_golden("server/access_no_file", str(caught.value).replace(str(tmp_path), "FOLDER"))


def entry(status: int = 200) -> _Entry:
    return _Entry(0.0, 0.0, Address("1.2.3.4", 5), status, 0)


def test_lines_beyond_the_bound_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    writer = AccessWriter(AccessLog(str(tmp_path / "pipe"), "{status}" + "x" * 10_000, most=20))
    os.set_blocking(reading, True)
    for _ in range(200):  # the pipe holds six of them
        writer.refused(Address("1.2.3.4", 5), 400)
    dropped = writer._dropped
    assert 0 < dropped <= 180
    got = bytearray()

    def read() -> None:
        while octets := os.read(reading, 1 << 16):
            got.extend(octets)

    thread = threading.Thread(target=read)
    thread.start()
    writer.close()
    thread.join(20)
    os.close(reading)
    assert got.count(b"\n") == 200 - dropped
    assert f"{dropped} lines of the access log were dropped" in caplog.text


def test_a_log_that_cannot_be_written_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    writer = AccessWriter(AccessLog("/dev/full"))
    writer.refused(Address("1.2.3.4", 5), 400)
    writer.close()
    assert "the access log cannot be written: [Errno 28] No space left on device" in caplog.text
    assert "1 lines of the access log are missing: it could not be written" in caplog.text


def test_a_disk_that_was_full_for_a_while(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    room, written = [4, 0, 0], bytearray()

    def write(file: int, octets: bytes) -> int:
        size = room.pop(0) if room else len(octets)
        if not size:
            raise OSError(28, "No space left on device")
        written.extend(octets[:size])
        return min(size, len(octets))

    monkeypatch.setattr("hospes.server.access._PIECE", 1)  # a write for each line
    writer = AccessWriter(AccessLog("-", "{status}xx"))
    monkeypatch.setattr("hospes.server.access.os.write", write)
    for status in (200, 201, 202, 203):
        writer.refused(Address("1.2.3.4", 5), status)
    writer.close()
    assert bytes(written) == b"200x\n202xx\n203xx\n"
    assert [record.getMessage() for record in caplog.records] == [
        "the access log cannot be written: [Errno 28] No space left on device",
        "the access log is written again; 2 lines are missing",
    ]


def test_a_file_that_was_moved_away(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "log"
    writer = AccessWriter(AccessLog(str(file), "{status}"))
    writer.refused(Address("1.2.3.4", 5), 400)
    while not file.read_text():
        pass
    file.rename(tmp_path / "old")
    writer.reopen()
    while not file.exists():
        pass
    writer.refused(Address("1.2.3.4", 5), 408)
    writer.close()
    assert [(tmp_path / "old").read_text(), file.read_text()] == ["400\n", "408\n"]


def test_a_folder_that_has_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    writer = AccessWriter(AccessLog(str(folder / "log"), "{status}"))
    folder.rename(tmp_path / "away")
    writer.reopen()
    while "cannot be written" not in caplog.text:
        pass
    writer.refused(Address("1.2.3.4", 5), 400)
    writer.close()
    assert (tmp_path / "away" / "log").read_text() == "400\n"


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    writer = AccessWriter(AccessLog(format="{client} {time}"))
    writer.refused(Address("1.2.3.4", 5), 400)
    writer.close()
    assert re.fullmatch(r"1\.2\.3\.4 20\S+Z\n", capfd.readouterr().out)
