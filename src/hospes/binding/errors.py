"""How a binding says that a request does not fit: what is wrong, in plain words, and never more than can be read.

Laws:

* A reader raises `Unfit`, and only that, for what the visitor did wrong; the plan collects them into one `InvalidRequest`.
* A visitor's value is shown shortened to 40 characters, its control characters escaped.
* At most `MOST` errors are listed, whatever was sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from hospes.http.problem import FieldError

MOST = 100
"""Errors shown of one request: more than anybody reads, few enough to cost nothing."""
SHOWN = 40
"""Characters shown of a visitor's value."""


class Unfit(Exception):
    """An argument cannot be made of the request.

    Args:
        errors: What is wrong; at least one.
    """

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(errors)
        self.errors = errors


def unfit(source: str, pointer: str, message: str) -> Unfit:
    """An `Unfit` of one error."""
    return Unfit(FieldError(source, pointer, message))


def shown(value: object) -> str:
    """A value of a request as an error shows it: `'abc'`, `12`, `null`, `a list`, `an object`."""
    if isinstance(value, str):
        return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN]!r}…"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 4 * SHOWN:
        return "a number of many digits"
    import json  # slow to import, and only errors need it

    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def limited(errors: Sequence[FieldError]) -> list[FieldError]:
    """The first `MOST` errors, and one more that counts the rest."""
    listed = list(errors[:MOST])
    if len(errors) > MOST:
        listed.append(FieldError("request", "", f"{len(errors) - MOST} more errors are not shown"))
    return listed
