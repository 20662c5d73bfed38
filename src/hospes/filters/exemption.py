"""Paths that a filter leaves alone.

Law: an exemption that opens something is read as routes are, exactly; one that closes something is read as filters are, with
every spelling of a path that could mean the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from hospes.http.request import Request
from hospes.routing import Match, Route, Router, compile_path_test

Paths: TypeAlias = str | Sequence[str]
"""One pattern or several; none where it is empty."""


def exactly(paths: Paths) -> Callable[[Request], bool]:
    """A test of requests: is the path one of these, as routes have them?

    Raises:
        SetupError: for a malformed pattern.
    """
    router: Router[bool] = Router(on_conflict="last")
    for path in _each(paths):
        router.add(Route(pattern=path, endpoint=True))
    match = router.freeze().match
    return lambda request: type(match(request.method, request.head.path, request)) is Match


def at_least(paths: Paths) -> Callable[[str], bool]:
    """A test of raw paths: could one be any of these, as filters have them?

    Raises:
        SetupError: for a malformed pattern.
    """
    tests = [compile_path_test(path) for path in _each(paths)]
    return lambda path: any(test(path) for test in tests)


def _each(paths: Paths) -> Sequence[str]:
    return ((paths,) if paths else ()) if isinstance(paths, str) else paths
