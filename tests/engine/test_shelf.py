"""Small files straight from a folder: as the portable carrier answers, never stale, never from elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.server.support import Peer, request

from hospes import App
from hospes.files import StaticFolder
from hospes.files.folder import StaticFolder as Folder
from hospes.http.request import Request
from hospes.http.response import Response
from hospes.limits import Limits
from hospes.server.sending import FILE_AT_ONCE

pytest.importorskip("hospes.engine._core", reason="platform: the engine is not built here")

PAST = 1_700_000_000


def put(path: Path, content: bytes, changed: int = PAST) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (changed, changed))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    put(folder / "a.txt", b"text")
    put(folder / "a.bin", b"octets")
    put(folder / "empty.bin", b"")
    put(folder / "in" / "b.bin", b"inner")
    put(folder / "in" / "index.html", b"<html>index")
    put(folder / ".env", b"secret")
    put(folder / "large.bin", b"x" * FILE_AT_ONCE)
    put(folder / "larger.bin", b"x" * (FILE_AT_ONCE + 1))
    put(tmp_path / "outside.bin", b"outside")
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    (folder / "through").symlink_to(folder / "in")
    os.mkfifo(folder / "fifo.bin")
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths for which the handler was asked."""
    paths: list[str] = []
    answer_at = Folder.answer_at

    def noting(self: Folder, request: Request, path: str) -> Response:
        paths.append(path)
        return answer_at(self, request, path)

    monkeypatch.setattr(Folder, "answer_at", noting)
    return paths


@contextmanager
def asking(app: App, carrier: str = "engine") -> Iterator[Callable[..., tuple[int, bytes, bytes]]]:
    """Ask for a path, with fields; gives status, head without its date, and content."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", carrier)
        with app.serving(port=0, limits=Limits(requests_per_connection=10_000)) as server, Peer(server.server.address[1]) as peer:

            def ask(path: str, *fields: str, method: str = "GET") -> tuple[int, bytes, bytes]:
                lines = "".join(f"{field}\r\n" for field in fields)
                peer.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode())
                head = peer.until(b"\r\n\r\n")
                lines_of = [line for line in head.split(b"\r\n") if not line.startswith(b"Date: ")]
                status, length = int(head[9:12]), 0
                if method != "HEAD" and b"Content-Length: " in head:
                    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
                return status, b"\r\n".join(lines_of), peer.exactly(length)

            yield ask


def nothing() -> None:
    return None


def served(folder: Path, **options: bool) -> App:
    app = App()
    app.files("/static", folder, **options)
    app.get("/other/{x}")(nothing)
    return app


DIRECT = ("a.txt", "a.bin", "empty.bin", "in/b.bin", "in/", "large.bin", "a.bin?x=1")
ASKED = (
    "larger.bin", "link.bin", "through/b.bin", "fifo.bin", "in", "nowhere.bin", ".env", "../outside.bin",
     "in/../a.bin", "%61.bin",
    "in//b.bin", "", "..", "in/./b.bin", "a.bin/",
)  # fmt: skip


@pytest.mark.parametrize("immutable", [False, True])
def test_the_answers_are_those_of_the_portable_carrier(site: Path, asked: list[str], immutable: bool) -> None:
    answers: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for carrier in ("portable", "engine"):
        with asking(served(site, immutable=immutable), carrier) as ask:
            asked.clear()
            answers[carrier] = [ask(f"/static/{name}") for name in [*DIRECT, *DIRECT, *ASKED]]
    assert answers["engine"] == answers["portable"]
    assert [status for status, _, _ in answers["engine"]][: len(DIRECT)] == [200] * len(DIRECT)
    assert answers["engine"][0][2] == b"text"
    assert len(asked) == len(ASKED)


@pytest.mark.parametrize(
    "field",
    [
        "Range: bytes=0-1", "If-None-Match: *", 'If-Match: "x"',
        "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT", 'If-Range: "x"',
        "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT", "Content-Length: 0",
    ],
)  # fmt: skip
def test_who_asks_for_more_than_the_file_asks_the_handler(site: Path, asked: list[str], field: str) -> None:
    with asking(served(site)) as ask:
        ask("/static/a.bin")
        assert asked == []
        ask("/static/a.bin", field)
        ask("/static/a.bin", field.lower())
    assert asked == ["/a.bin", "/a.bin"]


def test_other_methods_are_the_handlers(site: Path, asked: list[str]) -> None:
    with asking(served(site)) as ask:
        assert ask("/static/a.bin", method="HEAD")[0] == 200
        assert ask("/static/a.bin", method="PUT")[0] == 405
    assert len(asked) == 2


CODED = (
    "br",
    "gzip",
    "gzip, br",
    "gzip;q=0.5, zstd",
    "br;q=0",
    "*",
    "identity",
    "gzip, identity;q=0",
    "",
    "deflate",
    "GZIP",
    "br;q=x",
)


@pytest.mark.parametrize("there", [(), ("br",), ("gz",), ("br", "gz"), ("zst", "gz"), ("br", "zst", "gz")], ids=" ".join)
def test_codings_are_those_of_the_portable_carrier(site: Path, asked: list[str], there: tuple[str, ...]) -> None:
    for ending in there:
        put(site / f"a.txt.{ending}", f"packed as {ending}".encode())
    answers: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for carrier in ("portable", "engine"):
        with asking(served(site), carrier) as ask:
            asked.clear()
            answers[carrier] = [ask("/static/a.txt", f"Accept-Encoding: {each}") for each in [*CODED, *CODED]]
            answers[carrier] += [ask("/static/a.bin", f"Accept-Encoding: {each}") for each in CODED]
    assert answers["engine"] == answers["portable"]
    assert asked == []


def test_a_file_in_a_coding_is_never_stale_and_never_another_ones(site: Path, asked: list[str]) -> None:
    packed = site / "a.txt.gz"
    with asking(served(site)) as ask:

        def got() -> bytes:
            return ask("/static/a.txt", "Accept-Encoding: gzip")[2]

        assert got() == b"text"
        put(packed, b"packed")
        assert got() == b"packed"
        assert ask("/static/a.txt")[2] == b"text"
        put(packed, b"PACKED")
        assert got() == b"PACKED"
        put(site / "a.txt", b"newer", PAST + 1)
        assert got() == b"newer"
        put(packed, b"", PAST + 2)
        assert got() == b"newer"
        packed.unlink()
        assert got() == b"newer"
        assert asked == []
        packed.symlink_to(site.parent / "outside.bin")
        assert got() == b"newer"
        packed.unlink()
        packed.mkdir()
        assert got() == b"newer"
        packed.rmdir()
        put(packed, b"x" * (FILE_AT_ONCE + 1), PAST + 2)
        assert got() == b"x" * (FILE_AT_ONCE + 1)
    assert asked == ["/a.txt"] * 3


@pytest.mark.parametrize(
    "fields",
    [("Accept-Encoding: gzip", "Accept-Encoding: br"), ("Accept-Encoding: gzip, " + "x" * 125,), ("Accept-Encoding: g\xe4zip",)],
    ids=["twice", "long", "not ASCII"],
)
def test_codings_that_are_seldom_are_the_handlers(site: Path, asked: list[str], fields: tuple[str, ...]) -> None:
    put(site / "a.txt.gz", b"packed")
    with asking(served(site)) as ask:
        ask("/static/a.txt", *fields)
        assert asked == ["/a.txt"]
        ask("/static/a.txt", "Accept-Encoding: gzip, " + "x" * 120)
        assert asked == ["/a.txt"]


def test_more_codings_than_are_kept(site: Path, asked: list[str]) -> None:
    put(site / "a.txt.gz", b"packed")
    with asking(served(site)) as ask:
        for number in range(70):
            assert ask("/static/a.txt", f"Accept-Encoding: x{number}")[2] == b"text"
        assert ask("/static/a.txt", "Accept-Encoding: gzip")[2] == b"packed"
    assert asked == []


def said_of(answer: tuple[int, bytes, bytes], name: str) -> str:
    return next(line.partition(b": ")[2].decode() for line in answer[1].split(b"\r\n") if line.startswith(name.encode() + b": "))


@pytest.mark.parametrize("name", ["a.txt", "a.bin"])
@pytest.mark.parametrize("fields", [(), ("Accept-Encoding: gzip",), ("Accept-Encoding: br",)], ids=["plain", "gzip", "br"])
def test_who_repeats_what_was_said_hears_that_it_is_unchanged(
    site: Path, asked: list[str], fields: tuple[str, ...], name: str
) -> None:
    put(site / "a.txt.gz", b"packed")
    answers: dict[str, list[tuple[int, bytes, bytes]]] = {}
    for carrier in ("portable", "engine"):
        with asking(served(site), carrier) as ask:
            given = ask(f"/static/{name}", *fields)
            tag, date = f"If-None-Match: {said_of(given, 'ETag')}", f"If-Modified-Since: {said_of(given, 'Last-Modified')}"
            other = 'If-None-Match: "another"'
            asked.clear()
            usual = [ask(f"/static/{name}", *fields, *each) for each in [(tag,), (date,), (tag, date), (date, tag)]]
            assert len(asked) == (0 if carrier == "engine" else 4)
            asked.clear()
            seldom = [ask(f"/static/{name}", *fields, *each) for each in [(other, date), (tag, tag), (date, date)]]
            assert len(asked) == 3
            answers[carrier] = usual + seldom
    assert answers["engine"] == answers["portable"]
    assert [status for status, _, _ in answers["engine"]] == [304, 304, 304, 304, 200, 304, 200]


def test_what_has_changed_is_not_unchanged(site: Path) -> None:
    with asking(served(site)) as ask:
        given = ask("/static/a.bin")
        fields = f"If-None-Match: {said_of(given, 'ETag')}", f"If-Modified-Since: {said_of(given, 'Last-Modified')}"
        assert [ask("/static/a.bin", each)[0] for each in fields] == [304, 304]
        put(site / "a.bin", b"octets", PAST + 1)
        assert [ask("/static/a.bin", each)[0] for each in fields] == [200, 200]


def test_an_unchanged_file_may_be_the_last_answer(site: Path) -> None:
    with asking(served(site)) as ask:
        tag = said_of(ask("/static/a.bin"), "ETag")
        status, head, content = ask("/static/a.bin", f"If-None-Match: {tag}", "Connection: close")
        assert (status, content) == (304, b"")
        assert b"\r\nConnection: close" in head


def test_nothing_is_served_stale(site: Path) -> None:
    with asking(served(site)) as ask:
        first = ask("/static/a.bin")
        assert ask("/static/a.bin") == first
        put(site / "a.bin", b"OCTETS")  # the same length, inode and time: only reading it tells
        assert ask("/static/a.bin")[2] == b"OCTETS"
        put(site / "a.bin", b"longer than before", PAST + 1)
        assert ask("/static/a.bin")[2] == b"longer than before"
        assert ask("/static/a.bin")[1] != first[1]
        put(site / "new.bin", b"replaced")
        (site / "new.bin").rename(site / "a.bin")
        assert ask("/static/a.bin")[2] == b"replaced"
        (site / "a.bin").unlink()
        assert ask("/static/a.bin")[0] == 404
        (site / "a.bin").mkdir()
        assert ask("/static/a.bin")[0] == 404
        (site / "a.bin").rmdir()
        (site / "a.bin").symlink_to(site / "empty.bin")
        assert ask("/static/a.bin")[0] == 404


def test_a_directory_that_becomes_a_link_is_not_followed(site: Path) -> None:
    with asking(served(site)) as ask:
        assert ask("/static/in/b.bin")[2] == b"inner"
        (site / "in").rename(site.parent / "moved")
        (site / "in").symlink_to(site.parent / "moved")
        assert ask("/static/in/b.bin")[0] == 404


def test_the_folder_itself_may_be_a_link_that_is_exchanged(site: Path) -> None:
    put(site.parent / "next" / "a.bin", b"the next")
    current = site.parent / "current"
    current.symlink_to(site)
    with asking(served(current)) as ask:
        assert ask("/static/a.bin")[2] == b"octets"
        (site.parent / "new").symlink_to(site.parent / "next")
        (site.parent / "new").rename(current)
        assert ask("/static/a.bin")[2] == b"the next"
        current.unlink()
        assert ask("/static/a.bin")[0] == 404


def test_the_folder_is_looked_up_again_for_what_has_waited(site: Path) -> None:
    put(site.parent / "next" / "a.bin", b"the next")
    current = site.parent / "current"
    current.symlink_to(site)
    app = served(current)

    @app.get("/deploy")
    async def deploy() -> str:
        await asyncio.sleep(0)
        (site.parent / "new").symlink_to(site.parent / "next")
        (site.parent / "new").rename(current)
        return "done"

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOSPES_CARRIER", "engine")
        with app.serving(port=0) as server, Peer(server.server.address[1]) as peer:
            # In one piece, so that the kernel is looked at once.
            peer.send(request("/static/a.bin") + request("/deploy") + request("/static/a.bin"))
            assert [peer.get().content for _ in range(3)] == [b"octets", b"done", b"the next"]


def test_a_time_that_is_still_to_come_is_the_handlers(site: Path, asked: list[str]) -> None:
    put(site / "a.bin", b"future", 4_000_000_000)
    with asking(served(site)) as ask:
        assert ask("/static/a.bin")[2] == b"future"
    assert asked == ["/a.bin"]


def test_more_files_than_are_kept(site: Path, asked: list[str]) -> None:
    for number in range(1030):
        put(site / "many" / f"{number}.bin", b"%d" % number)
    with asking(served(site)) as ask:
        for _ in range(2):
            for number in range(1030):
                assert ask(f"/static/many/{number}.bin")[2] == b"%d" % number
    assert asked == []


def test_pipelined_and_the_last(site: Path, asked: list[str]) -> None:
    with served(site).serving(port=0) as server, Peer(server.server.address[1]) as peer:
        one = b"GET /static/large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
        peer.send(one * 9 + b"GET /static/a.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert [len(peer.get().content) for _ in range(9)] == [FILE_AT_ONCE] * 9
        last = peer.get()
        assert (last.content, last.fields["connection"]) == (b"octets", "close")
        assert peer.closed()


def _with_a_filter(app: App) -> None:
    @app.filter
    async def seen(request: Request, call_next: Callable[..., object]) -> object:
        return await call_next(request)  # type: ignore[misc]


def _with_a_route_below(app: App) -> None:
    app.get("/{anything:path}")(nothing)


def _with_a_regexp(app: App) -> None:
    app.route(regexp="^static/.*$")(nothing)


def _with_something_below(app: App) -> None:
    app.mount("/static/app", App())


@pytest.mark.parametrize("change", [_with_a_filter, _with_a_route_below, _with_a_regexp, _with_something_below])
def test_where_others_have_a_say_the_handler_is_asked(site: Path, change: Callable[[App], None]) -> None:
    app = served(site)
    assert app._shelves() != ()
    change(app)
    assert app._shelves() == ()


def test_a_folder_that_follows_links_is_no_shelf(site: Path) -> None:
    assert StaticFolder(site, follow_links=True).shelf("/static") is None
