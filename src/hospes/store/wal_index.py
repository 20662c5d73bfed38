"""Whether anybody has written to a SQLite database: a look into the shared memory of its write-ahead log.

SQLite keeps the head of the log's index in a file beside the database, NAME-shm, which every process maps (see "The WAL-Index
File Format" in SQLite's documentation):

    0   version, 3007000           12  1 once it is made              24  checksums of the last commit
    4   unused                     13  byte order, page size          32  salts of the log
    8   count of changes           16  end of the log, pages          40  checksum of all this

A commit rewrites it before it is acknowledged, whichever process and program made it; whoever begins to read compares it with
what it knew, and believes its own cache if nothing has changed. So may we: what was read while it said the same is still so.

Laws:

* Equal octets mean that nobody has committed since. Octets caught in the middle of a change are equal to none before or after.
* A commit counts the changes on by one. So of octets seen inside a transaction that may write, where nobody else can commit, and
  of those seen after its COMMIT, one can tell whether it alone stands between them.
* A file that does not look like such an index is not believed: there is nothing to compare then, and everything is read.
* The file is opened while SQLite has it open in this process, and closed after SQLite has closed it: closing any descriptor of a
  file drops every lock that the process holds on it, SQLite's included.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import Final

_HEAD: Final = 48  # octets
_VERSION: Final = 3_007_000
_COUNT: Final = slice(8, 12)  # where it counts changes
_MADE: Final = 12  # where it says that it is made


class WalIndex:
    """The head of a database's log index.

    Args:
        path: Absolute path of the database, which a connection of this process has read from.
    """

    __slots__ = ("_descriptor", "_map")

    def __init__(self, path: str) -> None:
        self._descriptor = -1
        self._map: mmap.mmap | None = None
        if sys.platform == "win32":  # SQLite keeps others from the file there
            return
        try:
            # The mapping has a copy of the descriptor, and this one stays open, too: see the last law.
            self._descriptor = os.open(f"{path}-shm", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            self._map = mmap.mmap(self._descriptor, _HEAD, mmap.MAP_SHARED, mmap.PROT_READ)
        except (OSError, ValueError):
            return

    def look(self) -> bytes:
        """Octets that change with every commit; b"" where nothing can be told."""
        return self._map[:] if self._map is not None else b""

    def close(self) -> None:
        """Let go of the file; to be called when SQLite has."""
        index, self._map = self._map, None
        descriptor, self._descriptor = self._descriptor, -1
        if index is not None:
            index.close()
        if descriptor >= 0:
            os.close(descriptor)


def is_head(octets: bytes) -> bool:
    """Whether octets look like the head of an index that is in use."""
    return octets[:4] == _VERSION.to_bytes(4, sys.byteorder) and octets[_MADE : _MADE + 1] == b"\x01"


def is_next(before: bytes, after: bytes) -> bool:
    """Whether one commit, and no more, has made `after` of `before`; both look like heads."""
    counts = [int.from_bytes(octets[_COUNT], sys.byteorder) for octets in (before, after)]
    return is_head(before) and is_head(after) and counts[1] == (counts[0] + 1) % (1 << 32)
