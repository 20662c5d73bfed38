"""A record of the users' space as a line of JSON, and back.

| kind | who | the line has |
|---|---|---|
| `visitor` | anonymous | id, created, expires, data |
| `account` | has signed in | the same, and name, locator, logins, and the token of the last move |
| `moving` | is moving into an account | the same as a visitor, and where to, by what token |
| `stone` | has moved | expires |

Laws:

* `from_line(to_line(key, record))` is the key and the record, but for its version. Times have microseconds.
* A line holds nothing by which somebody could pose as the visitor: ids and secrets are in the store as hashes only.
* What is no such line is refused, saying what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from hospes.store import Record
from hospes.users.account import STONE, Account, Kind, Pass, Token, kind_of, moving, open_account, open_moving
from hospes.users.plain import from_plain, to_plain
from hospes.users.values import decode, encode

R = TypeVar("R")

Line: TypeAlias = "dict[str, Any]"
"""What JSON makes of a line."""

ANY_SIZE: Final = 1 << 40
"""Octets; the limit of the program that stored it is not ours to know."""


def to_line(key: bytes, record: Record) -> Line:
    """What a record says.

    Raises:
        StoreError: 500, if it is damaged, or of a newer release.
    """
    octets, kind = record.value, kind_of(record.value)
    line: Line = {"kind": kind.name.lower(), "key": key.hex(), "expires": date(record.expires)}
    if kind is Kind.STONE:
        return line
    if kind is Kind.MOVING:
        to, nonce, octets = open_moving(octets)
        line |= {"to": to.hex(), "nonce": nonce.hex()}
    elif kind is Kind.ACCOUNT:
        account, octets = open_account(octets)
        line |= {
            "name": account.name,
            "locator": account.locator.decode("latin-1"),
            "logins": [_login(p) for p in account.passes],
        }
        if account.token is not None:
            line |= {"from": account.token.source.hex(), "nonce": account.token.nonce.hex()}
    kept = decode(octets)
    return line | {"id": kept.public_id.hex(), "created": date(kept.created), "data": to_plain(kept.content)}


def from_line(line: Any) -> tuple[bytes, bytes, float | None]:
    """Key, value and end of the record.

    Raises:
        ValueError: if the line is none that `to_line` makes; it says why.
    """
    return checked(line, _record)


def checked(line: Any, make: Callable[[Line], R]) -> R:
    """What `make` makes of a line.

    Raises:
        ValueError: if something is missing in it, or wrong; it says what.
    """
    if not isinstance(line, dict):
        raise ValueError("it is no JSON object")
    try:
        return make(line)  # pyright: ignore[reportUnknownArgumentType]  # JSON has str keys
    except KeyError as error:
        raise ValueError(f"it has no {error}") from None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"something in it is of the wrong type: {error}") from None


def content_of(line: Line) -> tuple[dict[str, Any], float]:
    """The content of a line, and when it was created.

    Raises:
        ValueError: if it has none.
    """
    data = from_plain(line["data"])
    if not isinstance(data, dict):
        raise ValueError("its data is no object")
    created = seconds(line["created"])
    if created is None:
        raise ValueError("its created is no time")
    return data, created  # pyright: ignore[reportUnknownVariableType]  # who encodes it looks


def _record(line: Line) -> tuple[bytes, bytes, float | None]:
    key, expires = octets_of(line["key"], 32), seconds(line["expires"])
    kind = line["kind"]
    if kind == "stone":
        return key, STONE, expires
    octets = encode(*content_of(line), octets_of(line["id"], 16), ANY_SIZE)
    if kind == "moving":
        return key, moving(octets_of(line["to"], 32), octets_of(line["nonce"], 16), octets), expires
    if kind == "account":
        return key, _account(line).encode(octets), expires
    if kind != "visitor":
        raise ValueError(f"its kind is {kind!r}, which is none of visitor, account, moving and stone")
    return key, octets, expires


def _account(line: Line) -> Account:
    passes = tuple(_pass(each) for each in line["logins"])
    token = Token(octets_of(line["from"], 32), octets_of(line["nonce"], 16)) if "from" in line else None
    return Account(str(line["name"]), line["locator"].encode("latin-1"), passes, token)


def _login(each: Pass) -> Line:
    return {"secret": each.secret.hex(), "since": date(each.since), "until": date(each.until)}


def _pass(each: Line) -> Pass:
    return Pass(octets_of(each["secret"], 32), seconds(each["since"]) or 0.0, seconds(each["until"]) or 0.0)


def octets_of(text: str, count: int) -> bytes:
    """So many octets, in hexadecimal digits.

    Raises:
        ValueError: if they are others, or none.
    """
    octets = bytes.fromhex(text)
    if len(octets) != count:
        raise ValueError(f"{text!r} is not {count} octets in hexadecimal digits")
    return octets


def date(seconds: float | None) -> str | None:
    """A time as ISO 8601 has it, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None


def seconds(text: str | None) -> float | None:
    """What `date` was given.

    Raises:
        ValueError: if it is no time.
    """
    return datetime.fromisoformat(text).timestamp() if text is not None else None
