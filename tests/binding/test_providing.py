"""The protocols: what binding asks of a program's own registry."""

from __future__ import annotations

from typing import Any

from tests.binding.making import bound, request

from hospes.binding.providers import ProviderRegistry
from hospes.binding.providing import Provider, Providers
from hospes.binding.source import Reads
from hospes.http.request import Request


class Clock:
    pass


class Always:
    reads = Reads.NOTHING
    waits = False

    def get(self, request: Request) -> Any:
        return Clock()


class OnlyClocks:
    def find(self, wanted: type) -> Provider | None:
        return Always() if wanted is Clock else None


def test_a_registry_of_ones_own() -> None:
    def handler(clock: Clock, n: int = 1) -> Any:
        return type(clock), n

    own: Providers = OnlyClocks()
    assert bound(handler, request("/"), providers=own) == (Clock, 1)


def test_the_registry_is_one() -> None:
    registry: Providers = ProviderRegistry()
    assert registry.find(Clock) is None
