"""Declared values of a session: objects at every request, plain in the store, and right where two change them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from tests.sessions.support import House, ask, begun, content, finish, met, run, serve, set_cookie

from hospes import App, Session
from hospes.http import Response
from hospes.http.request import QuickFinisher
from hospes.sessions import SessionOptions, StoredSession, StoredSessions
from hospes.sessions.record import decode
from hospes.store.contract import StoreError


@dataclass
class Order:
    table: int
    dishes: list[str] = field(default_factory=list[str])
    guests: int = 0


class Seat(msgspec.Struct):
    row: str


OPTIONS = SessionOptions(types={"order": Order, "seats": dict[int, Seat]})


def put(session: StoredSession) -> None:
    session["order"] = Order(7, ["soup"])
    session.update(seats={1: Seat("A")}, plain={"row": "A"})


def test_they_come_back_and_reading_is_no_change() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        ((_, before),) = await house.records()
        assert decode(before).attributes["order"] == {"table": 7, "dishes": ["soup"], "guests": 0}, "the plain form"
        for method in ("GET", "POST"):
            session, response = await serve(house.sessions, cookie, lambda session: session["order"].table, method)
            assert session.attributes == {"order": Order(7, ["soup"]), "seats": {1: Seat("A")}, "plain": {"row": "A"}}
            assert set_cookie(response) == ""
        assert [octets for _, octets in await house.records()] == [before]

    run(main, options=OPTIONS)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_change_inside_is_kept(method: str) -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        await serve(house.sessions, cookie, lambda session: session["order"].dishes.append("tea"), method)
        await serve(house.sessions, cookie, lambda session: setattr(session["seats"][1], "row", "B"), method)
        kept = await content(house, cookie)
        assert (kept["order"], kept["seats"]) == (Order(7, ["soup", "tea"]), {1: Seat("B")})

    run(main, options=OPTIONS)


def test_two_that_change_at_once_are_both_heard() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        one, end_one = await begun(house, cookie)
        other, end_other = await begun(house, cookie)
        for session, dish in ((one, "tea"), (other, "cake")):
            session["order"].guests += 1
            session["order"].dishes.append(dish)
        await end_one()
        await end_other()
        assert (await content(house, cookie))["order"] == Order(7, ["soup", "tea", "cake"], 2)

    run(main, options=OPTIONS)


def test_a_block_shows_what_was_declared() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        session, end = await begun(house, cookie)
        await end()
        await serve(house.sessions, cookie, lambda session: session["order"].dishes.append("tea"))
        async with session.turn():
            assert session["order"] == Order(7, ["soup", "tea"])
            session["order"].guests = 3

        async def fail() -> None:
            async with session.turn():
                session["order"].guests = 4
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert session["order"] == (await content(house, cookie))["order"] == Order(7, ["soup", "tea"], 3)

    run(main, options=OPTIONS)


def unfit(session: StoredSession) -> None:
    session["order"].table = "seven"


def unkept(session: StoredSession) -> None:
    session["order"].dishes.append(object())


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (unfit, r"session\['order'\] is declared as Order: Expected `int`, got `str` - at `\$\.table`"),
        (unkept, r"session\['order'\]: Encoding objects of type object is unsupported"),
    ],
)
def test_what_has_become_unfit_is_not_kept(change: Callable[[StoredSession], None], message: str, method: str) -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        session, end = await begun(house, cookie, method)
        change(session)
        with pytest.raises(TypeError, match=message):
            await end()
        assert (await content(house, cookie))["order"] == Order(7, ["soup"])

    run(main, options=OPTIONS)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("order", {"dishes": []}, "session['order'] is declared as Order: Object missing required field `table`"),
        ("order", object(), "session['order']: Encoding objects of type object is unsupported"),
        (
            "other",
            Seat("A"),
            "session['other']: a session keeps None, bool, int, float, str, bytes, datetime, list and dict, not Seat, unless "
            "SessionOptions.types declares it",
        ),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_put_in(name: str, value: object, message: str) -> None:
    async def main(house: House) -> None:
        def change(session: StoredSession) -> None:
            with pytest.raises(TypeError) as caught:
                session[name] = value
            assert str(caught.value) == message
            assert name not in session

        await serve(house.sessions, change=change)
        assert await house.records() == []

    run(main, options=OPTIONS)


def test_what_was_kept_before_it_was_declared_is_an_error_that_says_so() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, lambda session: session.update(order="soup"))
        ((_, before),) = await house.records()
        declared = StoredSessions(house.store, house.turns, OPTIONS, house.clock)
        for method in ("GET", "POST"):
            with pytest.raises(StoreError, match=r"500 what is kept as session\['order'\] does not fit Order: Expected `object`"):
                await serve(declared, cookie, method=method)
        assert [octets for _, octets in await house.records()] == [before]

    run(main)


def test_who_changed_nothing_is_done_quietly() -> None:
    async def main(house: House) -> None:
        cookie = await met(house, put)
        outcomes: list[bool] = []
        changes: list[Callable[[Any], object]] = [lambda order: order.table, lambda order: order.dishes.append("tea")]
        for change in changes:
            request = ask(cookie)
            session = await house.sessions.take(request)
            assert session is not None
            change(session["order"])
            assert request.finishers
            (finisher,) = request.finishers
            assert isinstance(finisher, QuickFinisher)
            outcomes.append(finisher.finish_quietly())
            await finish(request, Response("ok"))
        assert outcomes == [True, False]

    run(main, options=OPTIONS)


def test_an_app_with_declared_values() -> None:
    app = App(store="memory:", sessions=OPTIONS)

    @app.post("/{dish}")
    def order(dish: str, session: Session) -> list[str]:
        mine: Order = session.setdefault("order", Order(7))
        mine.dishes.append(dish)
        return mine.dishes

    with app.test() as client:
        assert client.post("/soup").json() == ["soup"]
        assert client.post("/tea").json() == ["soup", "tea"]
