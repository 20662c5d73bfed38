"""URLs: what is read, what is refused, what is shown."""

from __future__ import annotations

import pytest

from hospes.client.url import Url, join_url, parse_url, with_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a.example", Url("http", "a.example", 80, "/")),
        ("HTTPS://A.Example:443/x?y=1#z", Url("https", "a.example", 443, "/x?y=1")),
        ("http://a.example:8080?q", Url("http", "a.example", 8080, "/?q")),
        ("http://127.0.0.1:65535/", Url("http", "127.0.0.1", 65_535, "/")),
        ("http://[::1]:8080/", Url("http", "::1", 8080, "/")),
        ("http://bücher.example/ü?ö=ä", Url("http", "xn--bcher-kva.example", 80, "/%C3%BC?%C3%B6=%C3%A4")),
        ("http://u:p%40@a.example/", Url("http", "a.example", 80, "/", ("u", "p@"))),
        ("http://a_b.example./x y", Url("http", "a_b.example.", 80, "/x%20y")),
    ],
)
def test_reads(text: str, expected: Url) -> None:
    assert parse_url(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/path",
        "//a.example/",
        "a.example",
        "ftp://a.example/",
        "http://",
        "http:///x",
        "http://a.example:0/",
        "http://a.example:65536/",
        "http://a.example:x/",
        "http://a b/",
        "http://a.example\\@b.example/",
        "http://a.example/\r\nX: y",
        "http://a.example/\0",
        "http://a\t.example/",
        "http://[::1/",
        "http://[::g]/",
        "http://[v1.a:b]/",
        "http://[1.2.3.4]/",
        "http://a..example/",
        "http://-%41.example/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 127 + "ab/",
        "file:///etc/passwd",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parse_url(text)


def test_a_refusal_keeps_the_password() -> None:
    with pytest.raises(ValueError, match="URL") as caught:
        parse_url("http://u:hunter2@a b/")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("count", [62, 63])
def test_a_label_may_have_63_octets(count: int) -> None:
    assert parse_url(f"http://{'a' * count}.example/").host == "a" * count + ".example"


def test_shows_no_secrets() -> None:
    url = parse_url("https://ada:secret@a.example:8443/path?token=1#here")
    assert (url.shown, str(url)) == ("https://a.example:8443/path", "https://a.example:8443/path?token=1")
    assert url.authority == "a.example:8443"
    assert parse_url("http://[::1]/").authority == "[::1]"
    assert url.origin == ("https", "a.example", 8443)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/y", "https://a.example:8443/y"),
        ("y?z=1", "https://a.example:8443/p/y?z=1"),
        ("?z", "https://a.example:8443/p/q?z"),
        ("//b.example/y", "https://b.example/y"),
        ("http://c.example", "http://c.example/"),
        ("http://u:p@c.example/#f", "http://c.example/"),
        ("../../../x", "https://a.example:8443/x"),
        ("/ü", "https://a.example:8443/%C3%BC"),
    ],
)
def test_joins(reference: str, expected: str) -> None:
    joined = join_url(parse_url("https://u:p@a.example:8443/p/q?secret=1"), reference)
    assert str(joined) == expected
    assert joined.credentials is None


@pytest.mark.parametrize(
    "reference",
    ["\\\\b.example", "/\r\n", "javascript:alert(1)", "mailto:a@b", "http://[::1", "http:///", "https://u$+@//u$+@b.example"],
)
def test_refuses_to_join(reference: str) -> None:
    with pytest.raises(ValueError, match=r"location|URL"):
        join_url(parse_url("https://a.example/"), reference)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a/", "http://a/?x=1&y=a+b&y=%26"),
        ("http://a/?z=0", "http://a/?z=0&x=1&y=a+b&y=%26"),
        ("http://a/?", "http://a/?x=1&y=a+b&y=%26"),
        ("http://a/#f", "http://a/?x=1&y=a+b&y=%26#f"),
    ],
)
def test_query_is_put_behind(text: str, expected: str) -> None:
    assert with_query(text, {"x": 1, "y": ["a b", "&"]}) == expected
    assert with_query(text, None) == with_query(text, {}) == text
