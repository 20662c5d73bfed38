"""What a program sees of its visitor: a dict that is there again at the next request.

    def home(user: User) -> str:
        user["visits"] = user.get("visits", 0) + 1
        user.setdefault("cart", []).append(7)

Laws:

* It is a dict in every respect; what is put in is looked at first, and nested changes are kept as well.
* It can be changed while the visitor's turn is held: until the handler has answered, and inside `async with user.turn()`.
  Afterwards a change would be lost, so it is an error.
* What was changed before a handler raised is kept, as it would be in any dict. Only what a cancelled request changed (its
  visitor has gone before there was an answer) is dropped; so is what a `turn()` block changed that ends by an exception.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, cast

from hospes.users.values import admit


class Keeper(Protocol):
    """What keeps a User: a visit, see `hospes.users.visit`."""

    @property
    def refusal(self) -> str:
        """Why the User cannot be changed now; "" if it can."""
        ...

    async def begin(self) -> bool:
        """Take the visitor's turn and load the record; False where the turn is held already."""
        ...

    async def end(self, failed: bool) -> None:
        """Keep the changes, or drop them if the block failed, and give the turn back."""
        ...

    def forget(self) -> None:
        """Have the record deleted."""
        ...


class User(dict[str, Any]):
    """A visitor, and what the program remembers of them.

    Values are None, bool, int, float, str, bytes, datetime, list and dict with str keys, inside each other as you like; a
    tuple becomes a list, and a datetime with a time zone comes back in UTC. A User that a program makes itself, say in a
    test, is kept nowhere.

    Args:
        content: What it begins with.
        id: The public id.
        created: The visitor's first request, in seconds since the epoch.
        is_new: Whether this is the visitor's first request.
        keeper: What keeps it; None for nothing.

    Raises:
        TypeError: for a key that is no str, or a value that cannot be kept; so does every method that puts something in.
    """

    __slots__ = ("_created", "_keeper", "id", "is_new")

    def __init__(
        self,
        content: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        *,
        id: str = "",
        created: float = 0.0,
        is_new: bool = True,
        keeper: Keeper | None = None,
    ) -> None:
        super().__init__()
        self.id = id
        """The visitor's public id: always the same, unlike the cookie no secret, fit for logs and for other visitors."""
        self.is_new = is_new
        """Whether the visitor came without a cookie, or with one that was not ours."""
        self._created = created
        self._keeper: Keeper | None = None
        if content:
            self.update(content)
        self._keeper = keeper

    @property
    def created(self) -> datetime:
        """The visitor's first request, or where nothing was stored at that time, the one that stored first; in UTC."""
        return datetime.fromtimestamp(self._created, UTC)

    def turn(self) -> Turn:
        """Take the visitor's turn, where none is held: `async with user.turn(): user["n"] += 1`.

        For streams, websockets and background tasks. At entry the record is loaded anew, at exit the changes are durable.
        While a request holds the turn (its handler has not answered yet) the block is part of that turn. Blocks of several
        tasks wait for each other; a task inside a block must not wait for another that wants one.

        Raises:
            HttpError: 503, at entry, if the turn does not come in time or the store is away.
            Conflict: at entry, if the visitor was forgotten in the meantime.
            TypeError, ValueError, RecordTooLarge: at exit, if there is something that cannot be kept.
        """
        return Turn(self, self._keeper)

    def forget(self) -> None:
        """Delete everything that is kept of this visitor, and the cookie; for requests, before the answer.

        The next request of this visitor is the first of a new one.

        Raises:
            RuntimeError: where the answer, which has to remove the cookie, has left.
        """
        self._change()
        if self._keeper is not None:
            self._keeper.forget()
        super().clear()

    def __setitem__(self, key: str, value: Any) -> None:
        self._change()
        super().__setitem__(key, admit(key, value))

    def __delitem__(self, key: str) -> None:
        self._change()
        super().__delitem__(key)

    def __ior__(self, other: Any) -> User:  # type: ignore[misc,override]  # as for dict: mappings and pairs
        self.update(other)
        return self

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The key's value; where it has none, put `default` in and give that."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *sources: Mapping[str, Any] | Iterable[tuple[str, Any]], **more: Any) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """Put in everything from a mapping or from pairs, and from the keywords. All of it, or after an error nothing."""
        self._change()
        admitted = {key: admit(key, value) for key, value in dict(*cast(Any, sources), **more).items()}
        super().update(admitted)

    def pop(self, key: str, *default: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  # dict's overloads say the same
        """Take out a key and give its value; where it has none, `default`, or a KeyError."""
        self._change()
        return super().pop(key, *default)

    def popitem(self) -> tuple[str, Any]:
        """Take out the last key and give it with its value."""
        self._change()
        return super().popitem()

    def clear(self) -> None:
        """Take out everything; the visitor stays known."""
        self._change()
        super().clear()

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """A copy is a plain dict: there is one User of a visitor in a request."""
        return dict, (dict(self),)

    def _change(self) -> None:
        keeper = self._keeper
        if keeper is not None and (refusal := keeper.refusal):
            raise RuntimeError(refusal)


class Turn:
    """What `User.turn()` gives: to be entered once, by `async with`."""

    __slots__ = ("_began", "_keeper", "_user")

    def __init__(self, user: User, keeper: Keeper | None) -> None:
        self._user = user
        self._keeper = keeper
        self._began = False

    async def __aenter__(self) -> User:
        if self._keeper is not None:
            self._began = await self._keeper.begin()
        return self._user

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._keeper is not None and self._began:
            await self._keeper.end(kind is not None)
