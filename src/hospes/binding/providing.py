"""What binding asks of whoever provides objects: `providers.ProviderRegistry`, or something of a program's own.

Law: a provider is found when the application starts, and from then on asked once per request and argument.
"""

from __future__ import annotations

from typing import Any, Protocol

from hospes.binding.source import Reads
from hospes.http.request import Request


class Provider(Protocol):
    """Provides one type's objects."""

    @property
    def reads(self) -> Reads:
        """What of the content it needs to be read."""
        ...

    @property
    def waits(self) -> bool:
        """Whether `get` may give an awaitable."""
        ...

    def get(self, request: Request) -> Any:
        """The object for a request; an awaitable of it only where `waits`."""
        ...


class Providers(Protocol):
    """Finds providers."""

    def find(self, wanted: type) -> Provider | None:
        """The provider of a type, None where nobody provides it.

        Raises:
            SetupError: if several do, or the provider itself can never be asked.
        """
        ...
