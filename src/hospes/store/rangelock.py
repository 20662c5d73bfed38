"""Locks between processes: many in one file, each a range of two octets, none of which outlives its holder.

A place in the file has a porch and a room (see `hospes.store.fairlock`, which has one place and waits in the kernel):

    porch → room → leave the porch → … work … → leave the room

Who has left a room finds the porch taken by the one who is next, so a process with many requests of a visitor cannot keep
another one out. Nothing here waits: the caller tries again, so that neither its loop nor a thread stands still.

The locks are open file description locks where the system has them (Linux): they part two loops of one process as well
as two processes, and end when the descriptor is closed, however the process ended. A forked child shares the descriptor and
would keep the locks of a parent that was killed, so it closes its own at once. Elsewhere they are POSIX record locks, which
part processes only. On Windows there is no lock here: there a visitor's turn is kept within the process, and the store's
compare-and-set refuses what another process would overwrite.

Whoever is alone with the file need not lock place after place: one lock takes all of them, for as long as the caller works
without a pause. It is a lock like the others, so whoever comes in between waits for that long, and who has the file open says so
by a shared lock of his own behind the last place, which tells the others not to take everything any more.

    places 0 … 2⁵⁷ - 1    exclusive, one by one or all at once        2⁵⁷    shared: somebody is here

The file stays empty and is never removed: with two files there would be two locks.
"""

from __future__ import annotations

import os
import struct
import sys
import weakref
from collections.abc import Iterable

PLACES = 1 << 56
"""How many places there are: enough that a hash is one's own."""

_PORCH, _ROOM = 0, 1
_PRESENCE = 2 * PLACES


class RangeLock:
    """The locks in one file; held by this object, wherever in the process it is used.

    Args:
        path: The file; made with mode 0600 at the first lock.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1

    def try_enter(self, place: int) -> bool:
        """Be in the room, if nobody is there and nobody waits on the porch.

        Raises:
            OSError: if the file cannot be made or locked.
        """
        file = self._open()
        if not _lock(file, 2 * place, 2):
            return False
        _unlock(file, 2 * place + _PORCH, 1)
        return True

    def try_porch(self, place: int) -> bool:
        """Be on the porch, and so the next one, if nobody else is."""
        return _lock(self._open(), 2 * place + _PORCH, 1)

    def try_room(self, place: int) -> bool:
        """From the porch into the room, if it is empty; the porch is free then."""
        file = self._open()
        if not _lock(file, 2 * place + _ROOM, 1):
            return False
        _unlock(file, 2 * place + _PORCH, 1)
        return True

    def leave_porch(self, place: int) -> None:
        """Wait no longer."""
        self._leave(2 * place + _PORCH)

    def leave(self, place: int) -> None:
        """Let the next one in."""
        self._leave(2 * place + _ROOM)

    def is_alone(self) -> bool:
        """Whether nobody else has the file open; false where that cannot be told.

        Raises:
            OSError: if the file cannot be made or looked at.
        """
        return _is_free(self._open(), _PRESENCE)

    def try_all(self) -> bool:
        """Be in every room and on every porch, if nobody else is anywhere."""
        return _lock(self._open(), 0, _PRESENCE)

    def leave_all(self, but: Iterable[int]) -> None:
        """Undo `try_all`, but stay in the rooms of some places."""
        if self._descriptor < 0:
            return
        start = 0
        for room in sorted(2 * place + _ROOM for place in but):
            _unlock(self._descriptor, start, room - start)
            start = room + 1
        _unlock(self._descriptor, start, _PRESENCE - start)

    def close(self) -> None:
        """Give back every lock; locking opens the file again."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _leave(self, octet: int) -> None:
        if self._descriptor >= 0:
            _unlock(self._descriptor, octet, 1)

    def _open(self) -> int:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            if hasattr(os, "register_at_fork"):
                _close_in_children(self)
            _be_present(self._descriptor, _PRESENCE)
        return self._descriptor


def _close_in_children(lock: RangeLock) -> None:
    found = weakref.ref(lock)  # the registration is for ever, the lock is not

    def close() -> None:
        lock = found()
        if lock is not None:
            lock.close()

    os.register_at_fork(after_in_child=close)


if sys.platform == "linux":
    import fcntl

    _FLOCK = struct.Struct("hhqqi")  # struct flock: type, whence, start, length, process

    def _lock(file: int, start: int, length: int) -> bool:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
        except (BlockingIOError, PermissionError):  # POSIX leaves the choice between EAGAIN and EACCES
            return False
        return True

    def _unlock(file: int, start: int, length: int) -> None:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, start, length, 0))

    def _is_free(file: int, octet: int) -> bool:
        found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, octet, 1, 0))
        return bool(_FLOCK.unpack(found)[0] == fcntl.F_UNLCK)

    def _be_present(file: int, octet: int) -> None:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, octet, 1, 0))

elif sys.platform != "win32":
    import fcntl

    def _lock(file: int, start: int, length: int) -> bool:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, length, start)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _unlock(file: int, start: int, length: int) -> None:
        fcntl.lockf(file, fcntl.LOCK_UN, length, start)

    def _is_free(file: int, octet: int) -> bool:
        return False

    def _be_present(file: int, octet: int) -> None:
        pass

else:

    def _lock(file: int, start: int, length: int) -> bool:
        return True

    def _unlock(file: int, start: int, length: int) -> None:
        pass

    def _is_free(file: int, octet: int) -> bool:
        return False

    def _be_present(file: int, octet: int) -> None:
        pass
