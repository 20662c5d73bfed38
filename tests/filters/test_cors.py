"""Cross-origin resource sharing: who may read, what browsers are told first; and a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.golden import check_golden

from hospes import App, Cors, Csrf, HttpError, Response
from hospes.testing import TestResponse

SHOP, OTHER = "https://shop.example", "https://evil.example"


def app_with(cors: Cors) -> App:
    app = App(store="memory:", csrf=Csrf(origins=[SHOP]))
    app.filter(cors)
    app.route("/", ["GET", "POST", "PUT"])(lambda: Response("x", headers={"Vary": "Cookie"}))

    @app.get("/broken")
    async def broken() -> None:
        raise HttpError(418)

    return app


def ask(cors: Cors, method: str = "GET", target: str = "/", **fields: str) -> TestResponse:
    with app_with(cors).test() as client:
        return client.request(method, target, {name.replace("_", "-"): value for name, value in fields.items()})


def preflight(cors: Cors, origin: str, method: str, fields: str = "") -> TestResponse:
    more = {"Access_Control_Request_Headers": fields} if fields else {}
    return ask(cors, "OPTIONS", Origin=origin, Access_Control_Request_Method=method, **more)


def permissions(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}


@pytest.mark.parametrize("origin", [SHOP, "https://SHOP.example", "https://shop.example:443"])
def test_an_origin_that_may(origin: str) -> None:
    answer = ask(Cors([SHOP]), Origin=origin)
    assert permissions(answer) == {"Access-Control-Allow-Origin": origin}
    assert (answer.text, answer.headers["Vary"]) == ("x", "Cookie, Origin")


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://shop.example.evil.example", "http://shop.example", "https://shop.example:8443", "x", ""]
)
def test_an_origin_that_may_not(origin: str) -> None:
    answer = ask(Cors([SHOP]), Origin=origin)
    assert (answer.status, permissions(answer), answer.headers["Vary"]) == (200, {}, "Cookie, Origin")


def test_without_an_origin_caches_are_told_all_the_same() -> None:
    answer = ask(Cors([SHOP]))
    assert (permissions(answer), answer.headers["Vary"]) == ({}, "Cookie, Origin")


def test_every_origin() -> None:
    for fields in ({}, {"Origin": OTHER}, {"Origin": "null"}):
        answer = ask(Cors("*"), **fields)
        assert (permissions(answer), answer.headers["Vary"]) == ({"Access-Control-Allow-Origin": "*"}, "Cookie")


def test_credentials_and_exposed_fields() -> None:
    cors = Cors([SHOP], credentials=True, expose=["X-Total", "ETag"])
    expected = {
        "Access-Control-Allow-Origin": SHOP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Total, ETag",
    }
    assert permissions(ask(cors, Origin=SHOP)) == expected
    assert permissions(ask(cors, Origin=OTHER)) == permissions(ask(cors)) == {}


def test_errors_may_be_read_too() -> None:
    for target in ("/broken", "/nowhere"):
        assert permissions(ask(Cors([SHOP]), "GET", target, Origin=SHOP))["Access-Control-Allow-Origin"] == SHOP


def test_what_a_browser_asks_first() -> None:
    answer = preflight(Cors([SHOP], credentials=True, max_age=5), SHOP, "PUT", "X-A, content-type")
    assert (answer.status, answer.content) == (204, b"")
    assert permissions(answer) == {
        "Access-Control-Allow-Origin": SHOP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "X-A, content-type",
        "Access-Control-Max-Age": "5",
    }
    assert answer.headers["Vary"] == "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    assert permissions(preflight(Cors("*"), OTHER, "DELETE")) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "DELETE",
        "Access-Control-Max-Age": "600",
    }


@pytest.mark.parametrize(
    ("origin", "method", "fields", "reason"),
    [
        (OTHER, "PUT", "", "Pages of https://evil.example may not read this."),
        (SHOP, "PATCH", "", "PATCH is not among the methods that other sites may use."),
        (SHOP, "PUT", "X-Token, X-Other", "X-Other is not among the fields that other sites may send."),
        (SHOP, "PUT", "X-Token, a b", "a b is not among the fields that other sites may send."),
    ],
)
def test_what_is_refused(origin: str, method: str, fields: str, reason: str) -> None:
    answer = preflight(Cors([SHOP], methods=["PUT"], headers=["x-token"]), origin, method, fields)
    assert (answer.status, answer.json()["detail"].partition(": ")[2], permissions(answer)) == (403, reason, {})
    assert answer.headers["Vary"] == "Origin, Accept"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_methods_that_need_no_permission(method: str) -> None:
    assert preflight(Cors([SHOP], methods=[]), SHOP, method).status == 204


def test_fields_that_are_none() -> None:
    assert preflight(Cors("*"), SHOP, "PUT", "a b").status == 403


def test_other_options() -> None:
    """OPTIONS that no browser asks first is the program's."""
    answer = ask(Cors([SHOP]), "OPTIONS", Origin=SHOP)
    assert "GET" in answer.headers["Allow"]
    assert permissions(answer) == {"Access-Control-Allow-Origin": SHOP}
    assert "Allow" in ask(Cors([SHOP]), "OPTIONS", Access_Control_Request_Method="PUT").headers


def test_origins_of_other_kinds() -> None:
    cors = Cors(["capacitor://localhost", "chrome-extension://abcdef"])
    assert permissions(ask(cors, Origin="capacitor://localhost"))["Access-Control-Allow-Origin"] == "capacitor://localhost"
    assert permissions(ask(cors, Origin="capacitor://other")) == {}


def test_mistakes() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: Cors(SHOP),
        lambda: Cors([f"{SHOP}/"]),
        lambda: Cors(["shop.example"]),
        lambda: Cors(["null"]),
        lambda: Cors(["https://*.shop.example/x"]),
        lambda: Cors("*", credentials=True),
        lambda: Cors([SHOP], max_age=-1),
        lambda: Cors([SHOP], methods="GET"),
        lambda: Cors([SHOP], headers=["a b"]),
        lambda: Cors([SHOP], expose=["a\r\nb"]),
        lambda: Cors(["https://*.shop.example"]),
        lambda: Cors(["app://*"]),
    ]
    said: list[str] = []
    for each in wrong:
        with pytest.raises(ValueError, match="Cors") as caught:
            each()
        said.append(str(caught.value))
    check_golden("filters/cors", "\n".join(said))


SCRIPT = """async ([url, method]) => {
    try { const answer = await fetch(url, {method, headers: {"X-A": "1"}}); return await answer.text() }
    catch (failure) { return "refused" }
}"""


def test_a_browser(need: Callable[..., str]) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = need("chromium", "google-chrome")
    page_app = App(store="memory:")
    page_app.get("/")(lambda: "<html><title>a page</title></html>")
    with page_app.serving() as pages, sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(pages.url)
        found: list[str] = []
        for origins in ([pages.url], ["https://other.example"], "*"):
            with app_with(Cors(origins, methods=["PUT"])).serving() as server:
                found += [page.evaluate(SCRIPT, [server.url, method]) for method in ("GET", "PUT", "DELETE")]
        browser.close()
    assert found == ["x", "x", "refused", "refused", "refused", "refused", "x", "x", "refused"]
