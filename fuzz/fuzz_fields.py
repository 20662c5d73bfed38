"""Field values: whatever is sent, only HttpError 400 or 416 escapes, and what was read is written so that it reads back the same.

The first octet chooses nothing: every parser gets every input, for they are quick. Fields are Latin-1 text, as on the wire.
"""

from __future__ import annotations

from contextlib import suppress

from hospes.errors import HttpError
from hospes.http.conditional import ETag, evaluate, if_range_applies, parse_etags
from hospes.http.cookies import SetCookie, parse_cookies
from hospes.http.media import base_name, content_disposition, parse_content_disposition, parse_media_type
from hospes.http.morsels import Cookies
from hospes.http.negotiation import choose, choose_encoding, choose_language
from hospes.http.ranges import parse_range
from hospes.wire.date import format_date, parse_date

SEEDS: list[bytes] = [
    b"",
    b'a=1; b[=2; path=/; c="x\\073y"; a=2',
    b"text/html; charset=utf-8",
    b'multipart/form-data; boundary="a b"; x="\\"\\\\"',
    b'form-data; name="f"; filename="a%22b;c\\\\d.txt"; filename*=UTF-8\'\'%e2%82%ac.txt',
    b'text/html;q=0.5, application/json;level="1,2";q=0.125, */*;q=0',
    b"gzip;q=0.5, br, x-gzip, identity;q=0, *;q=0",
    b"de-CH, en;q=0.8, *;q=0.1",
    b"bytes=0-9, 5-20, -5, 99-",
    b'"a,b", W/"c", *',
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"..\\C:../a.txt\0",
]
_OFFERS = ("application/json", "text/html; charset=utf-8")
_METHODS = ("GET", "PUT")
_SIZES = (0, 1, 100)


def target(data: bytes) -> None:
    text = data.decode("latin-1")
    _cookies(text)
    _media(text)
    _preferences(text)
    _ranges(text)
    _conditions(text)


def _cookies(text: str) -> None:
    found = parse_cookies(text)
    assert all(name and ";" not in name + value for name, value in parse_cookies(text.replace('"', "")).items())
    Cookies().load(text)
    Cookies.from_field(text)
    for name, value in found.items():
        try:
            line = SetCookie(name, value, same_site=None, http_only=False, path=None).to_field()
        except ValueError:
            continue
        assert line == f"{name}={value}"
        # A value in quotes was in two pairs of them; one is lost with each reading.
        assert parse_cookies(line) == {name: value}


def _media(text: str) -> None:
    with suppress(HttpError):
        found = parse_media_type(text)
        assert parse_media_type(str(found)) == found
    with suppress(HttpError):
        parse_content_disposition(text)
    assert parse_content_disposition(content_disposition(text)).type == "attachment"
    name = base_name(text)
    assert name not in {".", ".."}
    assert not set(name) & set("/\\\0\r\n")
    assert base_name(name) == name


def _preferences(text: str) -> None:
    assert choose(_OFFERS, text) in {*_OFFERS, None}
    assert choose_encoding(("br", "gzip"), text) in {"br", "gzip", "identity", None}
    assert choose_language(("en", "de-CH"), text) in {"en", "de-CH", None}


def _ranges(text: str) -> None:
    for size in _SIZES:
        for value in (text, f"bytes={text}"):
            _range(value, size)


def _range(value: str, size: int) -> None:
    code, found = 416, None
    try:
        found = parse_range(value, size)
    except HttpError as error:
        code = error.code
    assert code == 416
    if found is not None:
        assert all(0 <= each.start < each.stop <= size for each in found)
        assert sum(each.stop - each.start for each in found) <= size


def _conditions(text: str) -> None:
    tags = parse_etags(text)
    if not isinstance(tags, str):
        assert parse_etags(", ".join(map(str, tags))) == tags
    for method in _METHODS:
        evaluate(method, lambda name: text, ETag("a,b"), 784111777)
    if_range_applies(text, ETag("a,b"), 784111777, now=784111780)
    moment = parse_date(text)
    if moment is not None:
        assert parse_date(format_date(moment)) == moment
