"""The calls: which request each one is, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.golden import check_golden

from hospes.client import Body, ClientOptions
from hospes.client.calling import Calling, check_timeout, make_call

URL = "http://a.example/"


class Recording(Calling[dict[str, Any]]):
    """Gives back what it was asked."""

    def request(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        return {"method": method, "url": url, **{name: value for name, value in given.items() if value is not None}}


@pytest.mark.parametrize("name", ["get", "head", "options", "delete"])
def test_calls_without_content(name: str) -> None:
    call = getattr(Recording(), name)
    assert call(URL, headers={"X": "1"}, query={"a": 1}, timeout=2) == {
        "method": name.upper(), "url": URL, "headers": {"X": "1"}, "query": {"a": 1}, "timeout": 2,
    }  # fmt: skip
    assert call(URL) == {"method": name.upper(), "url": URL}


@pytest.mark.parametrize("name", ["post", "put", "patch"])
@pytest.mark.parametrize(
    "given", [{}, {"json": 1}, {"form": {"a": "b"}}, {"form": {"a": "b"}, "files": {"f": ("n", b"")}}, {"content": b"x"}]
)
def test_calls_with_content(name: str, given: dict[str, Any]) -> None:
    call = getattr(Recording(), name)
    assert call(URL, headers={"X": "1"}, timeout=2, **given) == {
        "method": name.upper(), "url": URL, "headers": {"X": "1"}, "timeout": 2, "body": Body(**given),
    }  # fmt: skip


def made(method: str = "GET", url: str = URL, headers: Any = None, body: Body | None = None) -> Any:
    return make_call(ClientOptions(headers={"X-A": "1"}), method, url, headers, {"q": "ü"}, body)


def test_a_call() -> None:
    call = made(headers=[("x-a", "2"), ("X-B", "3"), ("X-B", "4")])
    assert (call.method, str(call.url), call.content) == ("GET", URL + "?q=%C3%BC", None)
    assert list(call.headers.lines()) == [("X-A", "2"), ("X-B", "3"), ("X-B", "4")]
    assert made().headers["x-a"] == "1"


REFUSED: dict[str, dict[str, Any]] = {
    "method with a space": {"method": "GET /"},
    "method with a line end": {"method": "GET\r\n"},
    "no method": {"method": ""},
    "CONNECT": {"method": "CONNECT"},
    "URL with a line end": {"url": "http://a.example/\r\nX: 1"},
    "URL without scheme": {"url": "a.example"},
    "another scheme": {"url": "ftp://u:hunter2@a.example/"},
    "field with a line end": {"headers": {"X": "1\r\nY: 2"}},
    "name with a line end": {"headers": {"X\r\n": "1"}},
    "field with NUL": {"headers": {"X": "\0"}},
    "a length of one's own": {"headers": {"content-length": "1"}},
    "an encoding of one's own": {"headers": {"Transfer-Encoding": "chunked"}},
    "two contents": {"body": Body(json=1, content=b"")},
}


def test_what_cannot_be_sent() -> None:
    lines: list[str] = []
    for name, given in REFUSED.items():
        with pytest.raises(ValueError, match=r"\S") as caught:
            made(**given)
        lines.append(f"{name}: {caught.value}")
    text = "\n".join(lines)
    assert "hunter2" not in text
    check_golden("client/refusals", text)


@pytest.mark.parametrize("value", [0, -1.0])
def test_times_are_positive(value: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        check_timeout(value)
    assert check_timeout(None) is None
    assert check_timeout(0.5) == 0.5
