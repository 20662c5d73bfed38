"""The router: a list of declarations, frozen into a matcher when the application starts.

A request's path is looked for in three classes, and in each for its method before any method:

    1. static paths      one look into a dict
    2. patterns          one walk through the tree of the method, then one through that of any method
    3. regexps           in the order in which they were declared

Laws:

* A route whose conditions a request does not meet is passed over, and the search goes on.
* HEAD is answered by a HEAD route, else by a GET route (RFC 9110 §9.3.2), else by one of any method.
* A path that only other methods have is no 404; what they are is told (§15.5.6). But where a route of this path and
  method was passed over for its conditions, it is a 404: another method would not help.
* Two routes that demand the same are a mistake that names both places, unless the router is told that the last one wins.
* A matcher never changes and raises nothing: every outcome is a value. (What a request raises when a condition has its
  parameters parsed is the request's.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

from hospes.errors import SetupError
from hospes.http.direct import Ways
from hospes.lazily import regexp
from hospes.routing.conditions import Conditioned, Conditions
from hospes.routing.outline import ways
from hospes.routing.paths import compile_regexp, split_path
from hospes.routing.pattern import Pattern, parse_pattern
from hospes.routing.tree import (
    NO_VALUES,
    AutomaticOptions,
    BadPath,
    Candidate,
    Match,
    MethodNotAllowed,
    Node,
    NotFound,
    insert_candidate,
    tail_match,
    tails,
    walk,
)

E = TypeVar("E")
D = TypeVar("D")

Outcome: TypeAlias = "Match[E] | NotFound | MethodNotAllowed | AutomaticOptions | BadPath"
"""What a matcher answers."""

ANY = ""
"""Stands for any method where a method's name would; no method has an empty name (RFC 9110 §9.1)."""

_TOKEN = regexp(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2

_NOT_FOUND = NotFound()
_BAD_PATH = BadPath()


class Route(Struct, Generic[E], frozen=True, kw_only=True):
    """A declaration: which requests lead to an endpoint.

    Args:
        pattern: The path's pattern, see `hospes.routing.pattern`; "" for a regexp route.
        regexp: Regular expression, matched (from the start, as `re.match`) against the decoded path without its leading
            slash, then with it; "" for a pattern route.
        methods: Methods, in the case in which they come; empty for any.
        params: Expressions on parameters, see `hospes.routing.conditions`.
        headers: Expressions on header fields.
        match_all_params: Whether all of `params` must hold, or one; True by default.
        match_all_headers: Whether all of `headers` must hold, or one; True by default.
        endpoint: What a match hands out; the router does not look at it.
        source: `file:line` of the declaration, for errors.
    """

    pattern: str = ""
    regexp: str = ""
    methods: frozenset[str] = frozenset()
    params: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    match_all_params: bool = True
    match_all_headers: bool = True
    endpoint: E
    source: str = ""


class _Declared(Struct, Generic[E], frozen=True):
    """A route with all that was read out of it."""

    route: Route[E]
    path: Pattern | re.Pattern[str]
    conditions: Conditions

    @property
    def claim(self) -> tuple[str, Conditions]:
        """Two routes of one claim and method are in each other's way."""
        return (self.path.key if isinstance(self.path, Pattern) else f"regexp {self.path.pattern}"), self.conditions

    @property
    def methods(self) -> frozenset[str]:
        return self.route.methods or frozenset((ANY,))

    def candidate(self) -> Candidate[E]:
        names = self.path.names if isinstance(self.path, Pattern) else ()
        return Candidate(self.route.endpoint, names, self.conditions.compile(), len(self.conditions))


class Router(Generic[E]):
    """Collects routes.

    Args:
        on_conflict: What happens when two routes demand the same: "error" (the default) or "last", where the later one
            takes the methods they share.
    """

    def __init__(self, on_conflict: Literal["error", "last"] = "error") -> None:
        self._on_conflict = on_conflict
        self._declared: list[_Declared[E]] = []

    @property
    def routes(self) -> tuple[Route[E], ...]:
        """All routes in the order in which they were added."""
        return tuple(declared.route for declared in self._declared)

    @property
    def replaced(self) -> tuple[tuple[Route[E], Route[E]], ...]:
        """Pairs of routes that demand the same, the earlier one first."""
        return tuple(self._settle()[1])

    def add(self, route: Route[E]) -> None:
        """Add a route.

        Raises:
            SetupError: if its pattern, regexp, method or an expression is malformed.
        """
        where = (route.source,) if route.source else ()
        if bool(route.pattern) == bool(route.regexp):
            problem = f"A route has both a pattern and a regexp: {route.pattern!r}, {route.regexp!r}."
            problem = problem if route.pattern else "A route has neither a pattern nor a regexp."
            raise SetupError(problem, where=where, remedy='Give one of them; the root\'s pattern is "/".')
        for method in sorted(route.methods):
            if not _TOKEN.fullmatch(method):
                raise SetupError(f"{method!r} is no method.", where=where, remedy="Name each method by itself.")
        path = parse_pattern(route.pattern, route.source) if route.pattern else compile_regexp(route.regexp, route.source)
        conditions = Conditions.parse(route.params, route.headers, route.match_all_params, route.match_all_headers, route.source)
        self._declared.append(_Declared(route, path, conditions))

    def freeze(self) -> Matcher[E]:
        """Make the matcher of the routes added so far.

        Raises:
            SetupError: if two routes demand the same, and that is an error.
        """
        settled, replaced = self._settle()
        if replaced and self._on_conflict == "error":
            _refuse(*replaced[0])
        tables: dict[str, _Table[E]] = {}
        for method, declared in settled:
            tables.setdefault(method, _Table()).add(declared)
        return Matcher(tables, any(declared.conditions.params for _, declared in settled))

    def _settle(self) -> tuple[list[tuple[str, _Declared[E]]], list[tuple[Route[E], Route[E]]]]:
        """Give each claim and method to one route, the last; with the pairs of which one had to yield."""
        owners: dict[tuple[str, Conditions, str], _Declared[E]] = {}
        replaced: list[tuple[Route[E], Route[E]]] = []
        for declared in self._declared:
            yielding: list[_Declared[E]] = []
            for method in sorted(declared.methods):
                earlier = owners.pop((*declared.claim, method), None)
                if earlier is not None and earlier not in yielding:
                    yielding.append(earlier)
                owners[(*declared.claim, method)] = declared
            replaced += [(earlier.route, declared.route) for earlier in yielding]
        return [(method, declared) for (_, _, method), declared in owners.items()], replaced


def _refuse(earlier: Route[E], later: Route[E]) -> None:
    what = repr(later.pattern or later.regexp)
    shared = ", ".join(sorted(earlier.methods & later.methods)) or "any method"
    same = "" if later.pattern == earlier.pattern else f", written {earlier.pattern!r} the first time"
    raise SetupError(
        f"The route {what} is declared twice for {shared}{same}.",
        where=tuple(place for place in (later.source, earlier.source) if place),
        remedy="Remove one, or tell them apart by pattern, method, params or headers.",
    )


_RegexpRoute: TypeAlias = tuple[Callable[[str], "re.Match[str] | None"], Candidate[E]]


class _Table(Generic[E]):
    """The routes declared for one method, or for any."""

    __slots__ = ("regexps", "static", "tree")

    def __init__(self) -> None:
        self.static: dict[str, list[Candidate[E]]] = {}
        self.tree: Node[E] | None = None
        self.regexps: list[_RegexpRoute[E]] = []

    def add(self, declared: _Declared[E]) -> None:
        candidate, path = declared.candidate(), declared.path
        if not isinstance(path, Pattern):
            self.regexps.append((path.match, candidate))
        elif path.is_static:
            insert_candidate(self.static.setdefault(path.key, []), candidate)
        else:
            self.tree = self.tree or Node()
            self.tree.add(path, candidate)

    def has(self, segments: list[str], key: str) -> bool:
        """Whether a route has this path, whatever its conditions.

        Args:
            segments: The path's.
            key: Their `_static_key`.
        """
        if key in self.static or (self.regexps and any(_regexp_matches(self.regexps, segments, None))):
            return True
        return self.tree is not None and walk(self.tree, segments, None) is not None


class _Plan(Generic[E]):
    """All that may answer requests of one method, in order."""

    __slots__ = ("instant", "regexps", "static", "tails", "trees")

    def __init__(self, tables: list[_Table[E]]) -> None:
        paths = {path for table in tables for path in table.static}
        self.static = {path: [each for table in tables for each in table.static.get(path, ())] for path in paths}
        self.trees = [table.tree for table in tables if table.tree is not None]
        self.tails = tails(self.trees[0]) if self.trees else {}
        self.regexps = [each for table in tables for each in table.regexps]
        # What needs no look at anything but the path. A literal "%" never is in a raw path: it comes as "%25".
        self.instant: dict[str, Match[E]] = {
            path: found[0].bare for path, found in self.static.items() if found[0].condition is None and "%" not in path
        }


def _chain(method: str) -> tuple[str, ...]:
    """Under which methods a request's method is looked for."""
    return ("HEAD", "GET", ANY) if method == "HEAD" else (method, ANY)


class Matcher(Generic[E]):
    """Finds the route of a request. Made by `Router.freeze`; it never changes."""

    __slots__ = ("_any", "_plans", "_tables", "asks_parameters")

    def __init__(self, tables: Mapping[str, _Table[E]], asks_parameters: bool = False) -> None:
        self._tables = tables
        self.asks_parameters = asks_parameters
        """Whether a route has a condition on parameters."""
        # A method that no route names is served by the routes of any method.
        self._any = _Plan([tables[ANY]] if ANY in tables else [])
        named = {*tables, "HEAD"} - {ANY}
        self._plans = {method: _Plan([tables[m] for m in _chain(method) if m in tables]) for method in named}

    def match(self, method: str, path: str, request: Conditioned | None = None) -> Outcome[E]:
        """Find the route of a request.

        Args:
            method: The request's method, as sent.
            path: The path of the request's target, percent-encoded as in its head.
            request: Who answers the conditions of routes; without one, a request with no parameters and no fields.
        """
        plan = self._plans.get(method, self._any)
        hit = plan.instant.get(path)
        if hit is not None:
            return hit
        if "%" not in path:
            static = plan.static.get(path)
            if static is None and path[:1] == "/":
                prefix, _, last = path.rpartition("/")
                tail = plan.tails.get(prefix)
                if tail is not None and tail.test(last):
                    return tail_match(tail, last)
            segments = path.split("/")
        else:
            decoded = split_path(path)
            if decoded is None:
                return _BAD_PATH
            segments = decoded
            static = plan.static.get(_static_key(segments))
        if request is None:
            request = _NOTHING
        if static is not None:
            for candidate in static:
                if candidate.condition is None or candidate.condition(request):
                    return candidate.bare
        if path[:1] != "/":
            return self._miss(method, path, segments)
        for tree in plan.trees:
            found = walk(tree, segments, request)
            if found is not None:
                return found
        if plan.regexps:
            for found in _regexp_matches(plan.regexps, segments, request):
                return found
        return self._miss(method, path, segments)

    def outline(self, see: Callable[[E], D | None]) -> dict[str, Ways[D]]:
        """The routes of each method as plain data, those of any other under `ANY`; see `hospes.routing.outline`.

        Args:
            see: What an endpoint is there; None where only the matcher knows.
        """
        return {
            method: ways(plan.static, plan.instant, plan.trees[0] if plan.trees else None, see)
            for method, plan in {**self._plans, ANY: self._any}.items()
        }

    def _miss(self, method: str, path: str, segments: list[str]) -> Outcome[E]:
        """Tell why there is no match: asked only once the search has failed, so it may take its time."""
        if path[:1] != "/":
            # RFC 9110 §9.3.7: "OPTIONS *" is about the server, not about a resource.
            return AutomaticOptions(_allow({*self._tables} - {ANY})) if (method, path) == ("OPTIONS", "*") else _NOT_FOUND
        key = _static_key(segments)
        there = {each for each, table in self._tables.items() if table.has(segments, key)}
        named = there - {ANY}
        if method == "OPTIONS" and named:
            return AutomaticOptions(_allow(named))
        if not named or not there.isdisjoint(_chain(method)):
            return _NOT_FOUND
        return MethodNotAllowed(_allow(named))


def _static_key(segments: list[str]) -> str:
    """The static path that segments are; none if a segment holds a slash, which was "%2F" and separates nothing."""
    path = "/".join(segments)
    return path if path.count("/") == len(segments) - 1 else ""


def _regexp_matches(regexps: list[_RegexpRoute[E]], segments: list[str], request: Conditioned | None) -> Iterator[Match[E]]:
    """The matches of regexp routes, in order; with no request, whatever the conditions."""
    absolute = "/".join(segments)
    relative = absolute[1:]
    for matches, candidate in regexps:
        found = matches(relative) or matches(absolute)
        if found is not None and (candidate.condition is None or request is None or candidate.condition(request)):
            yield Match(candidate.endpoint, NO_VALUES, found.groups(""))


def _allow(methods: set[str]) -> tuple[str, ...]:
    automatic = {"OPTIONS", "HEAD"} if "GET" in methods else {"OPTIONS"}
    return tuple(sorted(methods | automatic))


class _Nothing:
    """A request with no parameters and no fields."""

    __slots__ = ()

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    @property
    def headers(self) -> _Nothing:
        return self

    def get_all(self, name: str, /) -> tuple[str, ...]:
        return ()


_NOTHING = _Nothing()
