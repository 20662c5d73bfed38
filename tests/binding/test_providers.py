"""Provided objects: found by type, made once per scope, cleaned up, overridden; mistakes are told at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from tests.binding.making import call, errors, finish, request
from tests.golden import check_golden

from hospes.binding.markers import Header, PathValue
from hospes.binding.plan import compile_plan
from hospes.binding.providers import ProviderRegistry, VisitorOptions
from hospes.binding.scopes import note_failure
from hospes.binding.signature import Site
from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import Response


class Database:
    def __init__(self, url: str = "") -> None:
        self.url = url
        self.is_open = True


class Postgres(Database):
    pass


class Sqlite(Database):
    pass


class Cart:
    def __init__(self, owner: str) -> None:
        self.owner = owner


class Visit:
    def __init__(self, token: str) -> None:
        self.token = token


class Who:
    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    async def __from_request__(cls, request: Request) -> Who:
        return cls(request.headers.get("who", ""))


def use(database: Database) -> Database:
    return database


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


async def served(registry: ProviderRegistry, handler: Callable[..., Any], fields: list[str] | None = None, **given: Any) -> Any:
    """One request with its finishers, as an application does."""
    on = request("/", fields=fields or [], **given)
    answer = await call(handler, on, Site(path_names=None), providers=registry)
    await finish(on, Response("x"))
    return answer


def quick() -> Database:
    return Database("quick")


async def slow() -> Database:
    await asyncio.sleep(0)
    return Database("slow")


def quick_yield() -> Iterator[Database]:
    database = Database("quick_yield")
    yield database
    database.is_open = False


def quick_generator() -> Generator[Database, None, None]:
    yield from quick_yield()


async def slow_yield() -> AsyncIterator[Database]:
    database = Database("slow_yield")
    yield database
    database.is_open = False


def awaitable() -> Awaitable[Database]:
    return slow()


class Factory:
    async def __call__(self) -> Database:
        return Database("factory")


@pytest.mark.parametrize("scope", ["app", "request", "session"])
@pytest.mark.parametrize("provider", [quick, slow, quick_yield, quick_generator, slow_yield, Factory()])
def test_all_kinds_of_providers_in_all_scopes(provider: Callable[..., Any], scope: str) -> None:
    async def scenario() -> None:
        registry = ProviderRegistry(VisitorOptions(key=lambda request: request.headers.get("who")))
        registry.add(provider, scope)
        async with registry.opened():
            first = await served(registry, use, ["who: ada"])
            second = await served(registry, use, ["who: ada"])
            other = await served(registry, use, ["who: bob"])
            nobody = await served(registry, use)
            assert isinstance(first, Database)
            assert (first is second, second is other) == (scope != "request", scope == "app")
            assert (nobody is other) == (scope == "app")
            cleans = provider in {quick_yield, slow_yield, quick_generator}
            assert first.is_open is (scope != "request" or not cleans)
        assert first.is_open is not cleans

    run(scenario())


def test_a_class_provides_itself() -> None:
    registry = ProviderRegistry()
    registry.add(Database)
    assert isinstance(run(served(registry, use)), Database)


def test_one_object_per_request() -> None:
    def handler(a: Database, b: Database, cart: Cart) -> Any:
        return a is b, cart.owner

    def cart(database: Database, who: Who, token: Header, id: int = PathValue()) -> Cart:  # type: ignore[assignment]
        return Cart(f"{database.url} {who.name} {token} {id}")

    registry = ProviderRegistry()
    registry.add(slow, "request")
    registry.add(cart, "request")
    assert run(served(registry, handler, ["who: ada", "token: t"], path={"id": "7"})) == (True, "slow ada t 7")


def test_errors_of_a_providers_own_parameters() -> None:
    def visit(token: Header) -> Visit:
        return Visit(token)

    def handler(v: Visit) -> Any:
        return v

    registry = ProviderRegistry()
    registry.add(visit, "request")
    assert errors(handler, request(), providers=registry) == [("header", "token", "missing")]


def test_the_exact_type_comes_before_a_subclass() -> None:
    def postgres() -> Postgres:
        return Postgres("postgres")

    def handler(database: Database, exact: Postgres) -> Any:
        return database.url, exact.url

    registry = ProviderRegistry()
    registry.add(postgres)
    assert run(served(registry, handler)) == ("postgres", "postgres")
    registry.add(quick)
    assert run(served(registry, handler)) == ("quick", "postgres")
    assert registry.find(str) is None
    assert registry.find(object) is None
    assert registry.find(list[int]) is None


def test_made_once_however_many_come_at_once() -> None:
    made: list[int] = []

    async def counted() -> Database:
        made.append(1)
        await asyncio.sleep(0)
        return Database()

    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(counted)
        async with registry.opened():
            found = await asyncio.gather(*(served(registry, use) for _ in range(10)))
        assert len({id(each) for each in found}) == 1
        assert len(made) == 1

    run(scenario())


def test_a_provider_that_fails_is_asked_again() -> None:
    tries: list[int] = []

    async def flaky() -> Database:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return Database()

    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(flaky)
        async with registry.opened():
            with pytest.raises(ConnectionError):
                await served(registry, use)
            assert isinstance(await served(registry, use), Database)

    run(scenario())


def test_cleaned_up_in_reverse_at_the_end_of_each_run() -> None:
    log: list[str] = []

    async def database() -> AsyncIterator[Database]:
        log.append("open database")
        yield Database()
        log.append("close database")

    def cart(database: Database) -> Iterator[Cart]:
        log.append("open cart")
        yield Cart("x")
        log.append("close cart")

    def handler(cart: Cart) -> None: ...

    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(cart)
        registry.add(database)
        for _ in range(2):
            async with registry.opened(), registry.opened():
                await served(registry, handler)
        assert log == ["open database", "open cart", "close cart", "close database"] * 2

    run(scenario())


def test_a_failed_request_rolls_back() -> None:
    log: list[str] = []

    async def transaction() -> AsyncIterator[Database]:
        try:
            yield Database()
        except KeyError:
            log.append("rollback")
            raise
        log.append("commit")

    async def scenario(fails: bool) -> None:
        registry = ProviderRegistry()
        registry.add(transaction, "request")
        on = request()
        await call(use, on, providers=registry)
        if fails:
            note_failure(on, KeyError("handler"))
        await finish(on, Response("x", 404 if fails else 200))

    run(scenario(True))
    run(scenario(False))
    assert log == ["rollback", "commit"]


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("scope", ["app", "request"])
def test_a_provider_has_to_yield(scope: str, is_async: bool) -> None:
    def none() -> Iterator[Database]:
        yield from ()

    async def none_async() -> AsyncIterator[Database]:
        for each in list[Database]():
            yield each

    registry = ProviderRegistry()
    registry.add(none_async if is_async else none, scope)
    with pytest.raises(RuntimeError, match="has ended without a yield"):
        run(served(registry, use))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_provider_that_forgets_to_return(is_async: bool) -> None:
    def forgets() -> Database:
        return cast("Database", None)

    async def forgets_too() -> Database:
        return cast("Database", None)

    registry = ProviderRegistry()
    registry.add(forgets_too if is_async else forgets)
    with pytest.raises(TypeError) as caught:
        run(served(registry, use))
    name = "forgets_too" if is_async else "forgets"
    assert str(caught.value) == f"the provider {name}() gave None for a Database; is a `return` missing?"


def test_a_provider_that_says_so_may_give_none() -> None:
    registry = ProviderRegistry()

    def perhaps() -> Database | None:
        return None

    registry.add(perhaps)
    wanted: Any = Database | None
    assert run(registry.get(wanted, request("/"))) is None


def test_sync_generators_beside_async_dependencies() -> None:
    def cart(database: Database) -> Iterator[Cart]:
        yield Cart(database.url)

    def handler(cart: Cart) -> Any:
        return cart.owner

    registry = ProviderRegistry()
    registry.add(slow)
    registry.add(cart, "request")
    assert run(served(registry, handler)) == "slow"


def test_lasting_providers_keep_their_defaults() -> None:
    def database(url: str = "from the program", *more: str, who: Who | None = None) -> Database:
        return Database(url + "".join(more))

    def cart(who: Who, url: str = "u", *, database: Database) -> Cart:
        return Cart(f"{who.name} {url} {database.url}")

    def handler(database: Database, cart: Cart) -> Any:
        return database.url, cart.owner

    registry = ProviderRegistry(VisitorOptions(key=lambda request: 1))
    registry.add(database)
    registry.add(cart, "session")
    # A visitor's `url` in the query reaches neither of them.
    on = request("/?url=evil", fields=["who: ada"])
    assert run(call(handler, on, providers=registry)) == ("from the program", "ada u from the program")


def test_get_for_code_without_a_signature() -> None:
    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(slow)
        assert (await registry.get(Database, request())).url == "slow"
        with pytest.raises(LookupError, match="nobody provides Cart"):
            await registry.get(Cart, request())

    run(scenario())


def test_override() -> None:
    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(quick)
        plan = compile_plan(use, Site(), registry)
        with registry.override(Database, Database("object")):
            assert plan.bind(request())[0].url == "object"
            with registry.override(Database, lambda: Database("inner")):
                assert plan.bind(request())[0].url == "inner"
                assert plan.bind(request())[0] is plan.bind(request())[0]
            assert plan.bind(request())[0].url == "object"
        assert plan.bind(request())[0].url == "quick"

    run(scenario())


def test_an_override_may_be_async_where_the_original_is() -> None:
    async def fake() -> Database:
        return Database("fake")

    async def scenario() -> None:
        registry = ProviderRegistry()
        registry.add(slow)
        with registry.override(Database, fake):  # type: ignore[arg-type]  # an awaitable, as the original
            assert (await served(registry, use)).url == "fake"

    run(scenario())


def test_providers_name_themselves() -> None:
    registry = ProviderRegistry()
    registry.add(quick, "app", "main.py:1")
    provided = registry.find(Database)
    assert provided is not None
    assert (provided.name, provided.scope, provided.source, provided.kind) == ("quick", "app", "main.py:1", Database)
    assert registry.context is None


# Mistakes.


def refusal(declare: Callable[[ProviderRegistry], object]) -> str:
    registry = ProviderRegistry()
    with pytest.raises(SetupError) as caught:
        declare(registry)
    return str(caught.value)


def to_cart(database: Database) -> Cart:
    return Cart("x")


def to_database(cart: Cart) -> Database:
    return Database()


def of_number(n: int) -> Database:
    return Database(str(n))


def silent():  # type: ignore[no-untyped-def]  # the case
    return Database()


def to_postgres() -> Postgres:
    return Postgres()


def to_sqlite() -> Sqlite:
    return Sqlite()


@contextmanager
def managed() -> Iterator[Database]:
    yield Database()


def circle(registry: ProviderRegistry) -> None:
    registry.add(to_cart, "app", "/srv/a.py:1")
    registry.add(to_database, "app", "/srv/b.py:2")
    registry.find(Cart)


def ambiguous(registry: ProviderRegistry) -> None:
    registry.add(to_postgres, "app", "/srv/a.py:1")
    registry.add(to_sqlite, "app", "/srv/b.py:2")
    registry.find(Database)


def too_short(registry: ProviderRegistry) -> None:
    registry.add(quick, "request", "/srv/a.py:1")
    registry.add(to_cart, "app", "/srv/b.py:2")
    registry.find(Cart)


def provided_twice(registry: ProviderRegistry) -> None:
    registry.add(quick, "app", "/srv/a.py:1")
    registry.add(slow, "app", "/srv/b.py:2")


def unknown_scope(registry: ProviderRegistry) -> None:
    registry.add(quick, "forever", "/srv/a.py:1")


def without_type(registry: ProviderRegistry) -> None:
    registry.add(silent, "app", "/srv/a.py:1")


def inside_context_manager(registry: ProviderRegistry) -> None:
    registry.add(managed, "app", "/srv/a.py:1")


def needs_a_request(registry: ProviderRegistry) -> None:
    registry.add(of_number, "app", "/srv/a.py:1")
    registry.find(Database)


def without_visitors(registry: ProviderRegistry) -> None:
    registry.add(quick, "session", "/srv/a.py:1")
    registry.find(Database)


def override_of_nothing(registry: ProviderRegistry) -> None:
    with registry.override(Database, quick):
        pass


@pytest.mark.parametrize(
    "mistake",
    [
        circle,
        ambiguous,
        too_short,
        provided_twice,
        unknown_scope,
        without_type,
        inside_context_manager,
        needs_a_request,
        without_visitors,
        override_of_nothing,
    ],
)
def test_mistakes_are_told(mistake: Callable[[ProviderRegistry], object]) -> None:
    check_golden(f"binding/providers_{mistake.__name__}", refusal(mistake))


def test_an_override_that_would_have_to_be_waited_for() -> None:
    def declare(registry: ProviderRegistry) -> None:
        registry.add(quick)
        with registry.override(Database, slow):  # type: ignore[arg-type]  # the case
            pass

    assert "would have to be waited for" in refusal(declare)


def test_awaitables_are_returned_types_too() -> None:
    registry = ProviderRegistry()
    registry.add(awaitable)
    assert run(served(registry, use)).url == "slow"


def test_the_visitor_arrives_before_its_objects_are_asked_for() -> None:
    """Also where only another provider asks, and where the object is there already."""
    registry: ProviderRegistry

    async def arrive(request: Request) -> None:
        request.session = request.headers.get("who")

    registry = ProviderRegistry(VisitorOptions(key=lambda request: request.session, arrive=arrive))
    made: list[Cart] = []

    def cart() -> Cart:
        made.append(Cart("somebody"))
        return made[-1]

    def visit(cart: Cart) -> Visit:
        return Visit(cart.owner)

    registry.add(cart, "session")
    registry.add(visit, "request")

    async def main() -> None:
        async with registry.opened():
            for name in ("ada", "ada", "bob"):
                one = request(fields=[f"Who: {name}"])
                assert (await registry.get(Visit, one)).token == "somebody"
                assert await registry.get(Cart, one) is made[-1]
                await finish(one)
            with registry.override(Cart, Cart("other")):
                one = request(fields=["Who: eve"])
                assert (await registry.get(Cart, one)).owner == "other"
                await finish(one)

    asyncio.run(main())
    assert len(made) == 2
