"""The session that the store keeps, as a program sees it; what keeps it is a fake here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hospes.sessions import StoredSession


class Keeper:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.refusal = ""
        self.asked: list[Any] = []

    def establish(self) -> str:
        self.asked.append("establish")
        return "an-id"

    def rotate(self) -> None:
        self.asked.append("rotate")

    def invalidate(self) -> None:
        self.asked.append("invalidate")

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def begin(self, kept: object) -> bool:
        self.asked.append("begin")
        return not self.refusal

    async def end(self, failed: bool) -> None:
        self.asked.append(("end", failed))


def test_one_of_a_tests_own_is_kept_nowhere() -> None:
    session = StoredSession({"a": 1, "t": (1, 2)}, created=5.0, accessed=7.0)
    assert dict(session) == {"a": 1, "t": [1, 2]}
    assert (session.id, session.creation_time, session.last_accessed_time, session.is_new) == ("", 5.0, 7.0, True)
    session.rotate()
    session["b"] = 2
    session.invalidate()
    assert (session.is_valid, dict(session)) == (False, {})

    async def main() -> None:
        async with session.turn():
            pass

    asyncio.run(main())


def test_attributes() -> None:
    session = StoredSession(keeper=Keeper())
    assert session.get_attribute("a") is None
    session.set_attribute("a", 1)
    session["b"] = [1]
    session["b"].append(2)
    assert (session.get_attribute("a"), session["b"], session.attribute_names) == (1, [1, 2], ("a", "b"))
    session.remove_attribute("a")
    session.remove_attribute("a")
    assert session.attribute_names == ("b",)
    assert session.pop("b") == [1, 2]
    assert session.attributes == {}


@pytest.mark.parametrize(("name", "value"), [("a", object()), ("a", {1}), (1, "a")])
def test_what_cannot_be_kept_is_refused_at_once(name: Any, value: object) -> None:
    session = StoredSession()
    with pytest.raises(TypeError, match=r"session\["):
        session[name] = value
    with pytest.raises(TypeError, match=r"session\["):
        session.set_attribute(name, value)
    assert session.attributes == {}


def test_what_was_looked_at_is_known() -> None:
    session = StoredSession({"a": 1, "b": 2, "c": 3}, keeper=Keeper())
    session.looked_at.clear()
    session["written"] = 1
    assert session.looked_at == set()
    session.get("a")
    assert "b" in session
    assert "x" not in session
    assert session.looked_at == {"a", "b", "x"}
    list(session)
    assert session.looked_at == {"a", "b", "c", "x", "written"}


@pytest.mark.parametrize("what", ["id", "creation_time", "last_accessed_time", "is_new"])
def test_who_asks_for_what_lasts_has_a_session_that_does(what: str) -> None:
    keeper = Keeper()
    session = StoredSession({"a": 1}, keeper=keeper)
    assert session["a"] == 1
    assert session.is_valid
    assert session.max_inactive_interval == 1_800
    assert keeper.asked == []
    getattr(session, what)
    assert keeper.asked == ["establish"]


def test_it_cannot_be_changed_where_that_would_be_lost() -> None:
    keeper = Keeper()
    session = StoredSession({"a": 1}, keeper=keeper)
    keeper.refusal = "too late"

    def set_time() -> None:
        session.max_inactive_interval = 5

    for change in (
        lambda: session.update(a=2),
        lambda: session.pop("a"),
        session.rotate,
        session.invalidate,
        lambda: session.flash("x"),
        set_time,
    ):
        with pytest.raises(RuntimeError, match="too late"):
            change()
    assert (session["a"], session.max_inactive_interval, keeper.asked) == (1, 1_800, [])


def test_an_ended_session_is_empty_and_stays_so() -> None:
    keeper = Keeper()
    session = StoredSession({"a": 1}, keeper=keeper)
    session.invalidate()
    session.invalidate()
    assert keeper.asked == ["invalidate"]
    assert (session.is_valid, session.get_attribute("a"), session.attribute_names) == (False, None, ())
    changes: list[Callable[[], None]] = [lambda: session.update(a=2), session.rotate]
    for change in changes:
        with pytest.raises(RuntimeError, match=r"ended by invalidate\(\)"):
            change()
    assert repr(session) == "<StoredSession, ended>"


def test_it_does_not_show_what_is_in_it() -> None:
    assert repr(StoredSession({"card": "4711"}, keeper=Keeper())) == "<StoredSession with 1 attributes>"


def test_turns() -> None:
    async def main() -> None:
        keeper = Keeper()
        session = StoredSession(keeper=keeper)
        async with session.turn():
            keeper.asked.append("inside")
        with pytest.raises(ZeroDivisionError):
            async with session.turn():
                raise ZeroDivisionError
        keeper.refusal = "held already"
        async with session.turn():
            pass
        assert keeper.asked == ["begin", "inside", ("end", False), "begin", ("end", True), "begin"]

    asyncio.run(main())
