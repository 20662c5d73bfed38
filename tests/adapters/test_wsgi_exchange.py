"""PEP 3333, rule by rule: what applications return, write and get wrong."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from tests.adapters.support import WAIT, Asked, made, on_loop, respond, whole
from tests.adapters.wsgi_support import asked, returning

from hospes.adapters import from_wsgi
from hospes.adapters.wsgi import Environ, FileWrapper, StartResponse, WsgiApplication
from hospes.errors import HttpError
from hospes.http.content import ContentReader, FileContent, Stream

TYPE = ("Content-Type", "text/plain")


def answer(make: Callable[[], Iterable[Any]], *fields: tuple[str, str], status: str = "200 OK", method: str = "GET") -> Asked:
    return asked(returning(make, status, *fields), made("/", method))


class Closing:
    """An iterable that is closed, as most frameworks' are."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.closed_in: list[threading.Thread] = []

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed_in.append(threading.current_thread())


# Answers that break nothing.


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo"], (b"hel", b"lo"), []])
def test_a_list(pieces: list[bytes]) -> None:
    got = answer(lambda: pieces, TYPE)
    assert (got.status, got.fields, got.content) == (200, [("Content-Type", "text/plain")], b"".join(pieces))


def test_a_list_is_a_plain_response() -> None:
    async def work() -> None:
        hosted = from_wsgi(returning(lambda: [b"hello"], "201 Made", TYPE, ("Content-Length", "5")))
        async with hosted.running():
            response = await respond(hosted, made())
        assert (response.status, response.content_type, response.content, response.plain) == (201, "text/plain", b"hello", True)

    on_loop(work)


def test_other_fields() -> None:
    got = answer(lambda: [b"hi"], ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "\xe9"), ("Content-Length", "2"))
    assert got.fields == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Latin", "\xe9")]


def test_an_iterable_of_the_announced_length_is_one_content() -> None:
    closing = Closing(b"he", b"llo")
    got = answer(lambda: closing, ("Content-Length", "2"))
    assert (got.content, got.streamed) == (b"he", False)  # what is beyond is not asked for
    assert len(closing.closed_in) == 1
    got = answer(lambda: Closing(b"hello"), ("Content-Length", "5"))
    assert (got.content, got.streamed) == (b"hello", False)
    got = answer(lambda: Closing(), TYPE)
    assert (got.content, got.streamed) == (b"", False)


def test_start_response_may_come_with_the_first_piece() -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("202 Accepted", [TYPE])
        yield b"a"
        yield b""
        yield b"b"

    got = asked(application)
    assert (got.status, got.content) == (202, b"ab")


def test_a_stream_leaves_piece_by_piece() -> None:
    async def work() -> None:
        go = threading.Semaphore(0)

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Length", "2")])
            for piece in (b"a", b"b"):
                yield piece
                go.acquire()

        hosted = from_wsgi(application)
        async with hosted.running():
            response = await respond(hosted, made())
            assert isinstance(response.content, Stream)
            assert response.content.length == 2
            pieces = aiter(response.content)
            assert await anext(pieces) == b"a"
            go.release(2)
            assert [piece async for piece in pieces] == [b"b"]

    on_loop(work)


def test_write() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [TYPE])
        write(b"a")
        write(b"b")
        return [b"c", b"d"]

    assert asked(application).content == b"abcd"


def test_head_and_statuses_without_content() -> None:
    got = answer(lambda: [b"hello"], TYPE, ("Content-Length", "5"), method="HEAD")
    assert (got.content, got.fields) == (b"", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    got = answer(lambda: Closing(b"a", b"b"), ("X-A", "b"), method="HEAD")
    assert (got.content, got.streamed) == (b"", False)
    assert answer(lambda: [b"dropped"], status="304 Not Modified").content == b""

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])(b"dropped")
        return [b"too"]

    assert asked(application, made("/", "HEAD")).content == b""


def test_all_of_it_is_in_one_thread() -> None:
    threads: list[threading.Thread] = []
    closing = Closing()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        threads.append(threading.current_thread())
        start_response("200 OK", [])

        def pieces() -> Iterator[bytes]:
            for _ in range(3):
                threads.append(threading.current_thread())
                yield b"x" * 100_000

        closing.pieces = pieces()  # type: ignore[assignment]
        return closing

    assert len(asked(application).content) == 300_000
    assert len({*threads, *closing.closed_in}) == 1
    assert len(closing.closed_in) == 1


# Errors of the application's own, told with exc_info.


def test_exc_info_replaces_an_answer_that_has_not_left() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise LookupError("defect")
        except LookupError:
            start_response("500 Oops", [TYPE], sys.exc_info())
        return [b"error page"]

    got = asked(application)
    assert (got.status, got.content) == (500, b"error page")


def test_exc_info_breaks_off_an_answer_that_has() -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        try:
            raise LookupError("defect")
        except LookupError:
            start_response("500 Oops", [], sys.exc_info())

    with pytest.raises(LookupError, match="defect"):
        asked(application)


# Files.


@pytest.mark.parametrize(
    ("skip", "fields", "expected"), [(0, [], b"0123456789"), (4, [], b"456789"), (2, [("Content-Length", "3")], b"234")]
)
def test_a_file_goes_by_the_kernel(skip: int, fields: list[tuple[str, str]], expected: bytes) -> None:
    opened: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", fields)
        file = tempfile.TemporaryFile()  # noqa: SIM115
        opened.append(file)
        file.write(b"0123456789")
        file.flush()
        file.seek(skip)
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped

    async def work() -> None:
        hosted = from_wsgi(application)
        async with hosted.running():
            response = await respond(hosted, made())
            assert isinstance(response.content, FileContent)
            assert (await whole(response)).content == expected
        assert opened[0].closed  # in its own thread; the descriptor that is sent is another one

    on_loop(work)
    assert asked(application, made("/", "HEAD")).content == b""


def test_a_file_that_is_none_of_the_systems_is_read() -> None:
    assert answer(lambda: FileWrapper(io.BytesIO(b"abc"))).content == b"abc"
    read, write = os.pipe()
    with open(write, "wb") as end:
        end.write(b"piped")
    assert answer(lambda: FileWrapper(open(read, "rb"))).content == b"piped"  # noqa: SIM115


def test_a_file_that_only_has_a_descriptor_is_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "packed", "wb") as packed:
        packed.write(b"unpacked")
    with gzip.open(tmp_path / "packed") as packed:
        assert answer(lambda: FileWrapper(cast("BinaryIO", packed))).content == b"unpacked"
    with gzip.open(tmp_path / "packed") as packed:
        assert answer(lambda: FileWrapper(io.BufferedReader(cast("io.RawIOBase", packed)))).content == b"unpacked"


@pytest.mark.parametrize("name", [None, "named", "decoded"])
def test_a_file_that_stands_for_another(name: str | None) -> None:
    class Decoded:
        def __init__(self, file: BinaryIO) -> None:
            self.file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def read(self, size: int) -> bytes:
            return self.file.read(size).swapcase()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        file: Any = tempfile.NamedTemporaryFile() if name else tempfile.TemporaryFile()  # noqa: SIM115
        file.write(b"Content")
        file.seek(0)
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](Decoded(file) if name == "decoded" else file)
        return wrapped

    async def work() -> None:
        hosted = from_wsgi(application)
        async with hosted.running():
            response = await respond(hosted, made())
            assert isinstance(response.content, FileContent) == (name != "decoded")
            assert (await whole(response)).content == (b"cONTENT" if name == "decoded" else b"Content")

    on_loop(work)


@pytest.mark.parametrize("length", [0, 2, 3])
def test_of_a_file_as_much_is_sent_as_announced(length: int) -> None:
    got = answer(lambda: FileWrapper(io.BytesIO(b"abc"), 2), ("Content-Length", str(length)))
    assert got.content == b"abc"[:length]


def test_octets_of_a_kind_of_bytes() -> None:
    class Octets(bytes):
        pass

    assert answer(lambda: [Octets(b"a"), b"b"]).content == b"ab"
    assert answer(lambda: [Octets(b"a")]).content == b"a"


@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_what_is_done_in_closing_does_not_hold_the_answer_up(kind: str) -> None:
    go, closed = threading.Event(), list[threading.Thread]()

    class Working(list[bytes]):
        def close(self) -> None:
            assert go.wait(WAIT)
            closed.append(threading.current_thread())

    fields = [("Content-Length", "2")] if kind == "whole" else []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", fields)
        return Working([b"a", b"b"])

    async def work() -> None:
        hosted = from_wsgi(application)
        async with hosted.running():
            assert (await whole(await respond(hosted, made()))).content == b"ab"
            go.set()
        assert len(closed) == 1

    on_loop(work)


def test_it_is_closed_in_the_context_that_it_was_read_in(caplog: pytest.LogCaptureFixture) -> None:
    variable, seen = ContextVar[str]("variable"), list[str]()

    def pieces() -> Iterator[bytes]:
        token = variable.set("read")
        try:
            yield b"all"
        finally:
            seen.append(variable.get())
            variable.reset(token)  # as Flask's stream_with_context

    assert answer(pieces, ("Content-Length", "3")).content == b"all"
    assert (seen, caplog.records) == (["read"], [])


def test_a_failure_in_closing_changes_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(list[bytes]):
        def close(self) -> None:
            raise LookupError("defect")

    assert answer(lambda: Failing([b"a"])).content == b"a"
    [record] = caplog.records
    assert record.getMessage() == "<Request GET />: what the WSGI application returned could not be closed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "defect"


def test_a_file_that_is_shorter_than_announced() -> None:
    def make() -> FileWrapper:
        return FileWrapper(open(__file__, "rb"))

    with pytest.raises(AssertionError, match=r"the file has \d+ octets left, and the WSGI application announced"):
        answer(make, ("Content-Length", "99999999"))


def test_a_file_that_nobody_wants_is_closed() -> None:
    began = threading.Event()
    go = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began.set()
        go.wait()
        start_response("200 OK", [])
        return FileWrapper(open(__file__, "rb"))

    async def work() -> None:
        hosted = from_wsgi(application)
        async with hosted.running():
            answering = asyncio.ensure_future(respond(hosted, made()))
            await asyncio.get_running_loop().run_in_executor(None, began.wait)
            answering.cancel()
            go.set()
            with pytest.raises(asyncio.CancelledError):
                await answering

    on_loop(work)  # a file left open would be a ResourceWarning, which fails the test


# Content of requests.


def test_content_that_the_carrier_refuses_is_its_answer() -> None:
    def raising(environ: Environ, start_response: StartResponse) -> list[bytes]:
        environ["wsgi.input"].read()
        raise LookupError("never reached")

    def careless(environ: Environ, start_response: StartResponse) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError:
            start_response("500 Oops", [])
        return [b"oops"]

    def with_a_file(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        careless(environ, start_response)
        return FileWrapper(open(__file__, "rb"))  # left open it would be a ResourceWarning, which fails the test

    for application in (raising, careless, with_a_file):

        async def work(application: WsgiApplication = application) -> None:
            request = made("/", "POST", b"")
            reader = request.content = ContentReader(None, None, None)
            hosted = from_wsgi(application)
            async with hosted.running():
                answering = asyncio.ensure_future(respond(hosted, request))
                await asyncio.sleep(0)
                reader.fail(HttpError(408, "too slow"))
                await answering

        with pytest.raises(HttpError, match="408 too slow"):
            on_loop(work)


# What breaks PEP 3333.


def wrong(*calls: tuple[Any, ...], gives: Iterable[Any] = ()) -> WsgiApplication:
    """An application that calls start_response as told, and returns what it is told to."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[Any]:
        for each in calls:
            start_response(*each)
        return gives

    return application


OK: tuple[str, list[Any]] = ("200 OK", [])
BROKEN: list[tuple[WsgiApplication, type[Exception], str]] = [
    (wrong(), AssertionError, "the WSGI application returned without calling start_response"),
    (wrong(gives=(b"x",)), AssertionError, "the WSGI application gave content before it called start_response"),
    (wrong(OK, OK), AssertionError, "the WSGI application called start_response a second time, without exc_info"),
    (wrong((200, [])), ValueError, "the WSGI application gave the status 200; it is text as '200 OK'"),
    (wrong(("OK", [])), ValueError, "the WSGI application gave the status 'OK'; it is text as '200 OK'"),
    (wrong(("2000", [])), ValueError, "the WSGI application gave the status '2000'; it is text as '200 OK'"),
    (wrong(("100 Continue", [])), ValueError, "status 100: an answer's status is 200 to 599"),
    (wrong(OK, gives=["text"]), TypeError, "the WSGI application gave str; it may give bytes"),
    (wrong(OK, gives=("text",)), TypeError, "the WSGI application gave str; it may give bytes"),
    (
        wrong(("200 OK", [("X-A", "b\r\nX-C: d")])),
        ValueError,
        "field X-A: the value 'b\\r\\nX-C: d' holds a control character; encode or remove it",
    ),
    (
        wrong(("200 OK", [("Content-Length", "2")]), gives=[b"abc"]),
        AssertionError,
        "the WSGI application gave 3 octets of content, and announced Content-Length: 2",
    ),
    (
        wrong(("200 OK", [("Content-Length", "2")]), gives=[b"a"]),
        AssertionError,
        "the WSGI application gave 1 octets of content, and announced Content-Length: 2",
    ),
]


@pytest.mark.parametrize(("application", "kind", "text"), BROKEN, ids=[text[-40:] for _, _, text in BROKEN])
def test_what_breaks_the_rules(application: WsgiApplication, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        asked(application)
    assert str(error.value) == text


@pytest.mark.parametrize("pieces", [(b"a", b"bc"), (b"a",)])
def test_a_stream_of_another_length_than_announced_breaks_off(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(AssertionError, match="announced Content-Length: 2"):
        answer(lambda: Closing(*pieces), ("Content-Length", "2"))


def test_a_failure_in_the_middle_breaks_the_stream() -> None:
    closed: list[int] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield b"begun"
            raise LookupError("defect")
        finally:
            closed.append(1)

    with pytest.raises(LookupError, match="defect"):
        asked(application)
    assert closed == [1]


def test_what_is_returned_is_closed_when_it_cannot_be_sent() -> None:
    closing = Closing(b"x")

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return closing

    with pytest.raises(AssertionError):
        asked(application)
    assert len(closing.closed_in) == 1
