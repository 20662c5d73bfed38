"""Ranges of octets."""

from __future__ import annotations

import email
import email.policy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.http.ranges import MAX_RANGES, ByteRange, content_range, multipart_ranges, parse_range

CONTENT = bytes(range(100))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-9", [(0, 10)]),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=99-99", [(99, 100)]),
        ("bytes=90-", [(90, 100)]),
        ("bytes=0-", [(0, 100)]),
        ("bytes=-1", [(99, 100)]),
        ("bytes=-100", [(0, 100)]),
        ("bytes=-101", [(0, 100)]),
        ("bytes=50-1000", [(50, 100)]),
        ("bytes=0000000000000000000000005-7", [(5, 8)]),
        ("bytes=5-" + "9" * 5000, [(5, 100)]),
        ("bytes=-" + "9" * 5000, [(0, 100)]),
        ("BYTES=0-9", [(0, 10)]),
        (" bytes = 0-9 ", [(0, 10)]),
        ("bytes=0-9, 20-29", [(0, 10), (20, 30)]),
        ("bytes=20-29,0-9", [(20, 30), (0, 10)]),
        ("bytes=0-9,,20-29,", [(0, 10), (20, 30)]),
        ("bytes=0-9,200-300", [(0, 10)]),
        ("bytes=0-9,10-19", [(0, 20)]),
        ("bytes=10-19,0-9", [(0, 20)]),
        ("bytes=0-9,11-19", [(0, 10), (11, 20)]),
        ("bytes=0-50,20-70,60-80", [(0, 81)]),
        ("bytes=0-9,20-29,5-25", [(0, 30)]),
        ("bytes=50-59,0-9,20-29,5-25", [(50, 60), (0, 30)]),
        ("bytes=0-,-1", [(0, 100)]),
        ("bytes=5-5,5-5,5-5", [(5, 6)]),
        ("bytes=0-9,-0", [(0, 10)]),
    ],
)
def test_reads(value: str, expected: list[tuple[int, int]]) -> None:
    assert parse_range(value, 100) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=1-2-3", "bytes=2-1", "bytes=0-9,2-1"),
        *(
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=0x1-2",
            "bytes=--1",
            "bytes=١-٢",
            "items=0-9",
            "bytes:0-9",
            "bytes 0-9",
            "bytes=0-9;1-2",
        ),
    ],
)
def test_ignores_what_is_malformed(value: str) -> None:
    assert parse_range(value, 100) is None


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=100-", 100), ("bytes=100-200,300-", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_unsatisfiable(value: str, size: int) -> None:
    with pytest.raises(HttpError) as caught:
        parse_range(value, size)
    assert caught.value.code == 416
    assert caught.value.headers == {"Content-Range": f"bytes */{size}"}
    with pytest.raises(HttpError):
        parse_range("bytes=" + "9" * 5000 + "-", size)


def test_a_suffix_of_nothing_is_the_whole() -> None:
    assert parse_range("bytes=-5", 0) is None


def test_number_of_ranges() -> None:
    def value(count: int) -> str:
        return "bytes=" + ",".join(f"{3 * each}-{3 * each}" for each in range(count))

    for count in (MAX_RANGES - 1, MAX_RANGES):
        found = parse_range(value(count), 1000)
        assert found is not None
        assert len(found) == count
    assert parse_range(value(MAX_RANGES + 1), 1000) is None
    assert parse_range("bytes=0-1,3-4", 10, max_ranges=1) is None
    assert parse_range("bytes=" + "0-," * 300_000, 10) is None
    assert parse_range("bytes=" + "-" * 1_000_000, 10) is None


@given(
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 40)), min_size=1, max_size=MAX_RANGES),
    st.integers(1, 110),
)
def test_joined_ranges_cover_what_was_asked_once(asked: list[tuple[int, int]], size: int) -> None:
    wanted = {octet for start, length in asked for octet in range(start, start + length + 1) if octet < size}
    value = "bytes=" + ",".join(f"{start}-{start + length}" for start, length in asked)
    if not wanted:
        with pytest.raises(HttpError):
            parse_range(value, size)
        return
    found = parse_range(value, size)
    assert found is not None
    covered = [octet for each in found for octet in range(each.start, each.stop)]
    assert sorted(covered) == sorted(wanted)
    edges = sorted(found)
    assert all(left.stop < right.start for left, right in pairwise(edges))


def test_content_range() -> None:
    assert content_range(ByteRange(0, 10), 100) == "bytes 0-9/100"


@pytest.mark.parametrize("ranges", [[ByteRange(0, 10)], [ByteRange(20, 30), ByteRange(0, 10), ByteRange(99, 100)]])
def test_multipart(ranges: list[ByteRange]) -> None:
    framed = multipart_ranges(ranges, 100, "text/plain")
    body = b"".join(head + CONTENT[each.start : each.stop] for head, each in zip(framed.heads, framed.ranges, strict=True))
    body += framed.end
    assert len(body) == framed.length
    raw = f"Content-Type: {framed.content_type}\r\n\r\n".encode() + body
    message = email.message_from_bytes(raw, policy=email.policy.HTTP)
    parts = list(message.iter_parts())
    assert [part["Content-Range"] for part in parts] == [content_range(each, 100) for each in ranges]
    assert all(part.get_content_type() == "text/plain" for part in parts)


def test_multipart_octets() -> None:
    framed = multipart_ranges([ByteRange(0, 1), ByteRange(5, 7)], 10, boundary="B")
    assert framed.heads == (b"--B\r\nContent-Range: bytes 0-0/10\r\n\r\n", b"\r\n--B\r\nContent-Range: bytes 5-6/10\r\n\r\n")
    assert framed.end == b"\r\n--B--\r\n"
    assert framed.content_type == "multipart/byteranges; boundary=B"


def test_multipart_boundaries_are_random_and_types_checked() -> None:
    one, other = (multipart_ranges([ByteRange(0, 1)], 10) for _ in range(2))
    assert one.content_type != other.content_type
    with pytest.raises(ValueError, match="control"):
        multipart_ranges([ByteRange(0, 1)], 10, "a/b\r\nX: y")


@given(st.text(st.sampled_from("bytes=0123456789-, ")), st.integers(0, 50))
def test_only_416_escapes(value: str, size: int) -> None:
    for text in (value, f"bytes={value}"):
        try:
            found = parse_range(text, size)
        except HttpError:
            continue
        assert found is None or all(0 <= each.start < each.stop <= size for each in found)
