"""A pattern parses or raises SetupError; no path raises; a pattern with what it matched is the path, but for slashes around `**`.

The input is two lines: a pattern and a path, the latter as the wire hands it on. A filter of the same pattern
has to cover whatever the route matches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hospes.errors import SetupError
from hospes.routing import Match, Route, Router, compile_path_test, parse_pattern, split_path

SEEDS = [
    b"/users/{id:int}\n/users/42",
    b"/{a}-{b:int}.html\n/x-y-5.html",
    b"/f/{p:path}/meta\n/f/a/b%2Fc/meta",
    b"/star/**\n/star/c/d",
    b"/star/**\n/star//c/d//",
    b"**/star\n//c/star",
    b"*/star\n/%E4%B8%AD/star",
    b"/d/{d:date}/{f:float}/{u:uuid}\n/d/2024-01-31/1.5e3/12345678-1234-5678-1234-567812345678",
    "/中文/{x}\n/%e4%b8%ad%e6%96%87/%20".encode(),
    b"/a//{b}/\n/a//%/",
]

_FIELD = re.compile(r"\{([^{}:]+)(?::[a-z]+)?\}")


def target(data: bytes) -> None:
    """Hold one input against the invariant."""
    text, _, path = data.decode("utf-8", "replace").partition("\n")
    try:
        pattern = parse_pattern(text, "fuzz:1")
        covers = compile_path_test(text)
    except SetupError:
        return
    router: Router[str] = Router()
    router.add(Route(pattern=pattern.text, methods=frozenset({"GET"}), endpoint="pattern"))
    matcher = router.freeze()
    matcher.match("BREW", path)
    found = matcher.match("GET", path)
    covered = covers(path)
    if not isinstance(found, Match):
        return
    assert covered, "a route's path escapes the filter of the same pattern"
    segments = split_path(path)
    assert segments is not None
    assert tuple(found.path_values) == pattern.names
    whole = "/".join(segments)
    before, wildcard, after = (_expand(each, found.path_values) for each in _parted(pattern.text))
    assert whole.startswith(before)
    assert whole.endswith(after)
    between = whole[len(before) : len(whole) - len(after)]
    assert wildcard == (between.strip("/") if "**" in pattern.text else between)


def _parted(text: str) -> tuple[str, str, str]:
    """What stands before `**`, that itself, and what stands behind it."""
    before, deep, after = text.partition("**")
    return before, deep, after


def _expand(text: str, values: Mapping[str, str]) -> str:
    """The pattern, or a part of it, with its values in place of its fields."""
    parts = [values["*"] if part in ("*", "**") else _FIELD.sub(lambda f: values[f[1]], part) for part in text.split("/")]
    return "/".join(parts)
