"""A websocket at the waist: the content of the response that turns a connection into a channel of messages (RFC 6455).

    handler ──▶ Response 101, WebSocketContent ──▶ carrier ──▶ receiver.opened(channel)
                                                               channel.send(…)  ◀── program

Laws:

* What crosses the waist is messages, not octets. Frames, masks, fragments, UTF-8, compression, limits, keep-alive and the closing
  handshake are the carrier's; so a channel can as well be a peer behind ASGI, or a test.
* Every method of a channel and of a receiver is a plain call on the loop's thread. What is sent leaves in the order of the calls.
* A receiver hears `opened` first and `closed` last, each once, whatever happens between; nothing after `closed`.
* Whoever is handed a `WebSocketContent` closes it (`aclose`), at the very end, or where it does not come to be opened.
"""

from __future__ import annotations

from asyncio import Task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct, field

from hospes.units import KiB, MiB

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

    def send(self, message: str | bytes | bytearray | memoryview) -> bool | None:
        """Send a message; str as text, anything else as binary. It waits here where the peer is slow, within `queue`.

        Returns:
            True where nobody has to `drain` before he sends more.

        Raises:
            ConnectionError: where the channel is closed.
        """

    def send_frame(self, opcode: int, payload: bytes, fin: bool = True) -> None:
        """Send one frame: a part of a message, a ping or a pong.

        Raises:
            ConnectionError: where the channel is closed.
            NotImplementedError: for a ping or a pong, where what carries the channel knows messages only (ASGI).
            ValueError: for a frame that the protocol does not allow.
        """

    def drain(self) -> Awaitable[None]:
        """Wait until the peer has taken most of what waits.

        Raises:
            ConnectionError: where the peer has gone meanwhile.
        """
        ...

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye. `closed` follows when the peer has answered, or has had time to. A second call does nothing.

        Raises:
            ValueError: for a code that may not be sent, and a reason of more than 123 octets.
        """

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
        """The channel is open. What is returned is run by the carrier, as a task in the content's context.

        When the channel has closed, it gets some time to come to its end, and is cancelled then. If it fails, the channel
        closes with 1011.
        """
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
        """It is over: the peer's code and reason, 1005 where it gave none, 1006 where it just went (RFC 6455 §7.1.5).

        Where this side had to end it (1002, 1007, 1008, 1009, 1011), that code, and why.
        """


class Listener(Struct, frozen=True):
    """Functions that hear messages, each with a subject: `text(subject, message)`."""

    subject: object
    text: Callable[[Any, str], object] | None
    """None: nobody hears text."""
    binary: Callable[[Any, bytes], object] | None


@runtime_checkable
class Listens(Protocol):
    """A receiver that may have a listener: then a carrier may call that, and leave out `message`."""

    @property
    def listener(self) -> Listener | None:
        """The same all the time."""
        ...


class Steps(Protocol):
    """A program whose steps may be taken in its Task's place, while that waits for the mailbox."""

    coroutine: Coroutine[Any, Any, Any]
    task: Task[Any]

    def waits_for(self, awaited: Any) -> None:
        """A step has led to an await of something else: the Task's next step is due, and waits for that."""

    def ended(self, value: Any, failure: BaseException | None) -> None:
        """A step was the last: the Task's next step is due, and ends it."""


class Mailbox(Protocol):
    """Messages that have come, until one task takes them: `await` gives the next."""

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits for the next message."""
        ...

    def put(self, message: Message) -> None:
        """A message has come. Whoever waits for it goes on, as by `hospes.http.bell.Bell`."""

    def end(self) -> None:
        """No more will come."""

    def __await__(self) -> Generator[Any, None, Message]:
        """Take the next message.

        Raises:
            StopAsyncIteration: behind the last one.
            RuntimeError: where another task waits.
        """
        ...


@runtime_checkable
class KeepsMail(Protocol):
    """A channel that puts messages into a mailbox by itself, and leaves out `Receiver.message`, once it was asked for one."""

    def mailbox(self, messages: int, octets: int, program: Steps) -> Mailbox:
        """Make it.

        Args:
            messages: So many wait at the most before the channel pauses; it goes on when half of them have been taken.
            octets: The same in octets (of text: characters).
            program: Who takes them; the channel may take its steps (see `hospes.websockets.program`).
        """
        ...


@dataclass(frozen=True, slots=True)
class WebSocketOptions:
    """Bounds of a websocket, and what it offers.

    Raises:
        ValueError: for a bound that is none.

    Args:
        message: Octets of a message, after decompression; 1 MiB. Beyond, the channel closes with 1009.
        queue: Octets that may wait for a slow peer; 4 MiB. Beyond, the channel closes with 1008.
        ping_interval: Seconds without a sign of life before a ping is sent; 20. 0: never.
        ping_timeout: Seconds for its pong, or for any other octet, before the channel closes with 1011, and for the answer to a
            close; 20.
        compress: Whether permessage-deflate is accepted where the peer offers it (RFC 7692).
    """

    message: int = MiB
    queue: int = 4096 * KiB
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
    compress: bool = True

    def __post_init__(self) -> None:
        for name in ("message", "queue"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"WebSocketOptions({name}={value!r}): a bound is 1 at least; take a large one to lift it")
        interval, timeout = self.ping_interval, self.ping_timeout
        are_times = type(interval) in (int, float) and type(timeout) in (int, float)
        if not (are_times and 0 <= interval < float("inf") and 0 < timeout < float("inf")):
            raise ValueError("WebSocketOptions: ping_interval is 0 (never) or a time in seconds, ping_timeout a time in seconds")


CleanUp: TypeAlias = "Callable[[BaseException | None], Awaitable[None]]"


def binary(message: Any) -> bytes:
    """The octets of a message that is no text.

    Raises:
        TypeError: for what is neither text nor octets; of a number, `bytes` would make as many NULs.
    """
    if type(message) is bytes:
        return message
    if issubclass(type(message), (bytes, bytearray, memoryview)):
        return bytes(message)
    raise TypeError(f"a websocket sends str or bytes, not {type(message).__qualname__}; send_json() is for what has a JSON form")


class WebSocketContent(Struct, frozen=True):
    """Content of the response 101 (Switching Protocols): the connection becomes a channel."""

    receiver: Receiver
    options: WebSocketOptions = WebSocketOptions()
    deflate: str = ""
    """The parameters of permessage-deflate that were agreed on, as `Sec-WebSocket-Extensions` has them; "" without."""
    clean_ups: list[CleanUp] = field(default_factory=list[CleanUp])
    """What is awaited when the websocket is over, the last one first: objects that were made for it are cleaned up."""
    context: Context = field(default_factory=copy_context)
    """The context variables that the program sees."""

    async def aclose(self, error: BaseException | None = None) -> None:
        """Clean up, once.

        Args:
            error: What ended the program, if an error did.

        Raises:
            Exception: what a clean-up raised; the others have been awaited all the same.
        """
        if self.clean_ups:
            try:
                await self.clean_ups.pop()(error)
            finally:
                await self.aclose(error)
