"""Opening: regular files only, no links below a folder, no race, on systems with and without descriptors to walk by."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from hospes.files import opening
from hospes.files.opening import Enter, LinkedPlace, PathPlace, entrance, open_file, walk

pytestmark = pytest.mark.skipif(not opening.WALKS, reason="platform: links and FIFOs are made here")

WAYS: dict[str, Callable[[str], Enter]] = {
    "walked": lambda folder: partial(walk, folder),
    "linked": lambda folder: partial(LinkedPlace, folder),
    "by path": lambda folder: partial(PathPlace, folder, follow_links=False),
    "by path, linked": lambda folder: partial(PathPlace, folder, follow_links=True),
}
STRICT = ("walked", "by path")
LENIENT = ("linked", "by path, linked")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with something around it that nobody may see."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "static-secret").mkdir()
    (tmp_path / "static-secret" / "f").write_text("secret")
    root = tmp_path / "static"
    (root / "d" / "e").mkdir(parents=True)
    for name in ("f", "d/f", "d/e/f"):
        (root / name).write_text(name)
    return root


def read(way: str, folder: Path, path: str) -> str | None:
    *names, last = path.split("/")
    place = WAYS[way](str(folder))(names)
    if place is None:
        return None
    with place:
        opened = place.open(last)
        if opened is None:
            return None
        assert not place.has("nowhere")
    with opened.file as file:
        assert os.fstat(file.fileno()).st_ino == opened.stat.st_ino
        return file.read().decode()


@pytest.fixture(autouse=True)
def no_descriptor_stays_open() -> Iterator[None]:
    listing = Path("/proc/self/fd")
    if not listing.exists():
        yield
        return
    before = set(os.listdir(listing))
    yield
    assert len(os.listdir(listing)) <= len(before)


@pytest.mark.parametrize("way", WAYS)
def test_files_are_found(way: str, folder: Path) -> None:
    assert read(way, folder, "f") == "f"
    assert read(way, folder, "d/f") == "d/f"
    assert read(way, folder, "d/e/f") == "d/e/f"


@pytest.mark.parametrize("way", WAYS)
def test_whether_a_name_is_there(way: str, folder: Path) -> None:
    place = WAYS[way](str(folder))(["d"])
    assert place is not None
    with place:
        assert (place.has("f"), place.has("e"), place.has("g")) == (True, True, False)


@pytest.mark.parametrize("path", ["g", "d", "d/g", "f/f", "g/f", "d/g/f", "n" * 300, "d/" + "n" * 300 + "/f", "\ud800", "\0"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_file_is_none(way: str, folder: Path, path: str) -> None:
    assert read(way, folder, path) is None


@pytest.mark.parametrize("way", WAYS)
def test_only_regular_files(way: str, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket"))
        assert read(way, folder, "fifo") is None
        assert read(way, folder, "socket") is None


def test_a_device_is_no_file() -> None:
    assert open_file(os.devnull) is None


@pytest.mark.parametrize("way", WAYS)
def test_links_that_leave_the_folder(way: str, folder: Path) -> None:
    (folder / "file").symlink_to("../secret")
    (folder / "absolute").symlink_to(folder.parent / "secret")
    (folder / "up").symlink_to("..")
    (folder / "neighbour").symlink_to("../static-secret")
    (folder / "itself").symlink_to(".")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    for path in ("file", "absolute", "up/secret", "up/static-secret/f", "neighbour/f", "itself", "loop", "loop/f", "dangling"):
        assert read(way, folder, path) is None, path


@pytest.mark.parametrize("way", STRICT)
def test_links_inside_are_refused(way: str, folder: Path) -> None:
    (folder / "link").symlink_to("d/f")
    (folder / "links").symlink_to("d")
    assert read(way, folder, "link") is None
    assert read(way, folder, "links/f") is None


@pytest.mark.parametrize("way", LENIENT)
def test_links_inside_are_followed_on_demand(way: str, folder: Path) -> None:
    (folder / "link").symlink_to("d/f")
    (folder / "links").symlink_to(folder / "d")
    (folder / "d" / "back").symlink_to("../f")
    assert read(way, folder, "link") == "d/f"
    assert read(way, folder, "links/e/f") == "d/e/f"
    assert read(way, folder, "d/back") == "f"


def test_links_may_lead_through_dot_names() -> None:
    # As Kubernetes mounts a ConfigMap: f → ..data/f, ..data → ..2024.
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "..2024").mkdir()
        (root / "..2024" / "f").write_text("config")
        (root / "..data").symlink_to("..2024")
        (root / "f").symlink_to("..data/f")
        assert read("linked", root, "f") == "config"
        assert read("by path, linked", root, "f") is None


@pytest.mark.parametrize("way", WAYS)
def test_the_folder_itself_may_be_a_link(way: str, folder: Path) -> None:
    current = folder.parent / "current"
    current.symlink_to("static")
    assert read(way, current, "f") == "f"
    assert read(way, current, "d/f") == "d/f"


@pytest.mark.parametrize("way", WAYS)
def test_names_that_lead_upwards_are_no_way_out_even_here(way: str, folder: Path) -> None:
    # The folder's handler never lets them come so far. Walking by descriptors relies on that; whoever resolves does not.
    if way != "walked":
        assert read(way, folder, "../secret") is None
        assert read(way, folder, "d/../../secret") is None


def test_a_directory_exchanged_after_it_was_entered(folder: Path) -> None:
    place = walk(str(folder), ["d"])
    assert place is not None
    with place:
        (folder / "d").rename(folder / "moved")
        (folder / "d").symlink_to("../static-secret")
        opened = place.open("f")
    assert opened is not None
    with opened.file as file:
        assert file.read() == b"d/f"
    assert read("walked", folder, "d/f") is None


@pytest.mark.parametrize("way", ["walked", "linked"])
def test_a_directory_exchanged_all_the_time(way: str, folder: Path) -> None:
    stop = threading.Event()

    def exchange() -> None:
        here, link = folder / "d", folder / "link"
        while not stop.is_set():
            link.symlink_to("../static-secret")
            here.rename(folder / "moved")
            link.rename(here)
            here.unlink()
            (folder / "moved").rename(here)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        seen = {read(way, folder, "d/f") for _ in range(700)}
    finally:
        stop.set()
        thread.join()
    assert seen <= {"d/f", None}


def test_unreadable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "d").mkdir()
        (root / "f").write_text("")
        (root / "d" / "f").write_text("")
        root.chmod(0o755)
        (root / "f").chmod(0)
        (root / "d").chmod(0)
        superuser = os.geteuid() == 0
        if superuser:
            os.seteuid(65_534)  # nothing is unreadable to root
        try:
            with pytest.raises(PermissionError):
                open_file(str(root / "f"))
            with pytest.raises(PermissionError):
                read("walked", root, "f")
            with pytest.raises(PermissionError):
                read("walked", root, "d/f")
        finally:
            if superuser:
                os.seteuid(0)
            (root / "d").chmod(0o755)


def test_what_says_nothing_about_the_file_is_raised(folder: Path) -> None:
    resource = pytest.importorskip("resource", reason="platform: no limits of resources")

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(folder, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as one:
            open_file(str(folder / "f"))
        with pytest.raises(OSError, match="Too many open files"):
            walk(str(folder), ["d"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert one.value.errno == errno.EMFILE


def test_open_file_follows_links(folder: Path) -> None:
    (folder / "link").symlink_to("../secret")
    opened = open_file(str(folder / "link"))
    assert opened is not None
    with opened.file as file:
        assert file.read() == b"secret"


def test_the_way_in_is_the_systems(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(follow_links: bool) -> type:
        place = entrance(str(folder), follow_links=follow_links)([])
        assert place is not None
        with place:
            return type(place)

    assert (kind(False), kind(True)) == (opening.DescriptorPlace, opening.LinkedPlace)
    monkeypatch.setattr(opening, "WALKS", False)
    assert (kind(False), kind(True)) == (opening.PathPlace, opening.PathPlace)
