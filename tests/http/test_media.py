"""Media types, content dispositions and file names."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hospes.errors import HttpError
from hospes.http.media import (
    MediaType,
    base_name,
    content_disposition,
    decode_ext_value,
    encode_ext_value,
    parse_content_disposition,
    parse_media_type,
)

TOKEN = st.text(st.sampled_from("abcxyz019!#$%&'*+-.^_`|~"), min_size=1, max_size=8)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=12)


@pytest.mark.parametrize(
    ("value", "essence", "parameters"),
    [
        ("text/html", "text/html", {}),
        ("Text/HTML", "text/html", {}),
        ("text/html;charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        (" text/html ; Charset=utf-8 ", "text/html", {"charset": "utf-8"}),
        ('a/b; x="c;d=\\"e\\\\"', "a/b", {"x": 'c;d="e\\'}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ("a/b;", "a/b", {}),
        ("a/b;;; ;x=1;", "a/b", {"x": "1"}),
        ('multipart/form-data; boundary="a b:c"', "multipart/form-data", {"boundary": "a b:c"}),
        ("*/*;q=0.5", "*/*", {"q": "0.5"}),
        ("application/problem+json", "application/problem+json", {}),
    ],
)
def test_reads_media_types(value: str, essence: str, parameters: dict[str, str]) -> None:
    found = parse_media_type(value)
    assert (found.essence, found.parameters) == (essence, parameters)
    assert parse_media_type(str(found)) == found


@pytest.mark.parametrize(
    "value",
    [
        *("", "text", "text/", "/html", "te xt/html", "text /html", "text/ html", "text/html x", "text/html, a/b", "text/html;x"),
        *("a/b;x=", "a/b;=1", "a/b;x =1", "a/b;x= 1", 'a/b;x="1', 'a/b;x="1\\"', 'a/b;x="1"y', "a/b;x=1;x=2", "a/b;x=1;X=1"),
        *("a/b;x=é", 'a/b;x="\0"', 'a/b;x="\n"', "a/b\r\n", "é/b", 'a/b;x="\\\n"'),
    ],
)
def test_refuses_malformed_media_types(value: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_media_type(value)
    assert caught.value.code == 400


def test_charset() -> None:
    assert parse_media_type("text/plain; charset=ISO-8859-1").charset == "iso-8859-1"
    assert parse_media_type("text/plain").charset == ""


@given(TOKEN, TOKEN, st.dictionaries(TOKEN.map(str.lower), VALUE, max_size=4))
def test_media_types_round_trip(kind: str, subtype: str, parameters: dict[str, str]) -> None:
    made = MediaType(kind.lower(), subtype.lower(), parameters)
    assert parse_media_type(str(made)) == made


@given(st.text())
def test_only_http_errors_escape(value: str) -> None:
    for read in (parse_media_type, parse_content_disposition):
        for text in (value, f"a/b;{value}", f"form-data;{value}", f"form-data;filename*={value}"):
            with suppress(HttpError):
                read(text)


def test_large_input_finishes() -> None:
    assert parse_media_type("a/b" + ";" * 1_000_000).parameters == {}
    assert parse_media_type("a/b" + " ;" * 500_000).parameters == {}
    for bad in (";x=" * 250_000, ';x="' + "\\" * 999_999, " " * 1_000_000 + "x", ';x="' + "y" * 1_000_000):
        with pytest.raises(HttpError):
            parse_media_type("a/b" + bad)
    assert parse_content_disposition('form-data; name="' + "%22" * 300_000 + '"').parameters["name"] == '"' * 300_000


@pytest.mark.parametrize(
    ("value", "kind", "filename"),
    [
        ("inline", "inline", None),
        ("Attachment", "attachment", None),
        ('attachment; filename="a.txt"', "attachment", "a.txt"),
        ("attachment; filename=a.txt", "attachment", "a.txt"),
        ('attachment; filename="a;b\\"c.txt"', "attachment", 'a;b"c.txt'),
        ('attachment; filename="100%22.txt"', "attachment", "100%22.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac.txt", "attachment", "€.txt"),
        ("attachment; filename=\"e.txt\"; filename*=utf-8'de'%e2%82%ac.txt", "attachment", "€.txt"),
        ("attachment; filename*=utf-8''%e2%82%ac.txt; filename=e.txt", "attachment", "€.txt"),
        ("attachment; filename=e.txt; filename*=iso-8859-1''%a3.txt", "attachment", "£.txt"),
        ("attachment; filename=e.txt; filename*=utf-8''%ff.txt", "attachment", "e.txt"),
        ("attachment; filename=e.txt; filename*=koi8-r''a.txt", "attachment", "e.txt"),
        ("attachment; filename=e.txt; filename*=broken", "attachment", "e.txt"),
        ('form-data; name="f"; filename="a%22b%0D%0A.txt"', "form-data", 'a"b\r\n.txt'),
        ('form-data; name="f"; filename="a\\"b\\\\.txt"', "form-data", 'a"b\\.txt'),
        ('form-data; name="f"; filename="C:\\new\\text.txt"', "form-data", "C:\\new\\text.txt"),
        ('form-data; name="f"; filename=""', "form-data", ""),
    ],
)
def test_reads_content_dispositions(value: str, kind: str, filename: str | None) -> None:
    found = parse_content_disposition(value)
    assert (found.type, found.filename) == (kind, filename)


@pytest.mark.parametrize("value", ["", ";", '"x"', "form-data name=x", 'form-data; name="a"; name="b"', 'form-data; name="a'])
def test_refuses_malformed_content_dispositions(value: str) -> None:
    with pytest.raises(HttpError) as caught:
        parse_content_disposition(value)
    assert caught.value.code == 400


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("", "attachment"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ("a;b,c.txt", 'attachment; filename="a;b,c.txt"'),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("€.txt", "attachment; filename=\"_.txt\"; filename*=UTF-8''%E2%82%AC.txt"),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ("../x\\y\r\nz", 'attachment; filename=".._x_y__z"'),
        ("\ud800", 'attachment; filename="?"'),
    ],
)
def test_writes_content_dispositions(filename: str, expected: str) -> None:
    assert content_disposition(filename) == expected


def test_inline() -> None:
    assert content_disposition("a.txt", attachment=False) == 'inline; filename="a.txt"'
    assert content_disposition(attachment=False) == "inline"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=20))
def test_content_dispositions_round_trip(filename: str) -> None:
    value = content_disposition(filename)
    assert value.isascii()
    assert parse_content_disposition(value).filename == filename


@given(st.text(max_size=20))
def test_a_written_content_disposition_is_always_one_safe_line(filename: str) -> None:
    value = content_disposition(filename)
    assert value.isprintable()
    assert parse_content_disposition(value).type == "attachment"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_ext_values_round_trip(text: str) -> None:
    assert decode_ext_value(encode_ext_value(text)) == text


@pytest.mark.parametrize(
    "value", ["", "a", "utf-8'a", "utf-8''%", "utf-8''%f", "utf-8''a b", "utf-8''%ff", "''a", "utf-7''a", "utf-8''\"a\""]
)
def test_refuses_malformed_ext_values(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (of the codec or of ours)
        decode_ext_value(value)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("a.txt", "a.txt"),
        ("/etc/passwd", "passwd"),
        ("../../a", "a"),
        ("..", ""),
        (".", ""),
        ("...", ""),
        ("", ""),
        ("a/", ""),
        ("a/..", ""),
        ("C:\\dir\\a.txt", "a.txt"),
        ("C:a.txt", "a.txt"),
        ("C:D:..", ""),
        ("\\\\server\\share\\a.txt", "a.txt"),
        ("..\\a", "a"),
        ("a\0b\r\n.txt", "ab.txt"),
        (".\0.", ""),
        ("/\0", ""),
        (" . . ", ""),
        ('semi;colon "quote".txt', 'semi;colon "quote".txt'),
        (".profile", ".profile"),
        ("naïve €.txt", "naïve €.txt"),
    ],
)
def test_base_name(sent: str, name: str) -> None:
    assert base_name(sent) == name


@given(st.text(st.sampled_from("./\\:Ca \0\n~"), max_size=12))
def test_a_base_name_never_leaves_a_folder(sent: str) -> None:
    name = base_name(sent)
    assert not set(name) & {"/", "\\", "\0", "\n"}
    assert name not in {".", ".."}
    assert os.path.dirname(os.path.normpath(os.path.join("/folder", name or "x"))) == "/folder"
    assert base_name(name) == name


def test_base_name_cuts_drives_again_and_again() -> None:
    assert base_name("C: D:x") == "x"
    assert base_name(" C: ") == ""
    assert base_name("aC:b") == "aC:b"
