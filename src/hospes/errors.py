"""The one tree of everything hospes raises on purpose.

Laws:

* Whoever catches `HospesError` catches every deliberate error of this package and nothing else.
* An error says what is wrong, where, and what to do about it; its text is for the developer or for the peer who sent
  the request, never a place for secrets.
* An error that becomes an answer carries its status code itself, so that no table elsewhere has to know the type.
* A dict, a text or a class in the place of an object is told where it is given, and not where it is used (`check_kind`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import cast


class HospesError(Exception):
    """The root: an error hospes raises on purpose."""


class HttpError(HospesError):
    """A failure that is an answer: raise it in a handler or a filter and the visitor gets this status.

    Args:
        code: Status code of the answer, 400 to 599; 400 by default.
        message: One line for the visitor; the status's own phrase when empty.
        explain: More about it, for the visitor; nothing by default.
        headers: Further header fields of the answer, for example `{"Retry-After": "5"}`.

    Raises:
        ValueError, TypeError: if `code` is no error status, or no int.
    """

    def __init__(self, code: int = 400, message: str = "", explain: str = "", headers: Mapping[str, str] | None = None) -> None:
        if not hasattr(code, "__index__"):
            raise TypeError(f"HttpError({code!r}): the status comes first, an int of 400 to 599, and then the message")
        if not 400 <= code <= 599:
            raise ValueError(f"HttpError({code}): an error's status is 400 to 599; return the int {code} to answer with it")
        super().__init__(code, message, explain)
        self.code = int(code)  # an http.HTTPStatus is shown differently from version to version of Python
        self.message = message
        self.explain = explain
        self.headers: Mapping[str, str] = headers if headers is not None else {}

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.message, self.explain) if part)


class ProtocolError(HospesError):
    """The peer broke the protocol: the octets are refused with `status`, and the connection ends.

    Args:
        status: Status code to answer with (400, 408, 413, 414, 417, 431, 501, 505).
        reason: What was wrong, in words the peer may read; it never repeats the peer's octets.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"


class ClientDisconnected(HospesError):
    """The peer went away before its request, or the answer to it, was complete."""


class SetupError(HospesError):
    """A mistake in the program, found before the first request: it names file and line, and the remedy.

    Args:
        problem: What is wrong, one sentence.
        where: `file:line` of each place concerned, most important first; may be empty.
        remedy: What to do, one sentence.
    """

    def __init__(self, problem: str, *, where: tuple[str, ...] = (), remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [self.problem, *(f"  at {place}" for place in self.where)]
        if self.remedy:
            lines.append(f"  → {self.remedy}")
        return "\n".join(lines)


def check_kind(option: str, value: object, kind: type | tuple[type, ...], example: str) -> None:
    """See to it that an option is of its kind.

    Args:
        option: How a program writes it, with a place for the value: "App(visitors={})".
        value: What was given.
        kind: What it is to be; of several the first is named.
        example: How one is written.

    Raises:
        SetupError: if it is of another kind.
    """
    if isinstance(value, kind):
        return
    named = (kind if isinstance(kind, type) else kind[0]).__name__
    if isinstance(value, type):
        shown, problem = value.__name__, f"is a class, and no {named}" if value.__name__ != named else "is the class itself"
    else:
        shown, problem = repr(value), f"is no {named}"
    raise SetupError(f"{option.format(shown)} {problem}", remedy=f"write {option.format(example)}")


def check_callable(kind: str, given: object, remedy: str) -> None:
    """Refuse at once what no request could be given to.

    Args:
        kind: What it is to be.
        given: What was given.
        remedy: What to do.

    Raises:
        SetupError: if it cannot be called.
    """
    if not callable(given):
        raise SetupError(f"{type(given).__qualname__} is no {kind}: it cannot be called", remedy=remedy)


def is_list_of_texts(given: object) -> bool:
    """Whether an option lists texts; a text alone is none, for it would be taken for its characters."""
    if isinstance(given, str) or not isinstance(given, (Sequence, Set)):
        return False
    return all(isinstance(each, str) for each in cast("Iterable[object]", given))
