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
    """Held by one process at a time, in turn. It belongs to the process, so that any thread may leave it.

    Args:
        path: The sidecar file; made with mode 0600 when it is first entered, and left there, because removing it
            would let two processes lock two files.
    """

    __slots__ = ("_descriptor", "_path")

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def enter(self) -> None:
        """Wait for our turn, in the kernel.

        Raises:
            OSError: if the sidecar cannot be made or locked.
        """
        file = self._open()
        _lock(file, _PORCH)
        try:
            _lock(file, _ROOM)
        finally:
            _unlock(file, _PORCH)

    def try_enter(self) -> bool:
        """Enter if nobody is inside and nobody waits.

        Raises:
            OSError: if the sidecar cannot be made or locked.
        """
        file = self._open()
        if not _try_lock(file, _PORCH):
            return False
        try:
            return _try_lock(file, _ROOM)
        finally:
            _unlock(file, _PORCH)

    def leave(self) -> None:
        """Let the next one in."""
        _unlock(self._descriptor, _ROOM)

    def close(self) -> None:
        """Let go of the file; entering opens it again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        return self._descriptor


def _lock(file: int, octet: int) -> None:
    if sys.platform != "win32":
        import fcntl  # there is none on Windows

        fcntl.lockf(file, fcntl.LOCK_EX, 1, octet)


def _try_lock(file: int, octet: int) -> bool:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, octet)
        except (BlockingIOError, PermissionError):  # POSIX leaves the choice between EAGAIN and EACCES
            return False
    return True


def _unlock(file: int, octet: int) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.lockf(file, fcntl.LOCK_UN, 1, octet)
