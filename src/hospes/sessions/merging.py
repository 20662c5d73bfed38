"""What becomes of a session that two requests changed at the same time, neither of them in its turn.

A request that asks for nothing to change (GET) takes no turn at a session. Where it changes it all the same, and another one
wrote in between, its changes are carried over to what is there now, attribute by attribute:

| changed by | result |
|---|---|
| one of them | that change |
| both, and mine was not read before: `session["page"] = 7` | mine |
| both, numbers: `session["n"] = session.get("n", 0) + 1` | theirs, moved as far as mine was |
| both, lists that only grew | theirs, and what mine grew by |
| both, a list that grew there and was changed or emptied here | mine, and what theirs grew by; the other way round likewise |
| both, lists of the same length | element by element |
| both, dicts | key by key |
| both, anything else | mine |

Laws:

* Counters count and lists grow right, however many requests there are at once, in whatever order they end.
* Where the others changed nothing, the result is mine; where I changed nothing, it is theirs.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

from hospes.store.values import fingerprint


class _Absent:
    """There is nothing."""


_ABSENT: Final = _Absent()


class _Everything:
    """Contains whatever is asked for."""

    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING: Final = _Everything()
_NUMBERS: Final = frozenset({int, float})


def merge(
    base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any], read: Container[str] = _EVERYTHING
) -> dict[str, Any]:
    """What two changed at the same time.

    Args:
        base: What both began with.
        mine: What one has made of it.
        theirs: What the other has made of it.
        read: The names that the first one looked at.
    """
    merged = dict(theirs)
    for name in (*(each for each in base if each not in mine), *mine):
        began, changed = base.get(name, _ABSENT), mine.get(name, _ABSENT)
        if _same(changed, began):
            continue
        other = theirs.get(name, _ABSENT)
        result = changed if name not in read or _same(other, began) else _both(began, changed, other)
        if isinstance(result, _Absent):
            merged.pop(name, None)
        else:
            merged[name] = result
    return merged


def _both(base: Any, mine: Any, theirs: Any) -> Any:
    """A value that both have changed."""
    kinds = {_kind(each) for each in (base, mine, theirs)} - {_Absent}
    if kinds == {list}:
        return _lists(_present(base, []), _present(mine, []), _present(theirs, [])) or mine
    if isinstance(mine, _Absent) or isinstance(theirs, _Absent):
        return mine
    if kinds <= _NUMBERS:
        return theirs + (mine - _present(base, 0))
    if kinds == {dict}:
        return merge(_present(base, {}), mine, theirs)
    return mine


def _kind(value: object) -> type:
    return type(value)


def _present(value: Any, otherwise: Any) -> Any:
    return otherwise if isinstance(value, _Absent) else value


def _lists(base: list[Any], mine: list[Any], theirs: list[Any]) -> list[Any]:
    length = len(base)
    if _same(mine[:length], base):
        return [*theirs, *mine[length:]]
    if _same(theirs[:length], base):
        return [*mine, *theirs[length:]]
    if len(mine) == len(theirs) == length:
        elements = zip(base, mine, theirs, strict=True)
        return [each[2] if _same(each[1], each[0]) else _element(*each) for each in elements]
    return mine


def _element(base: Any, mine: Any, theirs: Any) -> Any:
    return mine if _same(theirs, base) else _both(base, mine, theirs)


def _same(one: Any, other: Any) -> bool:
    """Whether they are kept as the same octets: unlike `==`, which holds 1 and True for equal, and nan for changed."""
    if isinstance(one, _Absent) or isinstance(other, _Absent):
        return one is other
    return fingerprint({"": one}) == fingerprint({"": other})
