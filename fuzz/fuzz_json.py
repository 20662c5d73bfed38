"""JSON: only HttpError 400 escapes, and of what is JSON depth, number and digits are what a slow reader finds, octet by octet.

The first octet says how deep it may be, and how many arrays, objects and digits of an integer there may be; the rest is content.
"""

from __future__ import annotations

from collections.abc import Callable

from hospes.errors import HttpError
from hospes.http.json import check_depth, check_digits, decode, encode

SEEDS: list[bytes] = [
    b"\x11" + b'{"a": [1, 2.5, -3e2, "[[\\"[\\\\", null, true]}',
    b"\x23" + b"[[[[]]]]",
    b"\x23" + b'[{"a":[{"b":[0]}]}]',
    b"\x13" + b'[12345, 1.23456, 1e12345, -1234, "123456"]',
    b"\x22" + b'["unclosed [[[[',
    b"\x22" + b'["\\u005b\\\\", "\\\\\\"[[["',
    b"\x41" + b"]]]][[[[[",
    b"\xff" + b"\xef\xbb\xbf[NaN]",
]
_IN_NUMBERS = b"0123456789.eE+-"
_DEEP = 200


def target(data: bytes) -> None:
    limits, content = data[:1] or b"\x22", data[1:]
    depth, digits = limits[0] >> 4, (limits[0] & 15) + 1
    too_deep = _refuses(lambda: check_depth(content, depth))
    too_many = _refuses(lambda: check_depth(content, _DEEP, digits))
    too_long = _refuses(lambda: check_digits(content, digits))
    assert _refuses(lambda: decode(content, depth=depth, containers=digits, digits=digits)) or not (
        too_deep or too_many or too_long
    )
    try:
        value = decode(content, depth=_DEEP)
    except HttpError as error:
        _expect_400(error)
        return
    assert (too_deep, too_many, too_long) == tuple(map(int.__gt__, _measure(content), (depth, digits, digits)))
    assert decode(encode(value), depth=_DEEP) == value


def _refuses(check: Callable[[], object]) -> bool:
    try:
        check()
    except HttpError as error:
        _expect_400(error)
        return True
    return False


def _expect_400(error: HttpError) -> None:
    assert error.code == 400


def _measure(content: bytes) -> tuple[int, int, int]:
    """How deep it nests, how many arrays and objects it has, and the digits of its longest integer."""
    depth = deepest = count = longest = 0
    inside = escaped = False
    number = b""
    for octet in (content[at : at + 1] for at in range(len(content) + 1)):  # at last an empty one, which ends a number
        if inside:
            inside = escaped or octet != b'"'
            escaped = octet == b"\\" and not escaped
            continue
        inside = octet == b'"'
        if octet and octet in _IN_NUMBERS:
            number += octet
            continue
        number = number.removeprefix(b"-")
        longest = max(longest, len(number) if number.isdigit() else 0)
        number = b""
        count += octet in {b"[", b"{"}
        depth += (octet in {b"[", b"{"}) - (octet in {b"]", b"}"})
        deepest = max(deepest, depth)
    return deepest, count, longest
