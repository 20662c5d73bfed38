"""Set-Cookie lines: whatever a server sends, nothing escapes, and no cookie goes where its host, path or scheme forbids it.

The input is several lines, parted by line feeds, as Latin-1. What the jar sends back holds no control and no `;` within a cookie.
"""

from __future__ import annotations

from hospes.client.cookies import CookieJar, parse_cookie_date, parse_set_cookie
from hospes.client.url import Url

SEEDS: list[bytes] = [
    b"a=b",
    b"a=b; Path=/p; Domain=.A.example; Secure; HttpOnly; SameSite=Lax",
    b"__Host-a=b; Secure; Path=/\n__Secure-c=d; Secure",
    b"a=b; Max-Age=10; Expires=Sun, 06 Nov 1994 08:49:37 GMT\na=; Max-Age=-1",
    b'=x; Domain=example; Path="/"\n a = "b c" ;;; Path',
    b"a=b; Expires=Sunday, 06-Nov-94 08:49:37 GMT; Domain=www.a.example",
]
_NOW = 1_800_000_000.0
_ASKED = Url("https", "www.a.example", 443, "/p/q?x=/y")
_PLAIN = Url("http", "www.a.example", 80, "/p/q")
_STRANGERS = (
    Url("https", "b.example", 443, "/p/q"),
    Url("https", "example", 443, "/p/q"),
    Url("https", "xa.example", 443, "/p/q"),
)


def target(data: bytes) -> None:
    lines = data.decode("latin-1").split("\n")
    for line in lines:
        _one(line)
    jar = CookieJar()
    jar.keep(_ASKED, lines, _NOW)
    jar.keep(_PLAIN, lines, _NOW)
    assert all(not jar.field(stranger, _NOW) for stranger in _STRANGERS)
    field = jar.field(_ASKED, _NOW)
    assert all(each >= " " or each == "\t" for each in field)
    assert len(jar) <= 100
    jar.field(_ASKED, _NOW + 1e12)


def _one(line: str) -> None:
    parse_cookie_date(line)
    cookie = parse_set_cookie(line, _ASKED, _NOW)
    if cookie is None:
        return
    assert ";" not in cookie.name + cookie.value
    assert "=" not in cookie.name
    assert cookie.path.startswith("/")
    assert cookie.domain in {"www.a.example", "a.example"}
    assert not (cookie.secure and cookie.goes_to(_PLAIN, _NOW))
    plain = parse_set_cookie(line, _PLAIN, _NOW)
    assert plain is None or not plain.secure
