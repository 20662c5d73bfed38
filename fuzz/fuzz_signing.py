"""Signed values: only InvalidSignature escapes, and nothing is read that is not, character for character, what was signed.

The first octet says what is done to a good token: it is cut, or a piece of the data is put into it; or the data is the token.
"""

from __future__ import annotations

from hospes.signing import InvalidSignature, Signer

SEEDS: list[bytes] = [
    b"\x00AQAAAAAAD0JAgaCheA.S5LwInmhMaSLSEzCcOUsMxLzyYst0_5JU4ZUTxee8LU",
    b"\x01.",
    b"\x05=",
    b"\x12A",
    b"\x16\xc3\xa9",
    b"\x80AQ",
    b"\xff",
]


def target(data: bytes) -> None:
    how, piece = data[:1] or b"\0", data[1:].decode("latin-1")
    signer = Signer("k" * 32, "fuzz", lambda: 1e6)
    good = signer.sign("x")
    at = how[0] >> 1
    token = good[:at] + piece + good[at + len(piece) * (how[0] & 1) :] if how[0] else piece
    try:
        value = signer.read(token)
    except InvalidSignature:
        assert token != good
        return
    assert (token, value) == (good, "x")
