"""The lock between processes: it excludes, it is fair, it dies with its holder."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from hospes.store.fairlock import FairLock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there it does nothing")

HOLDER = """
import sys
from hospes.store.fairlock import FairLock
lock = FairLock(sys.argv[1])
lock.enter()
print("in", flush=True)
sys.stdin.readline()
lock.leave()
print("out", flush=True)
sys.stdin.readline()
"""

TAKER = """
import json, sys, time
from hospes.store.fairlock import FairLock
lock = FairLock(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
times = [time.monotonic()]
for _ in range(100):
    lock.enter()
    times.append(time.monotonic())
    time.sleep(0.001)  # the work that the lock protects
    lock.leave()
print(json.dumps(times))
"""


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def say(peer: subprocess.Popen[str], text: str = "") -> None:
    assert peer.stdin is not None
    peer.stdin.write(text + "\n")
    peer.stdin.flush()


def hear(peer: subprocess.Popen[str]) -> str:
    assert peer.stdout is not None
    return peer.stdout.readline().strip()


def end(peer: subprocess.Popen[str]) -> None:
    with peer:
        peer.kill()


def test_it_excludes_and_lets_in_again(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path / "lock")
    try:
        assert hear(holder) == "in"
        lock = FairLock(str(tmp_path / "lock"))
        assert lock.try_enter() is False
        say(holder)
        assert hear(holder) == "out"
        assert lock.try_enter() is True
        lock.leave()
        lock.enter()
        lock.leave()
        lock.close()
        lock.close()
    finally:
        end(holder)
    assert stat.S_IMODE(os.stat(tmp_path / "lock").st_mode) == 0o600


def test_it_dies_with_its_holder(tmp_path: Path) -> None:
    holder = start(HOLDER, tmp_path / "lock")
    assert hear(holder) == "in"
    end(holder)
    lock = FairLock(str(tmp_path / "lock"))
    assert lock.try_enter() is True
    lock.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_hold_it(tmp_path: Path) -> None:
    """With flock it would, and keep everybody out after its parent was killed."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    lock = FairLock(str(tmp_path / "lock"))
    lock.enter()
    child = context.Process(target=theirs.recv)
    child.start()
    lock.close()  # as the end of this process would
    other = start(HOLDER, tmp_path / "lock")
    try:
        assert hear(other) == "in"
    finally:
        end(other)
        ours.send(None)
        child.join()


def test_nobody_starves(tmp_path: Path) -> None:
    takers = [start(TAKER, tmp_path / "lock") for _ in range(4)]
    for taker in takers:
        assert hear(taker) == "ready"
    for taker in takers:
        say(taker)
    times: list[list[float]] = [json.loads(hear(taker)) for taker in takers]
    for taker in takers:
        end(taker)
    begin, over = max(each[0] for each in times), min(each[-1] for each in times)  # all of them want it in between
    entered = sorted((when, number) for number, (_, *each) in enumerate(times) for when in each if begin <= when <= over)
    passed_on = sum(one != other for (_, one), (_, other) in pairwise(entered))
    assert passed_on >= (len(entered) - 1) // 2  # nearly always; by SQLite's own waiting once in a hundred times


def test_a_sidecar_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    lock = FairLock(str(tmp_path / "missing" / "lock"))
    with pytest.raises(FileNotFoundError):
        lock.try_enter()
    with pytest.raises(FileNotFoundError):
        lock.enter()
