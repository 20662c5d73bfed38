"""Options: what they refuse, and what they are by default."""

from __future__ import annotations

from dataclasses import fields
from math import inf, nan
from typing import Any

import pytest

from hospes.client import ClientLimits, ClientOptions, ClientTimeouts


@pytest.mark.parametrize("name", [each.name for each in fields(ClientTimeouts)])
@pytest.mark.parametrize("value", [0, -1.0, inf, nan, True, "5"])
def test_times_are_positive_and_finite(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        ClientTimeouts(**{name: value})
    ClientTimeouts(**{name: 0.001})


@pytest.mark.parametrize("name", [each.name for each in fields(ClientLimits)])
@pytest.mark.parametrize("value", [-1, 1.5, True])
def test_limits_are_positive_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        ClientLimits(**{name: value})
    ClientLimits(**{name: 1})


def test_only_streams_may_be_without_limit() -> None:
    assert ClientLimits(stream=0).stream == 0
    with pytest.raises(ValueError, match="content"):
        ClientLimits(content=0)


@pytest.mark.parametrize("wrong", [{"redirects": -1}, {"retries": 1.0}, {"retry_pause": 0}])
def test_numbers_of_options(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ClientOptions(**wrong)


def test_careful_by_default() -> None:
    options = ClientOptions()
    assert (options.redirects, options.retries, options.cookies, options.decode) == (0, 0, False, True)
