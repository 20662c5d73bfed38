"""Compression: who gets what, in which coding, with which fields; and who does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.app.support import made, mistake, peer_of
from tests.filters.asking import BROWSER, answers, decoded, opened
from tests.golden import check_golden
from tests.server.support import request as octets

from hospes import App, Compress, Event, EventStream, File, HttpError, Redirect, Request, Response
from hospes.execution import PoolSaturated
from hospes.filters import compress
from hospes.filters.compress import TYPES
from hospes.filters.encoded import LONG
from hospes.filters.encoding import CODINGS, encode
from hospes.http import codings
from hospes.http.content import FileContent
from hospes.http.handler import Handler
from hospes.http.request import Workers
from hospes.testing import TestClient, TestResponse

TEXT = "hospes means both host and guest. " * 40


def asked(response: Response | Callable[[], Any], accept: str = BROWSER, *, options: Compress | None = None) -> TestResponse:
    """What comes of an answer behind the filter."""
    app = App(store="memory:")
    app.filter(options or Compress())
    app.get("/")(response if callable(response) else lambda: response)
    with app.test() as client:
        return client.get("/", {"Accept-Encoding": accept} if accept else {})


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (BROWSER, "zstd"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, br;q=0.5", "gzip"),
        ("*", "zstd"),
        ("*;q=0.1, identity;q=0.2", ""),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", "zstd"),
        ("zstd;q=0, br;q=0, gzip;q=0.001", "gzip"),
        ("identity", ""),
        ("deflate", ""),
        ("identity;q=0, exi", ""),
        ("", ""),
        ("gzip, " + "x" * 200, "gzip"),
    ],
)
def test_the_coding(accept: str, coding: str) -> None:
    answer = asked(Response(TEXT), accept)
    assert answer.headers.get("Content-Encoding", "") == coding
    assert decoded(answer.content, coding).decode() == TEXT
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert (len(answer.content) < 100) is bool(coding)


@pytest.mark.parametrize("size", [255, 256, 257])
def test_the_smallest(size: int) -> None:
    answer = asked(Response("x" * size))
    assert ("Content-Encoding" in answer.headers) is (size >= 256)
    assert ("Vary" in answer.headers) is (size >= 256)


def test_what_does_not_shrink_stays() -> None:
    content = bytes(range(256))
    answer = asked(Response(content, content_type="text/plain"), options=Compress(minimum=1))
    assert (answer.content, answer.headers.get("Content-Encoding"), answer.headers["Vary"]) == (content, None, "Accept-Encoding")
    assert asked(Response("", content_type="text/plain"), options=Compress(minimum=0)).content == b""


def test_without_a_minimum_everything_is_encoded() -> None:
    answer = asked(Response("x"), options=Compress(minimum=0))
    assert answer.headers["Content-Encoding"]
    assert len(answer.content) > 1


@pytest.mark.parametrize(
    ("content_type", "compressed"),
    [
        ("text/html; charset=utf-8", True),
        ("TEXT/PLAIN", True),
        ("application/json", True),
        ("application/problem+json", True),
        ("image/svg+xml", True),
        ("application/wasm", True),
        ("image/png", False),
        ("application/octet-stream", False),
        ("application/zip", False),
        ("video/mp4", False),
        ("text", False),
        ("json", False),
        ("", False),
    ],
)
def test_media_types(content_type: str, compressed: bool) -> None:
    answer = asked(lambda: Response(TEXT.encode(), content_type=content_type))
    assert ("Content-Encoding" in answer.headers) is compressed
    assert ("Vary" in answer.headers) is compressed


def test_media_types_of_ones_own() -> None:
    options = Compress(types=["Application/X-Own", "model/*", "*+cbor"])
    found = {
        content_type: "Content-Encoding" in asked(Response(TEXT.encode(), content_type=content_type), options=options).headers
        for content_type in ("application/x-own", "model/mtl", "application/a+cbor", "text/plain", "application/cbor")
    }
    assert list(found.values()) == [True, True, True, False, False]
    both = Compress(types=[*TYPES, "application/x-own"])
    assert "Content-Encoding" in asked(Response(TEXT), options=both).headers


@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Encoding": "br"},
        {"Content-Encoding": "identity"},
        {"Content-Range": "bytes 0-9/100"},
        {"Content-Digest": "sha-256=:x:"},
        {"Repr-Digest": "sha-256=:x:"},
        {"Cache-Control": "no-store, No-Transform"},
    ],
)
def test_left_alone(fields: dict[str, str]) -> None:
    answer = asked(Response(TEXT, headers=fields))
    assert answer.text == TEXT
    assert [answer.headers[name] for name in fields] == list(fields.values())
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("status", [200, 201, 206, 404, 500])
def test_statuses(status: int) -> None:
    assert ("Content-Encoding" in asked(Response(TEXT, status)).headers) is (status != 206)


def test_what_is_no_content_at_all() -> None:
    class Upgrade:
        """What is not sent as content, after a 101."""

    response = Response("", content_type="text/plain")
    response.status, response.content = 101, Upgrade()  # type: ignore[assignment]

    async def scene() -> None:
        assert await Compress()(made("/", "GET", None, "Accept-Encoding: gzip"), answers(response)) is response

    asyncio.run(scene())
    assert asked(Redirect("/x")).headers["Location"] == "/x"


def test_errors_are_compressed_too() -> None:
    def broken() -> None:
        raise HttpError(418, "No coffee", TEXT)

    answer = asked(broken)
    assert (answer.status, answer.headers["Content-Encoding"]) == (418, "zstd")
    assert b"No coffee" in decoded(answer.content, "zstd")


def test_exempt_paths() -> None:
    app = App(store="memory:")
    app.filter(Compress(exempt=["/account/**", "/secret"]))
    app.get("/**")(lambda: TEXT)
    with app.test() as client:
        found = {
            path: "Content-Encoding" in client.get(path, {"Accept-Encoding": "gzip"}).headers
            for path in ("/account/x", "//secret", "/%73ecret", "/x/../secret", "/open")
        }
    assert list(found.values()) == [False, False, False, False, True]


def test_the_programs_own_answer_stays_as_it_is() -> None:
    shared = Response(TEXT, headers={"ETag": '"1"'})
    for accept, coding in (("gzip", "gzip"), ("", ""), ("br", "br")):
        answer = asked(lambda: shared, accept)
        assert decoded(answer.content, coding).decode() == TEXT
    assert shared.body == TEXT.encode()
    assert dict(shared.headers) == {"ETag": '"1"', "Content-Type": "text/plain; charset=utf-8"}


def test_fields_of_encoded_content() -> None:
    fields = {"ETag": 'W/"1"', "Accept-Ranges": "bytes", "Content-Length": "99", "Vary": "Cookie"}
    answer = asked(Response(TEXT, headers=fields), "gzip")
    assert answer.headers["ETag"] == 'W/"1-gzip"'
    assert answer.headers["Vary"] == "Cookie, Accept-Encoding"
    assert "Accept-Ranges" not in answer.headers
    assert asked(Response(TEXT, headers={"ETag": "broken"}), "gzip").headers["ETag"] == "broken"


def test_levels() -> None:
    sizes = [len(asked(Response(TEXT * 9), "gzip", options=Compress(levels={"gzip": level})).content) for level in (1, 9)]
    assert sizes[0] > sizes[1]


def test_codings_of_ones_own() -> None:
    assert asked(Response(TEXT), options=Compress(codings=["gzip", "br"])).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in asked(Response(TEXT), options=Compress(codings=[])).headers


def test_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: list[dict[str, Any]] = [
        {"minimum": -1},
        {"types": "text/html"},
        {"codings": "gzip"},
        {"codings": ["lzma"]},
        {"levels": {"gzip": 0}},
        {"levels": {"zstd": 20}},
        {"levels": {"lzma": 1}},
    ]
    said: list[str] = []
    for options in wrong:
        with pytest.raises(ValueError, match="Compress") as caught:
            Compress(**options)
        said.append(str(caught.value))
    monkeypatch.setattr(compress, "is_available", lambda coding: coding == "gzip")
    assert Compress()._codings == ("gzip",)
    said.append(mistake(lambda: Compress(codings=["br"])))
    check_golden("filters/compress", "\n".join(said))


# Files.


@pytest.fixture
def files(tmp_path: Path) -> Iterator[TestClient]:
    for size in (100, 1_000, 40_000, 200_000):
        (tmp_path / f"{size}.txt").write_bytes(b"x" * size)
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)) * 2)
    (tmp_path / "pre.txt").write_bytes(b"x" * 1_000)
    (tmp_path / "pre.txt.gz").write_bytes(b"made before")
    app = App(store="memory:")
    app.filter(Compress())
    app.files("/f", tmp_path)
    app.get("/one")(lambda: File(tmp_path / "1000.txt"))
    with app.test() as client:
        yield client


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("size", [100, 1_000, 40_000, 200_000])
def test_files(files: TestClient, size: int, coding: str) -> None:
    for target in (f"/f/{size}.txt", *(["/one"] if size == 1_000 else [])):
        answer = files.get(target, {"Accept-Encoding": coding})
        is_encoded = size >= 256
        assert answer.headers.get("Content-Encoding") == (coding if is_encoded else None)
        assert decoded(answer.content, coding if is_encoded else "") == b"x" * size
        assert answer.headers.get("Accept-Ranges") == (None if is_encoded else "bytes")


def test_siblings_are_not_encoded_again(files: TestClient) -> None:
    answer = files.get("/f/pre.txt", {"Accept-Encoding": "gzip"})
    assert (answer.content, answer.headers["Content-Encoding"]) == (b"made before", "gzip")
    assert not answer.headers["ETag"].endswith('-gzip"')


def test_a_file_that_does_not_shrink(files: TestClient) -> None:
    answer = files.get("/f/noise.txt", {"Accept-Encoding": "br"})
    assert (answer.content, answer.headers.get("Content-Encoding")) == (bytes(range(256)) * 2, None) or len(answer.content) < 512


def test_parts_are_of_plain_octets(files: TestClient) -> None:
    whole = files.get("/f/1000.txt", {"Accept-Encoding": "gzip"})
    fields = {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}
    part = files.get("/f/1000.txt", fields)
    assert (part.status, part.content, part.headers.get("Content-Encoding")) == (206, b"x" * 10, None)
    assert part.headers["ETag"] != whole.headers["ETag"]
    again = files.get("/f/1000.txt", {**fields, "If-Range": whole.headers["ETag"]})
    assert (again.status, again.headers["Content-Encoding"]) == (200, "gzip")
    assert files.get("/f/1000.txt", {**fields, "If-Range": part.headers["ETag"]}).status == 206


def test_tags_are_found_again(files: TestClient) -> None:
    plain = files.get("/f/1000.txt").headers["ETag"]
    gzip = files.get("/f/1000.txt", {"Accept-Encoding": "gzip"}).headers["ETag"]
    assert gzip == f'{plain[:-1]}-gzip"'

    def status(name: str, tag: str, accept: str) -> tuple[int, str | None, str | None]:
        answer = files.get("/f/1000.txt", {name: tag, "Accept-Encoding": accept})
        return answer.status, answer.headers.get("ETag"), answer.headers.get("Vary")

    vary = "Accept-Encoding"
    assert status("If-None-Match", gzip, "gzip") == (304, gzip, vary)
    assert status("If-None-Match", f'"other-gzip", W/{gzip}', "gzip") == (304, gzip, vary)
    assert status("If-None-Match", plain, "gzip") == (304, plain, vary)
    assert status("If-None-Match", "*", "gzip") == (304, plain, vary)
    assert status("If-None-Match", gzip, "") == (200, plain, vary)
    assert status("If-None-Match", gzip, "br")[0] == 200
    assert status("If-Match", gzip, "gzip")[0] == 200
    assert status("If-Match", gzip, "")[0] == 412
    assert status("If-Match", '"other-gzip"', "gzip")[0] == 412


def test_a_304_without_a_tag() -> None:
    assert asked(Response(None, 304)).headers["Vary"] == "Accept-Encoding"


def test_head_is_as_get(files: TestClient) -> None:
    for size in (100, 1_000, 200_000):
        fields = {"Accept-Encoding": "gzip"}
        got, head = files.get(f"/f/{size}.txt", fields), files.head(f"/f/{size}.txt", fields)
        for name in ("Date", "Transfer-Encoding"):  # which speaks of content that is not there
            got.headers.pop(name, None)
            head.headers.pop(name, None)
        assert dict(head.headers) == dict(got.headers)
        assert head.content == b""


# Where it is done.


def test_long_content_is_encoded_in_a_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    places: list[bool] = []
    plain = encode

    def noting(*arguments: Any) -> bytes:
        places.append(threading.current_thread().name.startswith("hospes-worker-"))
        return plain(*arguments)

    monkeypatch.setattr(compress, "encode", noting)
    for size in (LONG, LONG + 1):
        (tmp_path / f"{size}.txt").write_bytes(b"x" * size)

        async def text(size: int = size) -> str:
            return "x" * size

        async def file(size: int = size) -> File:
            return File(tmp_path / f"{size}.txt")

        for handler in (text, file):
            assert asked(handler).headers["Content-Encoding"] == "zstd"
    assert places == [False, False, True, True]


class Full:
    """Threads that are all busy."""

    async def run(self, call: Callable[[], Any]) -> Any:
        raise PoolSaturated(1, 1.0)


class Broken:
    """Threads whose work is cancelled."""

    async def run(self, call: Callable[[], Any]) -> Any:
        raise asyncio.CancelledError


def filtered(response: Response, *services: Workers) -> Response:
    """An answer behind the filter, with these threads."""
    request = made("/", "GET", None, "Accept-Encoding: gzip")
    request.services = dict.fromkeys([Workers], services[0]) if services else {}
    return asyncio.run(Compress()(request, answers(response)))


def test_where_no_thread_is_to_be_had_it_is_sent_as_it_is(tmp_path: Path) -> None:
    content = b"x" * (LONG + 1)
    answer = filtered(Response(content, content_type="text/plain"), Full())
    assert (answer.content, answer.headers["Vary"]) == (content, "Accept-Encoding")
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as file:
        given = FileContent(file, 0, len(content))
        answer = filtered(Response(given, content_type="text/plain"), Full())
        assert answer.content is given
        assert not file.closed


def test_a_file_is_closed_where_the_request_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (LONG + 1))
    with (tmp_path / "file").open("rb") as file, pytest.raises(asyncio.CancelledError):
        filtered(Response(FileContent(file, 0, LONG + 1), content_type="text/plain"), Broken())
    assert file.closed


def test_outside_of_an_application_it_is_done_at_once() -> None:
    content = b"x" * (LONG + 1)
    answer = filtered(Response(content, content_type="text/plain"))
    assert decoded(answer.body, "gzip") == content


def test_behind_a_plain_filter_in_a_pool_of_one() -> None:
    app = App(store="memory:", threads=1)

    def around(request: Request, call_next: Callable[[Request], Response]) -> Response:
        return call_next(request)

    app.filter(around)
    app.filter(Compress())
    app.get("/")(lambda: "x" * (LONG + 1))
    with app.test() as client:
        assert client.get("/", {"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"


# Streams, over sockets and the carrier that HOSPES_CARRIER names.


def slowly(go_on: threading.Event) -> Handler:
    async def source() -> AsyncIterator[str]:
        yield "first"
        await asyncio.to_thread(go_on.wait, 20)
        yield "second"

    return source  # type: ignore[return-value]


def events(go_on: threading.Event) -> Handler:
    async def source() -> AsyncIterator[Event]:
        yield Event("first")
        await asyncio.to_thread(go_on.wait, 20)
        yield Event("second")

    return lambda: EventStream(source())  # type: ignore[misc,return-value]


def blocking(go_on: threading.Event) -> Handler:
    def source() -> Iterator[str]:
        yield "first"
        go_on.wait(20)
        yield "second"

    return source  # type: ignore[return-value]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
@pytest.mark.parametrize("make", [slowly, events, blocking])
def test_streams_arrive_piece_by_piece(make: Callable[[threading.Event], Handler], coding: str) -> None:
    go_on = threading.Event()
    app = App(store="memory:")
    app.filter(Compress())
    app.get("/")(make(go_on))
    with peer_of(app) as peer:
        peer.send(octets("/", "GET", None, f"Accept-Encoding: {coding}"))
        head = peer.until(b"\r\n\r\n")
        assert f"Content-Encoding: {coding}\r\n".encode() in head
        assert b"Transfer-Encoding: chunked\r\n" in head
        undo, text = opened(coding), b""
        while b"first" not in text:
            text += b"".join(undo(_chunk(peer)))
        assert b"second" not in text
        go_on.set()
        while piece := _chunk(peer):
            text += b"".join(undo(piece))
        undo(b"", finish=True)
        assert b"second" in text


def _chunk(peer: Any) -> bytes:
    size = int(peer.until(b"\r\n")[:-2], 16)
    octets: bytes = peer.exactly(size)
    peer.until(b"\r\n")
    return octets


def test_whole_answers_over_sockets(tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"0123456789" * 30_000)
    app = App(store="memory:")
    app.filter(Compress())
    app.files("/f", tmp_path)
    app.get("/")(lambda: TEXT)
    with peer_of(app) as peer:
        for target, expected in (("/", TEXT.encode()), ("/f/large.txt", b"0123456789" * 30_000)):
            peer.send(octets(target, "GET", None, "Accept-Encoding: br"))
            got = peer.get()
            assert (got.fields["content-encoding"], decoded(got.content, "br")) == ("br", expected)
            peer.send(octets(target, "HEAD", None, "Accept-Encoding: br"))
            assert peer.get("HEAD").fields["content-encoding"] == "br"


def test_every_coding_has_a_home() -> None:
    assert set(codings.LIBRARIES) | {"gzip"} == set(CODINGS)
