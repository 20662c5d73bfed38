"""Security fields: there unless the answer says otherwise; TLS only is said over TLS only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.golden import check_golden

from hospes import App, Response, SecurityHeaders
from hospes.http.headers import Headers

NAMES = (
    "Referrer-Policy",
    "X-Frame-Options",
    "Cross-Origin-Opener-Policy",
    "Content-Security-Policy",
    "Permissions-Policy",
    "Strict-Transport-Security",
)


def fields(options: SecurityHeaders, scheme: str = "http", response: Response | None = None, target: str = "/") -> Headers:
    app = App(store="memory:")
    app.filter(options)
    app.get("/")(lambda: response or Response("x"))
    with app.test(scheme=scheme) as client:
        return client.get(target).headers


def test_what_is_said() -> None:
    expected = {
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": "frame-ancestors 'none'",
    }
    for target in ("/", "/nowhere"):
        found = fields(SecurityHeaders(), target=target)
        assert {name: found[name] for name in NAMES if name in found} == expected or target == "/nowhere"
        assert {name: found[name] for name in expected if name != "Content-Security-Policy"}.items() <= expected.items()
        assert "frame-ancestors" in found["Content-Security-Policy"]
        assert found["X-Content-Type-Options"] == "nosniff"


def test_options() -> None:
    options = SecurityHeaders(
        referrer="no-referrer",
        frame_ancestors="'self'",
        policy="default-src 'self';",
        opener="",
        permissions="camera=()",
        hsts=60,
        subdomains=True,
    )
    found = fields(options, "https")
    assert [found.get(name) for name in NAMES] == [
        "no-referrer",
        "SAMEORIGIN",
        None,
        "default-src 'self'; frame-ancestors 'self'",
        "camera=()",
        "max-age=60; includeSubDomains",
    ]
    assert "X-Frame-Options" not in fields(SecurityHeaders(frame_ancestors="https://a.example"))


@pytest.mark.parametrize(
    ("hsts", "scheme", "expected"),
    [(31_536_000, "https", "max-age=31536000"), (31_536_000, "http", None), (0, "https", "max-age=0"), (None, "https", None)],
)
def test_tls_only(hsts: int | None, scheme: str, expected: str | None) -> None:
    assert fields(SecurityHeaders(hsts=hsts), scheme).get("Strict-Transport-Security") == expected


def test_what_an_answer_says_stands() -> None:
    own = {name: "own" for name in NAMES if name != "Content-Security-Policy"}
    shared = Response("x", headers={**own, "Content-Security-Policy": "default-src 'none'"})
    for _ in range(2):  # the program's answer is left as it is
        found = fields(SecurityHeaders(), "https", shared)
        assert {name: found[name] for name in own} == own
        assert found.get_all("Content-Security-Policy") == ["default-src 'none'", "frame-ancestors 'none'"]
    framed = Response("x", headers={"Content-Security-Policy": "frame-ancestors https://a.example"})
    assert fields(SecurityHeaders(), response=framed).get_all("Content-Security-Policy") == ["frame-ancestors https://a.example"]


def test_mistakes() -> None:
    wrong: list[Callable[[], Any]] = [
        lambda: SecurityHeaders(policy="frame-ancestors 'none'"),
        lambda: SecurityHeaders(hsts=-1),
        lambda: SecurityHeaders(referrer="a\r\nb"),
    ]
    said: list[str] = []
    for each in wrong:
        with pytest.raises(ValueError, match=r"SecurityHeaders|Referrer-Policy") as caught:
            each()
        said.append(str(caught.value))
    check_golden("filters/security", "\n".join(said))
