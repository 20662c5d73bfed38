"""Content, pulled and streamed."""

from __future__ import annotations

import asyncio
import io
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import ClientDisconnected, HttpError
from hospes.http.content import HIGH_WATER, LOW_WATER, MANY, ContentReader, FileContent, Stream, gather

T = TypeVar("T")


class FakeFlow:
    """A carrier that feeds its pieces one by one when it is asked, or only counts."""

    def __init__(self, *pieces: bytes) -> None:
        self.reader: ContentReader | None = None
        self.pieces = deque(pieces)
        self.wanted = 0

    def want_content(self) -> None:
        self.wanted += 1
        if self.reader is not None and self.pieces:
            before = self.reader.received
            while self.pieces and self.reader.received == before:
                self.reader.feed(self.pieces.popleft())
            if not self.pieces:
                self.reader.end([])


def reading(*pieces: bytes, declared: int | None = None, limit: int | None = None) -> tuple[FakeFlow, ContentReader]:
    flow = FakeFlow(*pieces)
    flow.reader = ContentReader(flow, declared, limit)
    return flow, flow.reader


async def turn() -> None:
    """Let every task that can run do so."""
    for _ in range(3):
        await asyncio.sleep(0)


def in_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


# What has been fed is read.


@in_loop
async def test_content_that_is_here() -> None:
    reader = ContentReader.of(b"hello")
    assert (reader.declared, reader.received, reader.buffered, reader.ended, reader.begun) == (5, 5, 5, True, False)
    assert await reader.read() == b"hello"
    assert (reader.buffered, reader.begun) == (0, True)
    assert await reader.read() == b""
    assert await reader.read(3) == b""


@in_loop
async def test_many_small_pieces() -> None:
    for count in (MANY - 1, MANY, MANY + 1, 3 * MANY):
        sent = [n.to_bytes(2) for n in range(count)]
        _, reader = reading(*sent)
        content = await reader.read()
        assert type(content) is bytes
        assert content == b"".join(sent)


@in_loop
async def test_a_cancelled_reader_of_many_pieces_has_taken_nothing() -> None:
    reader = ContentReader(FakeFlow(), None, None)
    sent = [n.to_bytes(2) for n in range(2 * MANY + 1)]
    for piece in sent:
        reader.feed(piece)
    task = asyncio.ensure_future(reader.read())
    await turn()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert reader.buffered == 2 * len(sent)
    reader.end([])
    given = [piece async for piece in reader]
    assert {type(piece) for piece in given} == {bytes}
    assert b"".join(given) == b"".join(sent)


def test_pieces_are_gathered_in_the_first() -> None:
    pieces: list[bytes | bytearray | memoryview] = [b"a", b"b", memoryview(b"c")]
    gather(pieces)
    (whole,) = pieces
    assert whole == b"abc"
    pieces += (b"d", b"e")
    gather(pieces)
    assert pieces == [b"abcde"]
    assert pieces[0] is whole


@in_loop
async def test_no_content() -> None:
    reader = ContentReader.of(b"")
    assert await reader.read() == b""
    assert [piece async for piece in reader] == []
    assert not reader.begun


@in_loop
async def test_reads_so_much_at_the_most() -> None:
    reader = ContentReader(None, None, None)
    for piece in (b"abc", b"d", b"", b"efgh"):
        reader.feed(piece)
    reader.end([(b"x", b"1")])
    assert [await reader.read(n) for n in (2, 2, 0, 5, 3, 9, 9)] == [b"ab", b"c", b"", b"d", b"efg", b"h", b""]
    assert reader.trailers == [(b"x", b"1")]


@in_loop
async def test_the_rest_of_a_piece_is_part_of_all() -> None:
    for rest in (b"cdef", b"cd"):
        reader = ContentReader.of(b"ab" + rest)
        assert await reader.read(2) == b"ab"
        assert await reader.read() == rest
    reader = ContentReader.of(b"abcd")
    await reader.read(1)
    assert [piece async for piece in reader] == [b"bcd"]


@in_loop
async def test_pieces_come_as_they_were_fed() -> None:
    reader = ContentReader(None, None, None)
    for piece in (b"a", b"", b"bc"):
        reader.feed(piece)
    reader.end([])
    assert [piece async for piece in reader] == [b"a", b"bc"]


@in_loop
async def test_small_reads_of_much_do_not_copy_it_again_and_again() -> None:
    reader = ContentReader.of(b"x" * 4_000_000)  # copying the rest for each would be 8 * 10^10 octets
    for _ in range(40_000):
        assert len(await reader.read(100)) == 100
    assert await reader.read(1) == b""


@given(st.lists(st.binary(max_size=9), max_size=8), st.lists(st.integers(-1, 5), max_size=12))
def test_every_octet_comes_once_and_in_order(pieces: list[bytes], sizes: list[int]) -> None:
    async def all_that_comes() -> bytes:
        _, reader = reading(*pieces, b".")
        come = [await reader.read(n) for n in sizes]
        assert all(len(each) <= n for each, n in zip(come, sizes, strict=True) if n >= 0)
        assert reader.received - reader.buffered == sum(map(len, come))
        return b"".join([*come, await reader.read()])

    assert asyncio.run(all_that_comes()) == b"".join([*pieces, b"."])


# What has not come yet is waited for.


@in_loop
async def test_waits_for_octets_and_for_the_end() -> None:
    flow, reader = reading()
    first = asyncio.create_task(reader.read(5))
    await turn()
    assert (reader.wanted, flow.wanted, first.done()) == (True, 1, False)
    reader.feed(b"ab")
    reader.feed(b"cd")
    assert await first == b"ab"
    assert not reader.wanted
    rest = asyncio.create_task(reader.read())
    await turn()
    reader.feed(b"ef")
    await turn()
    assert not rest.done()
    reader.end([])
    assert await rest == b"cdef"
    assert reader.ended


@in_loop
async def test_a_carrier_may_feed_while_it_is_asked() -> None:
    flow, reader = reading(b"a", b"b", b"c")
    assert await reader.read(9) == b"a"
    assert [piece async for piece in reader] == [b"b", b"c"]
    assert flow.wanted == 3


@in_loop
async def test_content_that_is_here_asks_nobody() -> None:
    flow, reader = reading()
    reader.feed(b"ab")
    reader.end([])
    assert await reader.read() == b"ab"
    assert flow.wanted == 0


# Back-pressure.


@in_loop
async def test_the_carrier_is_asked_to_go_on_when_there_is_room() -> None:
    assert LOW_WATER < HIGH_WATER
    flow, reader = reading()
    reader.feed(b"x" * (HIGH_WATER - LOW_WATER))
    reader.feed(b"x" * LOW_WATER)
    assert reader.buffered == HIGH_WATER
    await reader.read(HIGH_WATER - LOW_WATER - 1)
    assert (reader.buffered, flow.wanted) == (LOW_WATER + 1, 0)
    await reader.read(1)
    assert (reader.buffered, flow.wanted) == (LOW_WATER, 1)
    await reader.read(1)
    assert flow.wanted == 1


@in_loop
async def test_the_carrier_is_not_asked_when_all_has_come() -> None:
    flow, reader = reading()
    reader.feed(b"x" * HIGH_WATER)
    reader.end([])
    await reader.read(HIGH_WATER - 1)
    assert (reader.buffered, flow.wanted) == (1, 0)


# Errors.


@in_loop
async def test_an_error_before_during_and_after_waiting() -> None:
    for error in (HttpError(408), ClientDisconnected("gone")):
        _, reader = reading()
        waiting = asyncio.create_task(reader.read())
        await turn()
        reader.feed(b"abc")
        reader.fail(error)
        with pytest.raises(type(error)) as caught:
            await waiting
        assert caught.value is error
        for _ in range(2):
            with pytest.raises(type(error)) as again:
                await reader.read(1)
            assert again.value is error
        with pytest.raises(type(error)):
            _ = [piece async for piece in reader]
        assert (reader.buffered, reader.ended, reader.begun) == (0, False, False)


@in_loop
async def test_nothing_comes_after_an_error() -> None:
    _, reader = reading()
    reader.fail(HttpError(400, "first"))
    reader.fail(HttpError(400, "second"))
    reader.feed(b"abc")
    reader.end([])
    with pytest.raises(HttpError, match="first"):
        await reader.read()
    assert (reader.ended, reader.buffered, reader.received) == (False, 0, 0)


@in_loop
async def test_an_error_drops_what_was_begun() -> None:
    _, reader = reading()
    reader.feed(b"abc")
    assert await reader.read(1) == b"a"
    reader.fail(HttpError(400))
    with pytest.raises(HttpError):
        await reader.read()


@in_loop
async def test_content_that_is_complete_cannot_fail() -> None:
    reader = ContentReader.of(b"abc")
    reader.fail(ClientDisconnected())
    assert await reader.read() == b"abc"


@in_loop
async def test_the_traceback_of_an_error_does_not_grow() -> None:
    _, reader = reading()
    reader.fail(HttpError(400))

    async def depth() -> int:
        try:
            await reader.read(1)
        except HttpError as error:
            trace, count = error.__traceback__, 0
            while trace is not None:
                trace, count = trace.tb_next, count + 1
            return count
        raise AssertionError

    assert await depth() == await depth()


@in_loop
async def test_a_carrier_that_fails_leaves_the_reader_usable() -> None:
    class Failing:
        calls = 0

        def want_content(self) -> None:
            self.calls += 1
            if self.calls == 1:
                raise BrokenPipeError

    flow = Failing()
    reader = ContentReader(flow, None, None)
    with pytest.raises(BrokenPipeError):
        await reader.read()
    reader.feed(b"a")
    reader.end([])
    assert await reader.read() == b"a"


# Limits.


@in_loop
async def test_a_declared_length_is_refused_before_anything_is_taken() -> None:
    for declared in (None, 0, 9, 10):
        ContentReader(None, declared, 10).check_declared()
    ContentReader(None, 10**9, None).check_declared()
    flow, reader = reading(b"x" * 11, declared=11, limit=10)
    for attempt in (reader.read(), reader.read(1), anext(aiter(reader))):
        with pytest.raises(HttpError) as caught:
            await attempt
        assert (caught.value.code, caught.value.explain) == (413, "At most 10 bytes are taken here; 11 were announced.")
    assert flow.wanted == 0
    reader.limit = 11  # a route's own limit
    assert await reader.read() == b"x" * 11


@in_loop
async def test_undeclared_content_over_the_limit_is_refused_when_it_has_come() -> None:
    for size in (9, 10):
        _, reader = reading(b"x" * 8, b"x" * (size - 8), limit=10)
        assert len(await reader.read()) == size
    _, reader = reading(b"x" * 8, b"x" * 3, limit=10)
    with pytest.raises(HttpError) as caught:
        await reader.read()
    assert (caught.value.code, caught.value.explain) == (413, "At most 10 bytes are taken here.")
    _, reader = reading(b"x" * 8, b"x" * 3, limit=None)
    assert len(await reader.read()) == 11


# Several readers.


@in_loop
async def test_two_readers_at_once_are_told() -> None:
    for second in (-1, 5):
        _, reader = reading()
        first = asyncio.create_task(reader.read())
        await turn()
        with pytest.raises(RuntimeError, match="being read by two tasks at once; let one of them read it"):
            await reader.read(second)
        reader.feed(b"a")
        with pytest.raises(RuntimeError):  # the first one waits for these octets, though it has not run yet
            await reader.read(second)
        reader.end([])
        assert await first == b"a"


@in_loop
async def test_a_cancelled_reader_has_taken_nothing() -> None:
    _, reader = reading()
    reader.feed(b"ab")
    reader.feed(b"cd")
    assert await reader.read(1) == b"a"
    cancelled = asyncio.create_task(reader.read())
    await turn()
    assert reader.buffered == 0
    reader.feed(b"ef")
    await turn()
    reader.feed(b"gh")  # has come, but was not seen yet
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert (reader.wanted, reader.buffered, reader.received) == (False, 7, 8)
    assert await reader.read(2) == b"b"
    reader.end([])
    assert await reader.read() == b"cdefgh"


@in_loop
async def test_a_cancelled_small_read_takes_nothing() -> None:
    _, reader = reading()
    cancelled = asyncio.create_task(reader.read(3))
    await turn()
    cancelled.cancel()
    reader.feed(b"abcd")
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await reader.read(3) == b"abc"


# What goes out.


async def agen(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


@in_loop
async def test_a_stream_gives_octets() -> None:
    stream = Stream(agen("é", b"b", "", b"", bytearray(b"c"), memoryview(b"d"), memoryview(b""), bytearray()))
    pieces = [piece async for piece in stream]
    assert pieces == ["é".encode(), b"b", b"c", b"d"]
    assert {type(piece) for piece in pieces} == {bytes}
    assert stream.length is None
    assert Stream(agen(), 5).length == 5


@in_loop
async def test_a_stream_gives_nothing_else() -> None:
    for wrong in (3, 0, None, ["a"]):
        with pytest.raises(TypeError, match=rf"a stream gave {type(wrong).__name__}; it may give bytes and str"):
            _ = [piece async for piece in Stream(agen(wrong))]


@in_loop
async def test_a_plain_iterator_is_not_pulled_on_the_loop() -> None:
    with pytest.raises(TypeError, match="a plain iterator is pulled in the thread pool"):
        _ = [piece async for piece in Stream(iter([b"a"]))]


@in_loop
async def test_closing_a_stream_ends_its_source() -> None:
    ended: list[str] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append("async")

    stream = Stream(source())
    assert await anext(aiter(stream)) == b"a"
    await stream.aclose()
    assert ended == ["async"]

    def plain() -> Iterator[bytes]:
        try:
            yield b"a"
        finally:
            ended.append("plain")

    generator = plain()
    next(generator)
    await Stream(generator).aclose()
    assert ended == ["async", "plain"]


@in_loop
async def test_closing_a_stream_closes_a_file_and_leaves_a_list_alone() -> None:
    file = io.BytesIO(b"a\nb")
    await Stream(file).aclose()
    assert file.closed
    await Stream([b"a"]).aclose()


def test_file_content_is_closed() -> None:
    file = io.BytesIO(b"abc")
    content = FileContent(file, 1, 2)
    assert (content.offset, content.length) == (1, 2)
    content.close()
    assert file.closed
