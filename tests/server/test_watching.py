"""A loop that does not go on is reported."""

from __future__ import annotations

import asyncio
import logging
import re
import selectors
import sys
import threading
import time
from types import FrameType

import pytest

from hospes.server.watching import place_of, watched


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hospes.server"]


def test_a_standstill_is_one_report(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        reported = threading.Event()

        class Heard(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                reported.set()

        handler = Heard()
        logging.getLogger("hospes.server").addHandler(handler)
        try:
            with watched(0.5):
                while not reported.is_set():  # no await
                    time.sleep(0.01)
                time.sleep(0.3)
                reported.clear()
                while not reported.is_set():
                    await asyncio.sleep(0)
        finally:
            logging.getLogger("hospes.server").removeHandler(handler)

    asyncio.run(main())
    blocked, goes_on = messages(caplog)
    assert re.fullmatch(r"the loop has been blocked for \d+\.\d s by .*test_watching\.py:\d+ in main", blocked)
    assert re.fullmatch(r"the loop goes on, after \d+\.\d s", goes_on)


def test_a_loop_that_waits_is_not_blocked(caplog: pytest.LogCaptureFixture) -> None:
    class Late(selectors.DefaultSelector):
        """Its loop's timers come late, as on a machine that slept."""

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            return super().select(timeout and timeout + 0.8)

    async def main() -> None:
        with watched(0.5):
            await asyncio.sleep(0.1)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Late())) as runner:
        runner.run(main())
    assert messages(caplog) == []


def test_the_place_is_the_programs_own() -> None:
    found: list[str] = []

    def sort_key(number: int) -> int:
        found.append(place_of(sys._getframe()))
        return number

    sorted([1], key=sort_key)
    assert re.fullmatch(r".*test_watching\.py:\d+ in sort_key", found[0])


def test_where_nothing_is_the_programs_own() -> None:
    frames: list[FrameType] = []
    code = compile("frames.append(sys._getframe())", "<frozen nowhere>", "exec")
    thread = threading.Thread(target=lambda: exec(code, {"frames": frames, "sys": sys}))
    thread.start()
    thread.join()
    frame = frames[0]
    assert "test_watching.py" in place_of(frame)
    frame.clear()
