"""From an open file to a response: preconditions, ranges, fields, and files that are closed."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.files.asking import content, request

from hospes.errors import HttpError
from hospes.files.opening import OpenFile, open_file
from hospes.files.representation import FOR_EVER, REVALIDATE, Describe, Traits, describe, respond
from hospes.http.content import FileContent, Stream
from hospes.http.ranges import MAX_RANGES
from hospes.http.response import Response
from hospes.wire import format_date

DAY = 86_400
CHANGED = 1_700_000_000
OCTETS = bytes(range(100))
PLAIN = Traits("text/plain", REVALIDATE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "f"
    path.write_bytes(OCTETS)
    os.utime(path, (CHANGED, CHANGED))
    return path


def opened(path: Path) -> OpenFile:
    found = open_file(str(path))
    assert found is not None
    return found


def answer(path: Path, traits: Traits = PLAIN, method: str = "GET", **fields: str) -> Response:
    """The response, or where an error is raised one with its status and fields; then the file is closed."""
    found = opened(path)
    try:
        return respond(request("/", method, **fields), found, traits)
    except HttpError as error:
        assert found.file.closed
        return Response(None, error.code, error.headers)


def tag(path: Path, coding: str = "") -> str:
    response = answer(path, PLAIN._replace(coding=coding))
    content(response)
    return response.headers["ETag"]


def test_the_whole(path: Path) -> None:
    response = answer(path)
    assert dict(response.lines()) == {
        "Content-Type": "text/plain",
        "Cache-Control": "no-cache",
        "ETag": tag(path),
        "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "Accept-Ranges": "bytes",
    }
    assert response.status == 200
    assert isinstance(response.content, FileContent)
    assert response.content.file.read(0) == b""
    assert content(response) == OCTETS
    assert response.content.file.closed


def test_all_that_can_be_said(path: Path) -> None:
    response = answer(path, Traits("text/css", FOR_EVER, "br", "Accept-Encoding", "attachment"))
    content(response)
    assert response.content_type == "text/css"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Encoding"] == "br"
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Content-Disposition"] == "attachment"


def test_fields_belong_to_one_response(path: Path) -> None:
    kept = describe(1, 2, 3, 4, PLAIN)
    remember: Describe = lambda *_: kept  # noqa: E731
    first = respond(request(), opened(path), PLAIN, remember)
    first.headers["X-More"] = "1"
    first.headers["Cache-Control"] = "no-store"
    first.cookies["a"] = "b"
    second = respond(request(), opened(path), PLAIN, remember)
    content(first)
    content(second)
    assert "X-More" not in second.headers
    assert second.headers["Cache-Control"] == "no-cache"
    assert ("Set-Cookie", "a=b") in list(first.lines())
    assert not any(name == "Set-Cookie" for name, _ in second.lines())


def test_the_tag_changes_with_the_file(path: Path, tmp_path: Path) -> None:
    first = tag(path)
    assert tag(path) == first
    os.utime(path, ns=(0, CHANGED * 10**9 + 1))
    later = tag(path)
    path.write_bytes(OCTETS[:-1])
    os.utime(path, (CHANGED, CHANGED))
    shorter = tag(path)
    other = tmp_path / "other"
    other.write_bytes(OCTETS)
    os.utime(other, (CHANGED, CHANGED))
    tags = {first, later, shorter, tag(other), tag(path, "br"), tag(path, "gzip")}
    assert len(tags) == 6
    assert not any(each.startswith("W/") for each in tags)


OTHER = '"other"'
BEFORE, AT, AFTER = (format_date(CHANGED + offset) for offset in (-DAY, 0, DAY))


@pytest.mark.parametrize("read", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"If_Match": "TAG"}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": OTHER}, 412),
        ({"If_Match": "W/TAG"}, 412),
        ({"If_Match": f"{OTHER}, TAG"}, 200),
        ({"If_None_Match": "TAG"}, 304),
        ({"If_None_Match": "W/TAG"}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": f"{OTHER}, TAG"}, 304),
        ({"If_None_Match": OTHER}, 200),
        ({"If_Modified_Since": BEFORE}, 200),
        ({"If_Modified_Since": AT}, 304),
        ({"If_Modified_Since": AFTER}, 304),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_Unmodified_Since": BEFORE}, 412),
        ({"If_Unmodified_Since": AT}, 200),
        ({"If_Unmodified_Since": AFTER}, 200),
        ({"If_Unmodified_Since": "yesterday"}, 200),
        # The order of RFC 9110 §13.2.2: tags before dates, what protects before what saves.
        ({"If_Match": "TAG", "If_Unmodified_Since": BEFORE}, 200),
        ({"If_Match": OTHER, "If_Unmodified_Since": AFTER}, 412),
        ({"If_None_Match": OTHER, "If_Modified_Since": AFTER}, 200),
        ({"If_None_Match": "TAG", "If_Modified_Since": BEFORE}, 304),
        ({"If_Match": OTHER, "If_None_Match": "TAG"}, 412),
        ({"If_Match": "TAG", "If_None_Match": "TAG"}, 304),
        ({"If_Unmodified_Since": BEFORE, "If_None_Match": "TAG"}, 412),
        ({"If_Unmodified_Since": AFTER, "If_Modified_Since": AFTER}, 304),
        # A range comes after all conditions.
        ({"If_Match": OTHER, "Range": "bytes=0-0"}, 412),
        ({"If_None_Match": "TAG", "Range": "bytes=0-0"}, 304),
        ({"If_None_Match": "TAG", "Range": "bytes=1000-"}, 304),
    ],
)
def test_preconditions(path: Path, fields: dict[str, str], status: int, read: str) -> None:
    known = tag(path)
    response = answer(path, PLAIN, read, **{name: value.replace("TAG", known) for name, value in fields.items()})
    content(response)
    assert response.status == status


def test_not_modified_says_what_a_cache_needs(path: Path) -> None:
    traits = Traits("text/css", FOR_EVER, "br", "Accept-Encoding", "attachment")
    found = opened(path)
    response = respond(request(If_None_Match=tag(path, "br")), found, traits)
    assert found.file.closed
    assert response.status == 304
    assert response.content == b""
    assert dict(response.lines()) == {
        "Cache-Control": FOR_EVER,
        "ETag": tag(path, "br"),
        "Last-Modified": AT,
        "Vary": "Accept-Encoding",
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PURGE"])
def test_other_methods_get_the_whole_without_validators(path: Path, method: str) -> None:
    response = answer(path, method=method, If_None_Match=tag(path), If_Match=OTHER, Range="bytes=0-0")
    assert dict(response.lines()) == {"Content-Type": "text/plain", "Cache-Control": "no-cache"}
    assert response.status == 200
    assert content(response) == OCTETS


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-98", 0, 99),
        ("bytes=0-99", 0, 100),
        ("bytes=0-100", 0, 100),
        ("bytes=99-", 99, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-99", 1, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-101", 0, 100),
        ("Bytes=5-6", 5, 7),
        ("bytes=0-9,5-20", 0, 21),
        ("bytes=0-9,10-20", 0, 21),
        ("bytes=50-,-60", 40, 100),
        ("bytes=0-0,1000-", 0, 1),
    ],
)
def test_one_range(path: Path, asked: str, start: int, stop: int) -> None:
    response = answer(path, Range=asked)
    assert response.status == 206
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/100"
    assert response.content_type == "text/plain"
    assert response.headers["ETag"] == tag(path)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert content(response) == OCTETS[start:stop]


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=1000-,2000-"])
def test_no_range_is_there(path: Path, asked: str) -> None:
    response = answer(path, Range=asked)
    assert response.status == 416
    assert response.headers["Content-Range"] == "bytes */100"


@pytest.mark.parametrize(
    "asked", ["bytes=", "bytes=5", "bytes=9-1", "bytes=a-", "lines=0-1", "0-1", "bytes=0-1;2-3", "bytes=0x0"]
)
def test_what_is_no_range_is_ignored(path: Path, asked: str) -> None:
    response = answer(path, Range=asked)
    assert response.status == 200
    assert content(response) == OCTETS


def test_head_has_no_ranges(path: Path) -> None:
    response = answer(path, method="HEAD", Range="bytes=0-0")
    assert response.status == 200
    assert isinstance(response.content, FileContent)
    assert response.content.length == 100
    content(response)


@pytest.mark.parametrize("asked", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=5-"])
def test_ranges_of_nothing(path: Path, asked: str) -> None:
    path.write_bytes(b"")
    response = answer(path, Range=asked)
    assert response.status == (200 if asked == "bytes=-1" else 416)
    assert content(response) == b""


def test_several_ranges(path: Path) -> None:
    response = answer(path, Range="bytes=0-1, 10-11, -2")
    assert response.status == 206
    kind, _, boundary = response.content_type.partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert "Content-Range" not in response.headers
    assert response.headers["ETag"] == tag(path)
    parts = content(response).split(f"--{boundary}".encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    for part, (start, stop) in zip(parts[1:-1], [(0, 2), (10, 12), (98, 100)], strict=True):
        head = f"\r\nContent-Type: text/plain\r\nContent-Range: bytes {start}-{stop - 1}/100\r\n\r\n"
        assert part == head.encode() + OCTETS[start:stop] + b"\r\n"


@pytest.mark.parametrize(("count", "status"), [(MAX_RANGES - 1, 206), (MAX_RANGES, 206), (MAX_RANGES + 1, 200), (1000, 200)])
def test_the_number_of_ranges_is_bounded(path: Path, count: int, status: int) -> None:
    response = answer(path, Range="bytes=" + ",".join(f"{2 * each}-{2 * each}" for each in range(count)))
    content(response)
    assert response.status == status


def test_overlapping_ranges_make_no_more_than_the_whole(path: Path) -> None:
    response = answer(path, Range="bytes=" + ",".join(["0-"] * MAX_RANGES))
    assert response.headers["Content-Range"] == "bytes 0-99/100"
    assert content(response) == OCTETS


def test_of_a_coded_file_there_is_one_range_or_the_whole(path: Path) -> None:
    traits = PLAIN._replace(coding="br")
    one, two = answer(path, traits, Range="bytes=0-1"), answer(path, traits, Range="bytes=0-1,10-11")
    assert (one.status, one.headers["Content-Encoding"], content(one)) == (206, "br", OCTETS[:2])
    assert (two.status, two.headers["Content-Encoding"], content(two)) == (200, "br", OCTETS)


@pytest.mark.parametrize(
    ("if_range", "status"),
    [("TAG", 206), ("W/TAG", 200), (OTHER, 200), (AT, 206), (BEFORE, 200), (AFTER, 200), ("nonsense", 200)],
)
def test_if_range(path: Path, if_range: str, status: int) -> None:
    response = answer(path, Range="bytes=0-0", If_Range=if_range.replace("TAG", tag(path)))
    content(response)
    assert response.status == status


def test_if_range_of_another_state_hides_a_range_that_is_not_there(path: Path) -> None:
    response = answer(path, Range="bytes=1000-", If_Range=OTHER)
    assert response.status == 200
    assert content(response) == OCTETS


def test_a_huge_file(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    size = 5 * 2**40
    with path.open("wb") as file:
        try:
            file.truncate(size)
        except OSError:
            size = 5 * 2**30
            file.truncate(size)
        file.seek(size - 3)
        file.write(b"end")
    last = answer(path, Range="bytes=-3")
    assert last.headers["Content-Range"] == f"bytes {size - 3}-{size - 1}/{size}"
    assert content(last) == b"end"
    several = answer(path, Range=f"bytes=0-0,{size - 3}-")
    assert b"\r\n\r\nend\r\n" in content(several)
    whole = answer(path)
    assert isinstance(whole.content, FileContent)
    assert whole.content.length == size
    whole.content.close()


def test_a_change_that_is_still_to_come_is_told_as_the_present(path: Path) -> None:
    before = int(time.time())
    os.utime(path, (before + DAY, before + DAY))
    response = answer(path)
    content(response)
    assert response.headers["Last-Modified"] in {format_date(second) for second in range(before, int(time.time()) + 1)}


@pytest.mark.parametrize("second", [0, -DAY, 1])
def test_times_long_ago(path: Path, second: int) -> None:
    os.utime(path, (second, second))
    response = answer(path)
    content(response)
    assert response.headers["Last-Modified"] == format_date(second)


def test_fractions_of_a_second_are_cut_off(path: Path) -> None:
    os.utime(path, ns=(0, CHANGED * 10**9 + 999_999_999))
    response = answer(path, If_Modified_Since=AT)
    assert response.status == 304
    assert response.headers["Last-Modified"] == AT


def test_headers_that_a_filter_wrote_count(path: Path) -> None:
    asked = request()
    asked.headers["If-None-Match"] = tag(path)
    assert respond(asked, opened(path), PLAIN).status == 304


def test_a_trait_that_may_not_be_sent(path: Path) -> None:
    found = opened(path)
    with pytest.raises(ValueError, match="Content-Type"):
        respond(request(), found, Traits("text/plain\r\nX: y", REVALIDATE))
    assert found.file.closed


def test_parts_are_closed_even_if_nobody_wanted_them(path: Path) -> None:
    found = opened(path)
    response = respond(request(Range="bytes=0-1,10-11"), found, PLAIN)
    assert isinstance(response.content, Stream)
    assert not found.file.closed
    asyncio.run(response.content.aclose())
    assert found.file.closed


def test_a_file_that_becomes_shorter_meanwhile(path: Path) -> None:
    async def read() -> None:
        response = answer(path, Range="bytes=0-1,10-11")
        assert isinstance(response.content, Stream)
        os.truncate(path, 5)
        try:
            async for _ in response.content:
                pass
        finally:
            await response.content.aclose()

    with pytest.raises(OSError, match="shorter"):
        asyncio.run(read())
