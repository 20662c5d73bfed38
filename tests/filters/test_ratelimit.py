"""Rate limits: the count, the time, whom it is for; bounded memory; shared over apps, and what happens without the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.app.support import asked, made
from tests.golden import check_golden
from tests.servers import ValkeyServer

from hospes import Address, App, RateLimit, Request, Response
from hospes.filters import ratelimit
from hospes.filters.ratelimit import Rate
from hospes.store import Conflict, StoreSource, StoreUnavailable


class Clock:
    def __init__(self) -> None:
        self.now = time.time()  # what lies in a store ends by the store's own clock

    def __call__(self) -> float:
        return self.now


def statuses(app: App, count: int, **fields: str) -> list[int]:
    with app.test() as client:
        return [client.get("/", fields).status for _ in range(count)]


def limited(limit: RateLimit, **options: Any) -> App:
    app = App(**{"store": "memory:", **options})
    app.filter(limit)
    app.get("/")(lambda: Response("x"))
    return app


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1/second", (1, 1)),
        ("100/minute", (100, 60)),
        ("100 / 15 minutes", (100, 900)),
        ("5/2hours", (5, 7_200)),
        ("7/day", (7, 86_400)),
    ],
)
def test_reads(text: str, rate: tuple[int, int]) -> None:
    assert Rate.parse(text) == rate


def test_the_count_and_then_one_by_one() -> None:
    clock = Clock()
    with limited(RateLimit("3/minute", clock=clock)).test() as client:
        answers = [client.get("/") for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert [answer.headers["RateLimit"] for answer in answers] == [
            '"default";r=2;t=20',
            '"default";r=1;t=40',
            '"default";r=0;t=60',
            '"default";r=0',
        ]
        assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"default";q=3;w=60'}
        assert (answers[3].headers["Retry-After"], answers[3].json()["detail"]) == (
            "20",
            "Too many requests: 3 are allowed in 60 seconds.",
        )
        for moved, expected in ((19.9, 429), (0.101, 200), (0.0, 429), (40.0, 200), (0.0, 200), (0.0, 429), (60.0, 200)):
            clock.now += moved
            assert client.get("/").status == expected


def test_who_is_told_apart() -> None:
    app = limited(RateLimit("1/hour", by=lambda request: request.headers.get("X-Key")))
    with app.test() as client:
        found = [client.get("/", {"X-Key": key} if key else {}).status for key in ("a", "b", "a", "", "", "b")]
    assert found == [200, 200, 429, 200, 200, 429]

    async def by(request: Request) -> str:
        await asyncio.sleep(0)
        return "everybody"

    assert statuses(limited(RateLimit("1/hour", by)), 2) == [200, 429]


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("/run/app.sock", "/run/app.sock"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a:path", "a:path"),
    ],
)
def test_addresses(host: str, key: str) -> None:
    request = made()
    request.connection = replace(request.connection, client=Address(host, 1))
    assert ratelimit._address(request) == key


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "KEPT", 5)
    limit = RateLimit("2/minute")
    for number in range(20):
        assert limit.count(str(number), 0.0) == (True, 30.0)
    assert list(limit._due) == ["15", "16", "17", "18", "19"]
    limit.count("15", 1.0)
    limit.count("new", 1.0)
    assert list(limit._due) == ["17", "18", "19", "15", "new"]
    for number in range(5):
        limit.count(f"later {number}", 1_000.0)
    assert list(limit._due) == [f"later {number}" for number in range(5)]
    assert limit.count("alone", 1_000.0)[0]


@given(st.integers(1, 50), st.integers(1, 3_600), st.lists(st.floats(0, 100), min_size=1, max_size=300))
def test_never_more_than_the_count_and_what_time_brings(most: int, period: int, steps: list[float]) -> None:
    rate, now, due, allowed = Rate(most, period), 1_700_000_000.0, 0.0, 0
    begin = now
    for step in steps:
        now += step
        left = rate.left(due, now)
        passed, due = rate.decide(due, now)
        assert passed is (left > 0)
        allowed += passed
        assert allowed <= most + (now - begin) * most / period + 1e-3


# Shared.


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_shared(kind: str, tmp_path: Any, request: pytest.FixtureRequest) -> None:
    if kind == "redis":
        valkey: ValkeyServer = request.getfixturevalue("valkey")
        url = valkey.url()
    else:
        url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/rates.db"
    limit = RateLimit("3/hour", shared=True)
    apps = [limited(limit, store=url), limited(limit if kind == "memory" else RateLimit("3/hour", shared=True), store=url)]

    async def scene() -> None:
        async with asked(apps[0]) as one, asked(apps[1]) as other:
            found = [(await ask(made())).status for ask in (one, other, one, other, one)]
            # Memory is each app's own, but this is one filter, which counts for itself as well.
            assert found == [200, 200, 200, 429, 429]
        async with asked(limited(RateLimit("3/hour", shared=True, name="other"), store=url)) as ask:
            assert (await ask(made())).status == 200

    asyncio.run(scene())


def test_shared_at_the_same_time(tmp_path: Any) -> None:
    app = limited(RateLimit("5/hour", shared=True), store=f"sqlite:///{tmp_path}/rates.db")

    async def scene() -> None:
        async with asked(app) as ask:
            answers = await asyncio.gather(*(ask(made()) for _ in range(8)))
            assert sorted(answer.status for answer in answers) == [200] * 5 + [429] * 3

    asyncio.run(scene())


class Away:
    """A store that is not to be had, or whose records are fought over."""

    def __init__(self, failure: Exception, *, opens: bool) -> None:
        self.failure = failure
        self.opens = opens
        self.tries = 0

    async def open_store(self) -> Away:
        if not self.opens:
            raise self.failure
        return self

    async def get(self, space: str, key: bytes) -> None:
        self.tries += 1

    async def compare_and_set(self, *_: Any, **__: Any) -> int:
        raise self.failure


@pytest.mark.parametrize(
    "source",
    [Away(StoreUnavailable("x"), opens=False), Away(StoreUnavailable("x"), opens=True), Away(Conflict(), opens=True), None],
)
def test_without_the_store_this_process_counts(source: Away | None) -> None:
    limit = RateLimit("2/hour", shared=True)

    async def inside(request: Request) -> Response:
        return Response("x")

    async def ask() -> int:
        request = made()
        request.services = {StoreSource: source} if source is not None else {}
        try:
            return (await limit(request, inside)).status
        except Exception as error:
            return int(getattr(error, "code", 0))

    assert [asyncio.run(ask()) for _ in range(3)] == [200, 200, 429]
    if source is not None and isinstance(source.failure, Conflict):
        assert source.tries == 10


def test_mistakes() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: RateLimit("100"),
        lambda: RateLimit("0/minute"),
        lambda: RateLimit("1/0 minutes"),
        lambda: RateLimit("1/week"),
        lambda: RateLimit("1/minute", by="visitor"),  # type: ignore[arg-type]
    ]
    said: list[str] = []
    for each in wrong:
        with pytest.raises(ValueError, match="RateLimit") as caught:
            each()
        said.append(str(caught.value))
    check_golden("filters/ratelimit", "\n".join(said))


def test_what_others_have_used_up_is_known_here(tmp_path: Any) -> None:
    """Refused in the store, it is refused here without asking, until as late as there."""
    clock, url = Clock(), f"sqlite:///{tmp_path}/rates.db"
    here = RateLimit("2/minute", shared=True, clock=clock)
    other = RateLimit("2/minute", shared=True, clock=clock)

    async def scene() -> None:
        async with asked(limited(other, store=url)) as elsewhere, asked(limited(here, store=url)) as ask:
            assert [(await elsewhere(made())).status for _ in range(2)] == [200, 200]
            assert (await ask(made())).status == 429
            assert here._due["127.0.0.1"] == pytest.approx(clock.now + 60, abs=1e-5)
            assert not here.count("127.0.0.1", clock.now)[0]
            clock.now += 30.001
            assert (await ask(made())).status == 200

    asyncio.run(scene())
