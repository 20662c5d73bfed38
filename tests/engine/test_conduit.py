"""Content into a file, over both carriers: what the kernel moves on the engine is what the portable carrier writes."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import queue
import select
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, cast

import pytest
from tests.faults.test_disk_full import small_disk
from tests.http.test_saving import largest_file
from tests.server.support import CARRIERS, GET, WAIT, Peer, request

from hospes.errors import HttpError
from hospes.http.content import HIGH_WATER, ContentReader
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import KiB, Limits, MiB, Timeouts

Core: Any = pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

OCTETS = bytes(range(251)) * (4 * MiB // 251)

carriers = pytest.mark.parametrize("carrier", CARRIERS)
Save = Callable[[ContentReader, Path], Coroutine[Any, Any, object]]


def answering(save: Save, path: Path) -> Callable[[Request], Awaitable[Response]]:
    async def handler(request: Request) -> Response:
        if request.content is None:
            return Response("nothing")
        content = request.content
        content.limit = None
        return Response(repr(await save(content, path)))

    return handler


def head(size: int, *fields: str) -> bytes:
    return request("/", "POST", None, f"Content-Length: {size}", *fields)


async def to_path(content: ContentReader, path: Path) -> object:
    return await content.save_to_file(path)


async def to_buffered(content: ContentReader, path: Path) -> object:
    with open(path, "wb") as file:
        return await content.save_to_file(file)


async def to_raw(content: ContentReader, path: Path) -> object:
    with open(path, "wb", buffering=0) as file:
        size = await content.save_to_file(file)
        assert file.tell() == size
        return size


async def to_end(content: ContentReader, path: Path) -> object:
    path.write_bytes(b"")
    with open(path, "ab") as file:
        return await content.save_to_file(file)


async def to_memory(content: ContentReader, path: Path) -> object:
    file = io.BytesIO()
    size = await content.save_to_file(file)
    path.write_bytes(file.getvalue())
    return size


async def in_the_middle(content: ContentReader, path: Path) -> object:
    """After some of it was read by hand."""
    with open(path, "wb") as file:
        first = await content.read(1000)
        second = await content.read(3)
        file.write(first + second)
        return len(first + second) + await content.save_to_file(file)


WAYS = [to_path, to_buffered, to_raw, to_end, to_memory, in_the_middle]


@carriers
@pytest.mark.parametrize("save", WAYS, ids=lambda save: save.__name__)
def test_whole_contents(save: Save, carrier: str, tmp_path: Path) -> None:
    """One behind the other on a connection, of a length that is known and in chunks, with a request right behind."""
    path = tmp_path / "file"
    with CARRIERS[carrier](answering(save, path)) as port, Peer(port) as peer:
        for size in (0, 1, 300 * KiB, 3 * MiB + 1, len(OCTETS)):
            content = OCTETS[:size]
            chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in (content[:99], content[99:]) if each)
            for octets in (
                head(size) + content,
                request("/", "POST", None, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n",
            ):
                peer.send(octets + GET)
                assert peer.get().content == b"%d" % size
                assert path.read_bytes() == content
                assert peer.get().content == b"nothing"


@carriers
def test_split_anywhere(carrier: str, tmp_path: Path) -> None:
    path, content = tmp_path / "file", OCTETS[:40]
    with CARRIERS[carrier](answering(to_raw, path)) as port, Peer(port) as peer:
        octets = head(len(content)) + content + GET
        for at in range(1, len(octets)):
            peer.send(octets[:at])
            peer.send(octets[at:])
            assert (peer.get().content, path.read_bytes()) == (b"40", content)
            assert peer.get().content == b"nothing"


@carriers
def test_several_at_once(carrier: str, tmp_path: Path) -> None:
    names = iter(range(100))

    async def save(content: ContentReader, folder: Path) -> object:
        path = folder / str(next(names))
        await content.save_to_file(path)
        return path.name, path.read_bytes()[:1]

    with CARRIERS[carrier](answering(save, tmp_path)) as port:
        peers = [Peer(port) for _ in range(5)]
        contents = [bytes([65 + number]) * (MiB + number) for number in range(5)]
        for peer, content in zip(peers, contents, strict=True):
            peer.send(head(len(content)))
        for at in range(0, MiB + 5, 100 * KiB):
            for peer, content in zip(peers, contents, strict=True):
                peer.send(content[at : at + 100 * KiB])
        for peer, content in zip(peers, contents, strict=True):
            name, first = cast("tuple[str, bytes]", eval(peer.get().content))
            assert (tmp_path / name).read_bytes() == content
            assert first == content[:1]
            peer.sock.close()


@carriers
def test_continue_is_sent(carrier: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    with CARRIERS[carrier](answering(to_raw, path)) as port, Peer(port) as peer:
        peer.send(head(MiB, "Expect: 100-continue"))
        assert peer.get().status == 100
        peer.send(OCTETS[:MiB])
        assert (peer.get().content, path.read_bytes()) == (b"%d" % MiB, OCTETS[:MiB])


@carriers
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_limits(carrier: str, more: int, tmp_path: Path) -> None:
    async def handler(request: Request) -> Response:
        try:
            return Response(str(await cast(ContentReader, request.content).save_to_file(tmp_path / "file")))
        except HttpError as error:
            return Response(str(error)[:3])

    size = 300 * KiB
    with CARRIERS[carrier](handler, limits=Limits(body=size)) as port, Peer(port) as peer:
        peer.send(head(size + more))
        with suppress(ConnectionError):  # it is refused before all of it is there
            peer.send(bytes(size + more))
        assert peer.get().content == (b"%d" % (size + more) if more <= 0 else b"413")
        assert os.listdir(tmp_path) == ([] if more > 0 else ["file"])


@carriers
@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize("size", [100, MiB, 3 * MiB])
def test_a_peer_that_goes_away(carrier: str, is_named: bool, size: int, tmp_path: Path) -> None:
    """Behind a path nothing is left; an open file keeps what had come, and no room for what did not."""
    ended: queue.Queue[object] = queue.Queue()

    async def save(content: ContentReader, path: Path) -> object:
        try:
            if content.declared == size + 1:
                return await content.save_to_file(path / "path")
            with open(path / "open", "wb") if is_named else TemporaryFile(dir=path, buffering=0) as file:
                try:
                    return await content.save_to_file(file)
                finally:
                    state = os.fstat(file.fileno())
                    ended.put((file.tell(), state.st_size, state.st_blocks * 512 < size + MiB))
        finally:
            ended.put(os.listdir(path))

    with CARRIERS[carrier](answering(save, tmp_path)) as port:
        with Peer(port) as peer:
            peer.send(head(size + 1) + OCTETS[:size])
        assert ended.get(timeout=WAIT) == []
        with Peer(port) as peer:
            peer.send(head(10 * MiB) + OCTETS[:size])
        told, found, is_small = cast("tuple[int, int, bool]", ended.get(timeout=WAIT))
        assert (told == found <= size, is_small) == (True, True)
        if is_named:
            assert (tmp_path / "open").read_bytes() == OCTETS[:found]
        assert ended.get(timeout=WAIT) == ["open"] * is_named


@carriers
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_file_that_another_one_writes_to(carrier: str, is_whole: bool, tmp_path: Path) -> None:
    """What stands behind the content stays there, whatever becomes of that."""
    ended: queue.Queue[str] = queue.Queue()

    async def save(content: ContentReader, path: Path) -> object:
        with open(path, "wb") as file:
            try:
                return await content.save_to_file(file)
            finally:
                ended.put("saved" if content.ended else "broken off")

    path, size = tmp_path / "file", 3 * MiB
    with CARRIERS[carrier](answering(save, path)) as port, Peer(port) as peer:
        peer.send(head(size) + OCTETS[:MiB])
        while not path.exists() or path.stat().st_size < MiB:
            threading.Event().wait(0.01)
        assert path.stat().st_blocks * 512 < 2 * MiB
        with open(path, "r+b") as other:
            other.seek(size)
            other.write(b"theirs")
        peer.send(OCTETS[MiB : size - (not is_whole)])
        if not is_whole:
            peer.half_close()
        assert ended.get(timeout=WAIT) == ("saved" if is_whole else "broken off")
    saved = path.read_bytes()
    assert (len(saved), saved[:MiB], saved[size:]) == (size + 6, OCTETS[:MiB], b"theirs")


@carriers
@pytest.mark.parametrize(("timeouts", "octets", "reason"), [
    (Timeouts(body_idle=0.1), b"", "408 The request's content took too long"),
    (Timeouts(body_idle=1.5, body_rate=1e9), b"a", "408 The request's content comes too slowly"),
])  # fmt: skip
def test_a_peer_that_is_too_slow(carrier: str, timeouts: Timeouts, octets: bytes, reason: str, tmp_path: Path) -> None:
    """One that sends nothing is told the first, one that goes on sending, never long after the last octet, the second."""

    async def save(content: ContentReader, path: Path) -> object:
        try:
            return await content.save_to_file(path)
        except HttpError as error:
            return str(error)

    with CARRIERS[carrier](answering(save, tmp_path / "file"), timeouts=timeouts) as port, Peer(port) as peer:
        peer.send(head(MiB))
        while octets and not select.select([peer.sock], [], [], 0.01)[0]:
            peer.send(octets)
        assert peer.get().content.decode() == repr(reason)
        assert not list(tmp_path.iterdir())


@carriers
def test_who_is_cancelled_leaves_the_rest(carrier: str, tmp_path: Path) -> None:
    said: queue.Queue[int] = queue.Queue()

    async def save(content: ContentReader, path: Path) -> object:
        with open(path, "wb") as file:
            for part in (1, 2):
                saving = asyncio.ensure_future(content.save_to_file(file))
                while content.received < part * MiB:
                    await asyncio.sleep(0)
                saving.cancel()
                with suppress(asyncio.CancelledError):
                    await saving
                said.put(file.tell())
            return await content.save_to_file(file), await content.save_to_file(file)

    with CARRIERS[carrier](answering(save, tmp_path / "file")) as port, Peer(port) as peer:
        peer.send(head(3 * MiB) + OCTETS[:MiB])
        assert said.get(timeout=WAIT) <= MiB
        peer.send(OCTETS[MiB : 2 * MiB])
        saved = said.get(timeout=WAIT)
        assert saved <= 2 * MiB
        peer.send(OCTETS[2 * MiB : 3 * MiB])
        assert peer.get().content.decode() == repr((3 * MiB - saved, 0))
        assert (tmp_path / "file").read_bytes() == OCTETS[: 3 * MiB]


@carriers
def test_a_file_that_is_closed_meanwhile(carrier: str, tmp_path: Path) -> None:
    """Another file that gets its number is not written to."""
    begun = threading.Event()

    async def save(content: ContentReader, path: Path) -> object:
        file = open(path / "file", "wb", buffering=0)  # noqa: SIM115
        saving = asyncio.ensure_future(content.save_to_file(file))
        while content.received < 1000:
            await asyncio.sleep(0)
        file.close()
        with open(path / "other", "w+b", buffering=0) as other:
            begun.set()
            try:
                return await saving
            except ValueError as error:
                return str(error), other.read()

    with CARRIERS[carrier](answering(save, tmp_path)) as port, Peer(port) as peer:
        peer.send(head(MiB) + OCTETS[:1000])
        assert begun.wait(WAIT)
        peer.send(OCTETS[1000:MiB])
        told = cast("tuple[str, bytes]", eval(peer.get().content))
        assert ("closed file" in told[0], told[1]) == (True, b"")


@carriers
def test_two_at_once(carrier: str, tmp_path: Path) -> None:
    async def save(content: ContentReader, path: Path) -> object:
        first = asyncio.ensure_future(content.save_to_file(path))
        while not content.wanted:
            await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="by two tasks at once"):
            await content.save_to_file(io.BytesIO())
        said.set()
        return await first

    said = threading.Event()
    with CARRIERS[carrier](answering(save, tmp_path / "file")) as port, Peer(port) as peer:
        peer.send(head(MiB))
        assert said.wait(WAIT)
        peer.send(OCTETS[:MiB])
        assert peer.get().content == b"%d" % MiB


@carriers
def test_a_request_that_is_answered_meanwhile(carrier: str, tmp_path: Path) -> None:
    """What has not come is not waited for any more, and dropped; the connection goes on."""
    ended: queue.Queue[str] = queue.Queue()
    tasks: list[asyncio.Task[None]] = []

    async def save_in_the_background(content: ContentReader, path: Path) -> object:
        async def saving() -> None:
            try:
                await content.save_to_file(path / "file")
            except RuntimeError as error:
                ended.put(str(error))

        tasks.append(asyncio.create_task(saving()))
        while not content.wanted:
            await asyncio.sleep(0)
        return "later"

    with CARRIERS[carrier](answering(save_in_the_background, tmp_path)) as port, Peer(port) as peer:
        for _ in range(5):
            peer.send(head(200 * KiB) + OCTETS[:1000])
            assert peer.get().content == b"'later'"
            peer.send(OCTETS[1000 : 200 * KiB] + GET)
            assert peer.get().content == b"nothing"
            assert ended.get(timeout=WAIT) == "this request has been answered; what was not read of its content is gone"
        assert not list(tmp_path.iterdir())


async def told_of_failure(content: ContentReader, path: Path) -> object:
    """To an open file, and then the rest to a path, which has no room either."""
    failures: list[object] = []
    with open(path / "open", "wb", buffering=0) as file:
        for target in (file, path / "path"):
            try:
                await content.save_to_file(target)
            except OSError as error:
                failures.append(error.errno)
    return failures, sorted(os.listdir(path))


def check_failures(carrier: str, folder: Path, room: int, number: int) -> None:
    with CARRIERS[carrier](answering(told_of_failure, folder)) as port, Peer(port) as peer:
        peer.send(head(len(OCTETS)))
        with suppress(ConnectionError):
            peer.send(OCTETS)
        failures, names = cast("tuple[list[int], list[str]]", eval(peer.get().content))
        assert (failures, [name for name in names if name != "ballast"]) == ([number, number], ["open"])
        written = (folder / "open").read_bytes()
        assert room - HIGH_WATER - 4096 <= len(written) <= room
        assert written == OCTETS[: len(written)]


@carriers
def test_a_disk_that_is_full(carrier: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m"):
        (tmp_path / "disk" / "ballast").write_bytes(bytes(MiB // 4))
        check_failures(carrier, tmp_path / "disk", MiB * 3 // 4, errno.ENOSPC)


@carriers
def test_a_file_that_may_not_become_so_large(carrier: str, tmp_path: Path) -> None:
    with largest_file(MiB + 1234):
        check_failures(carrier, tmp_path, MiB + 1234, errno.EFBIG)


def test_conduits_without_a_connection(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        conduit = Core.Conduit(ContentReader(None, None, None), file.fileno(), True)
        assert not conduit.goes_on()
        conduit.end()
