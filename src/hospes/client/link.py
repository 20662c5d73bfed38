"""What the two transports share: a request as it is sent, an answer as it comes, and what failures mean.

`hospes.client.blocking` and `hospes.client.on_loop` each give a `Link`. Everything above them is written once, as coroutines;
over the blocking link they never suspend (see `hospes.client.driving`).
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from hospes.client import errors
from hospes.client.attempt import Attempt
from hospes.client.content import Outgoing
from hospes.client.errors import ClientError
from hospes.client.options import ClientTimeouts
from hospes.client.url import Url
from hospes.http.headers import Headers

if TYPE_CHECKING:
    import httpcore2


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be sent, complete but for the fields that framing asks for."""

    method: str
    url: Url
    headers: Headers
    content: Outgoing | None = None


class Answer(Protocol):
    """An answer whose content is still to be read."""

    status: int
    reason: str
    headers: Headers

    async def read(self) -> bytes:
        """The next octets of the content, as they were sent; b"" at its end.

        Raises:
            ClientError: if they do not come.
        """
        ...

    async def close(self) -> None:
        """Read no more: the connection goes back, or away."""
        ...


class Link(Protocol):
    """A way to the servers: connections, kept and reused."""

    async def send(self, call: Call, attempt: Attempt) -> Answer:
        """Send a request, and give the answer when its fields have come.

        Raises:
            ClientError: if a step fails.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


def fields_of(call: Call) -> list[tuple[bytes, bytes]]:
    """The request's field lines, framing included."""
    lines = [("Host", call.headers.get("Host") or call.url.authority)]
    lines += [(name, value) for name, value in call.headers.lines() if name.lower() != "host"]
    content = call.content
    if content is not None and content.media_type and "content-type" not in call.headers:
        lines.append(("Content-Type", content.media_type))
    if content is not None and content.length is None:
        lines.append(("Transfer-Encoding", "chunked"))
    elif content is not None:
        lines.append(("Content-Length", str(content.length)))
    elif call.method in {"POST", "PUT", "PATCH"}:  # RFC 9110 §8.6: there could have been content, and there is none
        lines.append(("Content-Length", "0"))
    # White space around a value is none of it (RFC 9110 §5.5); the library would refuse it, and repeat the value.
    return [(name.encode("ascii"), value.strip(" \t").encode()) for name, value in lines]


def request_of(call: Call, attempt: Attempt, timeouts: ClientTimeouts, content: object) -> httpcore2.Request:
    """The request as the library takes it.

    Args:
        call: What is asked.
        attempt: The attempt.
        timeouts: How long its parts may take.
        content: The octets, as the library iterates over them.
    """
    import httpcore2

    url = httpcore2.URL(scheme=call.url.scheme, host=call.url.host, port=call.url.port, target=call.url.target)
    waits = {
        "connect": timeouts.connect,
        "read": timeouts.read,
        "write": timeouts.write,
        "pool": attempt.left(timeouts.total),
    }
    # The library asserts at run time what its types leave open: iterable over a blocking link, async iterable over the other.
    return httpcore2.Request(
        call.method,
        url,
        headers=fields_of(call),
        content=content,  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        extensions={"timeout": waits},
    )


def reason_of(raw: httpcore2.Response) -> str:
    """The reason phrase; "" where the server gave none."""
    extensions = cast("Mapping[str, Any]", raw.extensions)  # pyright: ignore[reportUnknownMemberType]  # the library says dict
    reason: bytes = extensions["reason_phrase"]
    return reason.decode("latin-1")


def headers_of(lines: list[tuple[bytes, bytes]]) -> Headers:
    """The answer's fields."""
    return Headers.from_wire((name.lower(), value) for name, value in lines)


def complaint(raw: httpcore2.Response) -> str:
    """What is wrong with an answer that the library lets pass; "" for nothing."""
    extensions = cast("Mapping[str, Any]", raw.extensions)  # pyright: ignore[reportUnknownMemberType]  # the library says dict
    version: bytes = extensions["http_version"]
    if not version.startswith(b"HTTP/1."):
        return "the answer is of another version of HTTP"
    names = {name.lower() for name, _ in raw.headers}
    if b"content-length" in names and b"transfer-encoding" in names:  # RFC 9112 §6.3: somebody may be splitting answers
        return "the answer has both Content-Length and Transfer-Encoding"
    return ""


def has_surplus(raw: httpcore2.Response) -> bool:
    """Whether octets have come behind an answer that was read to its end.

    They would be taken for the answer to the next request, whoever makes it (RFC 9112 §6.3 and §9.3). The library passes over
    them, so they are looked for in its parser. These names are not public; a release without them fails here, at once.
    """
    stream: Any = raw.stream
    octets: bytes = stream._stream._connection._h11_state.trailing_data[0]
    return bool(octets)


def failure(error: Exception, attempt: Attempt) -> Exception:
    """What a failure in the library, or below it, means; what the program's own content raised stays what it is."""
    import httpcore2

    if isinstance(error, ClientError) or error is attempt.source_error:
        return error
    step, url = attempt.step, attempt.url.shown
    if isinstance(error, (TimeoutError, httpcore2.TimeoutException)):
        return errors.ClientTimeout(step, url, _first_reason(error, "no progress in time"))
    if attempt.write_failed and step in {"send", "read"}:
        return errors.SendError("send", url, _first_reason(error, "the server closed the connection"))
    kinds: dict[str, type[ClientError]] = {
        "resolve": errors.ResolveError,
        "connect": errors.ConnectError,
        "tls": errors.TlsError,
        "send": errors.SendError,
        "read": errors.ReadError,
    }
    return kinds.get(step, ClientError)(step, url, _first_reason(error, "the connection broke"))


def _first_reason(error: BaseException, default: str) -> str:
    """The most telling text among an error and its causes: the system's own, else the library's."""
    texts: list[str] = []
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"the certificate is not accepted: {each.verify_message}"
        if isinstance(each, OSError) and each.errno:
            # asyncio puts words of its own in strerror; resolver and TLS have numbers of their own.
            own = isinstance(each, (ssl.SSLError, socket.gaierror))
            return (each.strerror or str(each)) if own else os.strerror(each.errno)
        if str(each):
            # The library repeats a line that is malformed, which may hold a cookie.
            texts.append(str(each).partition("\n")[0].partition(": bytearray(")[0])
    return texts[-1] if texts else default


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from. The library cuts the chain, and keeps the cause as its argument."""
    while error is not None:
        yield error
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = error.__cause__ or inner
