"""`python -m fuzz.soak [--seconds N] [--connections N] [--seed N]`: a server under many connections that behave in every way.

    keep-alive   pipelined   in pieces   cut off   slow readers   uploads   last requests   handlers of all kinds
    websockets: echoes   fragments   floods   slow readers   goodbyes   breaches   peers that go

Laws:

* Every request has a token of its own, and its answer must bring that back: octets that got into another answer are seen.
* The server is a process of its own. When all connections have ended it must have the descriptors it began with, and about the
  memory it had after the first third; and it must have logged nothing.
* What is sent is the seed's choice; how it interleaves is the system's.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz import soak_websocket
from fuzz.soak_websocket import WebSocketPeer
from hospes import App, JSONBody, Limits, RequestBodyReader, Response, Timeouts

KiB, MiB = 1024, 1024 * 1024
SETTLE = 60.0
"""Seconds after which everything has to be over."""
_GONE = "socket.send() raised exception.\n"
"""What asyncio says of a peer that has gone in the middle of pipelined answers; only the portable carrier writes by asyncio."""


def program() -> App:
    """The application under load."""
    app = App()

    @app.get("/now/{token}")
    async def now(token: str, size: int = 0) -> str:
        return token + "." * size

    @app.get("/later/{token}")
    async def later(token: str) -> dict[str, str]:
        await asyncio.sleep(0.001)
        return {"token": token}

    @app.get("/thread/{token}")
    def thread(token: str) -> Response:
        return Response(token, headers={"X-Token": token}, cookies={"token": token})

    @app.get("/fail/{token}")
    async def fail(token: str) -> tuple[int, str]:
        return 500, token

    @app.post("/echo")
    async def echo(data: JSONBody) -> dict[str, Any]:
        return data

    @app.post("/upload/{token}")
    async def upload(token: str, body: RequestBodyReader) -> str:
        digest = hashlib.blake2b(digest_size=8)
        async for piece in body:
            digest.update(piece)
        return f"{token} {digest.hexdigest()}"

    soak_websocket.route(app)
    return app


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, and what must be in its answer."""

    octets: bytes
    expected: bytes
    status: int = 200


@dataclass(slots=True)
class Peers:
    """All connections of a run."""

    port: int
    until: float
    random: random.Random
    counts: Counter[str] = field(default_factory=Counter[str])
    tokens: int = 0

    def token(self) -> str:
        """A token that no other request has."""
        self.tokens += 1
        return f"t{self.tokens}t"

    def ask(self, last: bool = False) -> Ask:
        """A request of any kind."""
        token = self.token()
        kind = self.random.choice(["now", "now", "now", "later", "thread", "fail", "missing", "echo", "large"])
        extra = "Connection: close\r\n" if last else ""
        if kind == "echo":
            content = f'{{"token":"{token}","pad":"{"p" * self.random.randrange(3000)}"}}'.encode()
            extra += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            return Ask(f"POST /echo HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode() + content, content)
        query = f"?size={self.random.randrange(40 * KiB)}" if kind == "large" else ""
        path = f"/{'now' if kind == 'large' else kind}/{token}{query}"
        status = {"fail": 500, "missing": 404}.get(kind, 200)
        expected = b'"status":404' if kind == "missing" else token.encode()
        return Ask(f"GET {path} HTTP/1.1\r\nHost: a\r\n{extra}\r\n".encode(), expected, status)

    async def live(self) -> None:
        """One connection after the other, until the time is over."""
        ways: list[Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = [
            *[self.keep_alive] * 2, self.pipelined, self.in_pieces, self.cut_off, self.slow_reader, self.upload, self.last,
            *[self.websocket] * 4,
        ]  # fmt: skip
        while time.monotonic() < self.until:
            way = self.random.choice(ways)
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=8 * MiB)
            try:
                await way(reader, writer)
                self.counts[way.__name__] += 1
            except TimeoutError:
                raise TimeoutError(f"{way.__name__}: no answer in {SETTLE:g} s") from None
            except ConnectionError as error:
                raise ConnectionError(f"{way.__name__}: {error!r}") from None
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, ask: Ask) -> None:
        """Read an answer, and look at it.

        Raises:
            AssertionError: if it is not the answer to this request.
        TimeoutError: if there is none.
        """
        async with asyncio.timeout(SETTLE):
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            content = await reader.readexactly(int(fields[b"content-length"]))
        assert head.startswith(b"HTTP/1.1 %d " % ask.status), (ask, head)
        assert ask.expected in content, (ask, content[:200])
        assert b"HTTP/1.1" not in content, (ask, content[:200])
        self.counts["answers"] += 1

    async def keep_alive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request after the other."""
        for _ in range(self.random.randrange(1, 60)):
            ask = self.ask()
            writer.write(ask.octets)
            await self.answer(reader, ask)

    async def pipelined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Many requests at once."""
        asks = [self.ask() for _ in range(self.random.randrange(2, 100))]
        writer.write(b"".join(ask.octets for ask in asks))
        for ask in asks:
            await self.answer(reader, ask)

    async def in_pieces(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Octets that come a few at a time."""
        asks = [self.ask() for _ in range(2)]
        octets = b"".join(ask.octets for ask in asks)
        size = max(1, len(octets) // self.random.randrange(2, 12))
        for start in range(0, len(octets), size):
            writer.write(octets[start : start + size])
            await writer.drain()
            await asyncio.sleep(0.002)
        for ask in asks:
            await self.answer(reader, ask)

    async def cut_off(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A peer that goes in the middle, politely or not."""
        octets = b"".join(self.ask().octets for _ in range(self.random.randrange(1, 20)))
        writer.write(octets[: self.random.randrange(len(octets))])
        await writer.drain()
        if self.random.random() < 0.5:
            await asyncio.sleep(self.random.random() * 0.01)
        if self.random.random() < 0.5:
            writer.transport.abort()

    async def slow_reader(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A peer that lets large answers wait."""
        token = self.token()
        ask = Ask(f"GET /now/{token}?size={3 * MiB} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), token.encode())
        behind = self.ask()
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(ask.octets + behind.octets)
        await asyncio.sleep(0.05 + self.random.random() / 4)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        await self.answer(reader, ask)
        await self.answer(reader, behind)

    async def upload(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Content, of a length that is known or not, sometimes broken off."""
        content = self.random.randbytes(1024) * self.random.randrange(1, 1500)
        token = self.token()
        digest = hashlib.blake2b(content, digest_size=8).hexdigest()
        ask = Ask(b"", f"{token} {digest}".encode())
        is_chunked = self.random.random() < 0.5
        framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(content)}"
        writer.write(f"POST /upload/{token} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n".encode())
        ends = len(content) if self.random.random() < 0.8 else self.random.randrange(len(content))
        for start in range(0, ends, 100_000):
            piece = content[start : min(start + 100_000, ends)]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            await writer.drain()
        if ends == len(content):
            writer.write(b"0\r\n\r\n" if is_chunked else b"")
            await self.answer(reader, ask)

    async def last(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A request that asks for the connection's end."""
        first, last = self.ask(), self.ask(last=True)
        writer.write(first.octets + last.octets)
        await self.answer(reader, first)
        await self.answer(reader, last)
        assert await reader.read() == b"", "octets behind the last answer"

    async def websocket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A websocket that behaves in some way."""
        peer = WebSocketPeer(reader, writer, self.random, self.token, self.counts)
        way = self.random.choice([peer.echo, peer.fragments, peer.flood, peer.slow, peer.goodbye, peer.breach, peer.leave])
        async with asyncio.timeout(SETTLE):
            await peer.open()
            try:
                await way()
            except (ConnectionError, EOFError) as error:
                raise ConnectionError(f"{way.__name__}: {error!r}") from None
        self.counts[f"websocket: {way.__name__}"] += 1


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds."""

    descriptors: int
    memory: int
    """Octets that are resident."""

    @classmethod
    def by(cls, pid: int) -> Held:
        """Look at a process."""
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(len(os.listdir(f"/proc/{pid}/fd")), pages * os.sysconf("SC_PAGE_SIZE"))

    def __str__(self) -> str:
        return f"{self.descriptors} descriptors, {self.memory / MiB:.1f} MiB"


async def load(pid: int, port: int, options: argparse.Namespace) -> int:
    """Put the server under load; the number of findings."""
    async with asyncio.timeout(SETTLE):
        peers = Peers(port, time.monotonic() + options.seconds, random.Random(options.seed))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ask = Ask(b"GET /thread/warm HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"warm")
        writer.write(ask.octets)
        await peers.answer(reader, ask)
        writer.close()
    before = await settled(pid, None)
    tasks = [asyncio.create_task(peers.live()) for _ in range(options.connections)]
    await asyncio.sleep(options.seconds / 3)
    third = Held.by(pid)
    failures = [each for each in await asyncio.gather(*tasks, return_exceptions=True) if each is not None]
    after = await settled(pid, before.descriptors)
    print(f"before: {before}; after a third: {third}; at the end: {after}")
    print(", ".join(f"{name}: {count:,}" for name, count in sorted(peers.counts.items())))
    findings = [f"{len(failures)} connections failed, such as: {each!r}"[:600] for each in failures[:5]]
    if after.descriptors != before.descriptors:
        findings.append(f"{after.descriptors - before.descriptors} descriptors stay open")
    if after.memory > third.memory * 1.1 + 8 * MiB:
        findings.append(f"memory grows: {(after.memory - third.memory) / MiB:.1f} MiB more than after a third of the time")
    print("\n".join(findings) or "nothing found")
    return len(findings)


async def settled(pid: int, descriptors: int | None) -> Held:
    """What the server holds when it has come to rest."""
    deadline = time.monotonic() + SETTLE
    held = Held.by(pid)
    while time.monotonic() < deadline and held.descriptors != descriptors:
        await asyncio.sleep(0.1)
        now = Held.by(pid)
        if descriptors is None and now == held:
            break
        held = now
    return held


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.soak", description="Puts a server under many odd connections.")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=512, help="how many at a time (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="what is sent (default: the time)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve()
        return 0
    print(f"{options.connections} connections for {options.seconds:g} s, --seed {options.seed}")
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-m", "fuzz.soak", "--serve"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as server:
            try:
                assert server.stdout is not None
                findings = asyncio.run(load(server.pid, int(server.stdout.readline()), options))
            finally:
                server.terminate()
                status = server.wait(SETTLE)
        log.seek(0)
        logged = "".join(line for line in log if line != _GONE)
    if logged or status:
        print(f"the server ended with {status} and said:\n{logged[-3000:]}")
        findings += 1
    return int(findings > 0)


def serve() -> None:
    """Serve on a free port, which is printed, until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    # What is too slow on a busy machine must not look like a defect.
    timeouts = Timeouts(header=300, body_idle=300, write_idle=300, keep_alive=300, queue=300, linger=300)
    with program().serving(port=0, limits=Limits(requests_per_connection=10**6), timeouts=timeouts) as server:
        print(server.server.address[1], flush=True)
        stopped.wait()


if __name__ == "__main__":
    sys.exit(main())
