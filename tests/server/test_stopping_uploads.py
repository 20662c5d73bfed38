"""The server stops at every stage of an upload: what was answered is there, the rest ends in time, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.server.support import Peer, request

from hospes.errors import ClientDisconnected
from hospes.http.content import ContentReader
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import MiB, Timeouts
from hospes.server import Server, ServerOptions, Stopped

pytestmark = pytest.mark.usefixtures("carrier")

OCTETS = bytes(range(251)) * (2 * MiB // 251)
HEAD = request("/", "POST", None, f"Content-Length: {len(OCTETS)}")
WHOLE = HEAD + OCTETS

STAGES = {
    "in the head": 25,
    "after the head": len(HEAD),
    "in the first piece": len(HEAD) + 1000,
    "in the middle": len(HEAD) + len(OCTETS) // 2,
    "before the last octet": len(WHOLE) - 1,
    "after the last octet": len(WHOLE),
}

Reading = Callable[[ContentReader, Path], Coroutine[Any, Any, object]]


async def to_path(content: ContentReader, path: Path) -> None:
    await content.save_to_file(path)


async def to_file(content: ContentReader, path: Path) -> None:
    with open(path, "wb") as file:
        await content.save_to_file(file)


async def by_pieces(content: ContentReader, path: Path) -> None:
    path.write_bytes(b"".join([piece async for piece in content]))


async def at_once(content: ContentReader, path: Path) -> None:
    path.write_bytes(await content.read())


READ = [to_path, to_file, by_pieces, at_once]


class Upload:
    """A server, and a peer that is sending it something."""

    def __init__(self, read: Reading, path: Path, drain: float) -> None:
        self.path = path
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.failure: type[BaseException] | None = None
        self._read = read
        self.server = Server(self._handle, ServerOptions(port=0, timeouts=Timeouts(drain=drain)))

    async def _handle(self, request: Request) -> Response:
        assert request.content is not None
        self.begun.set()
        try:
            await self._read(request.content, self.path)
        except BaseException as failure:
            self.failure = type(failure)
            raise
        finally:
            self.ended.set()
        return Response("saved")

    async def send_up_to(self, peer: Peer, end: int) -> None:
        """Send, and wait until the server has what it can have of it."""
        await asyncio.to_thread(peer.send, WHOLE[:end])
        if end >= len(HEAD):
            await self.begun.wait()
        else:
            while not self.server.connections:
                await asyncio.sleep(0.001)

    async def stopping(self) -> asyncio.Task[Stopped]:
        """Begin to stop."""
        stopping = asyncio.create_task(self.server.stop())
        for _ in range(3):
            await asyncio.sleep(0)
        return stopping


def run(test: Callable[[], Awaitable[None]], caplog: pytest.LogCaptureFixture) -> None:
    """Run it; nothing is said, and no descriptor is left."""

    async def main() -> None:
        await test()

    asyncio.run(asyncio.sleep(0))  # what a first loop opens for good
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(main())
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == []


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="platform: descriptors are counted in /proc")


@needs_proc
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_an_upload_that_goes_on_is_answered(read: Reading, stage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        upload = Upload(read, tmp_path / "file", drain=30)
        await upload.server.start()
        with Peer(upload.server.address[1]) as peer:
            await upload.send_up_to(peer, STAGES[stage])
            stopping = await upload.stopping()
            await asyncio.to_thread(peer.send, WHOLE[STAGES[stage] :])
            got = await asyncio.to_thread(peer.get)
            assert (got.status, got.content) == (200, b"saved")
            assert (tmp_path / "file").read_bytes() == OCTETS
            assert await asyncio.to_thread(peer.closed)
            peer.sock.close()  # else it is waited for
            assert (await stopping).aborted == 0

    run(test, caplog)
    assert os.listdir(tmp_path) == ["file"]


@needs_proc
@pytest.mark.parametrize("stage", [*STAGES][:-1])
@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_an_upload_that_stands_still_ends_with_the_drain(
    read: Reading, stage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        upload = Upload(read, tmp_path / "file", drain=0.05)
        await upload.server.start()
        with Peer(upload.server.address[1]) as peer:
            await upload.send_up_to(peer, STAGES[stage])
            assert await (await upload.stopping()) == Stopped(0, 1)
            if STAGES[stage] >= len(HEAD):
                assert upload.ended.is_set()
                assert upload.failure in (asyncio.CancelledError, ClientDisconnected)
            with pytest.raises(ConnectionError):
                await asyncio.to_thread(peer.rest)

    run(test, caplog)
    assert os.listdir(tmp_path) in ([], ["file"] if read is to_file and STAGES[stage] >= len(HEAD) else [])


@needs_proc
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stage", [*STAGES][1:-1])
@pytest.mark.parametrize("read", READ, ids=lambda read: read.__name__)
def test_an_upload_whose_peer_goes_ends_at_once(
    read: Reading, stage: str, reset: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        upload = Upload(read, tmp_path / "file", drain=30)
        await upload.server.start()
        with Peer(upload.server.address[1]) as peer:
            await upload.send_up_to(peer, STAGES[stage])
            stopping = await upload.stopping()
            if reset:
                peer.reset()
            else:
                peer.sock.close()
            await stopping
            assert upload.ended.is_set()
            assert upload.failure is not None

    run(test, caplog)
    assert os.listdir(tmp_path) in ([], ["file"] if read is to_file else [])


@needs_proc
@pytest.mark.parametrize("how", ["stays", "goes", "resets"])
@pytest.mark.parametrize("read", [0, 1000])
def test_content_that_nobody_reads(read: int, how: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The handler does other things meanwhile, and answers. A peer that has gone by then has left octets unread: a reset, which
    nobody has looked for."""
    enough = asyncio.Event()

    async def other_things(content: ContentReader, path: Path) -> None:
        if read:
            assert len(await content.read(read)) == read
        await enough.wait()

    async def test() -> None:
        upload = Upload(other_things, tmp_path / "file", drain=30)
        await upload.server.start()
        with Peer(upload.server.address[1]) as peer:
            await asyncio.to_thread(peer.flood, WHOLE, len(WHOLE), 0.2)  # as much as is taken
            await upload.begun.wait()
            stopping = await upload.stopping()
            if how == "resets":
                peer.reset()
            elif how == "goes":
                peer.sock.close()
            enough.set()
            if how == "stays":
                got = await asyncio.to_thread(peer.get)
                assert (got.status, got.fields["connection"]) == (200, "close")
                peer.sock.close()
            await stopping

    run(test, caplog)
