"""Failures: who answers them, with what, and what the log tells."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.app.support import PATIENCE, asked, made, mistake, until

from hospes import App, Headers, HttpError, InvalidRequest, Request, Response, Template
from hospes.app.failures import ErrorHandler, ErrorHandlers, ErrorKey, as_http_error
from hospes.errors import ClientDisconnected, HospesError, ProtocolError, SetupError
from hospes.store import Conflict, StoreError, StoreFull, StoreUnavailable


class Tea(Exception):
    pass


class GreenTea(Tea):
    pass


class Busy(HttpError):
    pass


def table(*keys: ErrorKey) -> ErrorHandlers:
    handlers = ErrorHandlers()
    for key in keys:
        handlers.add([key] if key != "" else [], ErrorHandler(lambda: "", f"for {key}"))
    return handlers


@pytest.mark.parametrize(
    ("keys", "error", "chosen"),
    [
        # An exception's own type, the nearest base first.
        ([GreenTea, Tea, Exception, 500, "5xx", ""], GreenTea(), GreenTea),
        ([Tea, Exception, 500], GreenTea(), Tea),
        ([Busy, 503, HttpError], Busy(503), Busy),
        ([InvalidRequest, 400], InvalidRequest([]), InvalidRequest),
        # Then the status, then its classes.
        ([404, "40x", "4xx", HttpError, Exception, ""], HttpError(404), 404),
        (["404", "4xx"], HttpError(404), "404"),
        (["4xx", "40x"], HttpError(404), "40x"),
        (["40x", "4XX"], HttpError(410), "4XX"),
        ([500, Exception], Tea(), 500),
        # Then types that say less than a status.
        ([HttpError, HospesError, Exception, ""], HttpError(404), HttpError),
        ([HospesError, Exception, ""], HttpError(404), HospesError),
        ([Exception, "", "5xx"], HttpError(404), Exception),
        ([Exception, HttpError], Tea(), Exception),
        # Then the one without a key, and nobody.
        (["", 410, "5xx", Tea], HttpError(404), ""),
        ([410, "5xx", Tea], HttpError(404), None),
        ([HttpError], Tea(), None),
    ],
)
def test_the_most_telling_handler(keys: list[ErrorKey], error: Exception, chosen: ErrorKey | None) -> None:
    found = table(*keys).find(error, as_http_error(error).code)
    assert (found.source if found else None) == (f"for {chosen}" if chosen is not None else None)


@pytest.mark.parametrize(
    ("error", "code", "explain"),
    [
        (HttpError(418, "tea"), 418, ""),
        (ProtocolError(431, "too large"), 431, "too large"),
        (ClientDisconnected(), 400, ""),
        (ValueError("secret"), 500, ""),
    ],
)
def test_what_an_exception_stands_for(error: Exception, code: int, explain: str) -> None:
    status = as_http_error(error)
    assert (status.code, status.explain) == (code, explain)
    assert "secret" not in f"{status.message}{status.explain}"


def by_names(explain: str, code: int, message: str, error: Exception, request: Request) -> str:
    return f"{code} {message} {explain} {type(error).__name__} {request.path}"


def by_annotations(what: HttpError, asked: Request, /) -> str:
    return f"{what.code} {asked.path}"


def by_union(what: Tea | HttpError) -> str:
    return type(what).__name__


def by_position(number: int, text: str, more: str) -> str:
    return f"{number} {text} {more}"


def by_keyword(*, message: str, code: int) -> str:
    return f"{code} {message}"


def with_defaults(code: int, database: str = "none", *rest: str, lamp: str = "off", **more: str) -> str:
    return f"{code} {database} {lamp} {rest} {more}"


def nothing() -> str:
    return "nothing"


class Handles:
    def __call__(self, code: int) -> str:
        return f"object {code}"

    async def method(self, code: int) -> str:
        return f"method {code}"


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (by_names, "418 tea green HttpError /x"),
        (by_annotations, "418 /x"),
        (by_union, "HttpError"),
        (by_position, "418 tea green"),
        (by_keyword, "418 tea"),
        (with_defaults, "418 none off () {}"),
        (nothing, "nothing"),
        (Handles(), "object 418"),
        (Handles().method, "method 418"),
    ],
)
def test_a_handlers_arguments(handler: Callable[..., Any], text: str) -> None:
    app = App()
    app.error(418)(handler)

    @app.get("/x")
    async def fail() -> None:
        raise HttpError(418, "tea", "green")

    with app.test() as client:
        assert client.get("/x").text == text


def keyword_only(*, database: object) -> str:
    return ""


def fourth(code: int, message: str, explain: str, database: object) -> str:
    return ""


def unknown_type(code: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
    return ""


@pytest.mark.parametrize(
    ("handler", "text"), [(keyword_only, "nothing fills"), (fourth, "nothing fills"), (unknown_type, "Nowhere")]
)
def test_parameters_that_nothing_fills(handler: Callable[..., Any], text: str) -> None:
    assert text in mistake(lambda: App().error(404)(handler))


def test_why_a_store_fails_is_in_the_log_and_does_not_fill_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("hospes.app.failures.monotonic", lambda: now)
    app = App()
    failures: dict[str, StoreError] = {
        "away": StoreUnavailable("no answer"),
        "full": StoreFull("no room"),
        "damaged": StoreError("cannot be read", 500),
        "taken": Conflict(),
    }

    @app.get("/{name}")
    async def fail(name: str) -> None:
        raise failures[name]

    with app.test() as client:
        assert [client.get(f"/{name}?secret").status for name in failures] == [503, 507, 500, 409]
        assert [record.getMessage() for record in caplog.records] == [
            "GET /away: 503 no answer",
            "GET /full: 507 no room",
            "GET /damaged: 500 cannot be read",
        ]
        caplog.clear()
        for later in (0.99, 0.0, 0.01, 5.0):
            now += later
            assert "no answer" not in client.get("/away").text
        assert [record.getMessage() for record in caplog.records] == [
            "GET /away: 503 no answer; 2 more before that",
            "GET /away: 503 no answer",
        ]


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ("gone", 410, "gone"),
        ({"a": 1}, 410, '{"a":1}'),
        (None, 410, ""),
        (200, 200, ""),
        ((404, "not here"), 404, "not here"),
        (Response("fine", 201), 201, "fine"),
        (Headers({"X-A": "1"}), 410, ""),
    ],
)
def test_what_a_handler_may_return(kind: str, answer: Any, status: int, text: str) -> None:
    app = App()

    async def awaited() -> Any:
        return answer

    app.error(410)(awaited if kind == "async" else lambda: answer)

    @app.get("/x")
    async def fail() -> None:
        raise HttpError(410, headers={"X-Why": "old", "Content-Type": "never"})

    with app.test() as client:
        got = client.get("/x")
        assert (got.status, got.text, got.headers["X-Why"]) == (status, text, "old")
        if text:
            assert got.headers["Content-Type"] != "never"


def test_a_template_has_the_failures_status(tmp_path: Path) -> None:
    (tmp_path / "missing.html").write_text("no {{ path }}")
    app = App(templates=tmp_path)

    @app.error(404)
    def missing(request: Request) -> Template:
        return Template("missing.html", path=request.path)

    with app.test() as client:
        answer = client.get("/x")
        assert (answer.status, answer.text) == (404, "no /x")


def test_the_default_answer_shows_nothing_of_an_exception(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.get("/x%0a{name}")
    def fail(name: str) -> None:
        raise ValueError("secret")

    @app.get("/bare")
    async def bare() -> None:
        raise HttpError(500, "known", headers={"Retry-After": "3"})

    with app.test() as client:
        answer = client.get("/x%250a\u00e9?token=hidden", {"Accept": "text/html"})
        assert answer.status == 500
        assert "secret" not in answer.text
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        (record,) = [record for record in caplog.records if record.name == "hospes.app"]
        assert record.exc_info is not None
        assert record.getMessage() == "GET /x%250a%C3%A9 failed"
        assert "hidden" not in caplog.text
        caplog.clear()
        assert client.get("/bare").headers["Retry-After"] == "3"
        assert caplog.text == ""


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_a_handler_that_fails_itself(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    async def fails() -> None:
        raise KeyError("inner secret")

    def fails_too() -> None:
        raise KeyError("inner secret")

    app.error(404)(fails if kind == "async" else fails_too)
    with app.test() as client:
        answer = client.get("/x")
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
        assert "secret" not in answer.text
    assert f"the error handler {'fails' if kind == 'async' else 'fails_too'}() failed itself" in caplog.text.replace(
        "test_a_handler_that_fails_itself.<locals>.", ""
    )


def test_a_refused_request_through_an_error_handler() -> None:
    app = App()

    @app.error(InvalidRequest)
    async def unfit(error: InvalidRequest) -> list[str]:
        return [each.pointer for each in error.errors]

    @app.get("/")
    def count(a: int, b: int) -> str:
        return ""

    with app.test() as client:
        answer = client.get("/?a=x&b=y")
        assert (answer.status, answer.json()) == (400, ["a", "b"])


def test_an_accept_field_that_cannot_be_read() -> None:
    """An error while the answer's shape is chosen does not come between."""
    app = App()

    @app.filter
    async def spoil(request: Request, call_next: Any) -> Response:
        class Unreadable(Headers):
            def get(self, name: str, default: Any = None) -> Any:
                raise HttpError(400)

        request.headers = Unreadable()
        response: Response = await call_next(request)
        return response

    with app.test() as client:
        assert client.get("/nowhere").headers["Content-Type"] == "application/problem+json"


class Blocked:
    """An app whose only thread is taken."""

    def __init__(self) -> None:
        self.app = App(threads=1)
        self.gate, self.entered = threading.Event(), threading.Event()
        self.app.get("/")(self.wait)

    def wait(self) -> str:
        self.entered.set()
        assert self.gate.wait(PATIENCE)
        return "done"


@pytest.mark.parametrize(("kind", "text"), [("async", b"try later"), ("plain", None), ("none", None)])
@pytest.mark.parametrize(("queue", "waiting"), [(0.5, 1), (PATIENCE, 1001)])
def test_a_saturated_pool(kind: str, text: bytes | None, queue: float, waiting: int, caplog: pytest.LogCaptureFixture) -> None:
    """Whether it waited too long or too many wait: an async handler answers, a plain one would need a thread itself."""
    blocked = Blocked()

    async def busy(error: HttpError) -> str:
        return "try later"

    if kind != "none":
        plain: Any = lambda: pytest.fail("there is no thread for it")  # noqa: E731
        blocked.app.error(503)(busy if kind == "async" else plain)

    async def main() -> None:
        async with asked(blocked.app, queue) as ask:
            first = asyncio.create_task(ask(made()))
            await until(blocked.entered.is_set)
            others = [asyncio.create_task(ask(made())) for _ in range(waiting)]
            refused = await next(asyncio.as_completed(others))
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1" if queue < 1 else "10")
            assert text is None or refused.body == text
            blocked.gate.set()
            assert {each.status for each in await asyncio.gather(*others)} == ({503} if waiting == 1 else {200, 503})
            assert (await first).body == b"done"

    asyncio.run(main())
    assert {record.name for record in caplog.records} == {"hospes.execution"}


def test_a_saturated_pool_and_a_failure_of_another_kind(caplog: pytest.LogCaptureFixture) -> None:
    """A plain error handler that finds no thread: the default answers for the failure, not for the pool."""
    blocked = Blocked()
    blocked.app.error(404)(lambda: pytest.fail("there is no thread for it"))

    async def main() -> None:
        async with asked(blocked.app, 0.5) as ask:
            first = asyncio.create_task(ask(made()))
            await until(blocked.entered.is_set)
            assert (await ask(made("/nowhere"))).status == 404
            blocked.gate.set()
            await first

    asyncio.run(main())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_two_handlers_for_one_key() -> None:
    for keys in ([404], [Tea], []):
        handlers = table(*keys or [""])
        with pytest.raises(SetupError, match="two error handlers are for"):
            handlers.add(keys, ErrorHandler(lambda: "", "here:1"))


def test_of_two_handlers_the_last_counts_where_that_is_said() -> None:
    handlers = ErrorHandlers("last")
    for name in ("first", "second"):
        handlers.add([404, Tea], ErrorHandler(lambda: "", name))
    for error in (HttpError(404), Tea()):
        found = handlers.find(error, 404)
        assert found is not None
        assert found.source == "second"


@pytest.mark.parametrize("key", [200, 600, "4x4", "abc", KeyboardInterrupt, 4.04, True])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(SetupError, match="that is no error status"):
        ErrorHandlers().add([key], ErrorHandler(lambda: "", "here:1"))
