"""A websocket at the waist: the content of the response that turns a connection into a channel of messages (RFC 6455).

    handler ──▶ Response 101, WebSocketContent ──▶ carrier ──▶ receiver.opened(channel)
                                                               channel.send(…)  ◀── program

Laws:

* What crosses the waist is messages, not octets. Frames, masks, fragments, UTF-8, compression, limits, keep-alive and the closing
  handshake are the carrier's; so a channel can as well be a peer behind ASGI, or a test.
* Every method of a channel and of a receiver is a plain call on the loop's thread. What is sent leaves in the order of the calls.
* A receiver hears `opened` first and `closed` last, each once, whatever happens between; nothing after `closed`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from hospes.limits import KiB, MiB

Message: TypeAlias = "str | bytes"
"""A text message, or a binary one."""


class Channel(Protocol):
    """An open websocket, as whoever carries it offers it."""

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more: a close has been sent or received, or the peer has gone."""
        ...

    @property
    def waiting(self) -> int:
        """Octets that the peer has not taken yet."""
        ...

    def send(self, message: str | bytes | bytearray | memoryview) -> None:
        """Send a message; str as text, anything else as binary. It waits here where the peer is slow, within `queue`.

        Raises:
            ConnectionError: where the channel is closed.
        """

    def send_frame(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        """Send one frame: a part of a message, a ping or a pong.

        Raises:
            ConnectionError: where the channel is closed.
            NotImplementedError: where what carries the channel knows messages only (ASGI).
            ValueError: for a frame that the protocol does not allow.
        """

    async def drain(self) -> None:
        """Wait until the peer has taken most of what waits.

        Raises:
            ConnectionError: where the peer has gone meanwhile.
        """

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye. `closed` follows when the peer has answered, or has had time to. A second call does nothing."""

    def pause(self) -> None:
        """Take no messages from the peer for now."""

    def resume(self) -> None:
        """Take messages again."""


class Receiver(Protocol):
    """Who hears what comes in."""

    @property
    def wants_frames(self) -> bool:
        """Whether `frame` is to be called for every data frame, before messages are put together."""
        ...

    def opened(self, channel: Channel) -> Awaitable[None] | None:
        """The channel is open. What is returned is run by the carrier, as a task that ends with the connection."""
        ...

    def message(self, message: Message) -> None:
        """A message has come, whole and checked."""

    def frame(self, opcode: int, payload: bytes, fin: bool) -> bool:
        """A data frame has come; True to have it put into its message all the same."""
        ...

    def ping(self, payload: bytes) -> bool:
        """A ping has come; True where the receiver answers it, False to have it answered."""
        ...

    def pong(self, payload: bytes) -> None:
        """A pong has come that the carrier did not wait for itself."""

    def closed(self, code: int, reason: str) -> None:
        """It is over: the peer's code and reason, 1005 where it gave none, 1006 where it just went (RFC 6455 §7.1.5)."""


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """Bounds of a websocket, and what it offers.

    Args:
        message: Octets of a message, after decompression; 1 MiB. Beyond, the channel closes with 1009.
        queue: Octets that may wait for a slow peer; 4 MiB. Beyond, the channel closes with 1008.
        ping_interval: Seconds without a sign of life before a ping is sent; 20. 0: never.
        ping_timeout: Seconds for its pong before the channel closes with 1011; 20.
        compress: Whether permessage-deflate is accepted where the peer offers it (RFC 7692).
    """

    message: int = MiB
    queue: int = 4096 * KiB
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    compress: bool = True


@dataclass(frozen=True, slots=True)
class WebSocketContent:
    """Content of the response 101 (Switching Protocols): the connection becomes a channel."""

    receiver: Receiver
    options: WebSocketOptions = WebSocketOptions()
    deflate: str = ""
    """The parameters of permessage-deflate that were agreed on, as `Sec-WebSocket-Extensions` has them; "" without."""
