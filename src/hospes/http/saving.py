"""Content into a file: what `save_to_file` of a request's content does.

    socket ─▶ pieces ─▶ write            here, where they are few and the file is a regular one, else in a thread
    socket ─▶ pipe ─▶ file (`Conduit`)   by the kernel, where the carrier can have it done and the file is a regular one

Laws:

* The octets stand in the file in order, whichever way each of them went; the file's position is behind them then.
* Whoever gives a path gets the whole content there, durably, or nothing, and in one step for all who look.
* What a conduit could not put into the file is given as a piece: so what goes wrong is said by `write`, on either way.
* A thread that writes is waited for, also by who is cancelled: its file must not be closed while it does.
"""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import IO, Final, Protocol, Self

from hospes.units import KiB

AT_ONCE: Final = 64 * KiB
"""Octets that are written where they are, as the page cache takes them: a thread would cost more."""


class Conduit(Protocol):
    """Puts content into a file without anybody's help.

    Args:
        content: It.
        descriptor: The file's.
        is_own: Whether nobody else writes to it.
    """

    offset: int
    """Where in the file the next octet goes."""

    def __init__(self, content: Source, descriptor: int, is_own: bool) -> None: ...

    def goes_on(self) -> bool:
        """Whether what comes now goes into the file; where it was not asked for before, from now on."""
        ...

    def end(self) -> None:
        """What comes from now on stays for a reader."""


class Source(Protocol):
    """The content, as it is seen from here."""

    buffered: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces."""
        ...

    async def read(self, n: int = -1) -> bytes:
        """The next octets."""
        ...

    def conduit_into(self, descriptor: int, is_own: bool) -> Conduit | None:
        """What puts it into a file; None where nothing does."""
        ...

    async def pass_by(self, conduit: Conduit) -> None:
        """Wait while it goes through a conduit."""


async def save(content: Source, file: str | os.PathLike[str] | IO[bytes]) -> int:
    """See `ContentReader.save_to_file`."""
    if isinstance(file, (str, os.PathLike)):
        async with replacing_on_loop(file) as target:
            return await _save(content, target, is_own=True)
    given: object = file
    if isinstance(given, io.TextIOBase) or not hasattr(given, "writelines"):
        raise TypeError(f"save_to_file(file={file!r}): it wants a path, or a file that is open for writing in binary mode")
    return await _save(content, file, is_own=False)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[IO[bytes]]:
    """A new file, which takes the place of `path` when the block ends well, and is removed when it does not.

    Raises:
        OSError: if it cannot be made, written or moved there; nothing is left behind then.
    """
    with _draft_of(path) as draft:
        yield draft
        _settle(draft, path)


@asynccontextmanager
async def replacing_on_loop(path: str | os.PathLike[str]) -> AsyncGenerator[IO[bytes]]:
    """The same, where the loop is not to wait for the disk."""
    with _draft_of(path) as draft:
        yield draft
        await _in_thread(partial(_settle, draft, path))


@contextmanager
def _draft_of(path: str | os.PathLike[str]) -> Generator[IO[bytes]]:
    draft = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.part")
    try:
        with open(draft, "xb") as file:
            yield file
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(draft)
        raise


def _settle(draft: IO[bytes], path: str | os.PathLike[str]) -> None:
    """Put a draft into its place, durably: this waits for the disk."""
    draft.flush()
    os.fsync(draft.fileno())  # otherwise a power cut after the rename may leave an empty file
    draft.close()
    os.replace(draft.name, path)
    _sync_folder(os.path.dirname(path))


def _sync_folder(folder: str) -> None:
    """Make the names in a folder durable, where the system knows how; where not, there is nothing else to be done."""
    with suppress(OSError):
        descriptor = os.open(folder or os.curdir, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


async def _save(content: Source, file: IO[bytes], is_own: bool) -> int:
    size = 0
    with _Target(content, file, is_own) as target:
        size += await target.pass_by(content)
        async for piece in content:
            pieces = [piece]
            while content.buffered:  # they are there: nothing is waited for
                pieces.append(await content.read(content.buffered))
            await target.write(pieces)
            size += sum(map(len, pieces)) + await target.pass_by(content)
    return size


class _Target:
    """A file that content goes into.

    Args:
        content: It.
        file: It.
        is_own: Whether nobody else has it, as surely nobody has one without a name.
    """

    __slots__ = ("_conduit", "_file", "_raw")

    def __init__(self, content: Source, file: IO[bytes], is_own: bool) -> None:
        self._file = file
        self._raw = raw = _regular(file)
        self._conduit = None
        if raw is not None:
            self._conduit = content.conduit_into(raw.fileno(), is_own or not os.fstat(raw.fileno()).st_nlink)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        raw = self._raw
        if raw is not None and not raw.closed and not self._file.closed:
            self._file.seek(raw.tell())  # what was written past its buffer, it does not know of

    async def pass_by(self, content: Source) -> int:
        """Have what comes go through the conduit, as long as it does; gives how much it was."""
        conduit, raw = self._conduit, self._raw
        if conduit is None or raw is None:
            return 0
        before = conduit.offset = raw.tell()
        try:
            await content.pass_by(conduit)
        finally:
            raw.seek(conduit.offset)
        return conduit.offset - before

    async def write(self, pieces: Sequence[bytes]) -> None:
        """Write pieces that have come."""
        if self._raw is None:
            await _in_thread(partial(self._file.writelines, pieces))
        elif self._conduit is None and sum(map(len, pieces)) > AT_ONCE:
            await _in_thread(partial(_write_all, self._raw, pieces))
        else:
            _write_all(self._raw, pieces)


def _regular(file: IO[bytes]) -> io.FileIO | None:
    """What a regular file is written by, with nothing left in between; None for a file of another kind."""
    opened: object = getattr(file, "file", file)  # tempfile wraps those that have a name
    if type(opened) is io.BufferedWriter or type(opened) is io.BufferedRandom:
        opened.flush()
        opened = opened.raw
    if type(opened) is io.FileIO and stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
        return opened
    return None


def _write_all(file: io.FileIO, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        written = file.write(piece)
        while written < len(piece):  # nearly full: the next one says so
            written += file.write(piece[written:])


async def _in_thread(call: Callable[[], object]) -> None:
    working = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait((working,))
        if not working.cancelled():
            working.exception()  # nobody else will look at it
        raise
