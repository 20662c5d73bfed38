"""A lock between processes that nobody waits for in vain.

SQLite's own waiting is sleeping and trying again: of four busy writers one can starve for seconds. Here waiters sleep in
the kernel, and two octets of one sidecar file are locked in turn, as at a door with a porch:

    wait for the porch → wait for the room → leave the porch → … work … → leave the room

Who has just left the room finds the porch taken by the one who is next, and so cannot come in twice while others wait.

The locks are POSIX record locks: they die with their process however it dies, and a forked child does not inherit them
(a child that did, by `flock`, would keep the house closed after its parent was killed). They do not part two threads of
one process. So this lock gives fairness only; correctness stays with the database's own lock, also where there is no
`fcntl` (Windows) and this lock does nothing.
"""

from __future__ import annotations

import os
import sys

_PORCH, _ROOM = 0, 1  # octets of the sidecar; they need not exist to be locked


class FairLock:
    """A context manager: entered by one process at a time, in turn. Entering blocks the thread.

    Args:
        path: The sidecar file; made with mode 0600 when it is first entered, and left there, because removing it
            would let two processes lock two files.
    """

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> None:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        _lock(self._descriptor, _PORCH)
        try:
            _lock(self._descriptor, _ROOM)
        finally:
            _unlock(self._descriptor, _PORCH)

    def __exit__(self, *_: object) -> None:
        _unlock(self._descriptor, _ROOM)

    def close(self) -> None:
        """Let go of the file; entering opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _lock(descriptor: int, octet: int) -> None:
    if sys.platform != "win32":
        import fcntl  # there is none on Windows

        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, octet)


def _unlock(descriptor: int, octet: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, octet)
