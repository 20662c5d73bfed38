"""How visitors are remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from hospes.errors import check_kind
from hospes.limits import KiB
from hospes.store.shapes import check_types

_DAY = 86_400
_RENEWAL = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorOptions:
    """How visitors are remembered.

    Args:
        cookie: Name of the cookie; over TLS `__Host-` stands before it.
        max_age: Seconds after which a visitor who does not come back is forgotten; 400 days by default, which is the longest
            that user agents keep a cookie (6265bis §5.5). Every visit begins it anew.
        size: Octets one visitor's record may have, encoded; 64 KiB by default. One more: 507.
        wait: Seconds a request waits for its visitor's turn; 10 by default. Then: 503.
        login_idle: Seconds after which a device that does not come back is signed out; 30 days by default.
        login_age: Seconds after which a device is signed out in any case; 180 days by default.
        sweep: Seconds between two looks for records whose time is over; 60 by default.
        types: Types of values that are more than plain ones, by key: `{"cart": list[Item]}` with a dataclass `Item`. Such a value
            is kept as dicts, and is `Item`s again at the next request. None by default.
        turn_file: File in which processes lock visitors' turns; none by default, for one process with one loop.

    Raises:
        SetupError: for an option of another kind.
        TypeError: if a type is declared that cannot be kept.
        ValueError: if a number is not positive, or the name is no cookie's.
    """

    cookie: str = "hospes"
    max_age: int = 400 * _DAY
    size: int = 64 * KiB
    wait: float = 10.0
    login_idle: int = 30 * _DAY
    login_age: int = 180 * _DAY
    sweep: float = 60.0
    types: Mapping[str, Any] = field(default_factory=dict[str, Any])
    turn_file: str = ""

    def __post_init__(self) -> None:
        for name in ("max_age", "size", "login_idle", "login_age"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"VisitorOptions({name}={value!r}): it is a positive whole number")
        for name in ("wait", "sweep"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not value > 0:
                raise ValueError(f"VisitorOptions({name}={value!r}): it is a positive number of seconds")
        check_kind("VisitorOptions(cookie={})", self.cookie, str, '"guest"')
        if not self.cookie.isascii() or not self.cookie.replace("-", "").replace("_", "").isalnum() or self.cookie[0] in "-_":
            raise ValueError(f"VisitorOptions(cookie={self.cookie!r}): take letters, digits, - and _, a letter or a digit first")
        check_kind("VisitorOptions(turn_file={})", self.turn_file, (str, PathLike), '"turns"')
        check_types("VisitorOptions", self.types)


def renewal(options: VisitorOptions, is_member: bool) -> float:
    """Seconds between two renewals of a cookie: a day, or less where a day would be too late."""
    return min(_RENEWAL, (options.login_idle if is_member else options.max_age) / 10)
