"""Messages and the response that comes of them: in their order, out of it, in one step and in many."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.adapters.support import PEERS, Asked, ask, body, made, on_loop, respond, sending, start, whole

from hospes.adapters import from_asgi
from hospes.adapters.asgi import AsgiApplication, Message, Receive, Scope, Send
from hospes.adapters.asgi_exchange import AHEAD, PIECE
from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import ContentReader, FileContent, Stream
from hospes.http.request import Request
from hospes.http.response import Response

TYPE = (b"content-type", b"text/plain")


def answer(*messages: Message, method: str = "GET", te: bool = False) -> Asked:
    """What comes of an application that sends just that."""
    return ask(from_asgi(sending(*messages)), made("/", method, None, *(["TE: trailers"] if te else [])))


# Answers that break nothing.


def test_the_usual_answer_is_a_plain_response_at_once() -> None:
    async def work() -> None:
        content = (b"content-length", b"5")
        response = from_asgi(sending(start(201, TYPE, content), body(b"hello")))(made())
        assert type(response) is Response
        assert (response.status, response.content_type, response.content) == (201, "text/plain", b"hello")
        assert response.plain

    on_loop(work)


def test_other_fields() -> None:
    fields = ((b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"X-Latin", b"\xe9"), (b"Content-Length", b"2"))
    got = answer(start(200, *fields, TYPE), body(b"hi"))
    assert got.fields == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "é"), ("content-type", "text/plain")]
    assert got.content == b"hi"


def test_fields_that_are_there_once() -> None:
    got = answer({"type": "http.response.start", "status": 200, "headers": iter([TYPE, (b"x-a", b"1")])}, body(b"hi"))
    assert got.fields == [("content-type", "text/plain"), ("x-a", "1")]


def test_no_fields_at_all() -> None:
    got = answer({"type": "http.response.start", "status": 204}, {"type": "http.response.body"})
    assert (got.status, got.fields, got.content) == (204, [], b"")


def test_pieces_that_come_in_one_step_are_one_content() -> None:
    got = answer(start(), body(b"a", more=True), body(b"", more=True), body(b"b"))
    assert (got.content, got.streamed) == (b"ab", False)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_of_other_types(kind: Callable[[bytes], bytes]) -> None:
    assert answer(start(), body(kind(b"hi"))).content == b"hi"


def test_a_status_that_is_an_enum() -> None:
    from http import HTTPStatus

    assert answer(start(HTTPStatus.CREATED), body()).status == 201


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("more", [True, False])
def test_an_answer_without_content(status: int, more: bool) -> None:
    got = answer(start(status, TYPE), body(b"dropped", more), *([body(b"too")] if more else []))
    assert (got.status, got.content, got.streamed) == (status, b"", False)


def test_head() -> None:
    got = answer(start(200, TYPE, (b"content-length", b"5")), body(b""), method="HEAD")
    assert (got.content, got.fields) == (b"", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    got = answer(start(200, (b"x-a", b"b"), (b"content-length", b"5")), body(b"12345"), method="HEAD")
    assert (got.content, got.fields) == (b"", [("x-a", "b"), ("content-length", "5")])


# Answers in many steps.


async def pause() -> None:
    await asyncio.sleep(0)


def slowly(*messages: Message | Callable[[], Awaitable[object]]) -> AsgiApplication:
    """An application that sends messages, and waits for what is between them."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for each in messages:
            if callable(each):
                await each()
            else:
                await send(each)

    return application


def test_an_answer_that_takes_several_steps_is_still_one_content() -> None:
    got = ask(from_asgi(slowly(pause, start(), pause, body(b"hello"))))
    assert (got.content, got.streamed) == (b"hello", False)


@pytest.mark.parametrize("length", [None, 2])
def test_a_stream(length: int | None) -> None:
    fields = [] if length is None else [(b"content-length", b"2")]

    async def work() -> None:
        response = await respond(from_asgi(slowly(start(200, *fields), body(b"a", more=True), pause, body(b"b"))), made())
        assert isinstance(response.content, Stream)
        assert response.content.length == length
        assert (await whole(response)).content == b"ab"

    on_loop(work)


def test_a_stream_begins_before_its_first_octet() -> None:
    async def work() -> None:
        go = asyncio.Event()
        response = await respond(from_asgi(slowly(start(), body(b"", more=True), go.wait, body(b"x"))), made())
        assert isinstance(response.content, Stream)
        go.set()
        assert (await whole(response)).content == b"x"

    on_loop(work)


def test_the_answer_leaves_before_work_in_the_background() -> None:
    async def work() -> None:
        go = asyncio.Event()
        done: list[int] = []

        async def finish() -> None:
            await go.wait()
            done.append(1)

        hosted = from_asgi(slowly(start(), body(b"now"), finish), lifespan="off")
        async with hosted.running():
            response = hosted(made())
            assert isinstance(response, Response)
            assert response.content == b"now"
            assert not done
            go.set()
        assert done

    on_loop(work)


def test_send_waits_while_the_peer_is_behind() -> None:
    async def work() -> None:
        sent: list[int] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            for number in range(10):
                await send(body(b"x" * (AHEAD // 2), more=True))
                sent.append(number)
            await send(body())

        response = await respond(from_asgi(application), made())
        assert isinstance(response.content, Stream)
        for _ in range(5):
            await pause()
        assert sent == [0, 1]  # the third is beyond
        assert len((await whole(response)).content) == 5 * AHEAD

    on_loop(work)


def test_trailers() -> None:
    async def work() -> None:
        messages = (
            start(trailers=True),
            body(b"a", more=True),
            pause,
            body(b"b"),
            {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")], "more_trailers": True},
            pause,
            {"type": "http.response.trailers", "headers": [(b"x-more", b"2")]},
        )
        response = await respond(from_asgi(slowly(*messages)), made())
        assert isinstance(response.content, Stream)
        assert (await whole(response)).content == b"ab"
        assert response.content.trailers == [("x-sum", "1"), ("x-more", "2")]

    on_loop(work)


# Files.


def test_a_file_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    messages = (start(200, TYPE, (b"content-length", b"10")), {"type": "http.response.pathsend", "path": str(tmp_path / "a")})

    async def work() -> None:
        response = await respond(from_asgi(sending(*messages)), made())
        assert isinstance(response.content, FileContent)
        assert (await whole(response)).content == b"0123456789"

    on_loop(work)
    assert answer(*messages, method="HEAD").content == b""


@pytest.mark.parametrize(
    ("more", "expected"),
    [({}, b"23456789"), ({"offset": 4}, b"456789"), ({"offset": 4, "count": 3}, b"456"), ({"count": 2}, b"23")],
)
def test_a_part_of_an_open_file(more: dict[str, int], expected: bytes) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"0123456789")
        file.seek(2)
        for given in (file, file.fileno()):
            assert answer(start(), {"type": "http.response.zerocopysend", "file": given, **more}).content == expected
            file.seek(2)


def test_a_file_between_pieces_that_nobody_wants_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hospes.adapters.asgi_exchange._read_at", None)
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"0123456789")
        file.seek(2)
        part = {"type": "http.response.zerocopysend", "file": file, "count": 3, "more_body": True}
        assert answer(start(), part, part, body(b"."), method="HEAD").content == b""
        assert file.tell() == 8


def test_a_buffered_file_is_where_the_application_has_read_to() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.seek(0)
        assert file.read(2) == b"01"
        assert answer(start(), {"type": "http.response.zerocopysend", "file": file}).content == b"23456789"


@pytest.mark.parametrize("by_number", [False, True])
def test_parts_of_a_file_follow_each_other(by_number: bool) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"0123456789")
        file.seek(1)
        given = file.fileno() if by_number else file
        part = {"type": "http.response.zerocopysend", "file": given, "more_body": True}
        got = answer(start(), {**part, "count": 3}, {**part, "offset": 8}, {**part, "count": 2}, body(b"."))
        assert (got.content, file.tell()) == (b"123" + b"89" + b"45" + b".", 6)


def test_a_pipe_in_place_of_a_file_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RuntimeError, match="which is no regular file"):
        answer(start(), {"type": "http.response.pathsend", "path": tmp_path / "pipe"})


def test_the_path_of_a_file_is_no_descriptor() -> None:
    with tempfile.TemporaryFile() as file:
        with pytest.raises(TypeError, match="not int"):
            answer(start(), {"type": "http.response.pathsend", "path": file.fileno()})
        os.fstat(file.fileno())  # it is still open


@pytest.mark.parametrize("more", [{"offset": -1}, {"count": -1}])
def test_a_part_that_is_none(more: dict[str, int]) -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(ValueError, match="neither is less than 0"):
        answer(start(), {"type": "http.response.zerocopysend", "file": file, **more})


def test_a_file_between_pieces() -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"x" * (PIECE + 1))
        file.seek(0)
        piece = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
        got = ask(from_asgi(sending(start(), body(b"<", more=True), piece, body(b">"))))
    assert got.content == b"<" + b"x" * (PIECE + 1) + b">"


@pytest.mark.parametrize(
    ("length", "text"), [(9, "the file has 10 octets, and the application announced 9"), (None, "which is no regular file")]
)
def test_files_that_cannot_be_sent(tmp_path: Path, length: int | None, text: str) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    path = "/dev/null" if length is None else str(tmp_path / "a")
    fields = [] if length is None else [(b"content-length", b"%d" % length)]
    with pytest.raises(RuntimeError, match=text):
        answer(start(200, *fields), {"type": "http.response.pathsend", "path": path})


# Content of requests.


def receiving(request: Request) -> list[Message]:
    """What an application receives until it has all."""
    messages: list[Message] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        await send(start())
        await send(body())
        messages.append(await receive())

    ask(from_asgi(application), request)
    return messages


def test_no_content() -> None:
    assert receiving(made()) == [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]


def test_content_that_is_here_comes_in_one_piece() -> None:
    content = b"x" * (3 * PIECE)
    assert receiving(made("/", "POST", content))[0] == {"type": "http.request", "body": content, "more_body": False}


def test_content_piece_by_piece() -> None:
    async def work() -> None:
        request = made("/", "POST", b"")
        reader = request.content = ContentReader(None, None, None)
        got: list[Message] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            got.extend([await receive() for _ in range(3)])
            await send(start())
            await send(body())

        answering = asyncio.ensure_future(respond(from_asgi(application), request))
        for piece in (b"a", b"b"):
            await pause()
            reader.feed(piece)
        await pause()
        await pause()
        reader.end([])
        assert (await answering).status == 200
        assert [(each["body"], each["more_body"]) for each in got] == [(b"a", True), (b"b", True), (b"", False)]

    on_loop(work)


@pytest.mark.parametrize("limit", [4, 5, 6])
def test_the_limit_of_content(limit: int) -> None:
    async def work() -> Response:
        return await respond(from_asgi(sending(start(), body()), body_limit=limit), made("/", "POST", b"12345"))

    if limit >= 5:
        assert on_loop(work).status == 200
    else:
        with pytest.raises(HttpError) as error:
            on_loop(work)
        assert error.value.code == 413


def test_content_that_the_carrier_refuses_is_its_answer() -> None:
    got: list[Message] = []

    async def work() -> None:
        request = made("/", "POST", b"")
        reader = request.content = ContentReader(None, None, None)

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            got.append(await receive())
            got.append(await receive())
            await send(start(500))

        answering = asyncio.ensure_future(respond(from_asgi(application), request))
        await pause()
        reader.fail(HttpError(408, "too slow"))
        await answering

    with pytest.raises(HttpError, match="408 too slow"):
        on_loop(work)
    assert got == [{"type": "http.disconnect"}] * 2


def test_a_peer_that_goes_while_it_sends() -> None:
    async def work() -> None:
        request = made("/", "POST", b"")
        reader = request.content = ContentReader(None, None, None)
        got: list[Message] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            got.append(await receive())

        answering = asyncio.ensure_future(respond(from_asgi(application), request))
        await pause()
        reader.fail(ClientDisconnected("gone"))
        with pytest.raises(ClientDisconnected):
            await answering
        assert got == [{"type": "http.disconnect"}]

    on_loop(work)


def test_content_that_is_answered_unread() -> None:
    async def work() -> None:
        request = made("/", "POST", b"")
        reader = request.content = ContentReader(None, None, None)
        got: list[Message] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            listening = asyncio.ensure_future(receive())
            await pause()
            await send(start())
            await send(body())
            got.append(await listening)

        hosted = from_asgi(application, lifespan="off")
        async with hosted.running():
            assert (await respond(hosted, request)).status == 200
            reader.fail(RuntimeError("answered"))
        assert got == [{"type": "http.disconnect"}]

    on_loop(work)


# The peer goes.


def test_the_peer_goes_before_the_answer() -> None:
    async def work() -> None:
        got: list[object] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            got.append(await receive())
            await send(start())
            try:
                await send(body(b"x"))
            except OSError as error:
                got.append(str(error))

        hosted = from_asgi(application, lifespan="off")
        async with hosted.running():
            answering = asyncio.ensure_future(respond(hosted, made()))
            await pause()
            answering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await answering
        assert got == [{"type": "http.disconnect"}, "the peer has gone, and does not get this"]

    on_loop(work)


def test_the_peer_goes_in_the_middle_of_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        got: list[object] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            listening = asyncio.ensure_future(receive())
            await send(start())
            try:
                while True:
                    await send(body(b"x" * AHEAD, more=True))
            except OSError as error:
                got.append(str(error))
                got.append(await listening)
                raise

        hosted = from_asgi(application, lifespan="off")
        async with hosted.running():
            response = await respond(hosted, made())
            assert isinstance(response.content, Stream)
            await response.content.aclose()
        assert got == ["the peer has gone, and does not get the rest", {"type": "http.disconnect"}]

    with caplog.at_level(logging.INFO, "hospes.adapters"):
        on_loop(work)
    assert [(each.levelname, each.exc_info) for each in caplog.records] == [("INFO", None)]


# What breaks the protocol.

BROKEN: list[tuple[list[Any], type[Exception], str]] = [
    ([], RuntimeError, "the ASGI application returned without an answer"),
    ([start()], RuntimeError, "the ASGI application returned in the middle of its answer"),
    ([start(), body(b"x", more=True)], RuntimeError, "the ASGI application returned in the middle of its answer"),
    ([body()], RuntimeError, "the ASGI application sent 'http.response.body' where 'http.response.start' was expected"),
    ([start(), start()], RuntimeError, "the ASGI application sent 'http.response.start' where 'http.response.body' was expected"),
    ([{"type": "x"}], RuntimeError, "the ASGI application sent 'x' where 'http.response.start' was expected"),
    (
        [start(trailers=True), body(), body()],
        RuntimeError,
        "the ASGI application sent 'http.response.body' where 'http.response.trailers' was expected",
    ),
    ([start(101)], ValueError, "status 101: an answer's status is 200 to 599"),
    ([start(600)], ValueError, "status 600: an answer's status is 200 to 599"),
    ([{"type": "http.response.start"}], KeyError, "'status'"),
    (
        [start(200, (b"x-a", b"b\r\nx-c: d"))],
        ValueError,
        "field x-a: the value 'b\\r\\nx-c: d' holds a control character; encode or remove it",
    ),
    ([start(200, ("x-a", "b"))], TypeError, "the ASGI application gave header fields that are not pairs of bytes"),  # type: ignore[arg-type]
    ([start(), body("text")], TypeError, "the ASGI application sent a body that is str, not bytes"),  # type: ignore[arg-type]
    (
        [start(200, (b"content-length", b"2")), body(b"abc")],
        RuntimeError,
        "the ASGI application sent 3 octets of content, and announced Content-Length: 2",
    ),
    (
        [start(200, (b"content-length", b"2")), body(b"a")],
        RuntimeError,
        "the ASGI application sent 1 octets of content, and announced Content-Length: 2",
    ),
    (
        [start(200, (b"content-length", b"2")), body(b"abc", more=True)],
        RuntimeError,
        "the ASGI application sent 3 octets of content so far, and announced Content-Length: 2",
    ),
]


@pytest.mark.parametrize(("messages", "kind", "text"), BROKEN, ids=[text[-40:] for _, _, text in BROKEN])
def test_what_breaks_the_protocol(messages: list[Message], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        answer(*messages)
    assert str(error.value) == text


def test_a_message_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    got = answer(start(), body(b"all"), body(b"more"))
    assert got.content == b"all"
    [record] = caplog.records
    assert record.getMessage() == "<Request GET />: the ASGI application failed after its answer"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the ASGI application sent 'http.response.body' after its answer was complete"


def test_a_failure_before_the_answer_leaves() -> None:
    async def fail() -> None:
        raise LookupError("defect")

    for steps in ([fail], [pause, fail], [start(), fail], [start(), body(b"x", more=True), fail]):
        with pytest.raises(LookupError, match="defect"):
            ask(from_asgi(slowly(*steps)))


def test_a_failure_in_the_middle_breaks_the_stream() -> None:
    async def fail() -> None:
        raise LookupError("defect")

    async def work() -> None:
        response = await respond(from_asgi(slowly(start(), body(b"x", more=True), pause, pause, fail)), made())
        assert isinstance(response.content, Stream)
        with pytest.raises(LookupError, match="defect"):
            await whole(response)

    on_loop(work)


def test_an_end_in_the_middle_breaks_the_stream() -> None:
    async def work() -> None:
        response = await respond(from_asgi(slowly(start(), body(b"x", more=True), pause, pause)), made())
        with pytest.raises(RuntimeError, match="returned in the middle of its answer"):
            await whole(response)

    on_loop(work)


# Early Hints.


def hinting(*messages: Message) -> tuple[Asked, list[str]]:
    """What comes of an application that sends just that, and what it hinted."""
    sent: list[str] = []
    ends = replace(PEERS, hint=lambda head, links: sent.extend(links))
    return ask(from_asgi(sending(*messages)), made(ends=ends)), sent


def test_early_hints() -> None:
    hint = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload", b" </b>"]}
    asked, sent = hinting(hint, {"type": "http.response.early_hint"}, start(200), body(b"hello"))
    assert (asked.content, sent) == (b"hello", ["</a>; rel=preload", "</b>"])


@pytest.mark.parametrize(
    ("links", "error"),
    [(["</a>"], "the ASGI application gave links that are not bytes"), ([b"</a>\r\nX: y"], "a link is one line of text")],
)
def test_early_hints_that_are_none(links: list[Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        hinting({"type": "http.response.early_hint", "links": links}, start(200), body(b"hello"))


def test_early_hints_too_late() -> None:
    with pytest.raises(RuntimeError, match=r"sent 'http.response.early_hint' where 'http.response.body' was expected"):
        hinting(start(200), {"type": "http.response.early_hint", "links": []}, body(b"hello"))
