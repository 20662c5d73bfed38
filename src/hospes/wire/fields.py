"""Field lines: `name: value`, the same in a head, in trailers and, outgoing, in an answer (RFC 9112 §5).

Laws:

* A name is a token that touches its colon. A space between the two is refused: servers that stripped it and proxies that did
  not have been played off against each other (RFC 9112 §5.1).
* A line that begins with white space once continued the line before (obs-fold). It is refused (RFC 9112 §5.2).
* Names ignore case and are lower-cased on the way in; values are what stands between the white space around them.
* Outgoing, a name or a value that could end its own line is a `ValueError` that says which field it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hospes.errors import ProtocolError

from .grammar import FIELD_TABLE, FOREIGN, TCHAR, TOKEN_TABLE
from .lines import BARE_LINE_END

Fields = list[tuple[bytes, bytes]]
"""Field lines in the order they came: lower-case name, value without white space around it."""


def parse_field_line(line: bytes) -> tuple[bytes, bytes]:
    """Take one field line, without its CRLF, apart.

    Raises:
        ProtocolError: 400, with what is wrong with the line.
    """
    name, colon, value = line.partition(b":")
    # bytes.strip() would also take VT and FF, but those are foreign to a value wherever they stand.
    if colon and name and FOREIGN not in name.translate(TOKEN_TABLE) and FOREIGN not in value.translate(FIELD_TABLE):
        return name.lower(), value.strip()
    raise ProtocolError(400, _complaint(line, name, colon))


def _complaint(line: bytes, name: bytes, colon: bytes) -> str:
    """Say what is wrong with a field line."""
    if b"\r" in line or b"\n" in line:
        return BARE_LINE_END
    if line.startswith((b" ", b"\t")):
        return "a field line begins with white space; folded lines are obsolete"
    if not colon:
        return "a field line has no colon"
    if not name:
        return "a field has no name"
    if name.endswith((b" ", b"\t")):
        return "white space stands between a field name and its colon"
    if FOREIGN in name.translate(TOKEN_TABLE):
        return "a field name holds an octet that is not allowed there"
    return "a field value holds a control character"


# Outgoing: text, because that is what a handler writes.
_VALUE_CHARS = r"[^\x00-\x08\x0a-\x1f\x7f]*+"  # said so, for a set up to U+10FFFF takes 2 ms to compile
_NAME = re.compile(rf"[{TCHAR}]++")
_VALUE = re.compile(_VALUE_CHARS)
_FIELD = re.compile(rf"[{TCHAR}]++\r{_VALUE_CHARS}")
_FIELD_LINES = re.compile(rf"(?:[{TCHAR}]++\r{_VALUE_CHARS}\n)*+")


def is_field_name(name: str) -> bool:
    """Whether this may be sent as a field name: a token (RFC 9110 §5.1)."""
    return _NAME.fullmatch(name) is not None


def is_field_value(value: str) -> bool:
    """Whether this may be sent as a field value: no control characters but the tab (RFC 9110 §5.5)."""
    return _VALUE.fullmatch(value) is not None


def check_field(name: str, value: str) -> None:
    """Refuse a field that would not stay one field on the wire.

    Raises:
        ValueError: if the name is no token, or if the value holds CR, LF, NUL or another control character.
    """
    if _FIELD.fullmatch(f"{name}\r{value}") is not None:  # CR may stand in neither: one question for both
        return
    if not is_field_name(name):
        raise ValueError(f"field name {name!r}: a name is made of letters, digits and !#$%&'*+-.^_`|~")
    raise ValueError(f"field {name}: the value {value!r} holds a control character; encode or remove it")


def write_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Write field lines, each with its CRLF.

    A value goes out as Latin-1 where it fits, as UTF-8 where not: what browsers read, too.

    Raises:
        ValueError: if a name or value may not be sent; it names the field.
    """
    pairs = tuple(fields)
    # Until all is checked, CR stands for the colon and LF for the line end: neither may be part of a name or a value, so the
    # text has exactly one reading. A field that smuggles both in shows as one line more than there are fields.
    text = "\n".join((*map("\r".join, pairs), ""))
    if not _FIELD_LINES.fullmatch(text) or text.count("\n") != len(pairs):
        for name, value in pairs:
            check_field(name, value)
    text = text.replace("\r", ": ").replace("\n", "\r\n")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return b"\r\n".join(map(_encode_line, text.split("\r\n")))


def _encode_line(line: str) -> bytes:
    try:
        return line.encode("latin-1")
    except UnicodeEncodeError:
        pass
    try:
        return line.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"field {line.partition(':')[0]}: the value holds half a surrogate pair, which no encoding has"
        ) from error
