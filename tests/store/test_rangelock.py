"""Locks in one file part everybody who has it, and end with their holder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hospes.store.rangelock import PLACES, RangeLock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="platform: open file description locks are Linux's")

HOLDER = """
import sys
from hospes.store.rangelock import RangeLock
lock = RangeLock(sys.argv[1])
assert lock.try_enter(7)
print("in", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "turns")


def test_one_at_a_time(path: str) -> None:
    one, other = RangeLock(path), RangeLock(path)
    assert one.try_enter(7)
    assert not other.try_enter(7)
    assert other.try_enter(8)
    assert other.try_enter(PLACES - 1)
    one.leave(7)
    assert other.try_enter(7)
    one.close()
    other.close()


def test_who_waits_on_the_porch_is_next(path: str) -> None:
    one, other, third = RangeLock(path), RangeLock(path), RangeLock(path)
    assert one.try_enter(7)
    assert other.try_porch(7)
    assert not third.try_porch(7)
    assert not other.try_room(7)
    one.leave(7)
    assert not one.try_enter(7), "who has just left does not overtake"
    assert other.try_room(7)
    assert third.try_porch(7)
    third.leave_porch(7)
    other.leave(7)
    assert one.try_enter(7)
    for each in (one, other, third):
        each.close()


def test_all_of_them_at_once(path: str) -> None:
    one, other = RangeLock(path), RangeLock(path)
    assert one.is_alone()
    assert one.try_all()
    for place in (0, 7, PLACES - 1):
        assert not other.try_enter(place)
        assert not other.try_porch(place)
    assert one.try_enter(7), "it is ours"
    one.leave_all(but=[PLACES - 1, 7])
    assert not other.try_enter(7)
    assert other.try_porch(7), "who waits can be the next one"
    other.leave_porch(7)
    assert not other.try_room(PLACES - 1)
    for place in (0, 6, 8, PLACES - 2):
        assert other.try_enter(place)
    assert not one.try_all()
    one.leave(7)
    assert other.try_enter(7)
    one.close()
    one.leave_all(but=[])  # what is closed holds nothing
    other.close()


def test_who_is_there_is_seen(path: str) -> None:
    one, other = RangeLock(path), RangeLock(path)
    assert one.is_alone()
    assert not other.is_alone(), "who looks has the file open, and is seen from then on"
    assert not one.is_alone()
    other.close()
    assert one.is_alone()
    one.close()


def test_closing_gives_everything_back_and_can_be_done_twice(path: str) -> None:
    one, other = RangeLock(path), RangeLock(path)
    one.close()
    assert one.try_enter(7)
    one.close()
    one.close()
    one.leave(7)  # what is closed holds nothing
    one.leave_porch(7)
    assert other.try_enter(7)
    assert not one.try_enter(7), "it was opened again"
    one.close()
    other.close()


def test_the_file_is_private_empty_and_made_when_first_used(path: str) -> None:
    lock = RangeLock(path)
    assert not os.path.exists(path)
    assert lock.try_enter(PLACES - 1)
    found = os.stat(path)
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_size == 0
    lock.close()


def test_a_file_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        RangeLock(str(tmp_path / "missing" / "turns")).try_enter(7)


def test_a_killed_holder_holds_nothing(path: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        lock = RangeLock(path)
        assert not lock.try_enter(7)
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert lock.try_enter(7)
        lock.close()


def test_a_forked_child_keeps_no_lock_of_its_parent(path: str) -> None:
    lock, other = RangeLock(path), RangeLock(path)
    assert lock.try_enter(7)
    living, live = os.pipe()
    ending, end = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover (another process)
        os.close(end)
        os.write(live, b"!")
        os.read(ending, 1)  # until the parent closes its end
        os._exit(0)
    try:
        os.read(living, 1)
        lock.close()  # as the parent's death would
        assert other.try_enter(7)
        other.close()
    finally:
        for descriptor in (end, ending, live, living):
            os.close(descriptor)
        os.waitpid(child, 0)
    forgotten = RangeLock(path)
    assert forgotten.try_enter(7)
    forgotten.close()
    del forgotten
    child = os.fork()
    if child == 0:  # pragma: no cover
        os._exit(0)  # the hook of a lock that is no more does nothing
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
