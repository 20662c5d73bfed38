"""Signing in: what moves, moves once and whole, whatever fails and wherever the process is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.users.support import Clock, ask, cookie_of, finish, serve

from hospes.http import Response
from hospes.store import Conflict, StoreError, StoreFull, StoreUnavailable
from hospes.store.memory import MemoryStore
from hospes.users import User, VisitorOptions, Visitors, keep_mine
from hospes.users.account import STONE, kind_of
from hospes.users.merging import Merge, keep_both

ROOT = Path(__file__).parents[2]


async def sign_in(visitors: Visitors, cookie: str = "", name: str = "ada", merge: Merge = keep_both) -> tuple[User, str]:
    """A request that signs in at once; the User, and the cookie from then on."""
    request, response = ask(cookie), Response("ok")
    try:
        user = await visitors.take(request)
        await user.login(name, merge)
    except BaseException:
        await finish(request, None)
        raise
    await finish(request, response)
    return user, cookie_of(response)


def put(**values: Any) -> Any:
    return lambda user: user.update(values)


@pytest.fixture(params=["memory:", "sqlite", "valkey", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in {"valkey", "postgres"}:
        return str(request.getfixturevalue(request.param).url())
    return str(request.param) if request.param == "memory:" else f"sqlite:///{tmp_path}/visitors.db"


def test_who_signs_in_first_takes_everything_along(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            before, response = await serve(visitors, change=put(cart=[1], seen={"a": 1}))
            old = cookie_of(response)
            user, cookie = await sign_in(visitors, old)
            assert (user.name, user) == ("ada", {"cart": [1], "seen": {"a": 1}})
            assert (user.id, user.created, user.is_new) == (before.id, before.created, False)
            assert cookie != old
            again, _ = await serve(visitors, cookie)
            assert (again.name, again, again.id) == ("ada", user, before.id)
            stranger, response = await serve(visitors, old)
            assert stranger == {}
            assert stranger.is_new, "the cookie from before is no more good for anything"
            assert stranger.id != before.id
            assert cookie_of(response) not in ("", old)

    asyncio.run(main())


def test_a_second_device_reaches_the_same_record(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=put(cart=[1], theme="dark"))
            first, one = await sign_in(visitors, cookie_of(response))
            _, response = await serve(visitors, change=put(cart=[2], theme="light", draft="x"))
            second, two = await sign_in(visitors, cookie_of(response))
            assert second == {"cart": [1, 2], "theme": "dark", "draft": "x"}
            assert (second.id, second.created) == (first.id, first.created)
            seen, _ = await serve(visitors, one, put(more=1))
            assert seen == {**second, "more": 1}
            seen, _ = await serve(visitors, two)
            assert seen["more"] == 1
            assert len(seen.export()["logins"]) == 2
            other, _ = await sign_in(visitors, name="Ada")
            assert other == {}
            assert other.id != first.id

    asyncio.run(main())


def test_the_program_chooses_the_rule(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            await sign_in(visitors, (await known(visitors, theme="dark"))[0])
            user, _ = await sign_in(visitors, (await known(visitors, theme="light"))[0], merge=keep_mine)
            assert user == {"theme": "light"}
            user, _ = await sign_in(
                visitors, (await known(visitors, a=1))[0], merge=lambda mine, theirs: {"both": [mine, theirs]}
            )
            assert user == {"both": [{"a": 1}, {"theme": "light"}]}

            def never(mine: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
                raise AssertionError("there is nothing to decide")

            user, _ = await sign_in(visitors, merge=never)
            assert user["both"]

    asyncio.run(main())


async def known(visitors: Visitors, **values: Any) -> tuple[str, User]:
    user, response = await serve(visitors, change=put(**values))
    return cookie_of(response), user


@pytest.mark.parametrize("merge", [lambda mine, theirs: None, lambda mine, theirs: {"a": {1}}, lambda mine, theirs: {1: 1}])
def test_a_bad_rule_moves_nothing(url: str, merge: Any) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookie, _ = await known(visitors, a=1)
            with pytest.raises(TypeError):
                await sign_in(visitors, cookie, merge=merge)
            user, _ = await serve(visitors, cookie)
            assert (user.name, user) == ("", {"a": 1})
            user, _ = await sign_in(visitors)
            assert user == {}

    asyncio.run(main())


def test_what_is_too_large_together_moves_not(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url, VisitorOptions(size=1000)) as visitors:
            await sign_in(visitors, (await known(visitors, a=["x" * 600]))[0])
            cookie, _ = await known(visitors, a=["y" * 600])
            with pytest.raises(StoreFull):
                await sign_in(visitors, cookie)
            user, _ = await serve(visitors, cookie)
            assert user == {"a": ["y" * 600]}

    asyncio.run(main())


def test_signing_in_again_and_as_somebody_else(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, one = await sign_in(visitors, (await known(visitors, a=1))[0])
            user, two = await sign_in(visitors, one)
            assert (user.name, user) == ("ada", {"a": 1})
            assert one != two
            user, _ = await serve(visitors, one)
            assert user.name == "", "each signing in has a cookie of its own"
            user, three = await sign_in(visitors, two, name="bob")
            assert (user.name, user) == ("bob", {}), "what is Ada's stays Ada's"
            user, _ = await serve(visitors, two)
            assert user.name == ""
            user, _ = await serve(visitors, three)
            assert user.name == "bob"
            user, _ = await sign_in(visitors)
            assert user == {"a": 1}

    asyncio.run(main())


def test_many_sign_in_at_once(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            cookies = [(await known(visitors, cart=[number]))[0] for number in range(20)]
            await asyncio.gather(*(sign_in(visitors, cookie) for cookie in cookies))
            user, _ = await sign_in(visitors)
            assert sorted(user["cart"]) == list(range(20))

    asyncio.run(main())


def test_two_change_places_without_a_deadlock(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url, VisitorOptions(wait=5.0)) as visitors:
            _, ada = await sign_in(visitors, name="ada")
            _, bob = await sign_in(visitors, name="bob")
            for _ in range(5):
                (_, ada), (_, bob) = await asyncio.gather(sign_in(visitors, ada, "bob"), sign_in(visitors, bob, "ada"))

    asyncio.run(main())


def test_forgetting_erases_the_record_and_the_name(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, one = await sign_in(visitors, (await known(visitors, a=1))[0])
            _, two = await sign_in(visitors)
            await serve(visitors, one, User.forget)
            for cookie in (one, two):
                stranger, _ = await serve(visitors, cookie)
                assert (stranger.name, stranger, stranger.is_new) == ("", {}, True)
            again, _ = await sign_in(visitors)
            assert again == {}
            assert again.id != user.id

    asyncio.run(main())


def test_nothing_of_the_forgotten_is_left() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            _, cookie = await sign_in(visitors, (await known(visitors, secret="tell nobody"))[0])
            await serve(visitors, cookie, User.forget)
            left = [record.value async for space in _each("users", "logins") async for _, record in store.scan(space)]
            assert left == [STONE]

    asyncio.run(main())


async def _each(*names: str) -> Any:
    for name in names:
        yield name


class Failing(MemoryStore):
    """Fails at the n-th write from now on, before it is done or after."""

    def __init__(self) -> None:
        super().__init__()
        self.left = -1
        self.after = False
        self.error: StoreError = StoreUnavailable("away")

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise self.error
        done = await super().compare_and_set(space, key, value, version, expires=expires)
        if self.left == 0:
            raise self.error
        return done


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(1, 6))
@pytest.mark.parametrize("stored", [False, True])
def test_whatever_fails_everything_is_in_one_place(write: int, after: bool, stored: bool) -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            await sign_in(visitors, (await known(visitors, cart=[1]))[0])
            cookie, _ = await known(visitors, **({"cart": [2]} if stored else {}))
            store.left, store.after = write, after
            with suppress(StoreError):
                _, cookie = await sign_in(visitors, cookie)
            store.left = -1
            user, response = await serve(visitors, cookie)
            cookie = cookie_of(response) or cookie
            if not user.name:
                assert user in ({}, {"cart": [2]})
                account, _ = await sign_in(visitors)
                assert (account == {"cart": [1]}) is (user != {} or not stored)
            user, _ = await sign_in(visitors, cookie)
            assert user == {"cart": [1, 2] if stored else [1]}

    asyncio.run(main())


def test_a_handler_may_go_on_after_a_failure() -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            cookie, _ = await known(visitors, n=1)
            request, response = ask(cookie), Response("ok")
            user = await visitors.take(request)
            store.left, store.error = 3, StoreFull("no room")  # the binding of the name, the note, the account
            with pytest.raises(StoreFull):
                await user.login("ada")
            assert (user.name, user) == ("", {"n": 1})
            user["n"] = 2
            await finish(request, response)
            user, _ = await serve(visitors, cookie)
            assert (user.name, user) == ("", {"n": 2})

    asyncio.run(main())


def test_a_half_done_move_is_finished_before_the_next() -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            cookie, _ = await known(visitors, a=1)
            store.left, store.error = 4, Conflict()  # the stone
            await sign_in(visitors, cookie)
            kinds = [kind_of(record.value) async for _, record in store.scan("users")]
            assert sorted(kind.name for kind in kinds) == ["ACCOUNT", "MOVING"]
            await sign_in(visitors, (await known(visitors, b=1))[0])
            kinds = [kind_of(record.value) async for _, record in store.scan("users")]
            assert sorted(kind.name for kind in kinds) == ["ACCOUNT", "STONE", "STONE"]

    asyncio.run(main())


def test_forgetting_finishes_a_half_done_move() -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            old, _ = await known(visitors, a=1)
            store.left, store.error = 4, StoreUnavailable("away")
            _, cookie = await sign_in(visitors, old)
            await serve(visitors, cookie, User.forget)
            user, _ = await serve(visitors, old)
            assert (user, user.is_new) == ({}, True), "what was forgotten does not come back"

    asyncio.run(main())


def test_an_account_forgotten_while_somebody_waits_for_its_turn(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, cookie = await sign_in(visitors, (await known(visitors, a=1))[0])
            request, response = ask(cookie), Response("ok")
            user = await visitors.take(request)
            waiting = asyncio.create_task(sign_in(visitors, (await known(visitors, b=1))[0]))
            await asyncio.sleep(0.02)
            user.forget()
            await finish(request, response)
            user, cookie = await waiting
            assert user == {"b": 1}
            again, _ = await sign_in(visitors)
            assert again == {"b": 1}, "the name leads to the record that was made then"

    asyncio.run(main())


def test_devices_end(url: str) -> None:
    async def main() -> None:
        clock = Clock()
        options = VisitorOptions(login_idle=1000, login_age=1500)
        async with Visitors.at(url, options, clock) as visitors:
            _, cookie = await sign_in(visitors, (await known(visitors, a=1))[0])
            for now, name, is_told in ((99, "ada", False), (100, "ada", True), (1099, "ada", True), (1499, "ada", False)):
                clock.now = 1_000_000.0 + now
                user, response = await serve(visitors, cookie)
                assert user.name == name, now
                assert bool(cookie_of(response)) is is_told, now
            clock.now = 1_000_000.0 + 1500
            user, _ = await serve(visitors, cookie)
            assert (user.name, user) == ("", {}), "signed out in any case"
            user, cookie = await sign_in(visitors)
            assert user == {"a": 1}
            clock.now += 1000
            user, _ = await serve(visitors, cookie)
            assert user.name == "", "signed out for want of visits"
            clock.now += 4000 * 86_400
            user, _ = await sign_in(visitors)
            assert user == {"a": 1}, "what is kept under a name has no end"

    asyncio.run(main())


SIGNING_IN = """
import asyncio, os, signal, sys
from hospes.store import open_store
from hospes.store.sqlite import SqliteStore
from hospes.users import Visitors
from tests.users.test_entrance import sign_in
writes = 0
def dying(done):
    async def compare_and_set(self, *values, **more):
        global writes
        writes += 1
        if writes == int(sys.argv[3]) and sys.argv[4] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        version = await done(self, *values, **more)
        if writes == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        return version
    return compare_and_set
async def main():
    async with Visitors.at(sys.argv[1]) as visitors:
        SqliteStore.compare_and_set = dying(SqliteStore.compare_and_set)
        await sign_in(visitors, sys.argv[2])
        os.kill(os.getpid(), signal.SIGKILL)  # the answer was not delivered either
asyncio.run(main())
"""


@pytest.mark.parametrize(("write", "when"), [(1, "before"), (1, "after"), (2, "after"), (3, "after"), (4, "after")])
def test_a_process_killed_at_any_write_leaves_everything_in_one_place(tmp_path: Path, write: int, when: str) -> None:
    """The second signing in of Ada: note, account, stone; 4 is after all of them, before the answer."""
    url = f"sqlite:///{tmp_path}/visitors.db"

    async def prepare() -> str:
        async with Visitors.at(url) as visitors:
            await sign_in(visitors, (await known(visitors, cart=[1]))[0])
            return (await known(visitors, cart=[2]))[0]

    async def look(cookie: str) -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors, cookie)
            account, _ = await sign_in(visitors)
            assert (dict(user), dict(account)) in (({"cart": [2]}, {"cart": [1]}), ({}, {"cart": [1, 2]}))
            assert bool(user) is (write == 1), "the account's write decides"
            user, _ = await sign_in(visitors, cookie_of(response) or cookie)
            assert user == {"cart": [1, 2]}, "once, and whole"

    cookie = asyncio.run(prepare())
    command = [sys.executable, "-W", "error", "-c", SIGNING_IN, url, cookie, str(write), when]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    asyncio.run(look(cookie))


def test_a_move_into_an_account_that_is_gone_was_not_done() -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            cookie, _ = await known(visitors, a=1)
            store.left, store.error = 3, StoreFull("no room")  # the account, after the note
            with pytest.raises(StoreFull):
                await sign_in(visitors, cookie)
            user, _ = await serve(visitors, cookie)
            assert user == {"a": 1}

    asyncio.run(main())


def test_when_a_name_cannot_be_bound_the_turn_is_given_back() -> None:
    async def main() -> None:
        store = Failing()
        async with Visitors(lambda: store) as visitors:
            store.left = 2  # the key of the seal, the name
            with pytest.raises(StoreUnavailable):
                await sign_in(visitors)
            user, _ = await sign_in(visitors)
            assert user.name == "ada"

    asyncio.run(main())


def test_an_account_that_nobody_can_enter_is_an_error() -> None:
    class Fickle(MemoryStore):
        """Somebody else always binds the name first."""

        async def compare_and_set(
            self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None
        ) -> int:
            if space == "logins":
                raise Conflict
            return await super().compare_and_set(space, key, value, version, expires=expires)

    async def main() -> None:
        async with Visitors(Fickle) as visitors:
            with pytest.raises(Conflict, match="made and forgotten 5 times"):
                await sign_in(visitors)

    asyncio.run(main())
