"""ASGI's words: what its applications, and those who call them, hand to each other.

Everything is a dict with a `type`: the specification's own choice, and the reason why ASGI is a door at the edge here and not
the shape that everything inside speaks (decision 1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApplication: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""`await application(scope, receive, send)`; frameworks type the three each in a way of their own."""

VERSION: Final = "3.0"
HTTP_SPEC: Final = "2.5"
"""Of the HTTP and websocket messages; from 2.4 on `send` raises an OSError where the peer has gone."""
LIFESPAN_SPEC: Final = "2.0"
