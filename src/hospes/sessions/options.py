"""How sessions are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from hospes.errors import check_kind
from hospes.limits import KiB
from hospes.store.shapes import check_types

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How sessions are kept.

    Args:
        cookie: Name of the cookie; over TLS `__Host-` stands before it.
        idle: Seconds without a request after which a session ends; 30 minutes by default. A program may change it for one
            session: `session.max_inactive_interval`.
        lifetime: Seconds after which a session ends in any case; 7 days by default.
        size: Octets one session may have, encoded; 64 KiB by default. One more: 507.
        types: Types of values that are more than plain ones, by name: `{"order": Order}` with a dataclass `Order`. Such a value
            is kept as dicts, and is an `Order` again at the next request. None by default.

    Raises:
        SetupError: for an option of another kind.
        TypeError: if a type is declared that cannot be kept.
        ValueError: if a number is not positive, or the name is no cookie's.
    """

    cookie: str = "hospes_session"
    idle: float = 1_800
    lifetime: float = 7 * _DAY
    size: int = 64 * KiB
    types: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size < 1:
            raise ValueError(f"SessionOptions(size={self.size!r}): it is a positive whole number")
        for name in ("idle", "lifetime"):
            check_seconds(f"SessionOptions({name}={getattr(self, name)!r})", getattr(self, name))
        check_kind("SessionOptions(cookie={})", self.cookie, str, '"guest"')
        if not self.cookie.isascii() or not self.cookie.replace("-", "").replace("_", "").isalnum() or self.cookie[0] in "-_":
            raise ValueError(f"SessionOptions(cookie={self.cookie!r}): take letters, digits, - and _, a letter or a digit first")
        check_types("SessionOptions", self.types)


def check_seconds(what: str, value: object) -> float:
    """A time that passes.

    Raises:
        ValueError: if it is not a positive, finite number.
    """
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not (value > 0 and isfinite(value)):
        raise ValueError(f"{what}: it is a positive number of seconds")
    return value
