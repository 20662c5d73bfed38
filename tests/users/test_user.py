"""A User is a dict that looks at what is put in."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from hospes.http import Response
from hospes.users import Merge, User, keep_mine
from hospes.users.account import Account, Pass


class Keeper:
    """Keeps a User for the test: it says what happens."""

    def __init__(self, refusal: str = "", begins: bool = True) -> None:
        self.refusal = refusal
        self.begins = begins
        self.said: list[str] = []

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    async def begin(self, kept: object) -> bool:
        self.said.append("begin")
        return self.begins

    async def end(self, failed: bool) -> None:
        self.said.append("failed" if failed else "end")

    def forget(self) -> None:
        self.said.append("forget")

    account: Account | None = None

    def login(self, name: str, merge: Merge) -> None:
        self.said.append(f"login {name} {getattr(merge, '__name__', '')}")

    def logout(self, everywhere: bool) -> None:
        self.said.append(f"logout {everywhere}")

    async def settle(self) -> None:
        self.said.append("settle")


def test_it_is_a_dict() -> None:
    user = User({"a": 1}, id="7f", created=0.0)
    assert isinstance(user, dict)
    user["b"] = (1, 2)
    user |= {"c": None}
    user.update({"d": 4}, e=5)
    user.update([("f", 6)])
    assert user.setdefault("a", 9) == 1
    assert user.setdefault("g") is None
    assert user == {"a": 1, "b": [1, 2], "c": None, "d": 4, "e": 5, "f": 6, "g": None}
    assert user.pop("f") == 6
    assert user.pop("f", "none") == "none"
    with pytest.raises(KeyError):
        user.pop("f")
    assert user.popitem() == ("g", None)
    del user["e"]
    assert json.loads(json.dumps(user)) == {"a": 1, "b": [1, 2], "c": None, "d": 4}
    assert json.loads(Response(user).body) == user
    user.clear()
    assert not user


def test_it_has_an_id_and_a_beginning() -> None:
    user = User(id="7f", created=86_400.0, is_new=False)
    assert (user.id, user.is_new, user.created) == ("7f", False, datetime(1970, 1, 2, tzinfo=UTC))


def test_what_cannot_be_kept_is_refused_where_it_is_put_in() -> None:
    user = User({"a": 1})
    wrong: Any = object()
    with pytest.raises(TypeError, match=r"user\['x'\]: a visitor keeps"):
        user["x"] = wrong
    with pytest.raises(TypeError):
        user.setdefault("x", wrong)
    with pytest.raises(TypeError):
        user.update(y=1, x=wrong)
    with pytest.raises(TypeError):
        user |= {"x": wrong}
    with pytest.raises(TypeError):
        user[1] = "x"  # type: ignore[index]
    with pytest.raises(TypeError):
        User({"x": wrong})
    assert user == {"a": 1}


def test_a_copy_is_a_plain_dict() -> None:
    user = User({"a": [1]}, keeper=Keeper())
    for each in (copy.copy(user), copy.deepcopy(user), pickle.loads(pickle.dumps(user)), user.copy(), user | {}):
        assert type(each) is dict
        assert each == {"a": [1]}


def test_when_its_turn_is_over_it_can_be_read_only() -> None:
    keeper = Keeper()
    user = User({"a": 1}, keeper=keeper)
    keeper.refusal = "it is over"
    changes = [
        lambda: user.__setitem__("a", 2),
        lambda: user.__delitem__("a"),
        lambda: user.update(a=2),
        lambda: user.__ior__({"a": 2}),
        lambda: user.setdefault("b", 2),
        lambda: user.pop("a"),
        user.popitem,
        user.clear,
        user.forget,
    ]
    for change in changes:
        with pytest.raises(RuntimeError, match="it is over"):
            change()
    assert user == {"a": 1}
    assert user.setdefault("a", 2) == 1


def test_a_turn_is_begun_and_ended() -> None:
    async def main() -> None:
        keeper = Keeper()
        user = User(keeper=keeper)
        async with user.turn() as same:
            assert same is user
        with pytest.raises(LookupError):
            async with user.turn():
                raise LookupError
        assert keeper.said == ["begin", "end", "begin", "failed"]

    asyncio.run(main())


def test_a_turn_within_another_ends_nothing() -> None:
    async def main() -> None:
        keeper = Keeper(begins=False)
        async with User(keeper=keeper).turn():
            pass
        assert keeper.said == ["begin"]

    asyncio.run(main())


def test_one_that_nobody_keeps_has_turns_too() -> None:
    async def main() -> None:
        user = User()
        async with user.turn():
            user["a"] = 1
        user.forget()
        assert user == {}

    asyncio.run(main())


def test_forgetting_empties_it_and_tells_its_keeper() -> None:
    keeper = Keeper()
    user = User({"a": 1}, keeper=keeper)
    user.forget()
    assert user == {}
    assert keeper.said == ["forget"]


def test_signing_in_and_out_is_for_the_keeper() -> None:
    async def main() -> None:
        keeper = Keeper()
        user = User(keeper=keeper)
        user.login("ada")
        await user.login("bob", merge=keep_mine)
        user.logout()
        await user.logout_everywhere()
        assert keeper.said == [
            "login ada keep_both", "login bob keep_mine", "settle", "logout False", "logout True", "settle",
        ]  # fmt: skip
        assert user.name == "", "the keeper says who it is"
        with pytest.raises(RuntimeError, match="over"):
            User(keeper=Keeper("over")).login("ada")

    asyncio.run(main())


def test_one_of_a_test_can_sign_in_too() -> None:
    async def main() -> None:
        user = User({"a": 1})
        await user.login("ada")
        assert (user.name, user) == ("ada", {"a": 1})
        await user.logout()
        assert user.name == ""

    asyncio.run(main())


def test_export_is_json() -> None:
    keeper = Keeper()
    user = User({"a": b"\0", "b": [datetime(2026, 5, 1, tzinfo=UTC)]}, id="7f", created=0.0, keeper=keeper)
    expected = {
        "id": "7f",
        "name": "",
        "created": "1970-01-01T00:00:00+00:00",
        "logins": [],
        "data": {"a": {"$bytes": "AA=="}, "b": [{"$datetime": "2026-05-01T00:00:00+00:00"}]},
    }
    assert json.loads(json.dumps(user.export())) == expected
    keeper.account = Account("ada", b"", (Pass(b"secret", 1.0, 2.5),))
    assert user.export()["logins"] == [{"since": "1970-01-01T00:00:01+00:00", "until": "1970-01-01T00:00:02.500000+00:00"}]
