"""What other frameworks spell otherwise, and nothing here would find wrong.

Laws:

* `/<name>` and `/:name` are literals here. Where the handler has a parameter of that name, a field was meant: an error.
* A parameter `request` without a type is one of the query, as every bare parameter is. That may be meant, so it is a warning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from hospes.app.threads import LOG
from hospes.binding import Site
from hospes.binding.signature import EMPTY, arguments_of, name_of
from hospes.lazily import regexp

_FOREIGN: Final = regexp(r"/(?:<(?:(\w+):)?(\w+)>|:(\w+))(?![^/])")
"""A segment `<name>`, `<int:name>` or `:name`."""
_KNOWN: Final = frozenset({"int", "float", "uuid", "path"})


def check_spelling(function: Callable[..., Any], site: Site, url: str) -> None:
    """Look for what a newcomer from elsewhere may have written.

    Raises:
        SetupError: for a field in another framework's spelling.
    """
    arguments = {each.name: each for each in arguments_of(function, site)}
    for found in _FOREIGN.finditer(url):
        converter, *names = found.groups()
        name = names[0] or names[1]
        if name in arguments:
            field = f"{name}:{converter}" if converter in _KNOWN else name
            raise arguments[name].problem(f"is no part of the path {url!r}: {found[0][1:]} is a literal", f"write {{{field}}}")
    request = arguments.get("request")
    if (
        request is not None
        and request.annotation is EMPTY
        and request.default is EMPTY
        and "request" not in (site.path_names or ())
    ):
        LOG.warning(
            "%s: the parameter 'request' of %s() has no type, and is a value of the query; the request is `request: Request`",
            *request.where,
            name_of(function),
        )
