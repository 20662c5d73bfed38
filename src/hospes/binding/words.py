"""What msgspec says about a value, in plain words: "Expected `int` >= 1 - at `$.n`" becomes "expected an integer >= 1".

Law: a text that is not known is passed on as it is, without its path, so that a new msgspec loses polish and no information.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hospes.lazily import regexp

_EXPECTED = regexp(r"Expected `([^`]*+)`(.*)", re.DOTALL)
_MISSING = regexp(r"Object missing required field `([^`]*+)`")
_LONGEST = 160
NOT_ALLOWED = "not one of the values that are allowed"
_GOT = regexp(r", got `?[^`]*`?$")
_PATH = regexp(r" - at (?:(`key`) in )?`([^`]*+)`$")
_STEP = regexp(r"\.([^.\[]++)|\[([0-9]++)\]")

_WORDS: Mapping[str, str] = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "bytes": "a base64 string",
    "datetime": "a date and time",
    "date": "a date",
    "time": "a time",
    "timedelta": "a duration",
    "duration": "a duration",
    "uuid": "a UUID",
    "decimal": "a decimal number",
}
_WHOLE: Mapping[str, str] = {
    "Invalid RFC3339 encoded datetime": "expected a date and time such as 2026-01-31T12:00:00Z",
    "Invalid RFC3339 encoded date": "expected a date such as 2026-01-31",
    "Invalid RFC3339 encoded time": "expected a time such as 12:00:00",
    "Invalid ISO8601 duration": "expected a duration such as PT1H30M",
    "Invalid UUID": "expected a UUID",
    "Invalid decimal string": "expected a decimal number",
    "Invalid base64 encoded string": "expected a base64 string",
    "Integer value out of range": "expected an integer of fewer digits",
    "Number out of range": "expected a smaller number",
}


def told(text: str) -> tuple[str, str]:
    """Where and what: the JSON Pointer without `#` that a msgspec error names, and what it says in plain words."""
    steps = pointer_in(text)
    missing = _MISSING.match(text)
    if missing is not None:
        return f"{steps}/{escaped(missing[1])}", "missing"
    where = _PATH.search(text)
    is_key = where is not None and where[1] is not None
    return steps, f"a key does not fit: {in_words(text)}" if is_key else in_words(text)


def in_words(text: str) -> str:
    """A msgspec error's text without its path, in plain words and without what was given instead."""
    text = _GOT.sub("", _PATH.sub("", text))
    if text in _WHOLE:
        return _WHOLE[text]
    if text.startswith(("Invalid enum value", "Invalid value ")):
        return NOT_ALLOWED
    found = _EXPECTED.match(text)
    if found is None:
        return shortened(text[:1].lower() + text[1:])
    names = " or ".join(_WORDS.get(each, each) for each in found[1].split(" | "))
    return f"expected {names}{found[2].replace('`', '')}"


def shortened(text: str) -> str:
    """A text that may repeat what a visitor sent, without control characters and not long."""
    text = "".join(each if each.isprintable() else "?" for each in text[:_LONGEST])
    return text if len(text) < _LONGEST else text + "…"


def pointer_in(text: str) -> str:
    """The place a msgspec error names, as a JSON Pointer without `#`: "`$.items[3].price`" becomes `/items/3/price`.

    It ends where msgspec does not say which key it was (`$[...]`).
    """
    found = _PATH.search(text)
    if found is None:
        return ""
    path, position, steps = found[2], 1, ""
    while step := _STEP.match(path, position):
        steps += "/" + escaped(step[1] if step[1] is not None else step[2])
        position = step.end()
    return steps


def escaped(key: str) -> str:
    """A key as a token of a JSON Pointer (RFC 6901 §3)."""
    return key.replace("~", "~0").replace("/", "~1")
