"""What has been received and not asked for: in order, bounded, the end behind it all."""

from __future__ import annotations

import asyncio

import pytest
from tests.websockets.test_pair import Ear

from hospes.websockets.inbox import MESSAGES, OCTETS, Inbox, WebSocketClosed
from hospes.websockets.program import Program


class Line:
    """A channel that only counts."""

    closed = False
    waiting = 0

    def __init__(self) -> None:
        self.paused = 0

    def send(self, message: object) -> None:
        raise ConnectionError

    send_frame = close = send

    async def drain(self) -> None:
        pass

    def pause(self) -> None:
        self.paused += 1

    def resume(self) -> None:
        self.paused -= 1


async def opened() -> tuple[Inbox, Line]:
    inbox, line = Inbox(), Line()
    inbox.program = Program(asyncio.sleep(0))
    following = asyncio.ensure_future(inbox.opened(line))  # type: ignore[arg-type]  # as much of a channel as is needed
    inbox.program.task.add_done_callback(lambda _: following.cancel())
    return inbox, line


def test_the_end_comes_behind_the_messages() -> None:
    async def main() -> None:
        inbox, _ = await opened()
        inbox.message("a")
        inbox.message(b"b")
        inbox.closed(4000, "bye")
        inbox.closed(1006, "never")
        assert [await inbox.receive(), await inbox.receive()] == ["a", b"b"]
        for _ in range(2):
            with pytest.raises(WebSocketClosed) as caught:
                await inbox.receive()
            assert (caught.value.code, caught.value.reason) == (4000, "bye")

    asyncio.run(main())


def test_too_much_pauses() -> None:
    async def main() -> None:
        inbox, line = await opened()
        for _ in range(MESSAGES - 1):
            inbox.message("x")
        assert line.paused == 0
        inbox.message("x")
        assert line.paused == 1
        inbox, line = await opened()
        inbox.message("x" * (OCTETS - 1))
        assert line.paused == 0
        inbox.message("x")
        assert line.paused == 1

    asyncio.run(main())


def test_two_tasks_cannot_receive_at_once() -> None:
    async def main() -> None:
        inbox, _ = await opened()
        first = asyncio.create_task(inbox.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match=r"^two tasks receive from one websocket at once; let one of them do it$"):
            await inbox.receive()
        inbox.message("a")
        assert await first == "a"

    asyncio.run(main())


def test_a_receive_that_is_cancelled_takes_nothing() -> None:
    async def main() -> None:
        inbox, _ = await opened()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inbox.receive(), 0.001)
        inbox.message("a")
        assert await inbox.receive() == "a"

    asyncio.run(main())


def test_pings_and_their_ends() -> None:
    async def main() -> None:
        inbox, _ = await opened()
        ear = Ear()
        inbox.channel = ear  # type: ignore[assignment]  # it takes frames
        ear.send_frame = lambda *_: None  # type: ignore[attr-defined]
        asking = asyncio.create_task(inbox.ask(b"1"))
        await asyncio.sleep(0)
        inbox.pong(b"another")
        assert not asking.done()
        inbox.pong(b"1")
        await asking
        asking = asyncio.create_task(inbox.ask(b"2"))
        await asyncio.sleep(0)
        inbox.closed(1001, "")
        with pytest.raises(WebSocketClosed, match=r"1001$"):
            await asking
        assert (inbox.ping(b""), inbox.frame(1, b"", True), inbox.wants_frames) == (False, True, False)

    asyncio.run(main())


def test_one_that_does_not_come_to_be() -> None:
    async def main() -> None:
        inbox = Inbox()
        ended: list[str] = []

        async def program() -> None:
            try:
                await inbox.receive()
            except WebSocketClosed as closed:
                ended.append(str(closed))
                raise

        inbox.program = Program(program())
        await inbox.used
        await inbox.abandon(None)
        task = inbox.program.task
        assert task.done()
        assert ended == ["the websocket is closed: 1006"] or task.cancelled()

    asyncio.run(main())
