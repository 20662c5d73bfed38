"""How a websocket ends: codes, reasons, and the frame that carries them (RFC 6455 §5.5.1, §7.4).

| codes       | whose                                | in a frame                                                     |
|-------------|--------------------------------------|----------------------------------------------------------------|
| 0–999       | nobody's                             | never                                                          |
| 1000–2999   | the protocol's; IANA registers them  | those registered, without 1004, 1005, 1006 and 1015, which say |
|             |                                      | what happened when no frame came                               |
| 3000–3999   | libraries'                           | yes                                                            |
| 4000–4999   | programs'                            | yes                                                            |

Law: what is wrong with a peer's close is answered like any other breach, by 1002, or by 1007 where its reason is no text.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from hospes.errors import HospesError

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
NO_CODE: Final = 1005
"""For programs: the peer's close had no code."""
NO_CLOSE: Final = 1006
"""For programs: the peer went without a close."""
BAD_DATA: Final = 1007
POLICY: Final = 1008
TOO_BIG: Final = 1009
FAILURE: Final = 1011

REASON: Final = 123
"""Octets of a reason: what is left of a control frame's 125 beside the code."""
_REGISTERED: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})


class WebSocketError(HospesError):
    """The peer broke the protocol or a limit: the websocket is closed with this code.

    Args:
        code: 1002, 1007 or 1009.
        reason: What was wrong, in words the peer may read; it never repeats the peer's octets.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code} {self.reason}"


class Close(NamedTuple):
    """The peer says goodbye."""

    code: int
    """1005 where it gave none."""
    reason: str


def may_send(code: int) -> bool:
    """Whether a close may carry this code."""
    return code in _REGISTERED or 3000 <= code <= 4999


def close_payload(code: int, reason: str) -> bytes:
    """What a close frame carries.

    Raises:
        ValueError: for a code that may not be sent, or a reason longer than 123 octets in UTF-8.
    """
    if not may_send(code):
        raise ValueError(
            f"close({code}): a code is 1000, 1001, 1002, 1003, 1007 to 1014, or 3000 to 4999; a program's own from 4000"
        )
    octets = reason.encode()
    if len(octets) > REASON:
        raise ValueError(f"close(reason=…): a reason has {REASON} octets in UTF-8 at the most, this one has {len(octets)}")
    return code.to_bytes(2) + octets


def parse_close(payload: bytes) -> Close:
    """Read what a peer's close frame carries.

    Raises:
        WebSocketError: 1002 or 1007.
    """
    if not payload:
        return Close(NO_CODE, "")
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not may_send(code):
        raise WebSocketError(PROTOCOL_ERROR, "a close has a code that may not be sent")
    try:
        return Close(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise WebSocketError(BAD_DATA, "a close has a reason that is not UTF-8") from None
