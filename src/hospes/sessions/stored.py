"""The session that the store keeps: what a program changes here is durable before the answer leaves.

Laws:

* Values are looked at when they are put in; what is inside of them may be changed and is noticed as well.
* It can be changed until the handler has answered, and inside `async with session.turn()`. Afterwards a change would be lost,
  so it is an error.
* A session comes to be when something is stored in it, or when somebody asks for what only one that lasts has: its id, its times,
  whether it is new. One that nobody looked into costs no write and no cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from hospes.http.blocks import BlockKeeper
from hospes.sessions.record import VALUES, Kept
from hospes.sessions.session import Session, SessionTurn
from hospes.store.shapes import Shapes

_NONE: Final = Shapes({}, VALUES)


class Keeper(BlockKeeper, Protocol):
    """What keeps a session: a stay, see `hospes.sessions.stay`."""

    @property
    def refusal(self) -> str:
        """Why the session cannot be changed now; "" if it can."""
        ...

    def establish(self) -> str:
        """Let the session last, and give its id."""
        ...

    def rotate(self) -> None:
        """Have the session go on under a new id."""
        ...

    def invalidate(self) -> None:
        """Have the record deleted."""
        ...


class StoredSession(Session):
    """A session in the store. One that a program makes itself, say in a test, is kept nowhere.

    Values are None, bool, int, float, str, bytes, datetime, list and dict with str keys, inside each other as you like; a
    tuple becomes a list, and a datetime with a time zone comes back in UTC. Under a name that `SessionOptions.types`
    declares, values are of that type.

    Args:
        attributes: What it begins with.
        created: When it began, in seconds since the epoch.
        accessed: When the last request before this one came.
        is_new: Whether it begins with this request.
        keeper: What keeps it; None for nothing.
        shapes: What is declared of its values.

    Raises:
        TypeError: for a name that is no str, or a value that cannot be kept; so does every method that puts something in.
    """

    def __init__(
        self,
        attributes: Mapping[str, Any] | None = None,
        *,
        created: float = 0.0,
        accessed: float = 0.0,
        is_new: bool = True,
        keeper: Keeper | None = None,
        shapes: Shapes = _NONE,
    ) -> None:
        self._shapes = shapes
        self.attributes: dict[str, Any] = {}
        """All of them, flash messages as well; for the keeper."""
        self._keeper: Keeper | None = None
        self._is_valid = True
        self.times = (created, accessed)
        self.was_new = is_new
        self.looked_at: set[str] = set()
        """The names that the program has asked for."""
        if attributes:
            self.update(attributes)
        self._keeper = keeper

    @property
    def id(self) -> str:
        """The session's id as the cookie has it. It is a secret: who knows it has the session."""
        return self._keeper.establish() if self._keeper is not None else ""

    @property
    def creation_time(self) -> float:
        """When it began, in seconds since the epoch."""
        return self._lasting()[0]

    @property
    def last_accessed_time(self) -> float:
        """The last request before this one, in seconds since the epoch; to the minute, so that reading costs no write."""
        return self._lasting()[1]

    @property
    def is_new(self) -> bool:
        """Whether it began with this request."""
        self._lasting()
        return self.was_new

    @property
    def is_valid(self) -> bool:
        """Whether it has not been ended by `invalidate`."""
        return self._is_valid

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes, in the order in which they were first set."""
        self.looked_at.update(self.attributes)
        return tuple(self.attributes)

    def get_attribute(self, name: str) -> Any:
        """An attribute's value; None where there is none of this name."""
        self.looked_at.add(name)
        return self.attributes.get(name)

    def set_attribute(self, name: str, value: Any) -> None:
        """Give an attribute a value.

        Raises:
            TypeError: if it cannot be kept.
            RuntimeError: where it would be lost: the session has ended, or the answer has left.
        """
        self._change()
        self.attributes[name] = self._shapes.admit(name, value)

    def remove_attribute(self, name: str) -> None:
        """Take an attribute out, if there is one.

        Raises:
            RuntimeError: where that would be lost.
        """
        self._change()
        self.attributes.pop(name, None)

    def invalidate(self) -> None:
        """End the session: its attributes are gone, so is the cookie, and whoever comes by the old one is a stranger.

        `request.get_session()` begins another one. What other requests store in this one from here on is refused.

        Raises:
            RuntimeError: where the answer, which has to remove the cookie, has left.
        """
        if not self._is_valid:
            return
        self._change()
        if self._keeper is not None:
            self._keeper.invalidate()
        self._is_valid = False
        self.attributes.clear()

    def rotate(self) -> None:
        """Go on under a new id, and let the old one be nobody's.

        Do so whenever somebody may do more than before, above all at sign-in: then nobody who planted or saw the old cookie has
        part in it. The id is new at once; the cookie goes with the answer.

        Raises:
            RuntimeError: where the answer has left.
        """
        self._change()
        if self._keeper is not None:
            self._keeper.rotate()

    def turn(self) -> SessionTurn:
        """Take the session's turn, where none is held: `async with session.turn(): session["n"] += 1`.

        For streams and background tasks, and where a GET has to count exactly; in a thread `with session.turn():` does. At entry
        what others have stored meanwhile is loaded, at exit the changes are durable; a block that raises changes nothing.

        Raises:
            HttpError: 503, at entry, if the turn does not come in time or the store is away.
            Conflict: at entry, if the session has ended in the meantime.
        """
        return SessionTurn(self._keeper, self)

    def show(self, attributes: dict[str, Any], idle: float) -> None:
        """Be what is in the store; for the keeper."""
        self.attributes, self._idle = attributes, idle

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.looked_at.add(name)
        return name in self.attributes

    def __repr__(self) -> str:
        return f"<StoredSession with {len(self.attributes)} attributes>" if self._is_valid else "<StoredSession, ended>"

    def _lasting(self) -> tuple[float, float]:
        if self._keeper is not None:
            self._keeper.establish()
        return self.times

    def _change(self) -> None:
        if not self._is_valid:
            raise RuntimeError("this session was ended by invalidate(); `await request.get_session()` begins another one")
        keeper = self._keeper
        if keeper is not None and (refusal := keeper.refusal):
            raise RuntimeError(refusal)


def known_session(kept: Kept, accessed: float, is_new: bool, keeper: Keeper, shapes: Shapes) -> StoredSession:
    """The session of what the store has given: that need not be looked at.

    Args:
        kept: The record; its attributes are as they were declared.
        accessed: When the last request before this one came.
        is_new: Whether it begins with this request.
        keeper: What keeps it.
        shapes: What is declared of its values.
    """
    session = StoredSession.__new__(StoredSession)
    session._shapes = shapes  # pyright: ignore[reportPrivateUsage]  # its own maker
    session._keeper = keeper  # pyright: ignore[reportPrivateUsage]
    session._is_valid = True  # pyright: ignore[reportPrivateUsage]
    session.times = kept.created, accessed
    session.was_new = is_new
    session.looked_at = set()
    session.show(kept.attributes, kept.idle)
    return session
