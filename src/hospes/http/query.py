"""Names and values of a query or an urlencoded form (application/x-www-form-urlencoded, WHATWG URL §5).

Laws:

* The text is split first and decoded afterwards, exactly once: an encoded `&` or `=` is data and separates nothing.
* `+` is a space; `name` alone is an empty value; nothing between two `&` is nothing; a further `?` is data.
* What cannot be decoded is refused with 400 and the parameter's name, never replaced by something the visitor did not send.
* Time and memory grow with the text, and the number of parameters has a bound before they are made.
"""

from __future__ import annotations

import re

from hospes.errors import HttpError
from hospes.http.percent import percent_decode

_SEVERAL_AMPERSANDS = re.compile(r"&{2,}+")
_SHOWN = 40


def parse_query(text: str, limit: int) -> dict[str, list[str]]:
    """Split and decode a query or an urlencoded form.

    Args:
        text: The query without its leading `?`, or the form's content; still encoded.
        limit: How many names with values may be in it.

    Returns:
        The values of each name, in the order they came in.

    Raises:
        HttpError: 400 if there are more than `limit` of them, or one has a malformed percent-escape or is not UTF-8.
    """
    if not text:
        return {}
    if text.count("&") >= limit:
        text = _compact(text, limit)
    encoded = "%" in text or "+" in text
    found: dict[str, list[str]] = {}
    for piece in text.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        if encoded:
            name, value = _decode(name, value)
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    return found


def _compact(text: str, limit: int) -> str:
    """The text without empty pieces, so that only what counts is counted, and a megabyte of `&` makes no list."""
    text = _SEVERAL_AMPERSANDS.sub("&", text).strip("&")
    if text.count("&") >= limit:
        raise HttpError(400, "Too many parameters", f"At most {limit} names and values may be sent.")
    return text


def _decode(name: str, value: str) -> tuple[str, str]:
    try:
        return percent_decode(name.replace("+", " ")), percent_decode(value.replace("+", " "))
    except ValueError as problem:
        # The name is shown as it was sent: that is what the visitor can look for, and its escapes keep it harmless.
        shown = name if len(name) <= _SHOWN else name[:_SHOWN] + "…"
        raise HttpError(400, "Malformed parameter", f"Parameter {shown!r}: {problem}.") from None
