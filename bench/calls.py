"""How many Python functions one request calls, from the octets' arrival until the answer is written."""

from __future__ import annotations

import asyncio
import os
import sys
from types import FrameType

from bench.app import app
from hospes.server import Server, ServerOptions

TARGETS = ("/plaintext", "/inline", "/json", "/users/42?verbose=true")


async def count(target: str, *, show: bool = False) -> list[str]:
    """The functions that a GET calls, in order; those of asyncio are left out."""
    names: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "/asyncio/" not in frame.f_code.co_filename and "/selectors" not in frame.f_code.co_filename:
            names.append(frame.f_code.co_qualname)

    async with app.started() as handler:
        server = Server(handler, ServerOptions(port=0))
        await server.start()
        reader, writer = await asyncio.open_connection(*server.address)
        for _ in range(3):  # what is made once is made in the first two
            names.clear()
            sys.setprofile(note)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            sys.setprofile(None)
            await asyncio.sleep(0)
        writer.close()
        await server.stop(0)
    return [name for name in names if name != "count"]


def counts() -> dict[str, tuple[int, int]]:
    """How many there are on the portable carrier and on the engine, by target."""
    found: dict[str, list[int]] = {target: [] for target in TARGETS}
    before = os.environ.get("HOSPES_CARRIER")
    try:
        for carrier in ("portable", "engine"):
            os.environ["HOSPES_CARRIER"] = carrier
            for target in TARGETS:
                found[target].append(len(asyncio.run(count(target))))
    finally:
        os.environ.pop("HOSPES_CARRIER")
        if before is not None:
            os.environ["HOSPES_CARRIER"] = before
    return {target: (each[0], each[1]) for target, each in found.items()}


def main() -> int:
    """Print the counts."""
    for target in TARGETS:
        names = asyncio.run(count(target))
        print(f"{len(names):3} {target}\n      {' '.join(names)}")
    return 0
