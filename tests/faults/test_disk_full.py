"""A full disk: who has to write is refused, who reads is served, nothing breaks, and it goes on when there is room."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.faults.support import Site, Visitor

REFUSED = {503, 507}


def counted(site: Site, count: int) -> Visitor:
    visitor = Visitor(site.port)
    for number in range(count):
        assert visitor.ask("POST", "/count") == (200, {"n": number + 1})
    return visitor


def fill_up(site: Site) -> list[Visitor]:
    """Visitors who have kept 20 kB each, until one was refused."""
    kept: list[Visitor] = []
    for _ in range(500):
        visitor = Visitor(site.port)
        status, _ = visitor.ask("POST", "/keep/20000")
        if status != 200:
            assert status in REFUSED
            visitor.close()
            return kept
        kept.append(visitor)
    raise AssertionError("the disk is never full")


def check_full(site: Site, visitor: Visitor, count: int) -> None:
    for _ in range(3):
        assert visitor.ask("POST", "/keep/20000").status in REFUSED
        assert visitor.ask("GET", "/count").value["n"] == count, "what could not be kept is not there"
    assert visitor.ask("GET", "/plain") == (200, "here")


def check_whole(file: Path, site: Site, visitor: Visitor, kept: list[Visitor], count: int) -> None:
    assert visitor.ask("POST", "/keep/20000").status == 200, "it goes on without a restart"
    assert visitor.ask("POST", "/count") == (200, {"n": count + 1})
    for each in kept:
        assert each.ask("GET", "/kept") == (200, {"size": 20000})
        each.close()
    visitor.close()
    assert site.stop() == 0
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own, in memory."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("platform: only root of a Linux machine mounts a file system")
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("platform: no file system may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "2m"):
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(1 << 20))
        file = disk / "full.db"
        with Site(f"sqlite:///{file}", tmp_path).running() as site:
            visitor = counted(site, 3)
            kept = fill_up(site)
            assert kept
            check_full(site, visitor, 3)
            ballast.unlink()
            check_whole(file, site, visitor, kept, 3)


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """As with a quota: the limit is the process's, and is lifted again."""
    if sys.platform != "linux":
        pytest.skip("platform: another process's limits are set on Linux only")
    import resource

    file = tmp_path / "limited.db"
    with Site(f"sqlite:///{file}", tmp_path).running() as site:
        visitor = counted(site, 3)
        free = resource.prlimit(site.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, (300_000, free[1]))
        kept = fill_up(site)
        assert kept
        check_full(site, visitor, 3)
        resource.prlimit(site.pid, resource.RLIMIT_FSIZE, free)
        check_whole(file, site, visitor, kept, 3)


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, "64k"):
        ballast = disk / "ballast"
        with ballast.open("wb") as target:
            while True:
                try:
                    os.write(target.fileno(), bytes(4096))
                except OSError:
                    break
        with Site(f"sqlite:///{disk}/full.db", tmp_path).running() as site:
            visitor = Visitor(site.port)
            assert visitor.ask("GET", "/plain") == (200, "here")
            assert visitor.ask("POST", "/count").status in REFUSED
            assert visitor.cookie == "", "nobody is promised what cannot be kept"
            ballast.unlink()
            subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
            assert visitor.ask("POST", "/count") == (200, {"n": 1})
            visitor.close()
