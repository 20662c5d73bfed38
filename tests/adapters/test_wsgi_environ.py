"""The environ of a request: every key, with the octets it is made of; and against the standard library's own checker."""

from __future__ import annotations

import io
import sys

import pytest
from msgspec.structs import replace
from tests.adapters.support import PEERS, made
from tests.adapters.wsgi_support import asked, returning

from hospes.adapters.wsgi import FileWrapper
from hospes.adapters.wsgi_environ import environ_of
from hospes.http.request import Address


def test_all_of_it() -> None:
    content = io.BytesIO(b"x")
    request = made("/caf%C3%A9/a%2Fb?q=1%202", "POST", b"x", "Content-Type: a/b", "Accept: x/y", "X-Note: \xe9")
    assert environ_of(request, content) == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "q=1%202",
        "RAW_URI": "/caf%C3%A9/a%2Fb?q=1%202",
        "REQUEST_URI": "/caf%C3%A9/a%2Fb?q=1%202",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "hospes",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "1",
        "HTTP_HOST": "example.org",
        "HTTP_ACCEPT": "x/y",
        "HTTP_X_NOTE": "\xe9",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": content,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }


def test_below_a_prefix() -> None:
    environ = environ_of(made("/a%20b/c%C3%A9?q").below("/a%20b"), io.BytesIO())
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/a b", "/c\xc3\xa9")
    assert environ["REQUEST_URI"] == "/a%20b/c%C3%A9?q"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["X-User: ada", "X_User: mallory"], {"HTTP_X_USER": "ada"}),
        (["X_User: mallory"], {}),
        (["Content_Length: 7"], {}),
        (["Proxy: http://evil.example"], {}),
        (["Proxy: a", "Proxy: b", "Proxy-Authorization: c"], {"HTTP_PROXY_AUTHORIZATION": "c"}),
        (["X-A: 1", "X-A: 2"], {"HTTP_X_A": "1, 2"}),
        (["Cookie: a=1", "Cookie: b=2"], {"HTTP_COOKIE": "a=1; b=2"}),
        (["Accept: a", "Accept: b"], {"HTTP_ACCEPT": "a, b"}),
    ],
)
def test_fields(fields: list[str], expected: dict[str, str]) -> None:
    environ = environ_of(made("/", "GET", None, *fields), io.BytesIO())
    assert {
        key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_")) and key != "HTTP_HOST"
    } == expected
    assert "" not in environ


def test_what_a_filter_has_changed() -> None:
    request = made("/", "GET", None, "X-User: mallory")
    request.headers["X-User"] = "ada"
    assert environ_of(request, io.BytesIO())["HTTP_X_USER"] == "ada"


@pytest.mark.parametrize(("scheme", "port"), [("http", "80"), ("https", "443")])
def test_a_unix_socket(scheme: str, port: str) -> None:
    ends = replace(PEERS, client=Address("", 0), server=Address("", 0), scheme=scheme)
    environ = environ_of(made(ends=ends), io.BytesIO())
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("localhost", port, "")


def test_http_1_0() -> None:
    request = made()
    request.head.minor = 0
    assert environ_of(request, io.BytesIO())["SERVER_PROTOCOL"] == "HTTP/1.0"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_standard_librarys_checker_finds_nothing(method: str) -> None:
    from wsgiref.validate import validator

    application = validator(returning(lambda: [b"hi"], "200 OK", ("Content-Type", "text/plain")))
    content = b"abc" if method == "POST" else None
    assert asked(application, made("/a?b=c", method, content, "Content-Type: a/b")).content == b"hi"


def test_early_hints() -> None:
    sent: list[str] = []
    request = made(ends=replace(PEERS, hint=lambda head, links: sent.extend(links)))
    environ_of(request, io.BytesIO())["wsgi.early_hints"]([("Link", " </a>; rel=preload"), ("X-A", "1"), ("link", "</b>")])
    assert sent == ["</a>; rel=preload", "</b>"]
