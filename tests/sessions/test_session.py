"""The face of all sessions, over one that a program keeps itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.sessions.support import ask

from hospes.sessions import Flash, Session, SessionFactory


class Mine(Session):
    """The least an own session has to define."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, Any] = {}

    @property
    def attribute_names(self) -> tuple[str, ...]:
        return tuple(self.data)

    def get_attribute(self, name: str) -> Any:
        return self.data.get(name)

    def set_attribute(self, name: str, value: Any) -> None:
        self.data[name] = value


def test_the_mapping_face_comes_for_nothing() -> None:
    mine = Mine()
    mine["a"] = 1
    mine.update(b=2, none=None)
    assert (mine["a"], mine.get("b"), mine.get("c", 3), mine["none"]) == (1, 2, 3, None)
    assert ("a" in mine, "c" in mine, list(mine), len(mine)) == (True, False, ["a", "b", "none"], 3)
    assert dict(mine) == {"a": 1, "b": 2, "none": None}
    assert mine.setdefault("c", 9) == 9
    with pytest.raises(KeyError, match="'d'"):
        mine["d"]
    with pytest.raises(KeyError, match="'d'"):
        del mine["d"]
    del mine["a"]
    assert mine["a"] is None, "what cannot be removed becomes None"


def test_a_session_is_true_and_itself() -> None:
    one, other = Mine(), Mine()
    assert one
    assert one != other
    assert len({one, other, one}) == 2
    one["secret"] = "x"
    assert repr(one) == "<Mine>"


def test_times_have_to_be_seconds() -> None:
    mine = Mine()
    assert mine.max_inactive_interval == 1_800
    mine.max_inactive_interval = 60
    assert mine.max_inactive_interval == 60
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="positive number of seconds"):
            mine.max_inactive_interval = wrong
    assert mine.is_valid


def test_a_message_is_shown_once() -> None:
    mine = Mine()
    assert mine.flashes() == []
    assert mine.data == {}, "asking writes nothing"
    mine.flash("saved")
    mine.flash("not sent", "error")
    assert list(mine) == [], "messages are no attributes of the program's"
    assert "hospes.flashes" in mine.attribute_names
    flashes = mine.flashes()
    assert flashes == ["saved", "not sent"]
    assert [flash.category for flash in flashes] == ["", "error"]
    assert mine.flashes() == []
    mine.flash("again")
    assert mine.flashes() == ["again"]


def test_a_flash_is_text() -> None:
    flash = Flash("saved", "info")
    assert (flash, flash.upper(), flash.category) == ("saved", "SAVED", "info")


@pytest.mark.parametrize("what", ["id", "creation_time", "last_accessed_time", "is_new"])
def test_what_is_not_defined_says_so(what: str) -> None:
    with pytest.raises(NotImplementedError, match=f"Mine has to define {what}: see hospes.Session"):
        getattr(Mine(), what)
    with pytest.raises(NotImplementedError, match=rf"Session\(\) only stands for .*; it has no {what}"):
        getattr(Session(), what)


def test_the_stand_in_has_nothing() -> None:
    for ask_it in (Session.invalidate, Session.rotate, lambda it: it["a"], lambda it: it.update(a=1), lambda it: list(it)):
        with pytest.raises(NotImplementedError, match="only stands for"):
            ask_it(Session())


def test_own_sessions_have_no_turns() -> None:
    async def main() -> None:
        mine = Mine()
        async with mine.turn():
            mine["n"] = 1
        assert mine["n"] == 1

    asyncio.run(main())


def test_a_factory_has_to_say_where_sessions_come_from() -> None:
    class Nothing(SessionFactory):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has to define get_session"):
        Nothing().get_session("")
    Nothing().save(Mine())


def test_only_an_application_has_sessions() -> None:
    with pytest.raises(RuntimeError, match="only an application has sessions"):
        asyncio.run(ask().get_session())
    with pytest.raises(RuntimeError, match="only an application has sessions"):
        asyncio.run(Session.__from_request__(ask()))
