"""Inputs near the seeds, without coverage: for interpreters that atheris has no wheel for, and for the test suite.

Laws:

* The same seeds and the same random state give the same inputs, on every machine.
* An input is at most `MAX_LENGTH` octets long.
* It starts from a seed and undergoes one to eight changes, few more often than many: parsers break next to what is valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

MAX_LENGTH = 16 * 1024

TOKENS: tuple[bytes, ...] = (
    # What delimits, somewhere in HTTP.
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"/", b"?", b"&", b"#", b"%",
    b"--", b"{", b"}", b"[", b"]", b"(", b")", b"*", b"**", b"..", b"+", b"-", b"_", b"|",
    # Encodings with a trap in them.
    b"%00", b"%2F", b"%2e%2e", b"%ff", b"%", b"%u0041", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b"\xe4\xb8\xad", b"\x7f",
    # Numbers at their edges.
    b"0", b"00", b"-1", b"+1", b"1_0", b"0x10", b"1e9", b"7fffffffffffffff", b"ffffffffffffffff", b"18446744073709551616",
    b"99999999999999999999999999", b"\xd9\xa1",
    # Words that change the meaning of what follows.
    b"HTTP/1.1", b"HTTP/1.0", b"Host: a\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b"0\r\n\r\n", b"bytes=0-1", b'filename="a"', b"q=0.5", b"W/",
    b"boundary=",
)  # fmt: skip


def mutations(seeds: Sequence[bytes], random: Random) -> Iterator[bytes]:
    """Inputs without end.

    Args:
        seeds: What to start from; at least one.
        random: Where every choice comes from.
    """
    while True:
        data = bytearray(random.choice(seeds))
        for _ in range(1 + min(int(random.expovariate(0.7)), 7)):
            random.choice(_CHANGES)(data, seeds, random)
        yield bytes(data[:MAX_LENGTH])


def _place(data: bytearray, random: Random) -> int:
    return random.randrange(len(data) + 1)


def _span(data: bytearray, random: Random) -> slice:
    # Short spans are tried as often as long ones: the length's magnitude is drawn first.
    start = _place(data, random)
    return slice(start, start + random.randrange(1 << random.randrange(1, 9)))


def _flip_bit(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _set_octet(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _insert_token(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    place = _place(data, random)
    data[place:place] = random.choice(TOKENS)


def _put_token_over(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    data[_span(data, random)] = random.choice(TOKENS)


def _delete(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    del data[_span(data, random)]


def _truncate(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    del data[_place(data, random) :]


def _repeat(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    span = _span(data, random)
    data[span.start : span.start] = data[span] * random.choice((1, 1, 1, 2, 10, 100))


def _splice(data: bytearray, seeds: Sequence[bytes], random: Random) -> None:
    other = bytearray(random.choice(seeds))
    data[_place(data, random) :] = other[_place(other, random) :]


_CHANGES = (_flip_bit, _set_octet, _insert_token, _insert_token, _put_token_over, _delete, _truncate, _repeat, _splice)
