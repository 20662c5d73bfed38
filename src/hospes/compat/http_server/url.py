"""Which function answers which path, and where else a visitor may be sent.

Laws:

* A pattern is a regular expression; it is matched at the beginning of the decoded path, without the query.
* A name leads to a path only if its pattern is literal, such as `^\\/about$`: from any other nothing can be told.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from hospes.errors import SetupError

_PLAIN: Final = re.compile(r"\^?((?:[^\\.^$*+?{}\[\]|()]|\\[^0-9A-Za-z])*)(?:\$|\\Z)?")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class Path:
    """A pattern of paths, and the function that answers them.

    Args:
        pattern: A regular expression, such as `^\\/$`.
        function: Called with request and response.
        name: What `RedirectToFunction` calls it; the function's own name by default.

    Raises:
        SetupError: for a malformed pattern, and for what is no plain function.
    """

    def __init__(self, pattern: str, function: Callable[..., Any], name: str = "") -> None:
        try:
            self.regexp = re.compile(pattern)
        except re.error as error:
            raise SetupError(f"Path({pattern!r}): {error}", remedy="the pattern is a regular expression: r'^/about$'") from None
        if not callable(function) or inspect.iscoroutinefunction(function):
            what = "is async" if callable(function) else "is no function"
            raise SetupError(
                f"Path({pattern!r}): {getattr(function, '__name__', repr(function))} {what}",
                remedy="give a plain function of request and response; it runs in a thread, and may block",
            )
        self.pattern = pattern
        self.function = function
        self.name = name or str(getattr(function, "__name__", ""))

    def matches(self, path: str) -> bool:
        """Whether a decoded path is one of them."""
        return self.regexp.match(path) is not None

    def __repr__(self) -> str:
        return f"Path({self.pattern!r}, {self.name})"


class Redirect:
    """What a function returns to send its visitor elsewhere, with 308: the method stays, and so does the content.

    Args:
        path: Path or URL; a relative one is given as it is.
    """

    def __init__(self, path: str) -> None:
        self.path = path


class RedirectToFunction:
    """What a function returns to send its visitor to where another one answers, with 308.

    Args:
        name: The name of a `Path` whose pattern is literal.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def path_in(self, route: Iterable[Path]) -> str:
        """Where that is.

        Raises:
            LookupError: if no path has this name, or its pattern is not literal.
        """
        paths = list(route)
        found = next((each for each in paths if each.name == self.name), None)
        if found is None:
            known = ", ".join(each.name for each in paths)
            raise LookupError(f"RedirectToFunction({self.name!r}): no Path has this name; there are: {known}")
        literal = _PLAIN.fullmatch(found.pattern)
        if literal is None:
            raise LookupError(f"RedirectToFunction({self.name!r}): {found} matches more than one path; return Redirect(path)")
        return _ESCAPED.sub(r"\1", literal[1])
