"""The tree: finds the most specific pattern for a path, segment by segment.

A node stands for the segments matched so far. From it lead literals, found in a dict, and branches, tried one after the
other from the most specific to the least:

    literal  >  {x:int}  >  {x}.html  >  {x}  >  *  >  {x:path}  >  **

Laws:

* The first route found in this order answers. Where a way ends without one, the next branch of the last node that still
  has one is taken.
* For one path a node is visited at most once: only one segment of a pattern may span several of the request's, and what
  follows it has a fixed length. So the work is bounded by the tree and never grows exponentially; and where each node has
  one branch that fits, it is one step per segment, however many routes there are.
* The tree is built when the router freezes and then only read; many threads may walk it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct

from hospes.routing.conditions import Condition, Conditioned
from hospes.routing.pattern import Kind, Pattern, Segment

E = TypeVar("E")

NO_VALUES: Mapping[str, str] = MappingProxyType({})


class Match(NamedTuple, Generic[E]):
    """A route was found.

    Attributes:
        endpoint: What the route was declared with.
        path_values: Decoded value of each field; that of a wildcard under "*". Read only.
        reg_groups: The groups of a regexp route, "" for a group that took no part.
    """

    endpoint: E
    path_values: Mapping[str, str] = NO_VALUES
    reg_groups: tuple[str, ...] = ()


class NotFound(Struct, frozen=True):
    """No route has this path, or those that have it want other parameters or fields. 404 (RFC 9110 §15.5.5)."""


class MethodNotAllowed(Struct, frozen=True):
    """The path is there for other methods. 405 with the Allow field (RFC 9110 §15.5.6)."""

    allow: tuple[str, ...]
    """The methods of the Allow field, sorted."""


class AutomaticOptions(Struct, frozen=True):
    """OPTIONS for a path whose routes leave the answer to the framework. 204 with Allow (RFC 9110 §9.3.7)."""

    allow: tuple[str, ...]
    """The methods of the Allow field, sorted."""


class BadPath(Struct, frozen=True):
    """The path's percent-encoding is malformed, or is not UTF-8. 400."""


# The constructor below the one that NamedTuple writes in Python: a call less for each request.
_match: Callable[[type[Match[Any]], tuple[object, ...]], Match[Any]] = tuple.__new__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] (typeshed's own tuple is generic)


class Candidate(Generic[E]):
    """A route at the end of its way: what it leads to, and what it still demands."""

    __slots__ = ("bare", "condition", "endpoint", "names", "weight")

    def __init__(self, endpoint: E, names: tuple[str, ...], condition: Condition | None, weight: int) -> None:
        self.endpoint = endpoint
        self.names = names
        self.condition = condition
        self.weight = weight
        self.bare: Match[E] = Match(endpoint)


class Branch(Generic[E]):
    """A way on from a node that a literal does not name; `next` is the one to try after it."""

    __slots__ = ("next", "node", "order", "segment", "split", "tail", "test")

    def __init__(self, segment: Segment, tail: int, node: Node[E]) -> None:
        matches = re.compile(segment.expression, re.DOTALL).fullmatch if segment.expression else None
        one_value = segment.kind in (Kind.TYPED, Kind.PLAIN, Kind.STAR)
        self.segment = segment
        self.order = (segment.kind, segment.rank, -tail)
        self.tail = tail  # how many segments follow one that spans several
        self.test: Callable[[str], object] | None = (matches or bool) if one_value else None
        self.split = matches if segment.kind is Kind.MIXED else None
        self.node = node
        self.next: Branch[E] | None = None

    def take(self, segments: list[str], index: int) -> tuple[tuple[str, ...], int]:
        """What the branch takes up from `index` on, and where it ends; no values if it does not fit."""
        if self.split is not None:
            found = self.split(segments[index])
            return (found.groups() if found is not None else ()), index + 1
        end = len(segments) - self.tail
        value = "/".join(segments[index:end]) if end > index else ""
        if self.segment.kind is Kind.DEEP:
            value = value.strip("/")
        # A value that began with a slash would be an absolute path to whoever joins it to a folder.
        return ((value,) if value and value[0] != "/" else ()), end


class Node(Generic[E]):
    """The segments matched so far."""

    __slots__ = ("branch", "candidates", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, Node[E]] = {}
        self.branch: Branch[E] | None = None
        self.candidates: list[Candidate[E]] = []

    def add(self, pattern: Pattern, candidate: Candidate[E]) -> None:
        """Lead a pattern's way from this node, the root, to a candidate. Of several, who demands more is asked first."""
        node = self
        for index, segment in enumerate(pattern.segments):
            if segment.kind is Kind.LITERAL:
                node = node.literals.setdefault(segment.key, Node())
            else:
                spans = segment.kind in (Kind.PATH, Kind.DEEP)
                node = node._branch_to(segment, len(pattern.segments) - index - 1 if spans else 0)
        insert_candidate(node.candidates, candidate)

    def _branch_to(self, segment: Segment, tail: int) -> Node[E]:
        branch, before = self.branch, None
        new: Branch[E] = Branch(segment, tail, Node())
        while branch is not None and branch.order <= new.order:
            if branch.segment.key == segment.key and branch.tail == tail:
                return branch.node
            branch, before = branch.next, branch
        new.next = branch
        if before is None:
            self.branch = new
        else:
            before.next = new
        return new.node


def insert_candidate(candidates: list[Candidate[E]], new: Candidate[E]) -> None:
    """Put a candidate behind those that demand as much or more."""
    candidates.append(new)
    candidates.sort(key=_eagerness)


def _eagerness(candidate: Candidate[E]) -> int:
    return -candidate.weight


def walk(root: Node[E], segments: list[str], request: Conditioned | None) -> Match[E] | None:
    """Find the most specific route for a path.

    Args:
        root: Where the tree begins.
        segments: The path's decoded segments, behind the empty one that its leading slash makes.
        request: Who answers conditions; None takes all of them for fulfilled.
    """
    count = len(segments)
    later: list[tuple[Branch[E], int, tuple[str, ...]]] = []
    node, index = root, 1
    values: tuple[str, ...] = ()
    taken: tuple[str, ...]
    while True:
        branch = None
        if index < count:
            branch = node.branch
            child = node.literals.get(segments[index])
            if child is not None:
                if branch is not None:
                    later.append((branch, index, values))
                node = child
                index += 1
                continue
        else:
            for candidate in node.candidates:
                if candidate.condition is None or request is None or candidate.condition(request):
                    names = candidate.names
                    named = {names[0]: values[0]} if len(values) == 1 else dict(zip(names, values, strict=True))
                    return _match(Match, (candidate.endpoint, named, ()))
        while True:
            if branch is None:
                if not later:
                    return None
                branch, index, values = later.pop()
            if branch.next is not None:
                later.append((branch.next, index, values))
            if branch.test is not None:
                end = index + 1
                taken = (segments[index],) if branch.test(segments[index]) else ()
            else:
                taken, end = branch.take(segments, index)
            if taken:
                node, index, values = branch.node, end, values + taken
                break
            branch = None


class Tail(NamedTuple, Generic[E]):
    """The end of the shortest way but a static one: literals up to the last segment, and a single field for that."""

    test: Callable[[str], object]
    name: str
    endpoint: E


def tails(root: Node[E]) -> dict[str, Tail[E]]:
    """What `walk` would find first at the end of a way of literals, by the path up to its last slash.

    Where a tail's test fails, or there is none, nothing is said: then the tree has to be walked.
    """
    found: dict[str, Tail[E]] = {}
    todo = [("", root)]
    while todo:
        prefix, node = todo.pop()
        branch = node.branch
        if branch is not None and branch.test is not None and branch.node.candidates:
            first = branch.node.candidates[0]
            if first.condition is None:
                found[prefix] = Tail(branch.test, first.names[0], first.endpoint)
        todo.extend((f"{prefix}/{text}", child) for text, child in node.literals.items())
    return found


def tail_match(tail: Tail[E], value: str) -> Match[E]:
    """The match that a tail leads to."""
    return _match(Match, (tail.endpoint, {tail.name: value}, ()))
