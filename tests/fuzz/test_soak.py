"""The soak, for a moment: it finds nothing in a server that is right, and what is wrong in one that is not."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from fuzz import soak


def test_a_short_soak_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["--seconds", "1", "--connections", "16", "--seed", "1"]) == 0
    assert "nothing found" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother",
        b"HTTP/1.1 404 OK\r\nContent-Length: 2\r\n\r\nt1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nt1 HTTP/1.1",
    ],
)
def test_an_answer_to_something_else_is_seen(answer: bytes) -> None:
    async def run() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(answer)
        peers = soak.Peers(0, time.monotonic(), random.Random(1))
        with pytest.raises(AssertionError):
            await peers.answer(reader, soak.Ask(b"", b"t1"))

    asyncio.run(run())


def test_every_token_is_another_one() -> None:
    peers = soak.Peers(0, 0, random.Random(2))
    asks = [peers.ask() for _ in range(200)]
    assert len({ask.octets for ask in asks}) == 200
