"""Request: read, made, edited, written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hospes.compat.alink.request import FormObject, HeaderParams, Request
from hospes.errors import HttpError

RAW = (
    b"POST /a/b?x=1&y=%C3%BC+z&x=2 HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\nCookie: a=b; c=d\r\n\r\n"
    b"the content\r\n\r\n"
)


def test_the_default() -> None:
    request = Request()
    assert (request.method, request.uri, request.url, request.content) == ("GET", "/", "/", b"")
    assert (request.header_params, request.GET_params, request.form_data) == ({}, {}, [])
    assert request.to_bytes() == request.http_content == b"GET / HTTP/1.1\r\n\r\n"


def test_reading() -> None:
    request = Request(raw=RAW)
    assert (request.method, request.url, request.uri) == ("POST", "/a/b", "/a/b?x=1&y=%C3%BC+z&x=2")
    assert request.GET_params == {"x": "1", "y": "ü z"}
    assert request.header_params == {"Host": "a.example", "Connection": "keep-alive", "Cookie": "a=b; c=d"}
    assert request.header_params["CONNECTION"] == "keep-alive"
    assert request.content == b"the content\r\n\r\n"
    assert request.http_content == RAW
    assert repr(request) == "<Request POST /a/b>"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GET / HTTP/1.1",
        b"GET /\r\n\r\n",
        b"GET / x HTTP/1.1\r\n\r\n",
        b"GET / FTP/1\r\n\r\n",
        b"G\xe4T / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno field\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\nc\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_request(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        Request(raw)


def test_lines_of_one_name_are_joined() -> None:
    assert Request(b"GET / HTTP/1.1\r\nA: 1\r\na: 2\r\n\r\n").header_params == {"A": "1, 2"}


def test_octets_stay_what_they_were() -> None:
    raw = b"GET / HTTP/1.1\r\nA: \xc3\xbc\xff\r\n\r\n"
    assert Request(raw).to_bytes() == raw


def test_editing() -> None:
    request = Request(RAW)
    request.set_uri("/n e w?ü=1")
    request.set_header("connection", "close")
    request.set_header("X-Å"[:2] + "B", "客")
    request.del_headers("HOST")
    request.del_headers(["cookie", "not there"])
    request.content = b"other"
    request.method = "PUT"
    assert request.to_bytes() == "PUT /n%20e%20w?%C3%BC=1 HTTP/1.1\r\nConnection: close\r\nX-B: 客\r\n\r\nother".encode()
    request.clear_header()
    assert request.to_bytes() == b"PUT /n%20e%20w?%C3%BC=1 HTTP/1.1\r\n\r\nother"


def test_a_copy_has_the_edits_and_is_independent() -> None:
    request = Request(RAW)
    request.set_header("A", "1")
    twin = request.copy()
    assert twin.to_bytes() == request.to_bytes()
    twin.set_header("A", "2")
    twin.set_uri("/twin")
    assert (request.header_params["A"], request.url) == ("1", "/a/b")


@pytest.mark.parametrize(
    "edit",
    [
        lambda request: request.set_header("A", "b\r\nX: y"),
        lambda request: request.set_header("A\r\n", "b"),
        lambda request: request.set_header("", "b"),
        lambda request: request.set_uri("/ HTTP/1.1\r\nX: y"),
        lambda request: request.set_uri(""),
        lambda request: request.header_params.update({"A": "\0"}),
    ],
)
def test_no_edit_adds_a_line(edit: Any) -> None:
    request = Request(RAW)
    with pytest.raises(ValueError, match=r"\S"):
        edit(request)
    assert request.to_bytes() == RAW


def test_not_even_a_method() -> None:
    request = Request()
    request.method = "GET /\r\n"
    with pytest.raises(ValueError, match="method"):
        request.to_bytes()


def test_fields_as_a_dict() -> None:
    fields = HeaderParams({"Content-Type": "a/b"})
    assert isinstance(fields, dict)
    assert "content-type" in fields
    assert not fields.__contains__(7)
    assert fields.get("CONTENT-TYPE") == "a/b"
    assert fields.get("x") is None
    assert fields.setdefault("content-type", "c/d") == "a/b"
    assert fields.setdefault("X", "1") == "1"
    fields |= {"x": "2"}
    assert dict(fields) == {"Content-Type": "a/b", "X": "2"}
    assert fields.pop("x") == "2"
    assert fields.pop("x", "none") == "none"
    with pytest.raises(KeyError):
        fields.pop("x")
    with pytest.raises(KeyError):
        del fields["x"]
    assert fields.popitem() == ("Content-Type", "a/b")
    fields["content-type"] = "c/d"
    assert dict(fields) == {"content-type": "c/d"}
    fields.clear()
    assert "content-type" not in fields


def form(content_type: str, content: bytes) -> Request:
    return Request(b"POST / HTTP/1.1\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + content)


MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n\xc3\xbc\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="C:\\\\dir\\\\a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nline\r\n\r\n"
    b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nagain\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--x--\r\n'
)


def test_a_form_with_files(tmp_path: Path) -> None:
    request = form("multipart/form-data; boundary=x", MULTIPART)
    assert [(name, each.content) for name, each in request.form_data] == [
        ("note", "ü".encode()), ("file", b"line\r\n"), ("note", b"again"), ("file", b""),
    ]  # fmt: skip
    notes = request.get_name("note")
    assert [(each.text, "filename" in each) for each in notes] == [("ü", False), ("again", False)]
    first, second = request.get_name('"file"')
    assert (first["name"], first["filename"], first["content_type"]) == ("file", "a.txt", "text/plain")
    assert (second["filename"], second["content_type"]) == ("", "application/octet-stream")
    path = tmp_path / "saved.txt"
    path.write_bytes(b"old")
    first.save(path)
    assert path.read_bytes() == b"line\r\n"
    assert list(tmp_path.iterdir()) == [path]
    assert request.get_name("nothing") == []


def test_saving_where_it_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FormObject("a", b"").save(tmp_path / "none" / "a")
    with pytest.raises(IsADirectoryError):
        FormObject("a", b"").save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_plain_form() -> None:
    request = form("application/x-www-form-urlencoded; charset=utf-8", b"a=1&b=%C3%BC+x&a=2")
    assert [(name, each.text) for name, each in request.form_data] == [("a", "1"), ("a", "2"), ("b", "ü x")]
    assert [each.content for each in request.get_name("a")] == [b"1", b"2"]


def test_quoted_names() -> None:
    request = form("application/x-www-form-urlencoded", b"%22a%22=1&a=2")
    assert [each.text for each in request.get_name("a")] == [each.text for each in request.get_name('"a"')] == ["1", "2"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
def test_no_form(content_type: str) -> None:
    assert form(content_type, b"a=1").form_data == []


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/form-data; boundary=x", MULTIPART[:-8]),
        ("multipart/form-data", MULTIPART),
        ("nonsense", b""),
        ("application/x-www-form-urlencoded", b"%zz=1"),
    ],
)
def test_a_malformed_form(content_type: str, content: bytes) -> None:
    with pytest.raises(HttpError) as caught:
        _ = form(content_type, content).form_data
    assert caught.value.code == 400
