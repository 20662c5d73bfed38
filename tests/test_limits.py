"""Limits and timeouts: their defaults are a promise, and nonsense is refused."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from math import inf, nan
from typing import Any

import pytest

from hospes.limits import GiB, KiB, Limits, MiB, Timeouts


def test_units() -> None:
    assert (KiB, MiB, GiB) == (2**10, 2**20, 2**30)


def test_default_limits() -> None:
    assert {each.name: getattr(Limits(), each.name) for each in fields(Limits)} == {
        "request_line": 8 * KiB + 256,
        "field": 16 * KiB,
        "fields": 32 * KiB,
        "field_count": 100,
        "chunk_extensions": 16 * KiB,
        "trailers": 8 * KiB,
        "body": 16 * MiB,
        "form_memory": 512 * KiB,
        "parts": 100,
        "part_fields": 8,
        "part_header": 4 * KiB,
        "text_field": 1 * MiB,
        "parameters": 1_000,
        "json_depth": 100,
        "json_containers": 1_000_000,
        "json_digits": 4_300,
        "requests_per_connection": 1_000,
        "connections": 16_384,
        "connections_per_address": 0,
    }


def test_default_timeouts() -> None:
    assert {each.name: getattr(Timeouts(), each.name) for each in fields(Timeouts)} == {
        "header": 10.0,
        "body_idle": 20.0,
        "body_rate": 240.0,
        "write_idle": 30.0,
        "keep_alive": 15.0,
        "tls_handshake": 10.0,
        "drain": 10.0,
        "linger": 2.0,
        "queue": 5.0,
    }


def test_eight_thousand_octets_of_target_pass() -> None:
    # RFC 9112 §3, with method and version around them.
    assert Limits().request_line >= 8_000 + len("OPTIONS  HTTP/1.1")


@pytest.mark.parametrize("name", [each.name for each in fields(Limits)])
def test_a_limit_is_a_positive_whole_number(name: str) -> None:
    least = 0 if name == "connections_per_address" else 1
    assert getattr(Limits(**{name: least}), name) == least
    wrong: list[Any] = [least - 1, -1, 1.5, 2.0, True, "5", None, inf]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"Limits\({name}=.*\): a limit is a positive whole number"):
            Limits(**{name: value})


@pytest.mark.parametrize("name", [each.name for each in fields(Timeouts)])
def test_a_time_is_a_positive_finite_number(name: str) -> None:
    assert getattr(Timeouts(**{name: 0.001}), name) == 0.001
    assert getattr(Timeouts(**{name: 5}), name) == 5
    wrong: list[Any] = [0, 0.0, -1, nan, inf, True, "5", None]
    for value in wrong:
        with pytest.raises(ValueError, match=rf"Timeouts\({name}=.*\): a time is a positive number of seconds"):
            Timeouts(**{name: value})


def test_options_are_frozen_and_named() -> None:
    options: Any = Limits()
    with pytest.raises(FrozenInstanceError):
        options.body = 1
    times: Any = Timeouts()
    with pytest.raises(FrozenInstanceError):
        times.header = 1
    make: Any = Limits
    with pytest.raises(TypeError):
        make(5)
