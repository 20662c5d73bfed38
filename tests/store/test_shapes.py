"""Declared values come back as what they were declared as, and never as anything else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.users.support import ask, cookie_of, finish, serve, set_cookie

from hospes import App, User
from hospes.http import Request, Response
from hospes.http.request import QuickFinisher
from hospes.store.contract import StoreError
from hospes.store.memory import MemoryStore
from hospes.store.shapes import Shapes
from hospes.users import VisitorOptions, Visitors, keep_both
from hospes.users.entrance import SPACE
from hospes.users.values import VALUES


@dataclass
class Item:
    name: str
    amount: int = 1
    price: Decimal = Decimal(0)
    since: datetime = datetime(2026, 5, 1, tzinfo=UTC)
    picture: bytes = b""
    tags: set[str] = field(default_factory=set[str])


class Place(msgspec.Struct):
    street: str


TYPES: dict[str, Any] = {"cart": list[Item], "place": Place | None, "by_number": dict[int, Item]}
TEA = Item("tea", 2, Decimal("3.20"), datetime(2026, 6, 1, tzinfo=UTC), b"\xff", {"hot"})


def misfit() -> Place:
    place = Place("")
    setattr(place, "street", 7)  # noqa: B010  # its type says str
    return place


def visitors() -> Visitors:
    return Visitors(MemoryStore, VisitorOptions(types=TYPES))


async def visited(house: Visitors, change: Callable[[User], object]) -> str:
    """The cookie of a new visitor."""
    _, response = await serve(house, change=change)
    return cookie_of(response)


def test_they_come_back() -> None:
    def put(user: User) -> None:
        user["cart"] = [TEA]
        user.update(place=Place("Via Appia"), by_number={7: TEA}, plain={"name": "tea"})

    async def run() -> None:
        async with visitors() as house:
            cookie = await visited(house, put)
            user, response = await serve(house, cookie)
            assert user == {"cart": [TEA], "place": Place("Via Appia"), "by_number": {7: TEA}, "plain": {"name": "tea"}}
            assert set_cookie(response) == ""

    asyncio.run(run())


def test_reading_is_no_change_and_a_change_inside_is_one() -> None:
    async def run() -> None:
        store = MemoryStore()
        async with Visitors(lambda: store, VisitorOptions(types=TYPES)) as house:
            cookie = await visited(house, lambda user: user.update(cart=[TEA], by_number={7: TEA}))
            ((key, before),) = [each async for each in store.scan(SPACE)]
            await serve(house, cookie, lambda user: user["cart"][0].name)
            assert await store.get(SPACE, key) == before
            await serve(house, cookie, lambda user: setattr(user["cart"][0], "amount", 5))
            user, _ = await serve(house, cookie)
            assert user["cart"][0].amount == 5

    asyncio.run(run())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cart", TEA, "user['cart'] is declared as list[tests.store.test_shapes.Item]: Expected `array`, got `object`"),
        (
            "place",
            misfit(),
            "user['place'] is declared as tests.store.test_shapes.Place | None: Expected `str`, got `int` - at `$.street`",
        ),
        ("cart", [object()], "user['cart']: Encoding objects of type object is unsupported"),
        ("cart", [Item("\ud800")], "user['cart'][0]['name']: the text holds half of a surrogate pair, which has no UTF-8"),
        (
            "other",
            TEA,
            "user['other']: a visitor keeps None, bool, int, float, str, bytes, datetime, list and dict, not Item, unless "
            "VisitorOptions.types declares it",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_put_in(key: str, value: object, message: str) -> None:
    user = User(shapes=Shapes(TYPES, VALUES))
    with pytest.raises((TypeError, ValueError)) as caught:
        user[key] = value
    assert str(caught.value) == message
    assert user == {}


def test_what_has_become_unfit_is_not_kept() -> None:
    async def run() -> None:
        async with visitors() as house:
            cookie = await visited(house, lambda user: user.update(cart=[Item("tea")]))
            with pytest.raises(TypeError, match=r"user\['cart'\] is declared as list\[.*Item\]: Expected `int`, got `str`"):
                await serve(house, cookie, lambda user: setattr(user["cart"][0], "amount", "many"))
            user, _ = await serve(house, cookie)
            assert user["cart"] == [Item("tea")]

    asyncio.run(run())


def test_another_declaration_says_what_does_not_fit() -> None:
    shapes = Shapes({"place": Place}, VALUES)
    assert shapes.shaped({"place": {"street": "a", "house": 7}}) == {"place": Place("a")}
    with pytest.raises(StoreError) as caught:
        shapes.shaped({"place": {"house": 7}})
    assert caught.value.code == 500
    assert str(caught.value) == (
        "500 what is kept as user['place'] does not fit Place: Object missing required field `street`; nothing of it is changed: "
        "give a new member a default, and let the type take what it took before"
    )


def test_export_and_signing_in_have_the_plain_form() -> None:
    seen: list[object] = []

    def rule(mine: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
        seen.append(mine["cart"])
        return keep_both(mine, known)

    async def run() -> None:
        async with visitors() as house:
            cookie = await visited(house, lambda user: user.update(cart=[Item("tea")]))
            request = ask(cookie)
            user = await house.take(request)
            await user.login("ada", rule)
            assert user["cart"] == [Item("tea")]
            (exported,) = user.export()["data"]["cart"]
            assert (exported["name"], exported["price"], exported["since"]) == (
                "tea",
                "0",
                {"$datetime": "2026-05-01T00:00:00+00:00"},
            )
            await finish(request, None)

    asyncio.run(run())
    assert [[each["name"] for each in cart] for cart in seen] == [["tea"]]  # type: ignore[attr-defined]


def test_who_changed_nothing_is_done_quietly() -> None:
    def quietly(request: Request) -> bool:
        assert request.finishers
        (finisher,) = request.finishers
        assert isinstance(finisher, QuickFinisher)
        return finisher.finish_quietly()

    async def run() -> None:
        async with visitors() as house:
            cookie = await visited(house, lambda user: user.update(cart=[TEA], by_number={7: TEA}))
            request = ask(cookie)
            assert (await house.take(request))["cart"] == [TEA]
            assert quietly(request)

            request = ask(cookie)
            (await house.take(request))["cart"][0].amount = 5
            assert not quietly(request)
            await finish(request, None)

            request = ask(cookie)
            (await house.take(request))["cart"].append(object())  # which has no plain form
            assert not quietly(request)
            with pytest.raises(TypeError, match=r"user\['cart'\]: Encoding objects of type object is unsupported"):
                await finish(request, Response("ok"))

    asyncio.run(run())


def test_an_app_with_declared_values() -> None:
    app = App(store="memory:", visitors=VisitorOptions(types={"cart": list[Item]}))

    @app.post("/{name}")
    def put(name: str, user: User) -> int:
        cart: list[Item] = user.setdefault("cart", [])
        cart.append(Item(name))
        return 200 + len(cart)

    with app.test() as client:
        assert [client.post("/tea").status, client.post("/cup").status] == [201, 202]


def test_what_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match=r"VisitorOptions\(types=\{'a': …\}\): Type unions may not contain more than one"):
        VisitorOptions(types={"a": list[int] | list[str]})
