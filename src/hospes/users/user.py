"""What a program sees of its visitor: a dict that is there again at the next request.

    def home(user: User) -> str:
        user["visits"] = user.get("visits", 0) + 1
        user.setdefault("cart", []).append(7)

Laws:

* It is a dict in every respect; what is put in is looked at first, and nested changes are kept as well.
* It can be changed while the visitor's turn is held: until the handler has answered, and inside `async with user.turn()`, or
  in a thread `with user.turn()`.
  Afterwards a change would be lost, so it is an error.
* What was changed before a handler raised is kept, as it would be in any dict. Only what a cancelled request changed (its
  visitor has gone before there was an answer) is dropped; so is what a `turn()` block changed that ends by an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

from hospes.http.blocks import Block, BlockKeeper
from hospes.store.shapes import Shapes
from hospes.users.account import Account
from hospes.users.merging import Merge, keep_both
from hospes.users.plain import to_plain
from hospes.users.values import VALUES

_NONE: Final = Shapes({}, VALUES)


class Keeper(BlockKeeper, Protocol):
    """What keeps a User: a visit, see `hospes.users.visit`."""

    @property
    def refusal(self) -> str:
        """Why the User cannot be changed now; "" if it can."""
        ...

    def forget(self) -> None:
        """Have the record deleted."""
        ...

    @property
    def account(self) -> Account | None:
        """Whose account it is; None for an anonymous visitor."""
        ...

    def login(self, name: str, merge: Merge) -> None:
        """Have the visitor signed in."""
        ...

    def logout(self, everywhere: bool) -> None:
        """Have the visitor signed out."""
        ...

    async def settle(self) -> None:
        """Sign in and out now."""
        ...


class User(dict[str, Any]):
    """A visitor, and what the program remembers of them.

    Values are None, bool, int, float, str, bytes, datetime, list and dict with str keys, inside each other as you like; a
    tuple becomes a list, and a datetime with a time zone comes back in UTC. Under a key that `VisitorOptions.types` declares,
    values are of that type. A User that a program makes itself, say in a
    test, is kept nowhere.

    Args:
        content: What it begins with.
        id: The public id.
        created: The visitor's first request, in seconds since the epoch.
        is_new: Whether this is the visitor's first request.
        keeper: What keeps it; None for nothing.
        shapes: What is declared of its values.

    Raises:
        TypeError, ValueError: for a key that is no str, or a value that cannot be kept; so does every method that puts one in.
    """

    __slots__ = ("_created", "_keeper", "_shapes", "id", "is_new", "name")

    def __init__(
        self,
        content: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        *,
        id: str = "",
        created: float = 0.0,
        is_new: bool = True,
        keeper: Keeper | None = None,
        shapes: Shapes = _NONE,
    ) -> None:
        super().__init__()
        self.id = id
        """The visitor's public id: always the same, unlike the cookie no secret, fit for logs and for other visitors."""
        self.is_new = is_new
        """Whether the visitor came without a cookie, or with one that was not ours."""
        self.name = ""
        """The login name of who is signed in; "" for an anonymous visitor."""
        self._created = created
        self._shapes = shapes
        self._keeper: Keeper | None = None
        if content:
            self.update(content)
        self._keeper = keeper

    @property
    def created(self) -> datetime:
        """The visitor's first request, or where nothing was stored at that time, the one that stored first; in UTC."""
        return _date(self._created)

    def turn(self) -> Turn:
        """Take the visitor's turn, where none is held: `async with user.turn(): user["n"] += 1`.

        For streams, websockets and background tasks; in a thread `with user.turn():` does. At entry the record is loaded anew, at
        exit the changes are durable. While a request holds the turn (its handler has not answered yet) the block is part of that
        turn. Blocks of several tasks wait for each other; a task inside a block must not wait for another that wants one.

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

    def login(self, name: str, merge: Merge = keep_both) -> Change:
        """Sign the visitor in: from now on he is who has this login name, on every device that signs in by it.

        Whether he is allowed to is yours to check, before. What he kept as an anonymous visitor goes into the record of the
        login name, which is made the first time. He gets another cookie. It happens before the answer leaves, unless
        that is a 4xx or 5xx; with `await` it happens here, and the User shows the record at once.

        Args:
            name: The login name, exactly as it is to be found again: lower-case it yourself if case does not matter.
            merge: What becomes of data on both sides; `keep_both` by default, see `hospes.users.merging`.

        Raises:
            ValueError: for a name that is empty or longer than 512 octets.
            RuntimeError: where the answer, which has to change the cookie, has left.
            HttpError: 503, when it happens, if the turn of the name's record does not come, or the store is away.
        """
        self._change()
        if self._keeper is None:
            self.name = name
        else:
            self._keeper.login(name, merge)
        return Change(self._keeper)

    def logout(self) -> Change:
        """Sign the visitor out, on this device: he is somebody new and anonymous; what is kept under the login name stays.

        It happens before the answer leaves, or with `await` here. Somebody who is not signed in stays who he is.

        Raises:
            RuntimeError: where the answer, which has to change the cookie, has left.
        """
        return self._leave(everywhere=False)

    def logout_everywhere(self) -> Change:
        """Sign the visitor out, on every device; after a change of the password, say. Else as `logout`."""
        return self._leave(everywhere=True)

    def export(self) -> dict[str, Any]:
        """Everything that is kept of this visitor, fit for JSON: for who asks what you know about him.

        Bytes and datetimes are written as `hospes.users.plain` says.
        """
        account = self._keeper.account if self._keeper is not None else None
        passes = account.passes if account is not None else ()
        return {
            "id": self.id,
            "name": self.name,
            "created": self.created.isoformat(),
            "logins": [{"since": _date(each.since).isoformat(), "until": _date(each.until).isoformat()} for each in passes],
            "data": to_plain(dict(self._shapes.plain(self))),
        }

    def change_created(self, created: float) -> None:
        """For the keeper: the visitor has become another one."""
        self._created = created

    def _leave(self, everywhere: bool) -> Change:
        if self._keeper is None:
            self.name = ""
        else:
            self._keeper.logout(everywhere)
        return Change(self._keeper)

    def __setitem__(self, key: str, value: Any) -> None:
        self._change()
        super().__setitem__(key, self._shapes.admit(key, value))

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
        admit = self._shapes.admit
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


_update: Final = cast("Callable[[User, Mapping[str, Any]], None]", dict[str, Any].update)  # past User's own


def known_user(content: dict[str, Any], id: str, created: float, is_new: bool, keeper: Keeper, shapes: Shapes) -> User:
    """What `User(…)` makes, of content that the store has given: it need not be looked at."""
    user = User.__new__(User)
    user.id = id
    user.is_new = is_new
    user.name = ""
    user._created = created  # pyright: ignore[reportPrivateUsage]  # its own maker
    user._keeper = keeper  # pyright: ignore[reportPrivateUsage]
    user._shapes = shapes  # pyright: ignore[reportPrivateUsage]
    _update(user, content)
    return user


class Turn(Block):
    """What `User.turn()` gives: to be entered once, by `async with`, or in a thread by `with`."""

    __slots__ = ()
    _kept: User

    def __init__(self, user: User, keeper: Keeper | None) -> None:
        super().__init__(keeper, user)

    async def __aenter__(self) -> User:
        await super().__aenter__()
        return self._kept

    def __enter__(self) -> User:
        super().__enter__()
        return self._kept


class Change:
    """What signing in and out give: await it to have it done at once."""

    __slots__ = ("_keeper",)

    def __init__(self, keeper: Keeper | None) -> None:
        self._keeper = keeper

    def __await__(self) -> Generator[Any, None, None]:
        if self._keeper is not None:
            yield from self._keeper.settle().__await__()


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
