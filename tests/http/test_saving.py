"""Content into files of every kind, as far as no connection is needed; tests/engine/test_conduit.py has those that need one."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import resource
import stat
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import pytest

from hospes.errors import HttpError
from hospes.http.content import ContentReader
from hospes.http.saving import AT_ONCE, replacing, replacing_on_loop

LARGE = bytes(range(256)) * 1024


def content(*pieces: bytes, limit: int | None = None) -> ContentReader:
    reader = ContentReader(None, None, limit)
    for piece in pieces:
        reader.feed(piece)
    reader.end([])
    return reader


def save(reader: ContentReader, file: Any) -> int:
    return asyncio.run(reader.save_to_file(file))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("pieces", [(), (b"abc",), (b"a", b"bc"), (LARGE, b"z"), (b"a" * AT_ONCE,), (b"a" * AT_ONCE, b"b")])
def test_a_path(pieces: tuple[bytes, ...], tmp_path: Path) -> None:
    file = tmp_path / "file"
    for path in (file, str(file)):  # the second time it is replaced
        assert save(content(*pieces), path) == len(b"".join(pieces))
        assert file.read_bytes() == b"".join(pieces)
    assert list(tmp_path.iterdir()) == [file]


def temporary(make: Callable[[], Any]) -> Callable[[Path], IO[bytes]]:
    return lambda path: cast("IO[bytes]", make())


def opened(mode: str, buffering: int = -1) -> Callable[[Path], IO[bytes]]:
    return lambda path: cast("IO[bytes]", path.open(mode, buffering))


OPENED: dict[str, Callable[[Path], IO[bytes]]] = {
    "raw": opened("w+b", 0),
    "buffered": opened("w+b"),
    "write only": opened("wb"),
    "appended": opened("ab"),
    "named": temporary(tempfile.NamedTemporaryFile),
    "nameless": temporary(tempfile.TemporaryFile),
    "in memory": temporary(io.BytesIO),
    "spooled": temporary(partial(tempfile.SpooledTemporaryFile, max_size=10)),
}


@pytest.mark.parametrize("how", OPENED)
def test_an_open_file(how: str, tmp_path: Path) -> None:
    """What was written before stays before, and what is written then comes behind; it is not closed."""
    path = tmp_path / "file"
    with OPENED[how](path) as file:
        file.write(b"before ")
        assert save(content(b"some ", LARGE, b" more"), file) == len(LARGE) + 10
        assert file.tell() == len(LARGE) + 17
        file.write(b" behind")
        file.flush()
        if path.exists():
            found = path.read_bytes()
        else:
            file.seek(0)
            found = file.read()
        assert found == b"before some " + LARGE + b" more behind"


def test_in_the_middle_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    with open(tmp_path / "file", "r+b") as file:
        assert file.read(3) == b"012"
        assert save(content(b"abc"), file) == 3
        assert file.read() == b"6789"
        file.seek(0)
        assert file.read() == b"012abc6789"


def test_the_rest_of_a_content() -> None:
    async def run() -> tuple[bytes, int, bytes, int]:
        reader, file = content(b"abcd", b"ef"), io.BytesIO()
        return await reader.read(3), await reader.save_to_file(file), file.getvalue(), await reader.save_to_file(file)

    assert asyncio.run(run()) == (b"abc", 3, b"def", 0)


def test_what_is_no_file(tmp_path: Path) -> None:
    with open(tmp_path / "text", "w") as text:
        for file in (text, 5, None):
            with pytest.raises(TypeError) as caught:
                save(content(b"a"), file)
            assert str(caught.value) == (
                f"save_to_file(file={file!r}): it wants a path, or a file that is open for writing in binary mode"
            )


def test_a_path_that_does_not_work(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, kind in (("missing/x", FileNotFoundError), ("folder", IsADirectoryError)):
        with pytest.raises(kind):
            save(content(b"a"), tmp_path / name)
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_file_that_does_not_work(tmp_path: Path) -> None:
    with open(tmp_path / "closed", "wb") as closed:
        pass
    with pytest.raises(ValueError, match="closed file"):
        save(content(b"a"), closed)
    (tmp_path / "old").write_bytes(b"old")
    for buffering in (0, -1):
        with open(tmp_path / "old", "rb", buffering=buffering) as read, pytest.raises(io.UnsupportedOperation):
            save(content(b"a"), read)
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="No space left"):
        save(content(b"a"), full)


@pytest.mark.parametrize("pieces", [(b"a" * 50, b"b" * 60), (b"a" * AT_ONCE, b"b" * AT_ONCE)], ids=["here", "in a thread"])
def test_a_file_that_may_not_become_so_large(pieces: tuple[bytes, ...], tmp_path: Path) -> None:
    whole = b"".join(pieces)
    with open(tmp_path / "open", "wb") as file, largest_file(len(whole) - 7):
        for target in (file, tmp_path / "path"):
            with pytest.raises(OSError, match="File too large") as caught:
                save(content(*pieces), target)
            assert caught.value.errno == errno.EFBIG
    assert os.listdir(tmp_path) == ["open"]
    assert (tmp_path / "open").read_bytes() == whole[:-7]


def test_content_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(HttpError, match="413"):
        save(content(b"abc", limit=2), tmp_path / "file")
    assert not list(tmp_path.iterdir())
    assert save(content(b"abc", limit=3), tmp_path / "file") == 3


def test_content_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    reader = ContentReader(None, None, None)
    reader.feed(b"abc")

    async def run() -> None:
        saving = asyncio.ensure_future(reader.save_to_file(tmp_path / "file"))
        while reader.buffered:
            await asyncio.sleep(0)
        assert len(os.listdir(tmp_path)) == 1  # beside the place that it is meant for
        with pytest.raises(RuntimeError, match="by two tasks at once"):
            await reader.save_to_file(io.BytesIO())
        reader.fail(HttpError(408))
        await saving

    with pytest.raises(HttpError, match="408"):
        asyncio.run(run())
    assert not list(tmp_path.iterdir())


class Slow(io.BytesIO):
    """A file whose disk takes its time."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.fails = fails

    def writelines(self, lines: Iterable[Any]) -> None:
        self.begun.set()
        assert self.may_end.wait(10)
        if self.fails:
            raise OSError("the disk is away")
        super().writelines(lines)


@pytest.mark.parametrize("fails", [False, True])
def test_who_is_cancelled_waits_for_the_thread(fails: bool) -> None:
    async def run() -> None:
        file = Slow(fails)
        saving = asyncio.ensure_future(content(b"abc").save_to_file(file))
        await asyncio.to_thread(file.begun.wait)
        for _ in range(3):
            saving.cancel()
            await asyncio.sleep(0)
            assert not saving.done()
        file.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await saving
        assert file.getvalue() == (b"" if fails else b"abc")

    asyncio.run(run())


def test_what_a_thread_raises() -> None:
    file = Slow(fails=True)
    file.may_end.set()
    with pytest.raises(OSError, match="the disk is away"):
        save(content(b"abc"), file)


def test_replacing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    fail_in(path, lambda file: file.write(b"newer"))
    assert path.read_bytes() == b"new"
    fail_in(path, lambda file: os.unlink(file.name))  # by somebody who tidies up
    assert list(tmp_path.iterdir()) == [path]


def fail_in(path: Path, do: Callable[[IO[bytes]], object]) -> None:
    """Replace a file, with a failure in the middle."""

    def replace() -> None:
        with replacing(path) as file:
            do(file)
            raise KeyError

    with pytest.raises(KeyError):
        replace()


class Disk:
    """The disk, as far as it is waited for: what it was asked to keep, and whether the asking thread was the main one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        self.fails_for = ""
        self._sync = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        self.asked.append((kind, threading.current_thread() is threading.main_thread()))
        self.begun.set()
        assert self.may_end.wait(10)
        if kind == self.fails_for:
            raise OSError(errno.EIO, "the disk is away")
        self._sync(descriptor)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("pieces", [(), (b"abc",), (LARGE, b"z")])
def test_the_disk_is_asked_once_and_not_on_the_loop(pieces: tuple[bytes, ...], disk: Disk, tmp_path: Path) -> None:
    """Once for the file, and once for its name: an answer that says that it is there is true after a power cut, too."""
    save(content(*pieces), tmp_path / "file")
    assert disk.asked == [("file", False), ("folder", False)]


def test_replacing_asks_the_disk_where_it_is(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with replacing(tmp_path / "file") as file:
        file.write(b"abc")
    assert disk.asked == [("file", True), ("folder", True)]
    monkeypatch.chdir(tmp_path)
    with replacing("bare") as file:  # a name without a folder
        file.write(b"abc")
    assert disk.asked[2:] == [("file", True), ("folder", True)]
    assert sorted(os.listdir(tmp_path)) == ["bare", "file"]


def test_a_disk_that_fails(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    disk.fails_for = "file"
    with pytest.raises(OSError, match="the disk is away"):
        save(content(b"new"), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    disk.fails_for = "folder"  # as where the system keeps names by itself, and wants not to be asked
    assert save(content(b"new"), path) == 3
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_who_is_cancelled_while_the_disk_is_asked(disk: Disk, tmp_path: Path) -> None:
    """The whole file is there, or nothing; and no thread has it any more."""
    disk.may_end.clear()

    async def run() -> None:
        saving = asyncio.ensure_future(content(b"abc").save_to_file(tmp_path / "file"))
        await asyncio.to_thread(disk.begun.wait)
        for _ in range(3):
            saving.cancel()
            await asyncio.sleep(0)
            assert not saving.done()
        disk.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await saving

    asyncio.run(run())
    assert (tmp_path / "file").read_bytes() == b"abc"
    assert os.listdir(tmp_path) == ["file"]


def test_replacing_on_loop(disk: Disk, tmp_path: Path) -> None:
    path = tmp_path / "file"

    async def replace(fails: bool) -> None:
        async with replacing_on_loop(path) as file:
            file.write(b"new")
            assert path.read_bytes() == b"old"
            if fails:
                raise KeyError

    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        asyncio.run(replace(fails=True))
    assert (path.read_bytes(), os.listdir(tmp_path), disk.asked) == (b"old", ["file"], [])
    asyncio.run(replace(fails=False))
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"new", ["file"])
    assert disk.asked == [("file", False), ("folder", False)]
