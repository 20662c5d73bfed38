"""The jar: who gets which cookie, for how long."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hospes.client import cookies
from hospes.client.cookies import CookieJar, parse_cookie_date, parse_set_cookie
from hospes.client.url import parse_url

NOW = 1_800_000_000.0
DAY = 86_400.0


def jar(*lines: str, url: str = "https://www.a.example/p/q") -> CookieJar:
    made = CookieJar()
    made.keep(parse_url(url), lines, NOW)
    return made


def sent(made: CookieJar, url: str = "https://www.a.example/p/q", after: float = 0) -> str:
    return made.field(parse_url(url), NOW + after)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=b", "a=b"),
        (" a = b c ; X=y", "a=b c"),
        ('a="b"', 'a="b"'),
        ("a=", "a="),
        ("=b", "b"),
        ("b", "b"),
        ("a=b=c", "a=b=c"),
        ("a=ü", "a=ü"),
        ("", ""),
        ("=", ""),
        ("; Path=/", ""),
        ("a=b\x01", ""),
        ("a=b; X=\x7f", ""),
    ],
)
def test_names_and_values(line: str, expected: str) -> None:
    assert sent(jar(line)) == expected


@pytest.mark.parametrize(("size", "kept"), [(4_095, True), (4_096, True), (4_097, False)])
def test_the_largest(size: int, kept: bool) -> None:
    assert bool(sent(jar("a=" + "b" * (size - 1)))) is kept


@pytest.mark.parametrize(("size", "kept"), [(1_023, False), (1_024, False), (1_025, True)])
def test_an_attribute_too_long_is_none(size: int, kept: bool) -> None:
    # As long as the path counts, the cookie does not go to /p/q.
    assert bool(sent(jar("a=b; Path=/" + "x" * (size - 1)))) is kept


@pytest.mark.parametrize(
    ("domain", "asked", "goes"),
    [
        ("", "www.a.example", True),
        ("", "x.www.a.example", False),
        ("a.example", "www.a.example", True),
        (".A.Example", "x.a.example", True),
        ("a.example", "a.example", True),
        ("a.example", "b.example", False),
        ("a.example", "nota.example", False),
        ("www.a.example", "x.www.a.example", True),
        ("b.example", "www.a.example", False),
        ("x.www.a.example", "www.a.example", False),
        ("example", "www.a.example", False),
        ("ww.a.example", "www.a.example", False),
    ],
)
def test_domains(domain: str, asked: str, goes: bool) -> None:
    assert bool(sent(jar(f"a=b; Domain={domain}"), f"https://{asked}/p/q")) is goes


def test_addresses_and_names_without_a_dot_have_no_domain() -> None:
    made = jar("a=b; Domain=1.2.3.4", "c=d; Domain=2.3.4", url="http://1.2.3.4/")
    assert sent(made, "http://1.2.3.4/") == "a=b"
    assert sent(made, "http://1.1.2.3.4.example/") == ""
    single = jar("a=b; Domain=localhost", url="http://localhost/")
    assert sent(single, "http://localhost/") == "a=b"
    assert sent(single, "http://x.localhost/") == ""


def test_ports_do_not_matter() -> None:
    assert sent(jar("a=b", url="http://a.example:8080/"), "http://a.example/") == "a=b"


@pytest.mark.parametrize(
    ("path", "asked", "goes"),
    [
        ("", "/p/x", True),
        ("", "/p", True),
        ("", "/px", False),
        ("", "/", False),
        ("/", "/anything", True),
        ("/p/q", "/p/q/r", True),
        ("/p/q", "/p/qr", False),
        ("/p/q/", "/p/q", False),
        ("relative", "/p/x", True),
    ],
)
def test_paths(path: str, asked: str, goes: bool) -> None:
    assert bool(sent(jar(f"a=b; Path={path}"), f"https://www.a.example{asked}?x=/y")) is goes


def test_longer_paths_come_first() -> None:
    assert sent(jar("a=1; Path=/", "a=2; Path=/p/q", "a=3; Path=/p")) == "a=2; a=3; a=1"


def test_secure_cookies_stay_on_tls() -> None:
    made = jar("a=b; Secure; Path=/", "c=d; Path=/")
    assert sent(made, "https://www.a.example/") == "a=b; c=d"
    assert sent(made, "http://www.a.example/") == "c=d"
    assert sent(jar("a=b; Secure", url="http://www.a.example/"), "https://www.a.example/") == ""


def test_a_secure_cookie_is_not_overlaid_without_tls() -> None:
    made = jar("a=secret; Secure; Path=/; Domain=a.example")
    made.keep(parse_url("http://x.a.example/"), ["a=evil; Path=/", "b=fine; Path=/"], NOW)
    assert sent(made, "https://x.a.example/") == "a=secret; b=fine"
    made.keep(parse_url("http://x.a.example/login/x"), ["a=elsewhere; Path=/login"], NOW)
    assert sent(made, "https://x.a.example/login") == "a=secret; b=fine"
    made.keep(parse_url("https://a.example/"), ["a=new; Secure; Path=/; Domain=a.example"], NOW)
    assert sent(made, "https://a.example/") == "a=new"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("__Host-a=b; Secure; Path=/", True),
        ("__host-a=b; Secure; Path=/", True),
        ("__Host-a=b; Path=/", False),
        ("__Host-a=b; Secure", False),
        ("__Host-a=b; Secure; Path=/; Domain=www.a.example", False),
        ("__Secure-a=b; Secure", True),
        ("__Secure-a=b", False),
        ("=__Host-a=b", False),
    ],
)
def test_prefixes_are_promises(line: str, kept: bool) -> None:
    assert bool(sent(jar(line))) is kept


@pytest.mark.parametrize(
    ("attributes", "after", "there"),
    [
        ("", 10_000 * DAY, True),
        ("; Max-Age=10", 9, True),
        ("; Max-Age=10", 10, False),
        ("; Max-Age=0", 0, False),
        ("; Max-Age=-5", 0, False),
        ("; Max-Age=ten", 10_000 * DAY, True),
        ("; Max-Age=99999999999999999", 399 * DAY, True),
        ("; Max-Age=99999999999999999", 401 * DAY, False),
        ("; Expires=Fri, 15 Jan 2027 09:00:00 GMT", 0, True),
        ("; Expires=Fri, 15 Jan 2027 09:00:00 GMT", DAY, False),
        ("; Expires=Fri, 31 Dec 9999 09:00:00 GMT", 401 * DAY, False),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0, False),
        ("; Expires=never", 10_000 * DAY, True),
        ("; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 5, True),
        ("; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=10", 5, True),
    ],
)
def test_ages(attributes: str, after: float, there: bool) -> None:
    assert bool(sent(jar("a=b" + attributes), after=after)) is there


def test_set_again_replaces_and_the_past_removes() -> None:
    made = jar("a=1", "b=1", "a=2")
    assert sent(made) == "b=1; a=2"
    assert len(made) == 2
    assert [each.value for each in made] == ["1", "2"]
    made.keep(parse_url("https://www.a.example/p/q"), ["a=; Max-Age=0"], NOW)
    assert sent(made) == "b=1"
    made.clear()
    assert sent(made) == ""


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_domain_has_its_share(more: int) -> None:
    count = cookies.PER_DOMAIN + more
    made = jar(*(f"n{number}=x" for number in range(count)))
    assert len(made) == min(count, cookies.PER_DOMAIN)
    assert ("n0=x" in sent(made)) is (more <= 0)


def test_the_jar_has_an_end() -> None:
    made = CookieJar()
    for host in range(cookies.IN_ALL // cookies.PER_DOMAIN + 1):
        lines = [f"n{number}=x" for number in range(cookies.PER_DOMAIN)]
        made.keep(parse_url(f"http://h{host}.example/"), lines, NOW)
    assert len(made) == cookies.IN_ALL
    assert made.field(parse_url("http://h0.example/"), NOW) == ""
    assert made.field(parse_url("http://h1.example/"), NOW) != ""


def test_what_has_ended_is_let_go() -> None:
    made = jar("a=b; Max-Age=10")
    made.keep(parse_url("https://b.example/"), ["c=d"], NOW + 11)
    assert [each.name for each in made] == ["c"]


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "6 november 1994 8:49:37",
        "08:49:37x 6th Nov 94y",
        "Sun, 06-Nov-1994 08:49:37",
    ],
)
def test_reads_dates(text: str) -> None:
    assert parse_cookie_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "year"), [("69", 2069), ("70", 1970), ("0", None), ("00", 2000), ("1601", 1601), ("1600", None)]
)
def test_reads_years(text: str, year: int | None) -> None:
    date = parse_cookie_date(f"06 Nov {text} 08:49:37")
    assert (None if date is None else datetime.fromtimestamp(date, UTC).year) == year


@pytest.mark.parametrize(
    "text",
    ["", "x", "06 Nov 1994", "Nov 1994 08:49:37", "32 Nov 1994 08:49:37", "30 Feb 1994 08:49:37", "06 Nov 1994 24:00:00",
     "06 Nov 1994 08:60:00", "06 Nov 1994 8:49", "06 Nox 1994 08:49:37", "06 Nov 19945 08:49:37"],
)  # fmt: skip
def test_no_dates(text: str) -> None:
    assert parse_cookie_date(text) is None


def test_a_line_that_sets_none() -> None:
    assert parse_set_cookie("a=b; Domain=c.example", parse_url("http://a.example/"), NOW) is None
    assert parse_set_cookie("a=b; Domain=c.example; Path=/", parse_url("http://a.example/"), NOW) is None
