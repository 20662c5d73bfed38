"""URLs of servers: read once, and shown without their secrets."""

from __future__ import annotations

import pytest

from hospes.store.place import Place, parse_place


def test_all_parts() -> None:
    place = parse_place("redis://ada:s%40crt%2F@host.example:6380/7?prefix=a%3A&durable=no")
    assert place == Place("redis", "host.example", 6380, "7", "ada", "s@crt/", {"prefix": "a:", "durable": "no"})
    assert place.name == "redis://host.example:6380/7"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("REDIS://Host", "redis://host/"),
        ("redis://[::1]:1/0", "redis://[::1]:1/0"),
        ("postgresql:///db?host=/run", "postgresql:///db"),
        ("postgresql://u@/db", "postgresql:///db"),
        ("postgresql://h/a%20b", "postgresql://h/a b"),
    ],
)
def test_names(url: str, name: str) -> None:
    assert parse_place(url).name == name


def test_a_password_is_shown_nowhere() -> None:
    place = parse_place("redis://ada:secret@host/0?prefix=secret")
    assert "secret" not in repr(place) + str(place) + place.name
    assert "ada" not in repr(place)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:secret@host:port/0",
        "redis://u:secret@host:99999/0",
        "redis://u:secret@[::1/0",
        "redis://u:secret@host/0#x",
        "redis://u:secret@host/0#",
        "redis://u:sec ret@host/0",
        "redis://u:secret\n@host/0",
        "redis://u:secret%00@host/0",
        "redis://u:secret@host/0?a=1&a=2",
        "redis://u:secret\u2100@host/0",
    ],
)
def test_what_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"it has|its host") as refused:
        parse_place(url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
