"""The alphabet of HTTP/1.1: which octets may stand where.

Everything in a head is made of very few sets of octets. This file names them once, in the words of the RFCs, and every
parser of this package takes them from here.

Laws:

* A set is written as the inside of a regular expression's `[...]`, in ASCII, so that one definition serves patterns over
  octets and patterns over text.
* No pattern built here can backtrack: a repetition is possessive (`*+`, `++`), or what follows it cannot begin with what
  it repeats. Matching is linear in the input.
* An octet that is in no set is refused, never replaced and never skipped.
"""

from __future__ import annotations

import re
from typing import Final

TCHAR: Final = r"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""What a token is made of: methods, field names, transfer codings. RFC 9110 §5.6.2."""

FIELD_CHAR: Final = r"\t\x20-\x7e\x80-\xff"
"""What a field value is made of: visible ASCII, obs-text, space and tab. RFC 9110 §5.5. CR, LF, NUL and the other controls
are missing: a value that holds them could end its own line, or be cut short by a peer written in C."""

PATH_CHAR: Final = r"!\"$&->@-~"
"""What a path is made of besides percent-escapes: visible ASCII without `#`, `?` and `%`.

RFC 3986 §3.3 allows fewer, but browsers follow the WHATWG URL rules, which send `|`, `[`, `]` and `^` as they are. None of
those can move the border between two parts of a message, so they pass; a reader that cares decodes the path and looks."""

QUERY_CHAR: Final = r"!\"$-~"
"""What a query is made of: visible ASCII without `#`. RFC 3986 §3.4, with the same allowance. A `%` needs no hex digits here:
people type `?discount=5%`, and a query's decoder has its own rule for that."""

PCT_ENCODED: Final = r"%[0-9A-Fa-f]{2}"
"""One percent-escape. RFC 3986 §2.1."""

REG_NAME_CHAR: Final = r"\-._~0-9A-Za-z!$&'()*+,;="
"""What a host's name is made of besides percent-escapes: unreserved and sub-delims. RFC 3986 §3.2.2. No `@`: credentials do
not belong into a request (RFC 9110 §4.2.4)."""

PATH: Final = rf"/(?:[{PATH_CHAR}]++|{PCT_ENCODED})*+"
"""An absolute path. RFC 9110 §4.1; an escape must be whole."""

QUERY: Final = rf"[{QUERY_CHAR}]*+"
"""A query without its question mark; a second question mark belongs to it."""

QUOTED_STRING: Final = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]++|\\[\t\x20-\x7e\x80-\xff])*+"'
"""A quoted string with its escapes. RFC 9110 §5.6.4."""

METHOD_LENGTH: Final = 32
"""Characters of the longest method understood. RFC 9112 §3 answers a longer one with 501; the longest registered one,
`UPDATEREDIRECTREF`, has 17."""

CRLF: Final = b"\r\n"


FOREIGN: Final = b"\0"


def _table(char_class: str) -> bytes:
    """A table for `bytes.translate` that turns each octet which `[char_class]` does not match into `FOREIGN`.

    To translate and look for `FOREIGN` is the fastest check that many octets are all of one set.
    """
    member = re.compile(f"[{char_class}]")
    return b"".join(b"." if member.match(chr(octet)) else FOREIGN for octet in range(256))


TOKEN_TABLE: Final = _table(TCHAR)
FIELD_TABLE: Final = _table(FIELD_CHAR)
