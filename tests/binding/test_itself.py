"""Types that bind themselves, bindings of the program, and the injected response."""

from __future__ import annotations

import asyncio
from collections import UserDict
from collections.abc import Mapping
from typing import Any, Self

import pytest
from tests.binding.making import bound, call, finish, request

from hospes import App, RequestBodyReader
from hospes.binding import ProviderRegistry, Reads, Site, compile_plan
from hospes.binding.itself import BindsItself, ModelBinding, ModelBindings, injected_response
from hospes.errors import HttpError
from hospes.http.cookies import SetCookie
from hospes.http.request import Request
from hospes.http.response import Response


class Quick:
    def __init__(self, host: str) -> None:
        self.host = host

    @classmethod
    def __from_request__(cls, request: Request) -> Self:
        return cls(request.host)


class Slow(Quick):
    @classmethod
    async def __from_request__(cls, request: Request) -> Self:  # type: ignore[override]  # a value or an awaitable of it
        await asyncio.sleep(0)
        return cls(request.host + "!")


class Guarded(Quick):
    @classmethod
    def __from_request__(cls, request: Request) -> Self:
        raise HttpError(401)


class Known(UserDict[str, int]):
    """A mapping of the program's own."""


def test_types_that_bind_themselves() -> None:
    def handler(quick: Quick, slow: Slow, maybe: Quick | None = None, n: int = 1, default=Quick("")) -> Any:  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return quick.host, slow.host, maybe and maybe.host, n, default.host

    assert bound(handler, request("/?n=2")) == ("example.org", "example.org!", "example.org", 2, "example.org")
    assert isinstance(Quick(""), BindsItself)


class Whole:
    """What the content says."""

    __reads__ = Reads.OCTETS

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def __from_request__(cls, request: Request) -> Self:
        return cls(f"{request.body.decode()} {request.form.fields if request.has('form') else ''}")


def test_a_type_that_looks_at_the_content() -> None:
    def handler(whole: Whole) -> str:
        return whole.text

    async def streams(whole: Whole, reader: RequestBodyReader) -> None: ...

    app = App()
    app.post("/")(handler)
    with app.test() as client:
        assert client.post("/", content=b"abc").text == "abc "
        assert client.post("/", form={"a": "1"}).text == "a=1 {'a': ['1']}"
        assert client.post("/").text == " "
    assert compile_plan(handler, Site(methods=frozenset({"GET"}))).reads is Reads.NOTHING
    assert compile_plan(streams, Site()).reads is Reads.STREAM


def test_a_provider_comes_before_what_the_type_does_itself() -> None:
    def provide() -> Quick:
        return Quick("provided")

    def handler(quick: Quick, slow: Slow, default=Quick("")) -> Any:  # type: ignore[no-untyped-def]  # noqa: B008 (the seed's form)
        return quick.host, slow.host, default.host

    registry = ProviderRegistry()
    registry.add(provide, "request")
    assert bound(handler, request("/"), providers=registry) == ("provided", "example.org!", "provided")


def test_who_asks_for_a_mapping_means_none_that_is_provided() -> None:
    def provide() -> Known:
        return Known()

    def handler(known: Known, numbers: Mapping[str, int]) -> Any:
        return type(known), numbers

    registry = ProviderRegistry()
    registry.add(provide, "request")
    assert bound(handler, request("/?numbers={%22a%22:1}"), providers=registry) == (Known, {"a": 1})


def test_what_they_raise_is_the_answer() -> None:
    def handler(guarded: Guarded) -> Any:
        return guarded

    with pytest.raises(HttpError) as caught:
        bound(handler, request("/"))
    assert caught.value.code == 401


def test_a_binding_has_to_bind() -> None:
    class Nothing(ModelBinding):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has to define bind"):
        Nothing(request("/"), Response(), "a", int, None).bind()


def test_registering() -> None:
    bindings = ModelBindings()

    class Mine(ModelBinding):
        pass

    assert bindings.model_binding(int)(Mine) is Mine
    assert bindings.default_model_binding(Mine) is Mine
    assert (bindings.for_type, bindings.default) == ({int: Mine}, Mine)


def completed(change: Any, answer: Response) -> Response:
    async def run() -> Response:
        on = request("/")

        def handler(response: Response, again: Response) -> None:
            assert response is again
            change(response)

        await call(handler, on)
        return await finish(on, answer)

    return asyncio.run(run())


def test_what_is_set_on_the_injected_response_is_in_the_answer() -> None:
    def change(response: Response) -> None:
        response.status = 201
        response.headers["X-A"] = "1"
        response.headers["X-Own"] = "ignored"
        response.cookies["c"] = "d"
        response.set_cookie(SetCookie("e", "f"))

    answer = completed(change, Response("text", headers={"x-own": "mine"}))
    lines = list(answer.lines())
    assert (answer.status, answer.body, answer.headers["X-A"], answer.headers["x-own"]) == (201, b"text", "1", "mine")
    assert [value.partition(";")[0] for name, value in lines if name == "Set-Cookie"] == ["c=d", "e=f"]


def test_the_answers_own_status_and_content_stand() -> None:
    def change(response: Response) -> None:
        response.status = 201
        response.body = "injected"

    answer = completed(change, Response("own", 404))
    assert (answer.status, answer.body) == (404, b"own")


def test_an_answer_without_content_takes_the_injected_one() -> None:
    def change(response: Response) -> None:
        response.body = {"a": 1}

    answer = completed(change, Response())
    assert (answer.body, answer.content_type) == (b'{"a":1}', "application/json")


def test_the_injected_response_itself_may_be_returned() -> None:
    async def run() -> None:
        on = request("/")
        injected = injected_response(on)
        injected.headers["X-A"] = "1"
        await finish(on, injected)
        assert injected.headers.get_all("X-A") == ["1"]

    asyncio.run(run())
