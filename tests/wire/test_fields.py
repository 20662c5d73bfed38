"""Field lines, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import ProtocolError
from hospes.wire.fields import check_field, is_field_name, is_field_value, parse_field_line, write_fields

CONTROLS = [chr(code) for code in (*range(0x20), 0x7F) if code != 0x09]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"Host: a", (b"host", b"a")),
        (b"X:", (b"x", b"")),
        (b"X: \t ", (b"x", b"")),
        (b"X:\t a  b\t ", (b"x", b"a  b")),
        (b"X: \xe4\xff", (b"x", b"\xe4\xff")),
        (b"X::", (b"x", b":")),
        (b"!#$%&'*+-.^_`|~09AZ: x", (b"!#$%&'*+-.^_`|~09az", b"x")),
    ],
)
def test_parse(line: bytes, field: tuple[bytes, bytes]) -> None:
    assert parse_field_line(line) == field


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b" X: y", "begins with white space"),
        (b"\tX: y", "begins with white space"),
        (b"X", "no colon"),
        (b": y", "has no name"),
        (b"X : y", "between a field name and its colon"),
        (b"X\t: y", "between a field name and its colon"),
        (b"X Y: z", "name holds an octet"),
        (b"X(: z", "name holds an octet"),
        (b"\xe4: z", "name holds an octet"),
        (b"X: a\0", "control character"),
        (b"X: \x0b", "control character"),
        (b"X: \x7f", "control character"),
        (b"X: a\rb", "CR LF"),
        (b"X: a\nb", "CR LF"),
    ],
)
def test_parse_refuses(line: bytes, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as caught:
        parse_field_line(line)
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["X", "x-y", "!#$%&'*+-.^_`|~09AZaz"])
def test_names(name: str) -> None:
    assert is_field_name(name)
    check_field(name, "v")


@pytest.mark.parametrize("name", ["", " ", "X ", " X", "X Y", "X:", "X: y", "ä", "X\r\nY", "X\n", "X\0", 'X"', "X(", "X/"])
def test_names_refused(name: str) -> None:
    assert not is_field_name(name)
    with pytest.raises(ValueError, match="field name"):
        check_field(name, "v")
    with pytest.raises(ValueError, match="field name"):
        write_fields([("A", "b"), (name, "v")])


@pytest.mark.parametrize("value", ["", "a", " a\tb ", "ä", "€", "\x80", "😀", ": ,;"])
def test_values(value: str) -> None:
    assert is_field_value(value)
    check_field("X", value)
    assert write_fields([("X", value)]).count(b"\r\n") == 1


@pytest.mark.parametrize("control", CONTROLS)
def test_values_refused(control: str) -> None:
    for value in (control, f"a{control}b", f"a{control}", f"a{control}X: y"):
        assert not is_field_value(value)
        with pytest.raises(ValueError, match="field X-Name: the value"):
            check_field("X-Name", value)
        with pytest.raises(ValueError, match="field X-Name: the value"):
            write_fields([("A", "b"), ("X-Name", value), ("C", "d")])


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\r\n\r\n<html>", "a\nX\rb", "a\nX\rb\n"])
def test_a_value_cannot_add_a_line(value: str) -> None:
    with pytest.raises(ValueError, match="field A: the value"):
        write_fields([("A", value)])


def test_a_name_cannot_add_a_line() -> None:
    for name in ("A\rb\nC", "A\r\nB", "A: b\r\nC"):
        with pytest.raises(ValueError, match="field name"):
            write_fields([(name, "v")])


def test_write() -> None:
    assert write_fields([]) == b""
    assert write_fields(iter([("A", "b"), ("a", ""), ("C-D", "e f")])) == b"A: b\r\na: \r\nC-D: e f\r\n"


def test_write_takes_latin_1_where_it_can() -> None:
    assert write_fields([("A", "ä"), ("B", "c")]) == b"A: \xe4\r\nB: c\r\n"
    assert write_fields([("A", "ä"), ("B", "€\x85")]) == b"A: " + b"\xe4\r\nB: " + "€\x85".encode() + b"\r\n"


def test_write_keeps_lines_that_unicode_would_split() -> None:
    """NEL and LINE SEPARATOR end a line for str.splitlines(), not for HTTP."""
    octets = write_fields([("A", "\x85ä"), ("B", "\u2028€")])
    assert octets == b"A: \x85\xe4\r\n" + "B: \u2028€\r\n".encode()


def test_write_refuses_what_no_encoding_holds() -> None:
    with pytest.raises(ValueError, match="field X"):
        write_fields([("X", "\ud800")])


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=8)), max_size=4))
def test_what_is_written_reads_back(fields: list[tuple[str, str]]) -> None:
    try:
        octets = write_fields(fields)
    except ValueError:
        assert not all(is_field_name(name) and is_field_value(value) for name, value in fields)
        return
    lines = octets.split(b"\r\n")
    assert lines.pop() == b""
    assert [name for name, _ in map(parse_field_line, lines)] == [name.lower().encode() for name, _ in fields]
