"""What another site's page makes a browser send is refused; what a visitor sends is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hospes.errors import HttpError, SetupError
from hospes.filters import Csrf, csrf_matches, csrf_token
from hospes.filters.csrf import CrossSiteRequest
from hospes.http import Address, Connection, Request, Response
from hospes.http.content import ContentReader
from hospes.http.origin import parse_origin
from hospes.http.request import SessionSource
from hospes.limits import Limits
from hospes.wire import RequestHead, RequestReader

HERE, THERE, FRIEND = "http://shop.example", "https://evil.example", "https://friend.example:8443"


def ask(*fields: str, method: str = "POST", target: str = "/", host: str = "shop.example", **more: Any) -> Request:
    """A request with these fields; `scheme` and `content` as well."""
    content: bytes = more.get("content", b"")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(content)}", *fields]
    reader = RequestReader(Limits())
    reader.receive("\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = reader.next()
    assert isinstance(head, RequestHead)
    connection = Connection(Address("127.0.0.1", 1), Address("127.0.0.1", 80), more.get("scheme", "http"), Limits())
    return Request(head, ContentReader.of(content) if content else None, connection)


def passes(csrf: Csrf, request: Request) -> bool:
    try:
        csrf.check(request)
    except CrossSiteRequest:
        return False
    return True


SITES = (None, "same-origin", "none", "same-site", "cross-site", "news")
ORIGINS = (None, HERE, FRIEND, THERE, "null", "https://", "shop.example", "http://shop.example/", "http://shop.example:81")
PASS: dict[str | None, set[str | None]] = {
    # Sec-Fetch-Site: the origins with which it passes
    None: {None, HERE, FRIEND},
    "same-origin": set(ORIGINS),
    "none": set(ORIGINS),
    "same-site": {FRIEND},
    "cross-site": {FRIEND},
    "news": {FRIEND},
}


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", SITES)
def test_the_matrix(site: str | None, origin: str | None) -> None:
    csrf = Csrf(origins=[FRIEND])
    fields = [f"Sec-Fetch-Site: {site}"] * (site is not None) + [f"Origin: {origin}"] * (origin is not None)
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW"):
        assert passes(csrf, ask(*fields, method=method)) is (origin in PASS[site])
    for method in ("GET", "HEAD", "OPTIONS", "TRACE"):
        assert passes(csrf, ask(*fields, method=method))


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "good"),
    [
        ("http://shop.example", "shop.example", "http", True),
        ("http://SHOP.example", "Shop.Example", "http", True),
        ("http://shop.example:80", "shop.example", "http", True),
        ("http://shop.example", "shop.example:80", "http", True),
        ("https://shop.example", "shop.example:443", "https", True),
        ("https://shop.example", "shop.example", "http", True),  # a proxy ends TLS
        ("http://shop.example", "shop.example", "https", False),  # a page that anybody on the way may have written
        ("http://shop.example:8080", "shop.example:8080", "http", True),
        ("http://shop.example", "shop.example:8080", "http", False),
        ("http://shop.example:443", "shop.example", "http", False),
        ("http://[::1]:8080", "[::1]:8080", "http", True),
        ("http://127.0.0.1:8080", "localhost:8080", "http", False),
        ("ftp://shop.example", "shop.example", "http", False),
        ("http://shop.example@evil.example", "shop.example", "http", False),
        ("http://evil.example http://shop.example", "shop.example", "http", False),
    ],
)
def test_whose_origin_it_is(origin: str, host: str, scheme: str, good: bool) -> None:
    assert passes(Csrf(), ask(f"Origin: {origin}", host=host, scheme=scheme)) is good


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        ((f"Origin: {HERE}", f"Origin: {THERE}"), False),
        ((f"Origin: {HERE}", f"Origin: {HERE}"), True),
        (("Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: cross-site"), False),
        (("Sec-Fetch-Site: cross-site", f"Origin: {FRIEND}", f"Origin: {FRIEND}"), False),
    ],
)
def test_two_lines_are_not_believed_where_they_differ(fields: Sequence[str], good: bool) -> None:
    assert passes(Csrf(origins=[FRIEND]), ask(*fields)) is good


def test_some_paths_are_open_to_all() -> None:
    foreign = f"Origin: {THERE}"
    for exempt in ("/hooks/**", ["/hooks/**", "/other"]):
        csrf = Csrf(exempt=exempt)
        assert passes(csrf, ask(foreign, target="/hooks/git?a=1"))
        for target in ("/", "/hooks2", "/hook", "/x/hooks/git", "/x/..//hooks/git", "/%2e/hooks/git"):
            assert not passes(csrf, ask(foreign, target=target)), target
    with pytest.raises(SetupError):
        Csrf(exempt="hooks/{")


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/", "*", "null", "", "ftp://shop.example"])
def test_an_origin_must_be_one(origin: str) -> None:
    with pytest.raises(ValueError, match="an origin is"):
        Csrf(origins=[origin])


def test_origins_are_a_list() -> None:
    with pytest.raises(ValueError, match="give a list"):
        Csrf(origins=HERE)


@settings(max_examples=200)
@given(st.text(st.characters(max_codepoint=255)))
def test_an_origin_is_parsed_or_is_none(text: str) -> None:
    parsed = parse_origin(text)
    assert parsed is None or text.lower().startswith(parsed[0] + "://" + parsed[1])


# Tokens.


class Known:
    """A session, as far as tokens go."""

    def __init__(self, id: str) -> None:
        self.id = id


class Source(SessionSource):
    """Lends one session, or none."""

    def __init__(self, session: Known | None) -> None:
        self.session = session

    @property
    def loop(self) -> None:
        return None

    async def take(self, request: Request, create: bool = True) -> Any:
        assert not create
        return self.session

    def take_now(self, request: Request, create: bool = True) -> Any:
        raise NotImplementedError


def test_a_token_belongs_to_one_session() -> None:
    mine = Known("a" * 24)
    tokens = {csrf_token(mine) for _ in range(50)}
    assert len(tokens) == 50, "each is masked anew"
    assert all(csrf_matches(mine, each) and len(each) == 86 for each in tokens)
    assert not any(csrf_matches(Known("b" * 24), each) for each in tokens)


def test_any_other_octet_breaks_it() -> None:
    mine = Known("a" * 24)
    token = csrf_token(mine)
    for place, character in enumerate(token[:-1]):  # the last one has bits that no octet needs
        assert not csrf_matches(mine, token[:place] + ("A" if character != "A" else "B") + token[place + 1 :])


@pytest.mark.parametrize("token", ["", "a", "é", "=" * 86, "A" * 85, "A" * 87, "A" * 86, "\ud800", "A" * 10_000])
def test_nonsense_is_no_token(token: str) -> None:
    assert not csrf_matches(Known("a" * 24), token)


async def through(csrf: Csrf, request: Request, session: Known | None) -> int:
    async def answer(request: Request) -> Response:
        return Response("done")

    request.services = {SessionSource: Source(session)}
    try:
        return (await csrf(request, answer)).status
    except HttpError as error:
        return error.code


URLENCODED = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"


def test_the_filter_demands_a_token() -> None:
    mine, csrf = Known("a" * 24), Csrf(token=True, exempt="/open")
    good, bad = csrf_token(mine), csrf_token(Known("b" * 24))
    form = b'--b\r\nContent-Disposition: form-data; name="_csrf"\r\n\r\n%s\r\n--b--\r\n'
    cases: list[tuple[Request, Known | None, int]] = [
        (ask(f"X-CSRF-Token: {good}"), mine, 200),
        (ask(f"X-CSRF-Token: {bad}"), mine, 403),
        (ask(f"X-CSRF-Token: {good}"), None, 403),
        (ask(f"X-CSRF-Token: {good}", f"Origin: {THERE}"), mine, 403),
        (ask(), mine, 403),
        (ask(URLENCODED, content=f"a=1&_csrf={good}".encode()), mine, 200),
        (ask(URLENCODED, content=f"_csrf={bad}".encode()), mine, 403),
        (ask(URLENCODED, content=b"a=1"), mine, 403),
        (ask(URLENCODED, f"X-CSRF-Token: {bad}", content=f"_csrf={good}".encode()), mine, 403),
        (ask(MULTIPART, content=form % good.encode()), mine, 200),
        (ask("Content-Type: application/json", content=b"{}"), mine, 403),
        (ask(target=f"/?_csrf={good}"), mine, 403),  # what stands in a URL stands in logs
        (ask(method="GET"), None, 200),
        (ask(target="/open"), None, 200),
    ]
    for request, session, status in cases:
        assert asyncio.run(through(csrf, request, session)) == status, request


def test_without_tokens_the_filter_asks_for_no_session() -> None:
    assert asyncio.run(through(Csrf(), ask(), None)) == 200
    assert asyncio.run(through(Csrf(), ask(f"Origin: {THERE}"), None)) == 403
