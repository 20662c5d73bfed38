"""`kill -9` under load, again and again: what was acknowledged is there."""

from __future__ import annotations

import random
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.faults.support import WAIT, Site, Visitor

ROUNDS, KILLS = 5, 10
"""Fifty kills in all; in rounds, because a test of more than four minutes ends the whole run (`faulthandler_timeout` in
pyproject.toml), and on a loaded machine each start takes seconds."""
VISITORS = 8
PATHS = ["/count", "/session/count"] * (VISITORS // 2)


class Counting(threading.Thread):
    """Counts until there is no answer any more."""

    def __init__(self, visitor: Visitor, path: str, acknowledged: int, counted: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self.visitor = visitor
        self.path = path
        self.acknowledged = acknowledged
        self.counted = counted
        self.problem = ""

    def run(self) -> None:
        try:
            while True:
                answer = self.visitor.ask("POST", self.path)
                if answer != (200, {"n": self.acknowledged + 1}):
                    self.problem = f"after {self.acknowledged} came {answer}"
                    return
                self.acknowledged += 1
                self.counted.release()
        except (OSError, HTTPException):
            self.visitor.close()


@pytest.mark.parametrize("round", range(ROUNDS))
def test_what_was_acknowledged_is_there(tmp_path: Path, round: int) -> None:
    moments = random.Random(round)
    site = Site(f"sqlite:///{tmp_path}/kill.db", tmp_path)
    with site.running():
        visitors = [Visitor(site.port) for _ in range(VISITORS)]
        counts = [visitor.ask("POST", path).value["n"] for visitor, path in zip(visitors, PATHS, strict=True)]
        for kill in range(KILLS):
            counted = threading.Semaphore(0)
            threads = [Counting(*each, counted) for each in zip(visitors, PATHS, counts, strict=True)]
            for thread in threads:
                thread.start()
            for _ in range(moments.randrange(40)):
                assert counted.acquire(timeout=WAIT), f"kill {kill}"
            time.sleep(moments.uniform(0.0, 0.02))  # the moment is the point; nothing is waited for
            site.kill()
            for thread in threads:
                thread.join()
                assert thread.problem == "", f"kill {kill}"
            site.start()
            for number, thread in enumerate(threads):
                visitors[number].at(site.port)
                found = visitors[number].ask("GET", PATHS[number]).value
                # What was under way when the server died may have been stored, or not.
                assert found["n"] in {thread.acknowledged, thread.acknowledged + 1}, f"kill {kill}, visitor {number}"
                assert not found["is_new"]
                counts[number] = found["n"]
        for visitor in visitors:
            visitor.close()
    assert sum(counts) > KILLS * VISITORS // 2, "there was hardly any load"
