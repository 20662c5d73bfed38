"""The alphabet, set by set, against the RFCs' own words."""

from __future__ import annotations

import re
import string

import pytest

from hospes.wire import grammar

VCHAR = {chr(code) for code in range(0x21, 0x7F)}
OBS_TEXT = {chr(code) for code in range(0x80, 0x100)}


def members(char_class: str) -> set[str]:
    return {chr(code) for code in range(0x200) if re.fullmatch(f"[{char_class}]", chr(code))}


def test_tchar() -> None:
    assert members(grammar.TCHAR) == VCHAR - set('"(),/:;<=>?@[\\]{}')


def test_field_char() -> None:
    assert members(grammar.FIELD_CHAR) == VCHAR | OBS_TEXT | {" ", "\t"}


def test_path_and_query() -> None:
    assert members(grammar.PATH_CHAR) == VCHAR - set("#?%")
    assert members(grammar.QUERY_CHAR) == VCHAR - set("#")


def test_reg_name() -> None:
    unreserved = set(string.ascii_letters + string.digits + "-._~")
    assert members(grammar.REG_NAME_CHAR) == unreserved | set("!$&'()*+,;=")


@pytest.mark.parametrize("char_class", ["TCHAR", "FIELD_CHAR"])
def test_tables_agree_with_the_sets(char_class: str) -> None:
    table = {"TCHAR": grammar.TOKEN_TABLE, "FIELD_CHAR": grammar.FIELD_TABLE}[char_class]
    known = {chr(octet) for octet in range(256) if bytes([octet]).translate(table) != grammar.FOREIGN}
    assert known == members(getattr(grammar, char_class))


@pytest.mark.parametrize("text", ['""', '"a b"', '"\\""', '"\\\\"', '"ä\t"', '"\\a"'])
def test_quoted_string(text: str) -> None:
    assert re.fullmatch(grammar.QUOTED_STRING, text)


@pytest.mark.parametrize("text", ["", '"', '"a', '"\\"', '"""', '"\r"', '"\\\n"', '"\0"', '"\x7f"'])
def test_no_quoted_string(text: str) -> None:
    assert not re.fullmatch(grammar.QUOTED_STRING, text)


@pytest.mark.parametrize("text", ["/", "//", "/a/b", "/%41", "/%aF%00x"])
def test_path(text: str) -> None:
    assert re.fullmatch(grammar.PATH, text)


@pytest.mark.parametrize("text", ["", "a", "/%", "/%4", "/%4g", "/a?", "/#", "/ ", "/ä", "/\0"])
def test_no_path(text: str) -> None:
    assert not re.fullmatch(grammar.PATH, text)
