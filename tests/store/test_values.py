"""What may be kept comes back; what may not is refused, and says whose it is and where it stands."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.store import StoreError, StoreFull
from hospes.store.values import EXTENDED, PLAIN, RecordTooLarge, Unpacked, Values, fingerprint, is_kept, is_print

OF = Values("user", "a visitor", "VisitorOptions.size")
NOON = datetime(2026, 2, 3, 12, 0, 0, 123456)  # noqa: DTZ001 (one without a time zone is what is tested)


class Colour(IntEnum):
    RED = 1


def kept(content: dict[str, Any]) -> Unpacked:
    return OF.unpack(*OF.pack(content, 10**6))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
    | st.binary()
    | st.datetimes()
    | st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(st.characters(codec="utf-8")), VALUES))
def test_what_was_kept_comes_back(content: dict[str, Any]) -> None:
    back = kept(content)
    assert back.content == content
    assert back.print == fingerprint(back.content) != b""
    assert fingerprint(content) in {back.print, fingerprint(back.content)}
    assert is_print(back.print, back.content)


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"a": None}),
    ({"a": [1]}, {"a": [2]}),
    ({"a": 1 << 70}, {"a": (1 << 70) + 1}),
    ({"a": NOON}, {"a": NOON.isoformat()}),
    ({"a": "2-1"}, {"a": "2-2"}),
    ({"a": 1}, {"a": "\ud800"}),
    ({"a": "2026-02-03"}, {"a": date(2026, 2, 3)}),
]


@pytest.mark.parametrize(("one", "other"), CHANGES)
def test_a_print_tells_content_from_other_content(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert is_print(fingerprint(one), one)
    assert not is_print(fingerprint(one), other)
    assert not is_print(fingerprint(other), one)
    assert not is_print(b"", one), "it could not be kept"


@settings(max_examples=50)
@given(st.binary(max_size=80))
def test_octets_are_read_or_refused(octets: bytes) -> None:
    for form in (PLAIN, EXTENDED, 0, 255):
        with suppress(StoreError):  # the only thing that may escape
            OF.unpack(form, octets)


@pytest.mark.parametrize(
    "value", [0, -1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**400, -(10**400), 1.5, float("inf"), "é", b"\0", None]
)
def test_a_value_keeps_its_type_and_worth(value: object) -> None:
    back = kept({"v": value, "deep": [{"v": [value]}]}).content
    assert back == {"v": value, "deep": [{"v": [value]}]}
    assert type(back["v"]) is type(value)


def test_nan_is_no_change() -> None:
    back = kept({"v": float("nan")})
    assert fingerprint(back.content) == back.print


def test_tuples_become_lists_and_dates_keep_their_instant() -> None:
    east = datetime(2026, 2, 3, 12, tzinfo=timezone(timedelta(hours=2)))
    back = kept({"t": (1, (2, 3)), "naive": NOON, "east": east}).content
    assert back["t"] == [1, [2, 3]]
    assert back["naive"] == NOON
    assert back["naive"].tzinfo is None
    assert back["east"] == east
    assert back["east"].utcoffset() == timedelta(0)


def test_the_order_of_keys_is_kept() -> None:
    assert list(kept({"b": 1, "a": 2}).content) == ["b", "a"]
    assert fingerprint({"b": 1, "a": 2}) != fingerprint({"a": 2, "b": 1})


def test_a_plain_record_is_plain_messagepack() -> None:
    content = {"a": [1, {"b": "c"}], "when": NOON.replace(tzinfo=UTC)}
    form, octets = OF.pack(content, 1000)
    assert form == PLAIN
    assert msgspec.msgpack.decode(octets) == content
    assert OF.pack({"a": NOON}, 1000).form == EXTENDED


REFUSED: list[tuple[object, str, str]] = [
    (object(), "user['x']", "object"),
    ({1, 2}, "user['x']", "set"),
    (date(2026, 1, 1), "user['x']", "date"),
    (Decimal(1), "user['x']", "Decimal"),
    (Colour.RED, "user['x']", "Colour"),
    (OrderedDict(), "user['x']", "OrderedDict"),
    ([1, 2, 3, {"a": defaultdict(list)}], "user['x'][3]['a']", "defaultdict"),
    ({"cart": [0, {"n": bytearray()}]}, "user['x']['cart'][1]['n']", "bytearray"),
    ({"a": {1: 2}}, "user['x']['a'][1]", "int"),
    ({"a": {None: 2}}, "user['x']['a'][None]", "NoneType"),
]


@pytest.mark.parametrize(("value", "where", "kind"), REFUSED)
def test_what_cannot_be_kept_is_refused_with_its_path(value: object, where: str, kind: str) -> None:
    with pytest.raises(TypeError) as caught:
        OF.pack({"fine": 1, "x": value}, 1000)
    assert str(caught.value).startswith(where + ": ")
    assert kind in str(caught.value)


def test_text_without_utf8_is_refused_with_its_path() -> None:
    assert fingerprint({"a": ["\ud800"]}) == b""
    with pytest.raises(ValueError, match=r"user\['a'\]\[0\]: the text holds half of a surrogate pair"):
        OF.pack({"a": ["\ud800"]}, 1000)
    with pytest.raises(ValueError, match="surrogate"):
        OF.pack({"\ud800": 1}, 1000)
    with pytest.raises(ValueError, match="surrogate"):
        OF.pack({"a": {"\ud800": 1}}, 1000)
    with pytest.raises(TypeError, match="str, not int"):
        OF.pack({7: 1}, 1000)  # type: ignore[dict-item]  # a program may get one in past the checks


def test_a_date_outside_the_calendar_is_refused() -> None:
    late = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    with pytest.raises(ValueError, match=r"user\['a'\]: .* after year 9999"):
        OF.pack({"a": late}, 1000)


@pytest.mark.parametrize("make", [lambda inner: [inner], lambda inner: {"k": inner}])
def test_depth_has_a_limit(make: Any) -> None:
    value: object = 1
    for _ in range(98):
        value = make(value)
    assert kept({"a": value}).content == {"a": value}  # 99 inside each other
    value = make(value)
    with pytest.raises(ValueError, match="more than 100 lists and dicts inside each other"):
        OF.pack({"a": make(value)}, 10**6)


def test_a_circle_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    assert fingerprint({"a": circle}) == b""
    with pytest.raises(ValueError, match="or a circle"):
        OF.pack({"a": circle}, 1000)


@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False)])
def test_the_size_has_a_limit(size: int, fits: bool) -> None:
    content = {"a": b"x" * (size - 5)}  # a map, a str of one, and two octets of head
    assert len(fingerprint(content)) == size
    if fits:
        OF.pack(content, 100)
        return
    with pytest.raises(RecordTooLarge, match="507 a visitor's record would have 101 octets, at most 100") as caught:
        OF.pack(content, 100)
    assert isinstance(caught.value, StoreFull)


def test_a_record_of_a_newer_release_is_left_alone() -> None:
    with pytest.raises(StoreError, match="format 3, which a newer release wrote"):
        OF.unpack(3, OF.pack({}, 100).octets)
    with pytest.raises(StoreError, match="extension 9") as caught:
        OF.unpack(EXTENDED, msgspec.msgpack.encode({"a": msgspec.msgpack.Ext(9, b"")}))
    assert caught.value.code == 500


@pytest.mark.parametrize(("key", "value"), [("a", 1), ("a", [{"b": ("c",)}]), ("", None)])
def test_admit_takes_what_can_be_kept(key: str, value: object) -> None:
    assert OF.admit(key, value) is value


def test_admit_turns_a_tuple_into_a_list() -> None:
    assert OF.admit("a", (1, 2)) == [1, 2]


def test_admit_refuses_at_once() -> None:
    with pytest.raises(TypeError, match=r"user\['a'\]: a visitor keeps .*, not object"):
        OF.admit("a", object())
    with pytest.raises(TypeError, match=r"user\['a'\]\['b'\]\[1\]: a visitor keeps .*, not object"):
        OF.admit("a", {"b": [1, object()]})
    with pytest.raises(ValueError, match=r"user\['a'\]: the text holds half of a surrogate pair"):
        OF.admit("a", "\ud800")
    with pytest.raises(TypeError, match=r"user\[1\]: a visitor's keys are str, not int"):
        OF.admit(1, "x")


def test_errors_say_whose_it_is() -> None:
    other = Values("session", "a session", "SessionOptions.size")
    with pytest.raises(TypeError, match=r"session\['a'\]\[0\]: a session keeps .*, not set"):
        other.pack({"a": [set[int]()]}, 100)
    with pytest.raises(TypeError, match=r"session\['a'\]\[1\]: the keys of what a session keeps are str, not int"):
        other.pack({"a": {1: 2}}, 100)
    with pytest.raises(RecordTooLarge, match=r"a session's record would have 6 .* \(SessionOptions.size\)"):
        other.pack({"a": "bc"}, 4)
    with pytest.raises(StoreError, match="a session's record is damaged"):
        other.unpack(PLAIN, b"\xc1")


NAIVE = datetime.fromisoformat("2020-01-02T03:04:05.000006")


@pytest.mark.parametrize("wrap", [lambda at: at, lambda at: [at], lambda at: {"b": [{"at": at}]}, lambda at: (1, at)])
def test_a_datetime_is_told_from_its_text(wrap: Callable[[object], object]) -> None:
    dated, text = {"a": wrap(NAIVE)}, {"a": wrap(NAIVE.isoformat())}
    assert fingerprint(dated) != fingerprint(text)
    for content in (dated, text):
        packed = OF.pack(content, 10_000)
        back = OF.unpack(*packed)
        assert back.print == fingerprint(back.content) == fingerprint(content)
        assert packed.form == (EXTENDED if content is dated else PLAIN)


def test_a_date_is_no_text_either() -> None:
    assert fingerprint({"a": [NAIVE.date().isoformat()]}) != b""
    assert fingerprint({"a": [NAIVE.date()]}) == b"", "it cannot be kept, which is said where it is to be"


class State(StrEnum):
    PAID = "paid"


class Level(IntEnum):
    HIGH = 3


class Item(msgspec.Struct):
    name: str


TWINS: dict[str, tuple[object, object]] = {
    "a member of a str enum": ("paid", State.PAID),
    "a member of an int enum": (3, Level.HIGH),
    "a set": (["a"], {"a"}),
    "a frozen set": (["a"], frozenset({"a"})),
    "a Struct": ({"name": "a"}, Item("a")),
    "a decimal": ("1.50", Decimal("1.50")),
    "a dict of another kind": ({"a": 1}, OrderedDict(a=1)),
    "a key": ({"paid": 1}, {State.PAID: 1}),
    "a UUID": (str(UUID(int=1)), UUID(int=1)),
}
"""What can be kept, and something in its place that cannot, and that most libraries would write in the same way."""


WRAPS: list[Callable[[object], object]] = [lambda value: [value], lambda value: {"b": [{"at": value}]}, lambda value: (1, value)]


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", TWINS)
def test_what_cannot_be_kept_is_told_from_what_is_there(name: str, wrap: Callable[[object], object]) -> None:
    plain, stranger = TWINS[name]
    assert is_kept({"a": wrap(plain)})
    assert not is_kept({"a": wrap(stranger)})
    with pytest.raises(TypeError, match=r"user\['a'\]\["):
        OF.pack({"a": wrap(stranger)}, 10_000)


def test_a_uuid_has_octets_of_its_own() -> None:
    """So it is told from its text without being looked for."""
    assert fingerprint({"a": [UUID(int=1)]}) != fingerprint({"a": [str(UUID(int=1))]})


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        1 << 70,
        1.5,
        float("nan"),
        "<text> with «marks» of sets>",
        b"<\xbc",
        NAIVE,
        NAIVE.astimezone(UTC),
        [],
        {},
        (1, [2]),
        {"a": ["<"]},
    ],
)
def test_all_that_can_be_kept_is_kept(value: object) -> None:
    assert is_kept({"a": value, "b": [value], "<": {"c": value}})


@pytest.mark.parametrize("value", [{"a"}, object(), iter(b"a")])
def test_what_cannot_be_kept_at_all(value: object) -> None:
    assert not is_kept({"a": [value]})
