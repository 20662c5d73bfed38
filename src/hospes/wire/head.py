"""The head of a request: request line and field lines, up to the empty line (RFC 9112 §2.1).

    GET /hello?name=you HTTP/1.1        method SP target SP version
    Host: example.org                   name ":" value
    Accept: */*
                                        the empty line

`parse_head` reads a head that is complete. It reads the common case with a handful of operations over all octets at once, and
where something is odd it hands over to `HeadLines`, which goes line by line and knows why. `HeadLines` also watches a head
that is still coming, so that a bad or too long one is refused before its end.

Laws:

* Of several mistakes the one in the earliest line is reported; only when every line is sound are the fields weighed against
  each other. So what is reported never depends on how the octets were cut.
* The quick path accepts nothing that the line by line path refuses.
"""

from __future__ import annotations

import re

from hospes.errors import ProtocolError
from hospes.limits import Limits

from .fields import Fields, parse_field_line
from .framing import request_framing
from .grammar import FIELD_TABLE, FOREIGN, METHOD_LENGTH, PATH, QUERY, TCHAR, TOKEN_TABLE
from .lines import Lines
from .target import Target, TargetForm, is_authority, parse_target


class RequestHead:
    """The head of one request, checked and taken apart.

    Two requests are compared by what they are, not by what they say: there is no `__eq__`.
    """

    __slots__ = (
        "authority",
        "chunked",
        "content_length",
        "expect_continue",
        "fields",
        "form",
        "keep_alive",
        "method",
        "minor",
        "path",
        "query",
        "target",
        "upgrade",
    )

    method: str
    """The method, a case-sensitive token; unknown ones are allowed (RFC 9110 §9.1)."""
    target: str
    """The target as it came; ASCII."""
    form: TargetForm
    """Which of the four forms the target has."""
    path: str
    """The path, still percent-encoded, without query; `*` for the asterisk form, empty for the authority form."""
    query: str
    """What follows the first question mark; empty if nothing does."""
    authority: str
    """Whom the request is for, `host[:port]`; empty only for HTTP/1.0 without Host."""
    minor: int
    """Minor version: 0 or 1. A higher one counts as 1 (RFC 9110 §2.5)."""
    fields: Fields
    """All field lines, in order: lower-case name, value."""
    content_length: int | None
    """Declared octets of content."""
    chunked: bool
    """Whether the content comes in chunks. With neither of the two there is no content."""
    keep_alive: bool
    """Whether the peer is willing to send another request on this connection (RFC 9112 §9.3)."""
    expect_continue: bool
    """Whether the peer waits for `100 Continue` before it sends the content (RFC 9110 §10.1.1)."""
    upgrade: tuple[str, ...]
    """Protocols the peer offers to change to, lower-cased, best first (RFC 9110 §7.8)."""

    def field(self, name: bytes) -> bytes | None:
        """Give the first value of a field, or None.

        Args:
            name: The field's name in lower case.
        """
        for each, value in self.fields:
            if each == name:
                return value
        return None

    def only(self, name: bytes) -> bytes | None:
        """Give the value of a field that is there once, or None.

        Args:
            name: The field's name in lower case.
        """
        values = [value for each, value in self.fields if each == name]
        return values[0] if len(values) == 1 else None

    def __copy__(self) -> RequestHead:
        other = RequestHead()
        other.method, other.target, other.form, other.query = self.method, self.target, self.form, self.query
        other.authority, other.minor, other.fields = self.authority, self.minor, self.fields
        other.content_length, other.chunked, other.keep_alive = self.content_length, self.chunked, self.keep_alive
        other.expect_continue, other.upgrade, other.path = self.expect_continue, self.upgrade, self.path
        return other

    @property
    def has_content(self) -> bool:
        """Whether content follows the head, even if of length 0: then an `EndOfContent` follows, too."""
        return self.chunked or self.content_length is not None

    def __repr__(self) -> str:
        content = "chunked" if self.chunked else self.content_length
        return f"<RequestHead {self.method} {self.target} HTTP/1.{self.minor} for {self.authority!r}, content: {content}>"


# The usual request line. RFC 9112 §3 demands exactly one space at both places.
_ORIGIN_LINE = re.compile(rf"(?!CONNECT )([{TCHAR}]{{1,{METHOD_LENGTH}}}+) (({PATH})(?:\?({QUERY}))?) HTTP/1\.([0-9])")
_METHOD = re.compile(rf"[{TCHAR}]++")
_VERSION = re.compile(r"HTTP/([0-9])\.([0-9])")
# The usual Host. Whatever else is allowed there, `is_authority` knows.
_PLAIN_HOST = re.compile(rb"[a-z0-9.\-]++(?::[0-9]{1,4}+)?")

# Fields obeyed here that may come once only: of two, two readers might believe different ones.
_ONCE = {b"host": "Host is given more than once", b"content-length": "Content-Length is given more than once"}
# Fields obeyed here whose value is a list, so that several lines are one list (RFC 9110 §5.3).
_LISTS = frozenset((b"connection", b"expect", b"transfer-encoding", b"upgrade"))


def parse_head(octets: bytes, limits: Limits) -> RequestHead:
    """Take a complete head apart.

    Args:
        octets: The head without the two CRLF at its end.
        limits: Its `field_count` is kept here; its sizes where line by line reading is needed, else by the caller.

    Raises:
        ProtocolError: 400, 414, 417, 431, 501 or 505.
    """
    lines = octets.split(b"\r\n")
    first = lines.pop(0)
    fields: Fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        fields.append((name.lower() if colon else b"", value.strip()))
    known = dict(fields)
    origin = _ORIGIN_LINE.fullmatch(first.decode("latin-1"))
    # All lines are checked at once: no name is empty, names hold nothing foreign to tokens, and the only octets foreign to
    # fields are the CR and LF between lines. Where that fails something is odd, if not wrong: `HeadLines` raises, or returns.
    if (
        origin is None
        or b"" in known
        or FOREIGN in b"".join(known).translate(TOKEN_TABLE)
        or octets.translate(FIELD_TABLE).count(FOREIGN) > 2 * len(lines)
        or len(lines) > limits.field_count
    ):
        HeadLines(limits).find_end(octets + b"\r\n\r\n")

    head = RequestHead()
    head.fields = fields
    if origin is not None:
        head.form = TargetForm.ORIGIN
        head.method, head.target, head.path, head.query, minor = origin.groups("")
        head.minor = 0 if minor == "0" else 1
        authority = ""
    else:
        head.method, head.target, head.minor, target = parse_request_line(first)
        head.form, head.path, head.query, authority = target
    if len(known) < len(fields):
        known = _join_lists(fields)
    _weigh(head, known, authority)
    return head


def _weigh(head: RequestHead, known: dict[bytes, bytes], authority: str) -> None:
    """Fill in what the fields say about the request as a whole.

    Args:
        head: Its request line is filled in already.
        known: The fields obeyed here, by name; others may be among them.
        authority: What the target said; empty if it leaves that to Host.

    Raises:
        ProtocolError: 400, 417 or 501.
    """
    host = known.get(b"host")
    if host is None:
        if head.minor:  # RFC 9112 §3.2
            raise ProtocolError(400, "Host is missing")
    elif not _PLAIN_HOST.fullmatch(host) and not is_authority(host.decode("latin-1")):
        raise ProtocolError(400, "Host is malformed")
    else:
        authority = authority or host.decode()  # RFC 9112 §3.2.2: the target wins
    head.authority = authority

    if b"content-length" in known or b"transfer-encoding" in known:
        coding, length = known.get(b"transfer-encoding"), known.get(b"content-length")
        head.content_length, head.chunked = request_framing(head.minor, coding, length)
    else:
        head.content_length, head.chunked = None, False

    head.keep_alive, head.upgrade, head.expect_continue = head.minor == 1, (), False
    if b"connection" in known and (known[b"connection"] != b"keep-alive" or not head.minor):  # else what 1.1 does anyway
        _obey_connection(head, known)
    if b"expect" in known and head.minor:  # RFC 9110 §10.1.1: in a 1.0 request to be ignored
        if known[b"expect"].lower() != b"100-continue":
            raise ProtocolError(417, "the only expectation that can be met is 100-continue")
        head.expect_continue = True


def _obey_connection(head: RequestHead, known: dict[bytes, bytes]) -> None:
    """Fill in what the Connection field says (RFC 9110 §7.6.1, RFC 9112 §9.3)."""
    options = _list_members(known[b"connection"])
    # "close" beats "keep-alive", and an Upgrade that Connection does not name was not meant for this hop.
    head.keep_alive = "close" not in options and (head.minor == 1 or "keep-alive" in options)
    if "upgrade" in options and head.minor:
        head.upgrade = _list_members(known.get(b"upgrade", b""))


def _list_members(value: bytes) -> tuple[str, ...]:
    """Split a list of tokens at its commas; empty members do not count (RFC 9110 §5.6.1.2)."""
    return tuple(member.decode("latin-1") for member in map(bytes.strip, value.lower().split(b",")) if member)


def _join_lists(fields: Fields) -> dict[bytes, bytes]:
    """Give the obeyed fields of a head in which some field came twice.

    Raises:
        ProtocolError: 400 if it was one that may come once only.
    """
    known: dict[bytes, bytes] = {}
    for name, value in fields:
        if name not in known:
            known[name] = value
        elif name in _ONCE:
            raise ProtocolError(400, _ONCE[name])
        elif name in _LISTS:
            known[name] += b"," + value
    return known


def parse_request_line(line: bytes) -> tuple[str, str, int, Target]:
    """Take any request line apart, without its CRLF.

    Returns:
        Method, target as it came, minor version and the target taken apart.

    Raises:
        ProtocolError: 400, 501 for a method nobody could know, 505 for another major version.
    """
    method, _, rest = line.decode("latin-1").partition(" ")
    target, _, version = rest.rpartition(" ")
    found = _VERSION.fullmatch(version)
    if not found or found[1] == "0":  # HTTP/0.9 wrote no version at all, so who writes that one is confused
        raise ProtocolError(400, "the request line does not end with a space and an HTTP version")
    if found[1] != "1":
        raise ProtocolError(505, "the major version of HTTP is not 1")
    if not _METHOD.fullmatch(method):
        raise ProtocolError(400, "the method is not a token")
    if len(method) > METHOD_LENGTH:
        raise ProtocolError(501, "the method is longer than any that is known")
    if not target or " " in target:
        raise ProtocolError(400, "the request line is not method, target and version with one space between")
    return method, target, 0 if found[2] == "0" else 1, parse_target(method, target)


_TLS_HANDSHAKE = b"\x16"


class HeadLines:
    """Reads a head line by line while it comes, and finds its end or the first mistake in it.

    Sizes are watched on octets, not on whole lines, so that a line without an end is refused when it is too long.
    """

    __slots__ = ("_count", "_fields_start", "_limits", "_lines")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines = Lines()
        self._count = -1  # of field lines; the request line comes before the first
        self._fields_start = 0

    def find_end(self, buffer: bytes | bytearray) -> int | None:
        """Give the number of octets of the head with its empty line, or None while the empty line has not come.

        Args:
            buffer: All octets of the head so far; at every call the same, with more at its end.

        Raises:
            ProtocolError: 400, 414, 431, 501 or 505.
        """
        if buffer.startswith(_TLS_HANDSHAKE):
            raise ProtocolError(400, "this port speaks plain HTTP, and the peer began with TLS")
        while (line := self._lines.next(buffer, *self._allowance())) is not None:
            if self._count < 0:
                parse_request_line(line)
                self._fields_start = self._lines.start
            elif line:
                parse_field_line(line)
            else:
                return self._lines.start
            self._count += 1
        return None

    def _allowance(self) -> tuple[int, int, str]:
        """How long the next line may be, and the answer if it is longer."""
        limits = self._limits
        if self._count < 0:
            return limits.request_line, 414, "the request line is too long"
        # Where no field is allowed any more, the empty line that ends the head still is: a line of no octets.
        if self._count == limits.field_count:
            return 0, 431, "there are too many fields"
        room = max(0, limits.fields - (self._lines.start - self._fields_start) - len(b"\r\n"))
        if room < limits.field:
            return room, 431, "the fields together are too long"
        return limits.field, 431, "a field line is too long"
