"""What a program sees of a session: named attributes that are there again at the next request of the same browser.

    def home(session: Session) -> str:
        session["n"] = session.get("n", 0) + 1

`Session` is the face that all sessions have, and the base of a program's own; the one that the store keeps is
`hospes.sessions.stored.StoredSession`. A mapping face stands over the seeds' `get_attribute` and `set_attribute`.

Laws:

* The mapping face is made of the attributes alone, so that an own session gets it, and flash messages, for nothing.
* A session is true, with attributes or without: `if session:` asks whether there is one.
* A flash message is shown once.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from hospes.http import Request
from hospes.http.blocks import Block, BlockKeeper
from hospes.sessions.options import check_seconds

_FLASHES: Final = "hospes.flashes"
"""The attribute that holds flash messages; the mapping face leaves it out."""


class Flash(str):
    """A message that is shown once: its text, and what kind of message it is."""

    __slots__ = ("category",)

    def __new__(cls, text: str, category: str = "") -> Flash:
        flash = super().__new__(cls, text)
        flash.category = category
        return flash

    category: str


class Session(MutableMapping[str, Any]):
    """A session. As a parameter's type, or its default (`session=Session()`), it binds the request's, made where there is none.

    Who keeps sessions in another place derives from this and defines the properties, `get_attribute`, `set_attribute` and
    `invalidate`; `remove_attribute` and `rotate` where they make sense. See `SessionFactory`.

    """

    _idle: float = 1_800

    @classmethod
    async def __from_request__(cls, request: Request) -> Any:
        """The request's session, for whoever binds the type outside of an application's own providers."""
        return await request.get_session()

    @property
    def id(self) -> str:
        """The session's id as the cookie has it. It is a secret: who knows it has the session."""
        raise self._missing("id")

    @property
    def creation_time(self) -> float:
        """When it began, in seconds since the epoch."""
        raise self._missing("creation_time")

    @property
    def last_accessed_time(self) -> float:
        """The last request before this one, in seconds since the epoch."""
        raise self._missing("last_accessed_time")

    @property
    def is_new(self) -> bool:
        """Whether it began with this request."""
        raise self._missing("is_new")

    @property
    def max_inactive_interval(self) -> float:
        """Seconds without a request after which the session ends; may be set to a positive number."""
        return self._idle

    @max_inactive_interval.setter
    def max_inactive_interval(self, seconds: float) -> None:
        self._change()
        self._idle = check_seconds(f"session.max_inactive_interval = {seconds!r}", seconds)

    @property
    def is_valid(self) -> bool:
        """Whether it has not been ended by `invalidate`."""
        return True

    @property
    def can_rotate(self) -> bool:
        """Whether it can go on under a new id; an own session that defines `rotate` can."""
        return type(self).rotate is not Session.rotate

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes."""
        raise self._missing("attribute_names")

    def get_attribute(self, name: str) -> Any:
        """An attribute's value; None where there is none of this name."""
        raise self._missing("get_attribute")

    def set_attribute(self, name: str, value: Any) -> None:
        """Give an attribute a value."""
        raise self._missing("set_attribute")

    def remove_attribute(self, name: str) -> None:
        """Take an attribute out. An own session that does not define it sets None."""
        self.set_attribute(name, None)

    def invalidate(self) -> None:
        """End the session: its attributes are gone, and so is the cookie."""
        raise self._missing("invalidate")

    def rotate(self) -> None:
        """Go on under a new id, and let the old one be nobody's: at sign-in, and whenever somebody may do more than before."""
        raise self._missing("rotate")

    def turn(self) -> SessionTurn:
        """Take the session's turn, where none is held: `async with session.turn(): session["n"] += 1`."""
        return SessionTurn()

    def flash(self, message: str, category: str = "") -> None:
        """Leave a message for the page that is shown next, which may be that of another request.

        Args:
            message: Its text.
            category: What kind of message it is: "error", for a style sheet.
        """
        waiting: list[list[str]] | None = self.get_attribute(_FLASHES)
        self.set_attribute(_FLASHES, [*(waiting or ()), [str(message), str(category)]])

    def flashes(self) -> list[Flash]:
        """The messages that wait, in order. They wait no more then."""
        waiting: list[list[str]] | None = self.get_attribute(_FLASHES)
        if not waiting:
            return []
        self.remove_attribute(_FLASHES)
        return [Flash(text, category) for text, category in waiting]

    def __getitem__(self, name: str) -> Any:
        value = self.get_attribute(name)
        if value is None and name not in self.attribute_names:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        self.set_attribute(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self.attribute_names:
            raise KeyError(name)
        self.remove_attribute(name)

    def __contains__(self, name: object) -> bool:
        return name in self.attribute_names

    def __iter__(self) -> Iterator[str]:
        return (name for name in self.attribute_names if name != _FLASHES)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other  # a session is one thing, and not what is in it

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # without the id, which is a secret, and whatever is in it

    def _change(self) -> None:
        """Called before the session is changed; raises where that would be lost."""

    def _missing(self, what: str) -> NotImplementedError:
        name = type(self).__qualname__
        if type(self) is Session:
            return NotImplementedError(
                f"Session() only stands for the request's session, as a parameter's default; it has no {what}"
            )
        return NotImplementedError(f"{name} has to define {what}: see hospes.Session")


class SessionTurn(Block):
    """What `Session.turn()` gives: to be entered once, by `async with`, or in a thread by `with`.

    An own session has no turns, and this does nothing.
    """

    __slots__ = ()

    def __init__(self, keeper: BlockKeeper | None = None, session: Session | None = None) -> None:
        super().__init__(keeper, session)


class SessionFactory:
    """Where a program's own sessions come from: `App(sessions=MyFactory())`.

    A plain method runs in a thread and may wait; an `async def` runs on the loop.
    """

    def get_session(self, session_id: str, create: bool = False) -> Any:
        """A session.

        Args:
            session_id: Without `create` what the visitor's cookie says, which may be anything. With `create` an id of 144 random
                bits that was made just now; a session may have another one.
            create: Whether to make a session where there is none with this id.

        Returns:
            The session, or None; or an awaitable of it. Its `id` is what the cookie will say.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has to define get_session(session_id, create)")

    def save(self, session: Session) -> Any:
        """Make a session durable; may be `async`. Called at the end of every request that had it, before the answer leaves."""
