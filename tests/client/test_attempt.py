"""Attempts: the time that is left, and which one is under way."""

from __future__ import annotations

import time
from math import inf

import pytest

from hospes.client.attempt import Attempt, current
from hospes.client.url import parse_url

URL = parse_url("http://a.example/")


def test_no_wait_beyond_the_deadline() -> None:
    attempt = Attempt(URL, time.monotonic() + 100)
    assert attempt.left(5) == 5
    assert 99 < attempt.left(500) <= 100
    assert Attempt(URL, inf).left(7) == 7


def test_no_wait_after_the_deadline() -> None:
    with pytest.raises(TimeoutError, match="whole call"):
        Attempt(URL, time.monotonic()).left(5)


def test_the_one_under_way() -> None:
    first, second = Attempt(URL, inf), Attempt(URL, inf)
    with first.under_way():
        with second.under_way():
            assert current() is second
        assert current() is first
    with pytest.raises(LookupError):
        current()
