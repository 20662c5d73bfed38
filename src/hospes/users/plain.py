"""What a visitor keeps, as JSON has it, and back: for `user.export()` and for `hospes users export` and `import`.

| value | JSON |
|---|---|
| None, bool, int, str, list, dict, finite float | itself |
| bytes | `{"$bytes": "…"}`, base64 |
| datetime | `{"$datetime": "2026-05-01T12:00:00+00:00"}`, ISO 8601 |
| an integer beyond 4,096 bits, which not every reader takes | `{"$integer": "0x…"}` |
| a float that is no number, or infinite | `{"$float": "nan"}` |
| a dict whose only key begins with `$` | `{"$dict": {…}}` |

Laws:

* `from_plain(to_plain(value))` is the value.
* What is no such JSON is refused, saying what is wrong.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from typing import Any, Final, cast

_MARK: Final = "$"
_LONGEST: Final = 4_096  # bits of an integer; Python itself reads 4,300 digits


def to_plain(value: Any) -> Any:
    """A value that a visitor keeps, as JSON has it."""
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, int) and value.bit_length() > _LONGEST:
        return {"$integer": hex(value)}
    if isinstance(value, float) and not isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        mapping = {key: to_plain(each) for key, each in cast("dict[str, Any]", value).items()}
        return {"$dict": mapping} if _is_marked(mapping) else mapping
    return value


def from_plain(value: Any) -> Any:
    """What `to_plain` was given.

    Raises:
        ValueError: if a marked value is none of the table's, or malformed.
    """
    if isinstance(value, list):
        return [from_plain(each) for each in cast("Sequence[Any]", value)]
    if not isinstance(value, dict):
        return value
    mapping = cast("dict[str, Any]", value)
    if not _is_marked(mapping):
        return {key: from_plain(each) for key, each in mapping.items()}
    ((mark, content),) = mapping.items()
    if mark == "$dict" and isinstance(content, dict):
        return {key: from_plain(each) for key, each in cast("dict[str, Any]", content).items()}
    if isinstance(content, str):
        if mark == "$bytes":
            return b64decode(content, validate=True)
        if mark == "$datetime":
            return datetime.fromisoformat(content)
        if mark == "$integer":
            return int(content, 16)
        if mark == "$float":
            return float(content)
    raise ValueError(f"{mark!r} marks no value that a visitor keeps")


def _is_marked(mapping: dict[str, Any]) -> bool:
    return len(mapping) == 1 and next(iter(mapping)).startswith(_MARK)
