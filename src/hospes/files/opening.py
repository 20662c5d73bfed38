"""From names to an open regular file; the way out of a folder is closed here, by the kernel.

Laws:

* What is served is what was opened: every question (regular? how long? how old?) is put to the descriptor, never to a name.
* Opening never waits: a FIFO without a writer is no regular file, and opening it does not block to find that out.
* Below a folder names are walked one at a time, each relative to the descriptor of the one before and none of them a link; so
  nobody who exchanges a directory for a link in between gains anything.
* The folder's own path is the program's and is trusted: it may contain links.
* What is not there, and what is not a regular file, is None. What may not be read is a PermissionError. Anything else (no more
  descriptors, a broken disk) is an OSError: it says nothing about the file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import FileIO
from typing import Final, NamedTuple, Protocol, Self, TypeAlias

# O_NONBLOCK: see the second law; to regular files it means nothing. O_NOCTTY: a terminal must not become the process's own.
# Windows has neither, nor the names without which nothing is walked by descriptors; there O_BINARY and O_NOINHERIT are needed.
_READ: Final[int] = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOINHERIT", 0)
)
_NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
# O_PATH names a directory without reading it: passing through then needs no more than the right to search it.
_PASS: Final[int] = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_LINK

_LIST: Final[int] = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINK

WALKS: Final[bool] = os.open in os.supports_dir_fd and bool(_NO_LINK)
"""Whether this system can open names relative to a descriptor, and refuse links."""

_ABSENT: Final = frozenset({
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,  # a link, which O_NOFOLLOW refuses; FreeBSD says EMLINK
    errno.EMLINK,
    errno.ENAMETOOLONG,
    errno.ENXIO,  # a socket, or a device that is not there
    errno.ENODEV,
    errno.EINVAL,  # a name this file system cannot hold
    errno.EILSEQ,
})  # fmt: skip


class OpenFile(NamedTuple):
    """A regular file, open for reading, and what the kernel says about it."""

    file: FileIO
    stat: os.stat_result


class Entry(NamedTuple):
    """Something in a directory."""

    name: str
    is_directory: bool


class Place(Protocol):
    """A directory in which names are opened."""

    def open(self, name: str) -> OpenFile | None:
        """Open a regular file.

        Raises:
            PermissionError: if it may not be read.
            OSError: if it cannot be said whether it is there.
        """
        ...

    def has(self, name: str) -> bool:
        """Whether a name is there, be it what it may; far cheaper than a failure to open it."""
        ...

    def entries(self) -> list[Entry] | None:
        """What is there, but for links: directories and regular files. None if there is no such directory.

        Raises:
            PermissionError: if the directory may not be read.
            OSError: if it cannot be.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *failure: object) -> None: ...


Enter: TypeAlias = Callable[[Sequence[str]], Place | None]
"""Goes down from a folder by the names of directories, none of them empty, `.` or `..` nor with a separator in it. Gives the
place, to be left by `with`; None if there is no such directory."""


def open_file(path: str) -> OpenFile | None:
    """Open a regular file whose whole path is trusted; links in it are followed.

    Args:
        path: The file's path.

    Raises:
        PermissionError: if it may not be read.
        OSError: if it cannot be said whether it is there.
    """
    return _open(path, _READ, None)


def entrance(folder: str, *, follow_links: bool = False) -> Enter:
    """How to go down from a folder on this system.

    Args:
        folder: The folder's absolute path, trusted.
        follow_links: Whether links are followed where they lead to something below the folder; no by default.
    """
    if not WALKS:
        return lambda names: PathPlace(folder, names, follow_links=follow_links)
    return partial(LinkedPlace, folder) if follow_links else partial(walk, folder)


def walk(folder: str, names: Sequence[str]) -> DescriptorPlace | None:
    """Go down from a folder by descriptors; no name may be a link. See `Enter`.

    Raises:
        PermissionError: if a directory may not be passed.
        OSError: if it cannot be said whether it is there.
    """
    # What is directly in the folder is opened by the folder's path: O_NOFOLLOW speaks of the last name only.
    prefix, descriptor = folder + os.sep, None
    for name in names:
        try:
            inner = os.open(prefix + name, _PASS, dir_fd=descriptor)
        except (OSError, ValueError) as error:
            if _is_absent(error):
                return None
            raise
        finally:
            if descriptor is not None:
                os.close(descriptor)
        prefix, descriptor = "", inner
    return DescriptorPlace(prefix, descriptor)


class DescriptorPlace:
    """A directory held by its descriptor, or the folder itself, known by its path; links in it are not opened."""

    __slots__ = ("_descriptor", "_prefix")

    def __init__(self, prefix: str, descriptor: int | None) -> None:
        self._prefix = prefix
        self._descriptor = descriptor

    def open(self, name: str) -> OpenFile | None:
        """Open a regular file; see `Place`."""
        return _open(self._prefix + name, _READ | _NO_LINK, self._descriptor)

    def has(self, name: str) -> bool:
        """Whether a name is there; see `Place`."""
        return os.access(self._prefix + name, os.F_OK, dir_fd=self._descriptor)

    def entries(self) -> list[Entry]:
        """What is there; see `Place`."""
        # The folder itself, by its path, may be a link; what lies in it is held by its descriptor.
        descriptor = os.open(self._prefix or os.curdir, _LIST, dir_fd=self._descriptor)
        try:
            with os.scandir(descriptor) as found:
                return list(_entries(found))
        finally:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class LinkedPlace:
    """A directory in and up to which links are followed, as long as they end below the folder.

    A name is resolved first, and then what it was resolved to is walked without links: whoever puts a link there in between gets
    nothing. Names that begin with a dot may be what a link leads to; so it is where Kubernetes mounts a ConfigMap.
    """

    __slots__ = ("_folder", "_here")

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder = os.path.realpath(folder)
        self._here = os.path.join(self._folder, *names)

    def open(self, name: str) -> OpenFile | None:
        """Open a regular file; see `Place`."""
        names = _names_below(self._folder, os.path.join(self._here, name))
        place = walk(self._folder, names[:-1]) if names else None
        if place is None:
            return None
        with place:
            return place.open(names[-1])

    def has(self, name: str) -> bool:
        """Whether a name is there; see `Place`."""
        return os.access(os.path.join(self._here, name), os.F_OK)

    def entries(self) -> list[Entry] | None:
        """What is there; see `Place`."""
        names = _names_below(self._folder, self._here)
        if not names and os.path.realpath(self._here) != self._folder:
            return None
        place = walk(self._folder, names)
        if place is None:
            return None
        with place:
            return place.entries()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        pass


class PathPlace:
    """A directory where the system cannot walk by descriptors (Windows): the resolved path is compared, name by name.

    That refuses what Windows takes for the same file by another name (`GIT~1`, `a.txt.`, `a.txt::$DATA`, `NUL`). Who may exchange
    directories for links while a request is answered could still win a race here; nothing on such a system prevents that.
    """

    __slots__ = ("_folder", "_follow_links", "_names")

    def __init__(self, folder: str, names: Sequence[str], *, follow_links: bool) -> None:
        self._folder = os.path.realpath(folder)
        self._names = list(names)
        self._follow_links = follow_links

    def open(self, name: str) -> OpenFile | None:
        """Open a regular file; see `Place`."""
        asked = [*self._names, name]
        names = _names_below(self._folder, os.path.join(self._folder, *asked))
        if not names or any(each.startswith(".") for each in names):
            return None
        if not self._follow_links and list(map(os.path.normcase, names)) != list(map(os.path.normcase, asked)):
            return None
        path = os.path.join(self._folder, *names)
        # Windows says "permission denied" of a directory.
        return _open(path, _READ, None) if os.path.isfile(path) else None

    def has(self, name: str) -> bool:
        """Whether a name is there; see `Place`."""
        return os.access(os.path.join(self._folder, *self._names, name), os.F_OK)

    def entries(self) -> list[Entry] | None:
        """What is there; see `Place`."""
        asked = os.path.join(self._folder, *self._names)
        names = _names_below(self._folder, asked)
        if not self._follow_links and list(map(os.path.normcase, names)) != list(map(os.path.normcase, self._names)):
            return None
        if not os.path.isdir(asked) or (self._names and not names):
            return None
        with os.scandir(asked) as found:
            return list(_entries(found))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        pass


def _entries(found: Iterator[os.DirEntry[str]]) -> Iterator[Entry]:
    for each in found:
        is_directory = each.is_dir(follow_symlinks=False)
        if is_directory or each.is_file(follow_symlinks=False):
            yield Entry(each.name, is_directory)


def _names_below(folder: str, path: str) -> list[str]:
    """The names that lead from a resolved folder to what a path resolves to; none if that is not below the folder."""
    try:
        target = os.path.realpath(path)
        # By whole names: "/srv/static-secret" begins with "/srv/static" and is not below it.
        if os.path.commonpath([folder, target]) != folder:
            return []
    except (OSError, ValueError) as error:  # a link that went away meanwhile; a name this system cannot hold; another drive
        if _is_absent(error):
            return []
        raise
    below = os.path.relpath(target, folder)
    return [] if below == os.curdir else below.split(os.sep)


def _open(path: str, flags: int, directory: int | None) -> OpenFile | None:
    try:
        descriptor = os.open(path, flags, dir_fd=directory)
    except (OSError, ValueError) as error:
        if _is_absent(error):
            return None
        raise
    try:
        state = os.fstat(descriptor)
        if stat.S_ISREG(state.st_mode):
            return OpenFile(FileIO(descriptor), state)
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_absent(error: OSError | ValueError) -> bool:
    """Whether an error says that there is no such file; a ValueError is a name the system cannot even be asked for."""
    return error.errno in _ABSENT if isinstance(error, OSError) else True
