"""The outline: a frozen tree as plain data, for a carrier that walks it by itself (`hospes.http.direct`).

Laws:

* It says of a path what the matcher says, or that only the matcher knows: for what has conditions, for segments that are mixed or
  span several of the request's, for regexps.
* Making it changes nothing, and it is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from hospes.http.direct import Branch, End, Way, Ways
from hospes.routing.tree import Candidate, Match, Node

E = TypeVar("E")
D = TypeVar("D")


def ways(
    static: Mapping[str, list[Candidate[E]]], instant: Mapping[str, Match[E]], root: Node[E] | None, see: Callable[[E], D | None]
) -> Ways[D]:
    """Outline the routes of one method.

    Args:
        static: Plain paths, decoded.
        instant: Those of them that demand nothing else.
        root: Where the tree of patterns begins.
        see: What an endpoint is in the outline; None where only the matcher knows.
    """
    paths: dict[str, D | None] = dict.fromkeys(static)
    paths.update((path, see(match.endpoint)) for path, match in instant.items())
    return Ways(paths, _way(root, see) if root is not None else None)


def _way(node: Node[E], see: Callable[[E], D | None]) -> Way[D]:
    way: Way[D] = Way({text: _way(child, see) for text, child in node.literals.items()})
    branch = node.branch
    while branch is not None:
        way.branches.append(Branch(branch.segment.expression, branch.test, _way(branch.node, see)))
        branch = branch.next
    if node.candidates:
        first = node.candidates[0]
        if first.condition is None:
            way.end = End(first.names, see(first.endpoint))
        else:
            way.is_open = True
    return way
