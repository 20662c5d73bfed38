"""Paths as requests bear them: split, decoded, and tested for filters.

Laws:

* A path is split at its slashes first and then decoded, each segment once: "%2F" is a character of its segment, and
  "%252F" is "%2F" (RFC 3986 §2.4, §7.3).
* A malformed percent-encoding is refused, and so is what is not UTF-8 (§2.1, §2.5); nothing is repaired.
* Dot segments have no meaning here. Whoever opens files looks after them.
* A guard has no hole: a path test covers a path if any reading of it is covered, see `compile_path_test`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from hospes.errors import SetupError
from hospes.http.percent import percent_decode
from hospes.routing.pattern import Kind, Segment, parse_pattern


def split_path(path: str) -> list[str] | None:
    """Split a raw path and decode each segment; None if the encoding is malformed.

    Args:
        path: The path of the request's target, percent-encoded. The slash that it begins with makes the first segment "".
    """
    segments = path.split("/")
    if "%" not in path:
        return segments
    try:
        return [percent_decode(segment) for segment in segments]
    except ValueError:
        return None


def compile_regexp(regexp: str, source: str = "") -> re.Pattern[str]:
    """Compile a regular expression that a program gave.

    Raises:
        SetupError: if it is none.
    """
    try:
        return re.compile(regexp)
    except (re.error, OverflowError, RecursionError) as mistake:
        problem = f"The regexp {regexp!r} is malformed: {mistake}."
        raise SetupError(problem, where=(source,) if source else (), remedy="See Python's re for the syntax.") from None


def compile_path_test(pattern: str = "", regexp: str = "", source: str = "") -> Callable[[str], bool]:
    """Make the test that decides whether a filter covers a path.

    The pattern is that of a route, but `**` and `{name:path}` also stand for nothing and for slashes at the ends:
    "/admin/**" covers "/admin", "/admin/" and all below. A path is covered if any of its readings is: split before
    decoding as routes do, decoded before splitting, or with empty and dot segments removed. So a filter sees rather a
    request too many than one too few. A path that cannot be decoded is covered as well.

    Args:
        pattern: Pattern of the paths to cover; "" for none.
        regexp: Regular expression, matched against the decoded path with and without its leading slash; "" for none.
            With neither, everything is covered.
        source: `file:line` of the declaration, for errors.

    Returns:
        A test of a raw path: percent-encoded, as the request's head has it.

    Raises:
        SetupError: if pattern or regexp is malformed, or both are given.
    """
    if pattern and regexp:
        problem = f"A filter has both the pattern {pattern!r} and the regexp {regexp!r}."
        raise SetupError(problem, where=(source,) if source else (), remedy="Keep one, or declare two filters.")
    if not pattern and not regexp:
        return _everything
    covers = _pattern_cover(pattern, source) if pattern else _regexp_cover(compile_regexp(regexp, source))

    def test(path: str) -> bool:
        # Only with one of these do the readings differ.
        if "%" not in path and "//" not in path and "/." not in path:
            return covers(path.split("/"))
        segments = split_path(path)
        return segments is None or any(map(covers, _readings(segments)))

    return test


def _everything(path: str) -> bool:
    return True


def _readings(segments: list[str]) -> tuple[list[str], ...]:
    decoded = "/".join(segments)
    resolved = posixpath.normpath("/" + decoded.lstrip("/"))
    return segments, decoded.split("/"), resolved.split("/")


def _regexp_cover(regexp: re.Pattern[str]) -> Callable[[list[str]], bool]:
    def covers(segments: list[str]) -> bool:
        path = "/".join(segments)
        return regexp.match(path[1:]) is not None or regexp.match(path) is not None

    return covers


def _pattern_cover(text: str, source: str) -> Callable[[list[str]], bool]:
    segments = parse_pattern(text, source).segments
    tests = ["".__eq__, *map(_segment_test, segments)]
    spans = [index for index, segment in enumerate(segments, 1) if segment.kind in (Kind.PATH, Kind.DEEP)]
    if not spans:
        return lambda given: len(given) == len(tests) and _fit(tests, given)
    before, after = tests[: spans[0]], tests[spans[0] + 1 :]
    fixed = len(before) + len(after)
    return lambda given: len(given) >= fixed and _fit(before, given) and _fit(after, given[len(given) - len(after) :])


def _fit(tests: list[Callable[[str], object]], given: list[str]) -> bool:
    return all(test(segment) for test, segment in zip(tests, given, strict=False))


def _segment_test(segment: Segment) -> Callable[[str], object]:
    if segment.kind is Kind.LITERAL:
        return segment.key.__eq__
    return re.compile(segment.expression, re.DOTALL).fullmatch if segment.expression else bool
