"""Visitors are recognised, remembered and never mixed up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.users.support import DAY, Clock, ask, cookie_of, count, finish, serve, set_cookie

from hospes.errors import HttpError, SetupError
from hospes.http import Response
from hospes.store import Store, StoreUnavailable, open_store
from hospes.store.memory import MemoryStore
from hospes.users import RecordTooLarge, User, VisitorOptions, Visitors

FORGED = "hospes=" + "a" * 24 + "." + "b" * 43


async def records(store: Store, space: str = "users") -> int:
    return len([each async for each in store.scan(space)])


@pytest.fixture(params=["memory:", "sqlite", "valkey", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param in ("valkey", "postgres"):
        return str(request.getfixturevalue(request.param).url())
    return str(request.param) if request.param == "memory:" else f"sqlite:///{tmp_path}/visitors.db"


def test_a_visitor_is_recognised_and_remembered(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            user, response = await serve(visitors, change=count)
            assert user.is_new
            cookie = cookie_of(response)
            again, response = await serve(visitors, cookie, count)
            assert again is not user
            assert again == {"n": 2}
            assert not again.is_new
            assert (again.id, again.created) == (user.id, user.created)
            assert set_cookie(response) == ""
            stranger, _ = await serve(visitors)
            assert stranger == {}
            assert stranger.id != user.id

    asyncio.run(main())


def test_a_visitor_is_known_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        url = f"sqlite:///{tmp_path}/visitors.db"
        async with Visitors.at(url) as visitors:
            stored, response = await serve(visitors, change=count)
            idle, other = await serve(visitors)
        async with Visitors.at(url) as visitors:
            user, answer = await serve(visitors, cookie_of(response))
            assert (user, user.id) == ({"n": 1}, stored.id)
            assert set_cookie(answer) == ""
            user, answer = await serve(visitors, cookie_of(other))
            assert (user.id, user.is_new) == (idle.id, False)
            assert set_cookie(answer) == ""

    asyncio.run(main())


def test_the_cookie_is_guarded() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            _, response = await serve(visitors)
            line = set_cookie(response)
            assert line.startswith("hospes=")
            assert line.endswith("; Max-Age=34560000; Path=/; HttpOnly; SameSite=Lax")
            assert response.headers["Cache-Control"] == "private"
            _, response = await serve(visitors, scheme="https")
            line = set_cookie(response)
            assert line.startswith("__Host-hospes=")
            assert line.endswith("; Max-Age=34560000; Path=/; Secure; HttpOnly; SameSite=Lax")
            cookie = cookie_of(response)
            user, _ = await serve(visitors, cookie, scheme="https")
            assert not user.is_new
            user, _ = await serve(visitors, cookie.removeprefix("__Host-"), scheme="https")
            assert user.is_new, "over TLS only the cookie that TLS has set counts"

    asyncio.run(main())


def test_a_program_decides_about_caches_itself() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            request = ask()
            await visitors.take(request)
            response = Response("ok", headers={"Cache-Control": "no-store"})
            await finish(request, response)
            assert response.headers["Cache-Control"] == "no-store"

    asyncio.run(main())


@pytest.mark.parametrize("cookie", [FORGED, "hospes=", "hospes=x", "hospes=" + "é".encode().decode("latin-1") * 68, "other=1"])
def test_a_forged_cookie_is_not_adopted(url: str, cookie: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            for _ in range(2):  # before there is a key, and after
                user, response = await serve(visitors, cookie, count)
                assert user.is_new
                assert user == {"n": 1}
                assert cookie_of(response) not in cookie

    asyncio.run(main())


def come_and_go(user: User) -> None:
    user["a"] = 1
    del user["a"]


def test_a_visitor_who_stores_nothing_costs_no_write() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors)
            await serve(visitors, cookie_of(response))
            await serve(visitors, cookie_of(response), come_and_go)
            assert await records(store) == 0
            assert await records(store, "keys") == 1
            await serve(visitors, cookie_of(response), count)
            assert await records(store) == 1

    asyncio.run(main())


def test_nothing_is_written_where_nothing_changed() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors, change=lambda user: user.update(a=[1, {"b": 2**70}], t=(1, 2)))
            [(key, before)] = [each async for each in store.scan("users")]
            await serve(visitors, cookie_of(response), lambda user: user["a"][1]["b"])
            await serve(visitors, cookie_of(response), lambda user: user.update(a=[1, {"b": 2**70}]))
            assert await store.get("users", key) == before

    asyncio.run(main())


def test_nested_changes_are_kept(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=lambda user: user.update(cart={"items": [1]}))
            cookie = cookie_of(response)
            await serve(visitors, cookie, lambda user: user["cart"]["items"].append(7))
            await serve(visitors, cookie, lambda user: user["cart"].update(open=True))
            user, _ = await serve(visitors, cookie)
            assert user == {"cart": {"items": [1, 7], "open": True}}

    asyncio.run(main())


def test_in_one_request_there_is_one_user() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            _, response = await serve(visitors)
            request = ask(cookie_of(response))
            first, second = await asyncio.gather(visitors.take(request), visitors.take(request))
            assert first is second is request.user
            assert await visitors.take(request) is first
            assert request.finishers is not None
            assert len(request.finishers) == 1
            await finish(request, Response())

    asyncio.run(main())


def test_who_waits_for_a_take_that_fails_takes_himself() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            _, response = await serve(visitors)
            ahead = ask(cookie_of(response))
            await visitors.take(ahead)
            request = ask(cookie_of(response))
            first, second, third = (asyncio.create_task(visitors.take(request)) for _ in range(3))
            await asyncio.sleep(0)
            third.cancel()
            first.cancel()
            await asyncio.wait([first, third])
            await finish(ahead, Response())
            assert await second is request.user
            await finish(request, Response())

    asyncio.run(main())


def test_a_request_seen_from_a_mounted_application_is_the_same_request() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            for cookie in ("", cookie_of((await serve(visitors))[1])):
                request = ask(cookie)
                user = await visitors.take(request)
                below = request.below("")
                assert await visitors.take(below) is user
                assert below.finishers is None
                response = Response()
                await finish(request, response)
                _, response = await serve(visitors, cookie or cookie_of(response))
                assert not set_cookie(response)

    asyncio.run(main())


def test_what_a_filter_put_into_the_slot_stands() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            _, response = await serve(visitors)
            request = ask(cookie_of(response))
            request.user = "ada"
            user = await visitors.take(request)
            assert await visitors.take(request) is user
            assert request.user == "ada"
            await finish(request, Response())

    asyncio.run(main())


def test_160_parallel_requests_count_160(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors)  # nothing is stored yet
            cookie = cookie_of(response)

            async def slow() -> None:
                request = ask(cookie)
                user = await visitors.take(request)
                n = user.get("n", 0)
                await asyncio.sleep(0)
                user["n"] = n + 1
                await finish(request, Response())

            await asyncio.gather(*(slow() for _ in range(160)))
            user, _ = await serve(visitors, cookie)
            assert user["n"] == 160

    asyncio.run(main())


def test_a_turn_that_does_not_come_is_503() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(wait=0.01)) as visitors:
            _, response = await serve(visitors, change=count)
            request = ask(cookie_of(response))
            await visitors.take(request)
            with pytest.raises(HttpError) as caught:
                await serve(visitors, cookie_of(response))
            assert (caught.value.code, caught.value.headers) == (503, {"Retry-After": "1"})
            await finish(request, Response())
            await serve(visitors, cookie_of(response), count)

    asyncio.run(main())


def test_a_cancelled_request_frees_the_turn_and_drops_its_changes(url: str) -> None:
    async def main() -> None:
        async with Visitors.at(url) as visitors:
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            inside = asyncio.Event()
            users: list[User] = []

            async def hanging() -> None:
                request = ask(cookie)
                try:
                    user = await visitors.take(request)
                    users.append(user)
                    user["n"] = 99
                    inside.set()
                    await asyncio.Event().wait()
                except BaseException:
                    await finish(request, None)
                    raise

            task = asyncio.create_task(hanging())
            await inside.wait()
            waiting = asyncio.create_task(serve(visitors, cookie, count))
            await asyncio.sleep(0)
            task.cancel()
            user, _ = await waiting
            assert user == {"n": 2}
            users[0]["n"] = 100  # a thread that has not noticed: it does no harm
            user, _ = await serve(visitors, cookie)
            assert user == {"n": 2}

    asyncio.run(main())


class Slow(MemoryStore):
    """Writes when the test lets it; it can fail."""

    def __init__(self) -> None:
        super().__init__()
        self.writing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: Exception | None = None
        self.away = False

    async def get(self, space: str, key: bytes) -> Any:
        if self.away:
            raise StoreUnavailable("away")
        return await super().get(space, key)

    async def compare_and_set(self, space: str, key: bytes, value: bytes, version: int, *, expires: float | None = None) -> int:
        self.writing.set()
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return await super().compare_and_set(space, key, value, version, expires=expires)


def test_a_peer_that_leaves_does_not_stop_the_commit() -> None:
    async def main() -> None:
        store = Slow()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors, change=count)
            cookie = cookie_of(response)
            store.writing.clear()
            store.go_on.clear()
            task = asyncio.create_task(serve(visitors, cookie, count))
            await store.writing.wait()
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()
            following = asyncio.create_task(serve(visitors, cookie, count))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not following.done(), "the turn is given back when the write is over"
            store.go_on.set()
            user, _ = await following
            assert user == {"n": 3}

    asyncio.run(main())


def test_closing_waits_for_the_commit() -> None:
    async def main() -> None:
        store = Slow()
        visitors = Visitors(lambda: store)
        await visitors.open()
        _, response = await serve(visitors, change=count)
        store.writing.clear()
        store.go_on.clear()
        task = asyncio.create_task(serve(visitors, cookie_of(response), count))
        await store.writing.wait()
        task.cancel()
        closing = asyncio.create_task(visitors.close())
        await asyncio.sleep(0)
        assert not closing.done()
        store.go_on.set()
        await closing
        await visitors.close()
        async with Visitors(lambda: store) as visitors:
            user, _ = await serve(visitors, cookie_of(response))
            assert user == {"n": 2}

    asyncio.run(main())


def test_a_store_that_is_away_is_503_before_the_handler() -> None:
    async def main() -> None:
        store = Slow()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors, change=count)
            store.away = True
            with pytest.raises(StoreUnavailable):
                await visitors.take(ask(cookie_of(response)))
            store.away = False
            user, _ = await serve(visitors, cookie_of(response), count)
            assert user == {"n": 2}, "the turn was given back"
        async with Visitors(lambda: store) as visitors:
            store.away = True
            with pytest.raises(StoreUnavailable):
                await visitors.take(ask())

    asyncio.run(main())


def test_a_change_that_was_not_kept_is_an_error_without_a_cookie() -> None:
    async def main() -> None:
        store = Slow()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors)
            cookie = cookie_of(response)
            store.failure = StoreUnavailable("the disk is gone")
            request, answer = ask(cookie), Response()
            count(await visitors.take(request))
            with pytest.raises(StoreUnavailable):
                await finish(request, answer)
            assert set_cookie(answer) == ""
            store.failure = None
            user, _ = await serve(visitors, cookie, count)
            assert user == {"n": 1}

    asyncio.run(main())


def test_what_cannot_be_kept_is_an_error_and_frees_the_turn() -> None:
    async def main() -> None:
        async with Visitors.at("memory:", VisitorOptions(size=100)) as visitors:
            _, response = await serve(visitors, change=lambda user: user.update(cart=[1]))
            cookie = cookie_of(response)
            with pytest.raises(TypeError, match=r"user\['cart'\]\[1\]: a visitor keeps"):
                await serve(visitors, cookie, lambda user: user["cart"].append(object()))
            with pytest.raises(RecordTooLarge):
                await serve(visitors, cookie, lambda user: user.update(text="x" * 100))
            user, _ = await serve(visitors, cookie)
            assert user == {"cart": [1]}

    asyncio.run(main())


def test_a_damaged_record_is_an_error_and_frees_the_turn() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store, VisitorOptions(wait=0.01)) as visitors:
            _, response = await serve(visitors, change=count)
            [(key, record)] = [each async for each in store.scan("users")]
            await store.put("users", key, b"damaged")
            for _ in range(2):
                with pytest.raises(HttpError, match="500 a visitor's record is damaged"):
                    await serve(visitors, cookie_of(response))
            await store.put("users", key, record.value)
            user, _ = await serve(visitors, cookie_of(response))
            assert user == {"n": 1}

    asyncio.run(main())


def test_somebody_who_writes_without_a_turn_is_noticed() -> None:
    async def main() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store) as visitors:
            _, response = await serve(visitors, change=count)
            request = ask(cookie_of(response))
            count(await visitors.take(request))
            [(key, record)] = [each async for each in store.scan("users")]
            await store.put("users", key, record.value)
            with pytest.raises(HttpError, match="409"):
                await finish(request, Response())

    asyncio.run(main())


def test_cookie_and_record_are_renewed_together_once_a_day() -> None:
    async def main() -> None:
        clock = Clock()
        store = MemoryStore(clock)
        options = VisitorOptions(max_age=int(10 * DAY))

        async def end() -> float | None:
            return next(iter([each async for each in store.scan("users")]))[1].expires

        async with Visitors(lambda: store, options, clock) as visitors:
            _, response = await serve(visitors, change=count)
            cookie, start = cookie_of(response), clock.now
            assert await end() == start + 10 * DAY
            clock.now = start + DAY - 1
            for change in (lambda user: None, count):
                _, response = await serve(visitors, cookie, change)
                assert set_cookie(response) == ""
                assert await end() == start + 10 * DAY
            clock.now = start + DAY
            _, response = await serve(visitors, cookie)  # by a touch
            assert cookie_of(response) == cookie
            assert await end() == start + 11 * DAY
            clock.now = start + 2 * DAY
            user, response = await serve(visitors, cookie, count)  # with a change
            assert cookie_of(response) == cookie
            assert await end() == start + 12 * DAY
            assert user.created.timestamp() == start
            clock.now = start + 12 * DAY - 1
            user, _ = await serve(visitors, cookie)
            assert user == {"n": 3}
            clock.now += 10 * DAY
            user, _ = await serve(visitors, cookie)
            assert user == {}

    asyncio.run(main())


def test_a_visitor_gets_the_cookie_anew_when_first_stored() -> None:
    async def main() -> None:
        async with Visitors.at("memory:") as visitors:
            _, response = await serve(visitors)
            cookie = cookie_of(response)
            _, response = await serve(visitors, cookie, count)
            assert cookie_of(response) == cookie

    asyncio.run(main())


class Gone(MemoryStore):
    async def touch(self, space: str, key: bytes, expires: float | None) -> bool:
        return False


def test_a_record_that_goes_before_it_is_renewed_is_not_announced() -> None:
    async def main() -> None:
        clock = Clock()
        store = Gone(clock)
        async with Visitors(lambda: store, clock=clock) as visitors:
            _, response = await serve(visitors, change=count)
            clock.now += 2 * DAY
            _, response = await serve(visitors, cookie_of(response))
            assert set_cookie(response) == ""

    asyncio.run(main())


def test_without_opening_there_are_no_visitors() -> None:
    async def main() -> None:
        with pytest.raises(SetupError, match="the visitors' store is not open"):
            await Visitors.at("memory:").take(ask())

    asyncio.run(main())


def test_a_url_that_names_no_store_is_refused_at_once() -> None:
    with pytest.raises(SetupError):
        Visitors.at("floppy:a")


def test_the_file_of_the_turns_stands_beside_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        for options in (VisitorOptions(), VisitorOptions(turn_file=f"{tmp_path}/elsewhere")):
            async with Visitors.at(f"sqlite:///{tmp_path}/my%20shop.db", options) as visitors:
                _, response = await serve(visitors)
                await serve(visitors, cookie_of(response))
        names = {each.name for each in tmp_path.iterdir()}
        assert {"my shop.db", "my shop.db-turns", "elsewhere"} <= names

    asyncio.run(main())


def test_a_folder_that_is_missing_is_said_when_opening(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(SetupError):
            await Visitors.at(f"sqlite:///{tmp_path}/missing/visitors.db").open()

    asyncio.run(main())


def test_any_store_will_do() -> None:
    async def main() -> None:
        async with Visitors(lambda: open_store("memory:")) as visitors:
            user, _ = await serve(visitors, change=count)
            assert user == {"n": 1}

    asyncio.run(main())
