"""Every limit and every timeout hospes keeps, with its unit, its reason and the status that answers it.

Laws:

* Nothing that a peer controls is without a bound, and the bound is on by default.
* A limit is the largest value that still passes; one more is refused.
* Sizes are octets, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import isfinite

from hospes.units import GiB as GiB
from hospes.units import KiB as KiB
from hospes.units import MiB as MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a peer may send. Every value is the largest that passes.

    Raises:
        ValueError: if a limit is not a positive number.
    """

    request_line: int = 8 * KiB + 256
    """Octets of `method SP target SP version`. 414. RFC 9112 §3 asks for 8,000 at least; a target of 8 KiB fits."""
    field: int = 16 * KiB
    """Octets of one field line without its CRLF. 431. Browsers' cookies end at 4 KiB each, tokens at 8 KiB or so."""
    fields: int = 32 * KiB
    """Octets of all field lines of a request with their CRLFs. 431. nginx allows as much in its four buffers."""
    field_count: int = 100
    """Field lines in one request. 431. Browsers send about 20; gunicorn draws the line here too."""
    chunk_extensions: int = 16 * KiB
    """Octets of chunk extensions in one content, all chunks together. 400. Nobody uses them but attackers (RFC 9112 §7.1.1)."""
    trailers: int = 8 * KiB
    """Octets of the trailer section. 400."""
    body: int = 16 * MiB
    """Octets of content, after the chunks are undone. 413, before the handler where the length is declared."""
    form_memory: int = 512 * KiB
    """Octets of one form kept in memory; what is beyond goes to a private temporary file."""
    parts: int = 100
    """Parts of one multipart content. 413."""
    part_fields: int = 8
    """Field lines in one part. 413."""
    part_header: int = 4 * KiB
    """Octets of the fields of one part. 413."""
    text_field: int = 1 * MiB
    """Octets of one part that is no file. 413."""
    parameters: int = 1_000
    """Names and values in a query, and in a form. 400. Each costs memory and a place in a dict."""
    json_depth: int = 100
    """Arrays and objects inside each other. 400. The decoder would end in a RecursionError."""
    json_containers: int = 1_000_000
    """Arrays and objects in one JSON. 400. Each takes 64 octets and more, of three that are sent, and time of the collector; a
    million take a third of a second."""
    json_digits: int = 4_300
    """Digits of one integer in JSON. 400. Python's own limit against quadratic conversion; the decoder keeps it, too, and
    counts the sign, so that a larger one here lifts nothing."""
    requests_per_connection: int = 1_000
    """Requests on one connection; the last answer says `Connection: close`. Spreads load over workers, frees what leaks."""
    connections: int = 16_384
    """Open connections of one process. Beyond it, and beyond the descriptor limit less a reserve, accepting waits."""
    connections_per_address: int = 0
    """Open connections of one peer address; 0 means no such limit (visitors behind one NAT share an address). 503."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) is not int or value < (0 if each.name == "connections_per_address" else 1):
                raise ValueError(
                    f"Limits({each.name}={value!r}): a limit is a positive whole number; take a large one to lift it"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long hospes waits for a peer, in seconds. Every state of a connection has one.

    Raises:
        ValueError: if a time is not a positive, finite number.
    """

    header: float = 10.0
    """From a request's first octet until its head is complete. 408. Against slow-loris peers."""
    body_idle: float = 20.0
    """Without an octet of content although somebody reads. 408."""
    body_rate: float = 240.0
    """Octets per second that content must keep up with, once `body_idle` seconds have passed. 408."""
    write_idle: float = 30.0
    """Without the peer taking an octet of the answer. The connection is closed."""
    keep_alive: float = 15.0
    """Between two requests, and before the first. The connection is closed."""
    tls_handshake: float = 10.0
    """From accept until TLS stands. The connection is closed."""
    drain: float = 10.0
    """At stop: for requests under way to finish."""
    linger: float = 2.0
    """After a refusal: reading on, so that the peer sees the answer and no reset (RFC 9112 §9.6)."""
    queue: float = 5.0
    """Waiting for a free thread of the pool. 503 with Retry-After."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if type(value) not in {int, float} or not (value > 0 and isfinite(value)):
                raise ValueError(
                    f"Timeouts({each.name}={value!r}): a time is a positive number of seconds; take a large one to lift it"
                )
