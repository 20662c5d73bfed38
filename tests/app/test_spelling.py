"""Another framework's spelling: what is an error, what is a warning, and what is nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.app.support import refusal
from tests.golden import check_golden

from hospes import App, Request


def named(name: str) -> str:
    return name


@pytest.mark.parametrize(
    ("golden", "path"),
    [
        ("field_in_angles", "/people/<name>/age"),
        ("field_in_angles_with_type", "/people/<int:name>"),
        ("field_in_angles_with_unknown_type", "/people/<string:name>"),
        ("field_after_colon", "/:name"),
    ],
)
def test_a_field_as_others_write_it(golden: str, path: str) -> None:
    app = App()
    app.get(path)(named)
    check_golden(f"app/{golden}", refusal(app))


@pytest.mark.parametrize("path", ["/people/<other>", "/:other", "/a:name", "/<name>.html", "/:name.html", "/x<name>"])
def test_a_literal_is_a_literal(path: str) -> None:
    app = App()
    app.get(path)(named)
    with app.test() as client:
        asked = path.replace("<", "%3C").replace(">", "%3E")
        assert client.get(f"{asked}?name=Ada").text == "Ada"


def test_a_request_without_a_type(caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.get("/")
    def home(request):  # type: ignore[no-untyped-def]
        return request

    with app.test() as client:
        assert client.get("/?request=tea").text == "tea"
    assert caplog.messages == [
        f"{__file__}:{home.__code__.co_firstlineno}: the parameter 'request' of home() has no type, and is a value of the query; "
        "the request is `request: Request`"
    ]


def typed(request: Request) -> str:
    return request.path


def by_default(request="none") -> str:  # type: ignore[no-untyped-def]
    return "by default"


def of_the_path(request) -> str:  # type: ignore[no-untyped-def]
    return str(request)


def inside() -> str:
    request = "inside"
    return request.upper()


@pytest.mark.parametrize(
    ("path", "function"),
    [("/typed", typed), ("/default", by_default), ("/of/{request}", of_the_path), ("/inside", inside)],
)
def test_what_is_meant_is_not_warned_of(path: str, function: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    app.get(path)(function)
    with app.test():
        assert caplog.messages == []
